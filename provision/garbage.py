"""How often Python looks for garbage."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Let a process that loads much which stays not look through it again and again.

    A run that has nothing to do takes a fifteenth less time so (measured side by side).
    """
    gc.set_threshold(100_000, 50, 50)
