from __future__ import annotations

from comparing.answers import Answer


def test_a_clock_is_as_far_off_as_it_must_be_at_least() -> None:
    answer = Answer("", 100.9, 103.1)
    told = {clock: answer.ahead(clock) for clock in (None, 90, 99, 100, 102, 103, 104, 120)}
    assert told == {None: 0, 90: -10, 99: -1, 100: 0, 102: 0, 103: 0, 104: 1, 120: 17}


def test_it_notes_when_it_was_asked() -> None:
    answer = Answer.now(lambda text: f"<{text}>", "x")
    assert answer.output == "<x>"
    assert 0 <= answer.after - answer.before < 5
