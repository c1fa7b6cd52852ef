"""The errors that an operator can do something about, and the exit codes of the command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
# Where a plan is asked for it and something would change: what terraform's plan ends with.
EXIT_CHANGES = 2
EXIT_BUG = 3
EXIT_INTERRUPTED = 130


class ProvisionError(Exception):
    """An expected failure: shown without a traceback, exit status 1.

    message says what is wrong and where (file and key, or host); remedy says what to do about it.
    """

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file: where (a key path as metrics[3].type), what, a hint.

    In an inventory it may be of a host, or of several, and on a line of some file (0: not known).
    """

    file: str
    where: str
    what: str
    hint: str | None = None
    host: str = ""
    line: int = 0

    def __str__(self) -> str:
        file = f"{self.file}:{self.line}" if self.line else self.file
        place = ": ".join(filter(None, (file, self.host, self.where)))
        return f"{place}: {self.what}" + (f" ({self.hint})" if self.hint else "")


class InvalidInput(ProvisionError):
    """Everything that is wrong with the files an operator wrote, told at once."""

    def __init__(self, problems: Sequence[Problem], *, remedy: str | None = None) -> None:
        self.problems = tuple(problems)
        told = _together(self.problems)
        lines = [f"{len(told)} {'problem' if len(told) == 1 else 'problems'}:"]
        lines += [f"  {problem}" for problem in told]
        super().__init__("\n".join(lines), remedy=remedy)


def _together(problems: Sequence[Problem]) -> list[Problem]:
    """What several hosts have in common is told once: of the first, and how many others there are.

    Their own names make no difference, nor where it stands of each.
    """
    groups: dict[Problem, list[Problem]] = {}
    for problem in problems:
        of_all = problem
        if problem.host:
            name = rf"(?<![\w.-]){re.escape(problem.host)}(?![\w.-])"
            what = re.sub(name, "", problem.what)
            of_all = replace(problem, file="", host="", line=0, what=what)
        groups.setdefault(of_all, []).append(problem)
    return [
        replace(first, host=f"{first.host} and {len(others):,} more")
        if others and first.host
        else first
        for first, *others in groups.values()
    ]
