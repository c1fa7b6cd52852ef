from __future__ import annotations

import time
from collections.abc import Iterator

from provision.verify.waiting import until


def test_it_looks_until_it_is_enough() -> None:
    numbers: Iterator[int] = iter(range(10))
    found = until(lambda: next(numbers), lambda n: n == 3, time.monotonic() + 60, pause=0)
    assert found == 3


def test_a_deadline_that_has_passed_leaves_one_look() -> None:
    numbers: Iterator[int] = iter(range(10))
    assert until(lambda: next(numbers), lambda n: False, time.monotonic() - 1) == 0
    assert next(numbers) == 1
