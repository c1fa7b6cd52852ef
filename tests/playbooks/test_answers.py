from __future__ import annotations

import pytest
from comparing.answers import Answer


@pytest.mark.parametrize(
    ("clock", "expected"),
    [(1005, 0), (1000, 0), (1010, 0), (1011, 1), (1110, 100), (999, -1), (900, -100), (None, 0)],
)
def test_a_slow_answer_feigns_no_difference(clock: int | None, expected: int) -> None:
    assert Answer("", 1000.4, 1010.2).ahead(clock) == expected


def test_it_notes_when_it_was_asked() -> None:
    answer = Answer.now(lambda text: f"<{text}>", "x")
    assert answer.output == "<x>"
    assert 0 <= answer.after - answer.before < 5
