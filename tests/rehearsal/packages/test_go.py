from __future__ import annotations

import pytest

from provision.rehearsal.packages import go


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.19 linux/amd64", (1, 19)),
        ("go version devel go1.27-abc", (1, 27)),
        ("", None),
    ],
)
def test_the_answer_to_go_version(text: str, expected: tuple[int, int] | None) -> None:
    assert go.version(text) == expected
