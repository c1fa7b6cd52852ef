"""Looking again until what was sent has come: Telegraf gathers and writes in intervals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


def until(
    look: Callable[[], Seen], enough: Callable[[Seen], bool], deadline: float, *, pause: float = 0.5
) -> Seen:
    """What is seen as soon as it is enough, or when the deadline (time.monotonic()) has passed.

    It is looked at least once; pause is between two looks, in seconds.
    """
    while True:
        seen = look()
        if enough(seen) or time.monotonic() >= deadline:
            return seen
        time.sleep(pause)
