"""Place a role's files on all hosts of a play at once, in one task."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ansible import constants
from comparing import actions, effects, hosted, reaching, telling, together

#: By which ssh says that it, and not what it runs, failed (ssh(1), EXIT STATUS).
_SSH_FAILED = 255
#: What ssh says where the connection was gone that it was to go over (ControlPersist): nothing was
#: done, and Ansible starts another (plugins/connection/ssh.py).
_GONE = "mux_client_hello_exchange: write packet: Broken pipe"
#: For how many seconds a host is waited for where Ansible is not told (task_timeout).
_LONGEST = 1800
_FAILED = ("unreachable", "failed")
#: Variables of a host, or of the role, with its name before them: options of place_files.
_OF_HOSTS = {"timeout": "start_timeout", "stable_seconds": "stable_seconds"}


class ActionModule(actions.ProvisionAction):
    """Does what place_files does on all hosts of a play; on each, as soon as there is a fork.

    It runs once for a play (run_once), without a limit for all of them (timeout: 0): the one for a
    task is each host's. Arguments: role, check and login, as those of place_files; its timeout and
    stable_seconds are the variables of each host that the role has for them.
    Result: done (the hosts on which it was done), released (those of them to which other operators
    were let in), and undone (by host, the result with which it failed there: place_files gives it,
    and does nothing, where it is then a task of that host's own, which has a way back). On hosts
    that are in none of them it was not begun. What happens on a host is told of when it does.
    """

    _VALID_ARGS = frozenset({"role", "check", "login"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        self._last: set[str] = set()
        self._events = telling.Events(os.environ[telling.FILE])
        done: dict[str, bool] = {}
        undone: dict[str, dict[str, Any]] = {}
        hosts = [str(host) for host in task_vars["ansible_play_hosts"]]
        questions = [(host, self._work(host, task_vars)) for host in hosts]
        within = constants.TASK_TIMEOUT or _LONGEST
        for host, ended in together.ask(questions, reaching.forks(), within=within):
            if ended is None or _GONE in ended.stderr:
                continue
            said = self._said(ended)
            status = next((each for each in (*_FAILED, "changed") if said.get(each)), "ok")
            if status in _FAILED:
                undone[host] = {**said, "told": True}
            else:
                done[host] = status == "changed"
            self._tell("result", host, status=status, **telling.of_result(said))
        result.update(
            changed=any(done.values()),
            done=list(done),
            released=[host for host in done if host in self._last],
            undone=undone,
        )
        self.join(["provision_placed"], result, task_vars)
        return result

    def _work(
        self, host: str, task_vars: dict[str, Any]
    ) -> Callable[[], tuple[list[bytes], bytes]]:
        """What is started for a host."""

        def work() -> tuple[list[bytes], bytes]:
            of_host = reaching.variables_of(host, task_vars)
            place = self.on_host("place_files", of_host)
            given = {**self._task.args, **self._of_host(place, of_host), "last": True}
            arguments = place.arguments(given, of_host)
            if arguments["last"]:
                self._last.add(host)
            started = reaching.command(
                place, of_host, lambda: place.module("place_files", arguments)
            )
            if place._connection.get_option("reconnection_retries"):
                raise reaching.NotPlain("it is tried again where ssh fails")
            self._tell("host_task", host)
            return started

        return work

    def _of_host(self, place: Any, of_host: dict[str, Any]) -> dict[str, Any]:
        role = self._task.args["role"]
        return {
            option: effects.of_role(role, name, of_host, place._templar.template)
            for option, name in _OF_HOSTS.items()
        }

    def _said(self, ended: together.Ended) -> dict[str, Any]:
        """The result of a host, in the words in which Ansible says what is not the module's."""
        if ended.given_up:
            return {"failed": True, "msg": ended.given_up}
        if ended.status == _SSH_FAILED and hosted.answer(ended.stdout) is None:
            why = ended.stderr.strip() or "its connection was closed"
            return {"unreachable": True, "msg": f"Failed to connect to the host via ssh: {why}"}
        try:
            return self.said(ended.status, ended.stdout, ended.stderr)
        except Exception as error:  # what is no answer of ours is no reason to forget the others
            return {"failed": True, "msg": f"Its answer is not understood: {error}"}

    def _tell(self, event: str, host: str, **values: Any) -> None:
        """Tell what happens on a host; an error in it is none of the run's."""
        with contextlib.suppress(Exception):
            self._events.tell(event, host=host, **telling.of_task(self._task), **values)
