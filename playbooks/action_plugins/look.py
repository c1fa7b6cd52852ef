"""Hold all hosts of a play against their rendered trees at once, in one task."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ansible.template import Templar
from comparing import actions, report, together


class ActionModule(actions.ProvisionAction):
    """Finds the hosts that are as they should be, of which there is nothing more to be done.

    It runs once for a play (run_once), for all of its hosts. Argument: group: into which the host
    is put that has its result, with _alike behind it where all hosts are as they should be, else
    _unlike.
    Result: alike (by host, the clock and plan of the action compare), unlike (the hosts that are to
    be compared by that action: they differ, or it is not known, or what differs concerns them), and
    answers (by host, what those have said that said anything).
    """

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"group"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        hosts = [str(host) for host in task_vars["ansible_play_hosts"]]
        self._asked: dict[str, Any] = {}
        alike: dict[str, Any] = {}
        answers: dict[str, Any] = {}
        concerned = False
        # One alone is asked as well by the comparison.
        questions = [(host, self._question(host, task_vars)) for host in hosts if len(hosts) > 1]
        for host, answer in together.ask(questions, together.forks()):
            if answer is None:
                continue
            answers[host] = asdict(answer)
            compare, question = self._asked[host]
            with contextlib.suppress(Exception):  # the comparison will tell of it
                seen = report.read(answer.output)
                found, _ = compare.found(question, seen, hosts)
                if not found:
                    alike[host] = {"clock": answer.ahead(seen.clock), "plan": question.plan}
                # What InfluxDB makes anew may be of any host.
                concerned |= any(each.kind == "state" and each.role == "influxdb" for each in found)
        if concerned:
            alike = {}
        unlike = [host for host in hosts if host not in alike]
        result.update(
            alike=alike,
            unlike=unlike,
            answers={host: answers[host] for host in unlike if host in answers},
        )
        self.join(f"{self._task.args['group']}_{'unlike' if unlike else 'alike'}", result)
        return result

    def _question(self, host: str, task_vars: dict[str, Any]) -> Any:
        def question() -> tuple[list[bytes], bytes]:
            of_host = together.variables_of(host, task_vars)
            compare = self._shared_loader_obj.action_loader.get(
                "compare",
                task=self._task,
                connection=self._connection,
                play_context=self._play_context,
                loader=self._loader,
                templar=Templar(loader=self._loader, variables=of_host),
                shared_loader_obj=self._shared_loader_obj,
            )
            made = compare.question(of_host)
            self._asked[host] = compare, made
            return together.command(self, of_host, made.text)

        return question
