from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.catalog.buckets import Kind, classify, parse_pattern

LABEL = st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True)
USED = parse_pattern("realm.<hostname>.protocol.<version>.used", {"hostname"})
ONLINE = parse_pattern("realm.<hostname>.connection.online", {"hostname"})


@given(st.lists(LABEL, min_size=1, max_size=8), LABEL)
def test_a_host_name_of_any_number_of_labels_is_found(labels: list[str], version: str) -> None:
    host = ".".join(labels)
    bucket = USED.fill({"hostname": host, "version": version})
    assert USED.match(bucket) == {"hostname": host, "version": version}


@pytest.mark.parametrize(
    "bucket",
    [
        "realm.connection.online",
        "realm..connection.online",
        "realm.a..b.connection.online",
        "realm.a.connection.onlin",
        "realm.a.connection.online.",
        ".realm.a.connection.online",
        "Realm.a.connection.online",
        "realm_a_connection_online",
        "realm_connection_online",
        "connection.online",
        "",
    ],
)
def test_other_buckets_are_not_documented_ones(bucket: str) -> None:
    assert ONLINE.match(bucket) is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_matching(bucket: str) -> None:
    values = ONLINE.match(bucket)
    assert values is None or ONLINE.fill(values) == bucket


def test_more_fixed_segments_win() -> None:
    general = parse_pattern("app.<model>.<step>", set())
    special = parse_pattern("app.<model>.queue", set())
    patterns = [(general, "general"), (special, "special")]
    assert classify("app.m.queue", patterns) == ("special", {"model": "m"})
    assert classify("app.m.sync", patterns) == ("general", {"model": "m", "step": "sync"})
    assert classify("app.m", patterns) is None


def test_a_fixed_segment_further_left_wins_between_equals() -> None:
    left = parse_pattern("app.sync.<model>", set())
    right = parse_pattern("app.<model>.queue", set())
    assert classify("app.sync.queue", [(right, "right"), (left, "left")]) == (
        "left",
        {"model": "queue"},
    )


@pytest.mark.parametrize(
    ("bucket", "message"),
    [
        ("realm..online", "segment ''"),
        ("realm.<Host>.online", "segment '<Host>'"),
        ("realm.a b.online", "segment 'a b'"),
        ("realm.<a>x.online", "segment '<a>x'"),
        ("realm.<a>.<a>", "the same placeholder twice"),
        ("realm.<a>.<b>.x", "two dotted placeholders"),
    ],
)
def test_what_is_not_a_bucket_is_refused(bucket: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_pattern(bucket, {"a", "b"})


def test_the_marks_of_segments_are_those_of_the_processor() -> None:
    assert [str(segment) for segment in USED.segments] == [
        "=realm",
        "*hostname",
        "=protocol",
        "?version",
        "=used",
    ]
    assert {kind.value for kind in Kind} == {"=", "?", "*"}
