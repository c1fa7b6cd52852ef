"""How Ansible would reach a host: what it would start, for many to be started at once.

Its executor sets the connection up, and only what it would start is taken. Whatever is not plain
(a password, another connection than ssh, what Ansible does otherwise in a version to come) is left
to a task of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible import context
from ansible.executor.task_executor import TaskExecutor
from ansible.playbook.play_context import PlayContext

#: Variables that are the same for all hosts of a play, and come with a task alone.
_OF_ALL = (
    *("hostvars", "play_hosts", "ansible_play_batch"),
    *("ansible_play_hosts", "ansible_play_hosts_all"),
)
_SSH = ("ssh", "ansible.builtin.ssh", "smart")


class NotPlain(Exception):
    """A host that is not reached by starting ssh alone."""


class _Started(BaseException):
    """Carries what would have been started out of the connection, past who catches errors."""

    def __init__(self, argv: list[bytes], given: bytes) -> None:
        self.what = argv, given


def command(
    action: Any, host_vars: dict[str, Any], begin: Callable[[], object]
) -> tuple[list[bytes], bytes]:
    """What Ansible would start to do something on a host, and give it on its standard input.

    action is one that was made for that host, with its variables' templar; it is given the host's
    connection here, by which begin does it. Raises NotPlain.
    """
    task, templar = action._task, action._templar
    # The task's own may have become that of its host (ansible-core 2.21).
    kind = templar.template(host_vars.get("ansible_connection") or context.CLIARGS["connection"])
    if kind not in _SSH or task.delegate_to:
        raise NotPlain(str(kind))
    # That of the task's own host would bring its address.
    plain = PlayContext(connection_lockfd=action._play_context.connection_lockfd)
    plain = plain.set_task_and_variable_override(task=task, variables=host_vars, templar=templar)
    plain.post_validate(templar=templar)
    plain.remote_addr = plain.remote_addr or host_vars["inventory_hostname"]
    # Nothing but what sets up a connection: what else one is made with differs between versions.
    executor: Any = object.__new__(TaskExecutor)
    known = {"_task": task, "_play_context": plain, "_shared_loader_obj": action._shared_loader_obj}
    vars(executor).update(known, _loader=action._loader)
    connection = executor._connection = executor._get_connection(host_vars, templar, "ssh")
    executor._set_connection_options(host_vars, templar)
    become = connection.become
    if connection.get_option("password") or (become and become.get_option("become_pass")):
        raise NotPlain("a password")

    def start(argv: list[bytes], given: bytes, **_: Any) -> None:
        raise _Started(argv, given)

    connection._run = start
    action._connection, action._play_context = connection, plain
    try:
        begin()
    except _Started as started:
        # What asks for a password would read the script for one.
        if become and become.success and not _asks_nothing(become):
            raise NotPlain(become.name) from None
        return started.what
    raise NotPlain("nothing was started")


def _asks_nothing(become: Any) -> bool:
    flags = str(become.get_option("become_flags") or "").split()
    return become.name.rpartition(".")[2] == "sudo" and "-n" in flags


def with_passwords() -> bool:
    """Whether passwords were given to Ansible for all hosts (-k, -K)."""
    words = ("ask_pass", "become_ask_pass", "connection_password_file", "become_password_file")
    return any(context.CLIARGS.get(word) for word in words)


def forks() -> int:
    """How many hosts at a time Ansible was told to work on."""
    return int(context.CLIARGS.get("forks") or 5)


def variables_of(host: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of another host of the play, as a task on it would have them."""
    raw: dict[str, Any] = task_vars["hostvars"].raw_get(host)
    return {**raw, **{name: task_vars[name] for name in _OF_ALL if name in task_vars}}
