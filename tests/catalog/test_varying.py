"""Rules of placeholders, settings and labels: each finds what it is for, and nothing else does."""

from __future__ import annotations

import pytest

from provision.catalog.model import Catalog
from tests.catalog.builders import (
    BUSY,
    CLOSED,
    DOTTED,
    GAUGE,
    METRIC,
    OTHER,
    PLACE,
    SETTING,
    TIMER,
    above,
    assert_only,
    catalog,
    gathered,
    scraped,
    with_place,
)

# As in test_rules.py.
CASES: list[tuple[str, Catalog, str, Catalog]] = [
    (
        "placeholder-declared",
        catalog(prefix="shop.<city>"),
        "<city> is not declared",
        with_place("shop.<city>", PLACE),
    ),
    (
        "placeholder-declared",
        catalog(BUSY),
        "<city> is not declared",
        catalog(BUSY, placeholders={"city": PLACE}),
    ),
    (
        "placeholder-declared",
        scraped(METRIC | {"labels": {"city": None}}),
        "<city> is not declared",
        scraped(METRIC | {"labels": {"city": None}}, placeholders={"city": PLACE}),
    ),
    (
        "placeholder-used",
        with_place("shop", PLACE),
        "<city> is in no bucket",
        with_place("shop.<city>", PLACE),
    ),
    (
        "placeholder-reserved",
        catalog(prefix="shop.<host>", placeholders={"host": PLACE}),
        "a tag that Telegraf sets itself, or that targets have: call it hostname",
        catalog(prefix="shop.<hostname>", placeholders={"hostname": PLACE}),
    ),
    (
        "placeholder-reserved",
        catalog(app="my-shop", prefix="shop.<time>", placeholders={"time": PLACE}),
        "call it my_shop_time",
        catalog(app="my-shop", prefix="shop.<my_shop_time>", placeholders={"my_shop_time": PLACE}),
    ),
    (
        "placeholder-reserved",
        # What a client says of itself is kept as exported_* (docs: CONTRIBUTING.md, Decisions).
        scraped(METRIC | {"labels": {"host": None}}, placeholders={"host": PLACE}),
        "what is scraped with that label is stored as exported_host: call it so",
        scraped(
            METRIC | {"labels": {"exported_host": None}}, placeholders={"exported_host": PLACE}
        ),
    ),
    (
        "placeholder-reserved",
        scraped(METRIC | {"labels": {"job": None}}, placeholders={"job": PLACE}),
        "or that targets have: leave it out",
        scraped(METRIC),
    ),
    (
        "placeholder-reserved",
        gathered(GAUGE | {"name": "a.b", "labels": {"host": None}}, placeholders={"host": PLACE}),
        "or that targets have: leave it out",
        gathered(GAUGE | {"name": "a.b"}),
    ),
    (
        "placeholder-reserved",
        catalog(prefix="shop.<group_by>", placeholders={"group_by": PLACE}),
        "a word of every dashboard: call it shop_group_by",
        catalog(prefix="shop.<group>", placeholders={"group": PLACE}),
    ),
    (
        "placeholder-reserved",
        # Grafana makes of "(none)", lines of all, what it makes of this.
        catalog(prefix="shop.<none>", placeholders={"none": PLACE}),
        "a word of every dashboard",
        catalog(prefix="shop.<no>", placeholders={"no": PLACE}),
    ),
    (
        "placeholder-reserved",
        catalog(prefix="shop.<value>", placeholders={"value": PLACE}),
        "is a field of orders as well: call it shop_value",
        catalog(TIMER, prefix="shop.<value>", placeholders={"value": PLACE}),
    ),
    (
        "placeholder-reserved",
        catalog(above(5), prefix="shop.<severity>", placeholders={"severity": PLACE}),
        "'severity' is a label of every alert, and orders has a condition: call it shop_severity",
        catalog(METRIC, prefix="shop.<severity>", placeholders={"severity": PLACE}),
    ),
    (
        "placeholder-reserved",
        scraped(above(5) | {"labels": {"alertname": None}}, placeholders={"alertname": PLACE}),
        "leave one of the two out",
        scraped(METRIC | {"labels": {"alertname": None}}, placeholders={"alertname": PLACE}),
    ),
    (
        "placeholder-samples",
        with_place("shop.<city>", {"description": "a place", "expected": 1}),
        "needs at least one of examples",
        with_place("shop.<city>", PLACE),
    ),
    (
        "placeholder-values",
        with_place("shop.<city>", PLACE | {"examples": ["a.b"]}),
        "'a.b' cannot stand in a bucket at <city>: with dotted: true it may have dots",
        with_place("shop.<city>", DOTTED | {"examples": ["a.b"]}),
    ),
    (
        "placeholder-values",
        with_place("shop.<city>", CLOSED | {"values": ["a.b"]}),
        "with dotted: true, and examples instead of values, it may have dots",
        with_place("shop.<city>", CLOSED),
    ),
    (
        "placeholder-values",
        with_place("shop.<city>", DOTTED | {"examples": ["a b.c"]}),
        "cannot stand in a bucket at <city>: a segment has letters, digits, _ and - alone",
        with_place("shop.<city>", DOTTED | {"examples": ["a-b.c"]}),
    ),
    (
        "placeholder-values",
        scraped(
            METRIC | {"labels": {"city": None}},
            placeholders={"city": PLACE | {"examples": ["$x"]}},
        ),
        "cannot be the value of a tag",
        scraped(
            METRIC | {"labels": {"city": None}},
            placeholders={"city": PLACE | {"examples": ["a b/c"]}},
        ),
    ),
    (
        "placeholder-expected",
        with_place("shop.<city>", {"description": "a place", "examples": ["x"]}),
        "needs `expected`",
        with_place("shop.<city>", CLOSED),
    ),
    (
        "setting-statsd",
        scraped(METRIC | {"labels": {"city": None}}, placeholders={"city": SETTING}),
        "only with input: statsd",
        with_place("<city>", SETTING),
    ),
    (
        "setting-statsd",
        scraped(METRIC | {"labels": {"city": None}}, placeholders={"city": DOTTED}),
        "only with input: statsd",
        scraped(METRIC | {"labels": {"city": None}}, placeholders={"city": PLACE}),
    ),
    (
        "setting-few",
        catalog(
            *(METRIC | {"name": f"orders{number}"} for number in range(11)),
            prefix="<city>",
            placeholders={"city": SETTING | {"values": [f"s{n}" for n in range(1000)]}},
        ),
        "11,000 patterns",
        with_place("<city>", SETTING | {"values": [f"s{n}" for n in range(100)]}),
    ),
    (
        "label-used",
        catalog(OTHER | {"labels": {"city": None}}, BUSY, placeholders={"city": PLACE}),
        "a statsd bucket has no labels",
        catalog(OTHER, BUSY, placeholders={"city": PLACE}),
    ),
    (
        "label-values",
        scraped(METRIC | {"labels": {"city": ["oslo"]}}, placeholders={"city": CLOSED}),
        "'oslo' is not one of its values",
        scraped(METRIC | {"labels": {"city": ["rome"]}}, placeholders={"city": CLOSED}),
    ),
]


@pytest.mark.parametrize(
    ("rule", "broken", "message", "good"), CASES, ids=[rule for rule, *_ in CASES]
)
def test_each_rule_finds_what_it_is_for_and_nothing_else_does(
    rule: str, broken: Catalog, message: str, good: Catalog
) -> None:
    assert_only(rule, broken, message, good)
