from __future__ import annotations

import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.catalog.buckets import (
    Kind,
    Pattern,
    Segment,
    classify,
    overlap,
    parse_pattern,
)

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


NAME = "a placeholder's name has small letters, digits and _, a letter first"
BRACKETS = "a varying part stands in angle brackets"
WHOLE = "a varying part is a whole segment in angle brackets"


@pytest.mark.parametrize(
    ("segment", "told"),
    [
        ("<truck-id>", f"{NAME}; write <truck_id>"),
        ("<truckId>", f"{NAME}; write <truck_id>"),
        ("<Truck>", f"{NAME}; write <truck>"),
        ("<7>", f"{NAME}; write <name>"),
        ("<>", f"{NAME}; write <name>"),
        ("{depot}", f"{BRACKETS}; write <depot>"),
        ("${x1}", f"{BRACKETS}; write <x1>"),
        ("{{ Depot }}", f"{BRACKETS}; write <depot>"),
        ("$depot", f"{BRACKETS}; write <depot>"),
        ("${}", f"{WHOLE}; write <name>"),
        ("*", f"{WHOLE}; write <name>"),
        ("%s", f"{WHOLE}; write <name>"),
        ("truck-<id>", f"{WHOLE}; write <truck_id>"),
        ("or ders", "nor one placeholder in angle brackets, such as <name>"),
    ],
)
def test_how_a_placeholder_is_written_is_told(segment: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"segment {segment!r} of bucket")) as caught:
        parse_pattern(f"shop.{segment}.speed", set())
    assert str(caught.value).endswith(told)


def test_the_marks_of_segments_are_those_of_the_processor() -> None:
    assert [str(segment) for segment in USED.segments] == [
        "=realm",
        "*hostname",
        "=protocol",
        "?version",
        "=used",
    ]
    assert {kind.value for kind in Kind} == {"=", "?", "*"}


def pattern(text: str, *, dotted: tuple[str, ...] = (), settings: tuple[str, ...] = ()) -> Pattern:
    return parse_pattern(text, dotted, settings)


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    """Patterns of few letters, so that many of them overlap."""
    size = draw(st.integers(1, 4))
    dotted = draw(st.integers(0, size))
    segments = []
    for index in range(size):
        fixed = draw(st.booleans())
        text = draw(st.sampled_from("ab")) if fixed else f"p{index}"
        open_kind = Kind.DOTTED if index == dotted else Kind.ONE
        segments.append(Segment(Kind.FIXED if fixed else open_kind, text))
    return Pattern(tuple(segments))


def buckets(longest: int) -> list[str]:
    lengths = range(1, longest + 1)
    return [".".join(parts) for n in lengths for parts in itertools.product("abc", repeat=n)]


EVERY = buckets(6)


@given(patterns(), patterns())
def test_an_overlap_is_a_bucket_that_follows_both(one: Pattern, other: Pattern) -> None:
    found = overlap(one, other)
    both = [b for b in EVERY if one.match(b) is not None and other.match(b) is not None]
    if found is None:
        assert both == []
    else:
        assert one.match(found) is not None
        assert other.match(found) is not None
        assert overlap(other, one) is not None


@given(patterns(), patterns())
def test_a_pattern_is_within_another_when_all_of_its_buckets_are(
    one: Pattern, other: Pattern
) -> None:
    inside = all(other.match(b) is not None for b in EVERY if one.match(b) is not None)
    # Of buckets with more segments than EVERY has, within() knows more.
    assert one.within(other) <= inside
    assert inside == all(other.match(b) is not None for b in one.shapes(6 - len(one.segments) + 1))


def test_a_pattern_that_only_looks_within_another_is_not() -> None:
    narrow = pattern("a.<d>.b.b.b", dotted=("d",))
    wide = pattern("<p>.<q>.<r>.b.<e>", dotted=("e",))
    assert all(wide.match(bucket) is not None for bucket in narrow.shapes(1))
    assert not narrow.within(wide)


@given(st.lists(patterns(), min_size=1, max_size=6), st.sampled_from(EVERY), st.randoms())
def test_a_bucket_is_classified_the_same_in_whatever_order_patterns_come(
    every: list[Pattern], bucket: str, order: random.Random
) -> None:
    documented = [(each, each) for each in every]
    first = classify(bucket, documented)
    order.shuffle(documented)
    assert classify(bucket, documented) == first
    assert (first is None) == all(each.match(bucket) is None for each in every)


@given(patterns(), st.sampled_from(EVERY))
def test_what_was_matched_can_be_filled_in_again(each: Pattern, bucket: str) -> None:
    values = each.match(bucket)
    assert values is None or each.fill(values) == bucket


def test_fixed_settings_are_matched_and_stay_tags() -> None:
    fixed = pattern("<prefix>.sync.<model>", settings=("prefix",)).fix({"prefix": "shop.click"})
    assert [str(segment) for segment in fixed.segments] == ["=shop", "=click", "=sync", "?model"]
    assert fixed.placeholders == ("prefix", "model")
    assert fixed.match("shop.click.sync.User") == {"prefix": "shop.click", "model": "User"}
    assert fixed.match("shop.sync.User") is None
    assert fixed.fill({"model": "User"}) == "shop.click.sync.User"


def test_only_placeholders_that_a_pattern_has_are_fixed() -> None:
    plain = pattern("shop.<model>")
    assert plain.fix({"prefix": "x"}) == plain


@pytest.mark.parametrize("value", ["", ".", "a..b", "a b", "a.", "é"])
def test_what_cannot_stand_in_a_bucket_is_not_fixed_in_it(value: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a bucket at <prefix>"):
        pattern("<prefix>.x", settings=("prefix",)).fix({"prefix": value})


def test_settings_may_stand_beside_a_dotted_placeholder() -> None:
    both = pattern("<prefix>.<host>.x", dotted=("host",), settings=("prefix",))
    assert both.fix({"prefix": "a"}).match("a.b.c.x") == {"prefix": "a", "host": "b.c"}


def test_shapes_stand_for_all_buckets_of_a_pattern() -> None:
    assert pattern("a.<m>.b").shapes() == ("a.~.b",)
    assert pattern("a.<d>.b", dotted=("d",)).shapes(3) == ("a.~.b", "a.~.~.b", "a.~.~.~.b")


def test_very_long_buckets_are_compared_as_well() -> None:
    long = pattern(".".join(["<d>", *"a" * 200]), dotted=("d",))
    other = pattern(".".join([*"a" * 200, "<e>"]), dotted=("e",))
    assert overlap(long, other) is not None
    assert overlap(long, pattern(".".join("b" * 900))) is None
