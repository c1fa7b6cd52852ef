from __future__ import annotations

import pytest

from provision.values import (
    check_repository_url,
    check_url,
    found_text,
    go_duration,
    listed,
    seconds,
    whole_number,
)


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


@pytest.mark.parametrize("url", ["https://a.example/x", "http://192.0.2.1:8086"])
def test_urls_are_taken(url: str) -> None:
    assert check_url(url) == check_repository_url(url) == url


def test_a_repository_alone_may_be_files_of_the_host() -> None:
    assert check_repository_url("file:///srv/repo") == "file:///srv/repo"
    with pytest.raises(ValueError, match=r"begins with http:// or https://$"):
        check_url("file:///srv/repo")
    with pytest.raises(ValueError, match=r"begins with http://, https:// or file://$"):
        check_repository_url("srv/repo")


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.example", "ftp://x", "http://", "http://a b", "http://u:p@x"),
        *("http://a:x", "http://a:99999", "http://a:0"),
    ],
)
def test_other_texts_are_no_urls(url: str) -> None:
    for check in (check_url, check_repository_url):
        with pytest.raises(ValueError, match="a URL"):
            check(url)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("http://admin:hunter2@db:8086/x", "'http://...@db:8086/x'"),
        ({"url": "https://hunter2@db"}, "{'url': 'https://...@db'}"),
        ("admin@example.com", "'admin@example.com'"),
        ("http://db/a@b", "'http://db/a@b'"),
        (7, "7"),
        ("x" * 200, "'" + "x" * 79),
    ],
)
def test_what_was_found_is_told_without_a_urls_password(value: object, told: str) -> None:
    assert found_text(value) == told


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", ["a"]),
        ("a, b  c\nd,,", ["a", "b", "c", "d"]),
        ("", []),
        (["a b"], ["a b"]),
        (7, 7),
        (None, None),
    ],
)
def test_a_text_is_a_list_of_its_words(value: object, expected: object) -> None:
    assert listed(value) == expected


@pytest.mark.parametrize(("value", "expected"), [("1", 1), ("1.5", "1.5"), ("-1", "-1"), (2, 2)])
def test_a_number_that_came_as_a_text_is_one(value: object, expected: object) -> None:
    assert whole_number(value) == expected
