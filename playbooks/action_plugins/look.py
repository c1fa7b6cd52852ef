"""Hold all hosts of a play against their rendered trees at once, in one task."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ansible.template import Templar
from comparing import actions, report, together
from comparing.answers import Answer


@dataclass(frozen=True)
class Seen:
    """What is known of a host: its answer, and what is told where it is as it should be.

    concerns_all says that what InfluxDB has for other hosts may have to change, or is not known.
    """

    answer: Answer | None
    told: dict[str, Any] | None
    concerns_all: bool


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
        # One alone is asked as well by the comparison.
        asks = len(hosts) > 1 and not together.with_passwords()
        seen = dict(self._seen(hosts, task_vars)) if asks else {}
        alike = {host: each.told for host, each in seen.items() if each.told}
        if any(each.concerns_all for each in seen.values()):
            alike = {}
        unlike = [host for host in hosts if host not in alike]
        answers = {host: seen[host].answer for host in unlike if host in seen}
        result.update(
            alike=alike,
            unlike=unlike,
            answers={host: asdict(answer) for host, answer in answers.items() if answer},
            _ansible_verbose_override=True,  # -v would print each answer
        )
        self.join(f"{self._task.args['group']}_{'unlike' if unlike else 'alike'}", result)
        return result

    def _seen(self, hosts: Sequence[str], task_vars: dict[str, Any]) -> Iterator[tuple[str, Seen]]:
        """What is seen of hosts, as they answer."""
        asked: dict[str, tuple[Any, Any]] = {}
        questions = [(host, self._question(host, task_vars, asked)) for host in hosts]
        for host, answer in together.ask(questions, together.forks()):
            compare, question = asked.pop(host, (None, None))
            entries = question.manifest.state if question else ()
            has_influxdb = any(entry["role"] == "influxdb" for entry in entries)
            seen = Seen(answer, None, concerns_all=question is None or has_influxdb)
            with contextlib.suppress(Exception):  # the comparison will tell of it
                if answer:
                    seen = self._held(compare, question, answer, hosts)
            yield host, seen

    @staticmethod
    def _held(compare: Any, question: Any, answer: Answer, hosts: Sequence[str]) -> Seen:
        """What an answer says."""
        said = report.read(answer.output)
        found, _ = compare.found(question, said, hosts)
        of_others = any(each.kind == "state" and each.role == "influxdb" for each in found)
        told = {"clock": answer.ahead(said.clock), "plan": question.plan}
        return Seen(answer, None if found else told, of_others)

    def _question(
        self, host: str, task_vars: dict[str, Any], asked: dict[str, tuple[Any, Any]]
    ) -> Callable[[], tuple[list[bytes], bytes]]:
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
            asked[host] = compare, compare.question(of_host)
            return together.command(compare, of_host, asked[host][1].text)

        return question
