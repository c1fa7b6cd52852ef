"""The errors that an operator can do something about, and the exit codes of the command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """One thing that is wrong with a file: where (a key path as metrics[3].type), what, a hint."""

    file: str
    where: str
    what: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}: {self.where}" if self.where else self.file
        return f"{place}: {self.what}" + (f" ({self.hint})" if self.hint else "")


class InvalidInput(ProvisionError):
    """Everything that is wrong with the files an operator wrote, told at once."""

    def __init__(self, problems: Sequence[Problem], *, remedy: str | None = None) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = [f"{count} {'problem' if count == 1 else 'problems'}:"]
        lines += [f"  {problem}" for problem in self.problems]
        super().__init__("\n".join(lines), remedy=remedy)
