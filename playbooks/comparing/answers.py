"""What a host has answered, and when it was asked: its clock is told from that."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What a script has printed on a host; before and after are seconds since 1970, here."""

    output: str
    before: float
    after: float

    @classmethod
    def now(cls, ask: Callable[[str], str], text: str) -> Answer:
        """Ask now."""
        before = time.time()
        output = ask(text)
        return cls(output, before, time.time())

    def ahead(self, clock: int | None) -> int:
        """By how many seconds a clock is ahead of ours, that was read between before and after."""
        if clock is None:
            return 0
        return max(0, clock - int(self.after)) or min(0, clock - int(self.before))
