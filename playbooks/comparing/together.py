"""Many hosts asked at once, over the connections that Ansible would use.

Ansible makes a process for each task on each host. Of fifty hosts that are as they should be, most
of a comparison's time is that; an ssh client each is enough. How a host is reached is for Ansible
to say: its executor sets the connection up, and only what it would start is started here. Whatever
is not plain (a password, another connection than ssh, what Ansible does otherwise in a version to
come) is left to be asked in a task of its own.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible import context
from ansible.executor.task_executor import TaskExecutor
from ansible.playbook.play_context import PlayContext

from comparing import report
from comparing.answers import Answer

#: For how many seconds the first answer is waited for, and at least and at most each further one.
FIRST, LEAST, MOST = 5.0, 2.0, 15.0
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


@dataclass
class Asked:
    """A host that was asked."""

    host: str
    process: subprocess.Popen[bytes]
    output: int
    errors: int
    before: float

    def ended(self) -> Ended:
        """How it ended, as it has."""
        texts = [_read(each) for each in (self.output, self.errors)]
        return Ended(self.process.wait(), *texts, self.before, time.time())


@dataclass(frozen=True)
class Ended:
    """How what was started for a host ended; before and after are seconds since 1970."""

    status: int
    stdout: str
    stderr: str
    before: float
    after: float

    def answer(self) -> Answer | None:
        """What a comparing script has said; None where ssh or the script failed."""
        if self.status or not report.is_whole(self.stdout):
            return None
        return Answer(self.stdout, self.before, self.after)


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


def ask(
    questions: list[tuple[str, Callable[[], tuple[list[bytes], bytes]]]],
    most: int,
    *,
    patient: bool = False,
) -> Iterator[tuple[str, Ended | None]]:
    """Ask hosts, at most so many at a time, and give how that ended as it ends.

    Each question gives what to start and its input; its host is asked while those of others are
    made, and what is appended meanwhile is asked as well. Who cannot be asked, or is not waited for
    any longer, has None; with patient, all that were asked are waited for.
    """
    waiting = _Waiting(_Patience(patient))
    try:
        while True:
            while questions:
                host, question = questions.pop(0)
                try:
                    argv, script = question()
                    if waiting.hopeless:
                        raise NotPlain("nobody answers")
                    waiting.add(_start(host, argv, script))
                except Exception:  # whatever it is: a task of its own tells of it
                    yield host, None
                yield from waiting.answers(most - 1)
            waiting.patience.begin()
            for each in waiting.answers(0):
                yield each
                if questions:
                    break
            else:
                return
    finally:
        waiting.close()


class _Waiting:
    """Hosts that were asked and have not answered yet."""

    def __init__(self, patience: _Patience) -> None:
        self.patience = patience
        self._ends = selectors.DefaultSelector()
        self._given_up = 0

    @property
    def hopeless(self) -> bool:
        """Whether one batch after another was given up: hosts that are down stand together."""
        return self._given_up > 1

    def add(self, asked: Asked) -> None:
        """Wait for it; where that cannot be, it is ended."""
        try:
            end = os.pidfd_open(asked.process.pid)
            self._ends.register(end, selectors.EVENT_READ, asked)
        except BaseException:
            asked.process.kill()
            asked.ended()
            raise

    def answers(self, most: int) -> Iterator[tuple[str, Ended | None]]:
        """The answers that are there; waits for them while more hosts than most have not answered.

        Where that takes too long, those have no answer that have not answered until then.
        """
        while left := len(self._ends.get_map()):
            there = self._ends.select(self.patience.left() if left > most else 0)
            if not there and left > most:
                self._given_up += 1
                yield from [(host, None) for host in self.give_up()]
                self.patience.begin()
            if not there:
                return
            for key, _ in there:
                self._forget(key)
                ended = key.data.ended()
                self.patience.reward(ended)
                self._given_up = 0 if ended.answer() else self._given_up
                yield key.data.host, ended

    def give_up(self) -> list[str]:
        """End what was started on those that have not answered; who they are."""
        given_up = list(self._ends.get_map().values())
        for key in given_up:
            self._forget(key)
            key.data.process.kill()
            key.data.ended()
        return [key.data.host for key in given_up]

    def close(self) -> None:
        """Leave nothing running."""
        self.give_up()
        self._ends.close()

    def _forget(self, key: selectors.SelectorKey) -> None:
        self._ends.unregister(key.fd)
        os.close(key.fd)


class _Patience:
    """How long the next answer is waited for: some twice what the slowest one took.

    Who takes longer is asked again by a task of his own, which waits as long as Ansible does.
    Where it is endless, that is how long it is.
    """

    def __init__(self, endless: bool) -> None:
        self._endless = endless
        self._slowest = 0.0
        self.begin()

    def begin(self) -> None:
        """Now is when it begins."""
        self._since = time.monotonic()

    def left(self) -> float | None:
        """For how many seconds from now; None for as long as it takes."""
        if self._endless:
            return None
        most = min(max(LEAST, 2 * self._slowest), MOST) if self._slowest else FIRST
        return max(self._since + most - time.monotonic(), 0)

    def reward(self, ended: Ended) -> None:
        """One has ended."""
        self.begin()
        if ended.answer():
            self._slowest = max(self._slowest, ended.after - ended.before)


def _start(host: str, argv: list[bytes], script: bytes) -> Asked:
    # In memory, not through pipes: a connection that stands on keeps those open (ControlPersist).
    given, output, errors = map(os.memfd_create, ("question", "answer", "errors"))
    try:
        os.write(given, script)
        os.lseek(given, 0, os.SEEK_SET)
        before = time.time()
        process = subprocess.Popen(argv, stdin=given, stdout=output, stderr=errors)
    except BaseException:
        os.close(output)
        os.close(errors)
        raise
    finally:
        os.close(given)
    return Asked(host, process, output, errors, before)


def _read(descriptor: int) -> str:
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read().decode("utf-8", "surrogateescape")


def forks() -> int:
    """How many hosts at a time Ansible was told to work on."""
    return int(context.CLIARGS.get("forks") or 5)


def variables_of(host: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of another host of the play, as a task on it would have them."""
    raw: dict[str, Any] = task_vars["hostvars"].raw_get(host)
    return {**raw, **{name: task_vars[name] for name in _OF_ALL if name in task_vars}}
