"""Hold all hosts of a play against their rendered trees at once, in one task."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions, reaching, report, telling, together
from comparing.answers import Answer
from comparing.asking import Question, Work


def _is_agent(roles: Sequence[str]) -> bool:
    """Whether these are the roles that there is work for on a host of which nobody waits for."""
    return "telegraf" in roles and set(roles) <= {"packages", "telegraf"}


@dataclass
class Seen:
    """What is known of a host.

    compare is the action that compares it, with its variables; argv is what asks it. told is what
    its comparison says, None where that has to be asked in a task of its own. concerns_all says
    that what InfluxDB has for other hosts may have to change, or is not known.
    """

    compare: Any
    variables: dict[str, Any]
    question: Question
    argv: list[bytes] = field(default_factory=list)
    answer: Answer | None = None
    work: Work | None = None
    told: dict[str, Any] | None = None
    concerns_all: bool = field(init=False)

    def __post_init__(self) -> None:
        """Until it has answered, who has InfluxDB concerns all."""
        self.concerns_all = any(each["role"] == "influxdb" for each in self.question.manifest.state)

    def take(self, answer: Answer) -> bool:
        """What it answers, to the first question or the second; whether there is a second."""
        if self.work:
            told = self.compare.judged(self.work, answer.output, self.variables)
            self.told = None if told.get("failed") else told
            return False
        self.answer = answer
        said = report.read(answer.output)
        told, self.work = self.compare.compared(self.question, said, self.variables)
        self.concerns_all = any(
            each["kind"] == "state" and each["role"] == "influxdb" for each in told["differences"]
        )
        told["clock"] = answer.ahead(said.clock)
        if not self.work:
            self.told = told
        return bool(self.work)


class ActionModule(actions.ProvisionAction):
    """Compares all hosts, as far as that can be done together.

    It runs once for a play (run_once), for all of its hosts. Argument: group: into which the host
    is put that has its result, with _alike behind it where all hosts are as they should be, else
    _unlike; and into those that say which plays have work.
    Result: alike and differing (by host, what the action compare tells of hosts that are as they
    should be, and of others), unlike (the hosts that are to be compared by that action: it is not
    known, what differs concerns them, or something speaks against the work), agents (those of
    differing that have Telegraf's work alone, or its package's: the host is in provision_agents if
    there are some), and answers (by host, what those have said that said anything). Where nothing
    shall change, and where Ansible's output is all that is told, each that differs is unlike, and
    seen in a task of its own.
    """

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"group"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        hosts = [str(host) for host in task_vars["ansible_play_hosts"]]
        self._tells = not self._task.check_mode and bool(os.environ.get(telling.FILE))
        # One alone is asked as well by the comparison.
        asks = len(hosts) > 1 and not reaching.with_passwords()
        seen = self._seen(hosts, task_vars) if asks else {}
        known = {host: each.told for host, each in seen.items() if each.told}
        if any(each.concerns_all for each in seen.values()) or len(seen) < len(hosts):
            known = {}
        alike = {host: told for host, told in known.items() if not told["differences"]}
        differing = {host: told for host, told in known.items() if host not in alike}
        agents = [host for host, told in differing.items() if _is_agent(told["roles"])]
        unlike = [host for host in hosts if host not in known]
        answers = {host: seen[host].answer for host in unlike if host in seen}
        result.update(
            alike=alike,
            differing=differing,
            unlike=unlike,
            agents=agents,
            answers={host: asdict(answer) for host, answer in answers.items() if answer},
            _ansible_verbose_override=True,  # -v would print each answer
        )
        all_alike = "alike" if len(alike) == len(hosts) else "unlike"
        plays = {group for told in differing.values() for group in self.plays(told)}
        if agents:
            plays.add("provision_agents")
        self.join({f"{self._task.args['group']}_{all_alike}", *plays}, result, task_vars)
        return result

    def _seen(self, hosts: Sequence[str], task_vars: dict[str, Any]) -> dict[str, Seen]:
        """What is seen of the hosts that could be asked."""
        seen: dict[str, Seen] = {}
        questions = [(host, self._question(host, task_vars, seen)) for host in hosts]
        for host, ended in together.ask(questions, reaching.forks()):
            # Whatever it is, the comparison will tell of it.
            with contextlib.suppress(Exception):
                answer = ended and ended.answer()
                if answer and seen[host].take(answer) and self._tells:
                    questions.append((host, self._second_question(seen[host])))
        return seen

    def _question(
        self, host: str, task_vars: dict[str, Any], seen: dict[str, Seen]
    ) -> Callable[[], tuple[list[bytes], bytes]]:
        def question() -> tuple[list[bytes], bytes]:
            of_host = reaching.variables_of(host, task_vars)
            compare = self.on_host("compare", of_host)
            seen[host] = Seen(compare, of_host, compare.question(of_host))
            text = seen[host].question.text
            argv, script = reaching.command(
                compare, of_host, lambda: compare.shell(text, told_whole=True)
            )
            seen[host].argv = argv
            return argv, script

        return question

    @staticmethod
    def _second_question(seen: Seen) -> Callable[[], tuple[list[bytes], bytes]]:
        return lambda: (seen.argv, seen.work.text.encode("utf-8"))
