from __future__ import annotations

import pytest

from provision.values import check_url, go_duration, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("10s", 10), ("1h30m", 5400), ("30d", 2592000), ("2w", 1209600)],
)
def test_durations_are_read(text: str, expected: int) -> None:
    assert seconds(text) == expected
    assert go_duration(text) == f"{expected}s"


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1.5h", "10 s", "1y", "10s\n"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        seconds(text)


@pytest.mark.parametrize(
    "url", ["https://a.example/x", "http://192.0.2.1:8086", "file:///srv/repo"]
)
def test_urls_are_taken(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url", ["", "a.example", "ftp://x", "http://", "http://a b", "http://u:p@x"]
)
def test_other_texts_are_no_urls(url: str) -> None:
    with pytest.raises(ValueError, match="a URL"):
        check_url(url)
