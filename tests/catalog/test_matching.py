"""What a bucket could be taken for, in one catalog and on one host."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.catalog.buckets import classify
from provision.catalog.lint import findings_together, lint, lint_together
from provision.catalog.load import load_catalogs
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
    assert_only,
    catalog,
    gathered,
    scraped,
    with_place,
)

CASES: list[tuple[str, Catalog, str, Catalog]] = [
    (
        "series-bounded",
        with_place("shop.<city>", PLACE | {"expected": 10_001}),
        "some 10,001 series",
        with_place("shop.<city>", PLACE | {"expected": 10_000}),
    ),
    (
        "bucket-other",
        catalog(
            BUSY,
            METRIC | {"name": "x.orders", "measurement": "few"},
            placeholders={"city": PLACE},
        ),
        "shop.x.orders would be taken for x.orders",
        catalog(
            BUSY,
            METRIC | {"name": "y.orders", "measurement": "few"},
            placeholders={"city": PLACE},
        ),
    ),
    (
        "bucket-other",
        catalog(
            METRIC | {"name": "<city>.x"},
            METRIC | {"name": "rome.x", "measurement": "rome"},
            placeholders={"city": CLOSED},
        ),
        "shop.rome.x would be taken for rome.x",
        catalog(
            METRIC | {"name": "<city>.x"},
            METRIC | {"name": "oslo.x", "measurement": "oslo"},
            placeholders={"city": CLOSED},
        ),
    ),
    (
        "bucket-apart",
        catalog(
            METRIC | {"name": "sync.<city>"},
            METRIC | {"name": "<city>.q"},
            placeholders={"city": PLACE},
        ),
        "shop.sync.q could be sync.<city> as well",
        catalog(
            METRIC | {"name": "sync.<city>"},
            GAUGE | {"name": "<city>.q"},
            placeholders={"city": PLACE},
        ),
    ),
    (
        "bucket-apart",
        catalog(
            BUSY,
            METRIC | {"name": "<town>.orders", "measurement": "town"},
            placeholders={"city": PLACE, "town": PLACE},
        ),
        "shop.x.orders could be <city>.orders as well",
        catalog(
            BUSY,
            METRIC | {"name": "<town>.returns"},
            placeholders={"city": PLACE, "town": PLACE},
        ),
    ),
]


@pytest.mark.parametrize(
    ("rule", "broken", "message", "good"), CASES, ids=[rule for rule, *_ in CASES]
)
def test_each_rule_finds_what_it_is_for_and_nothing_else_does(
    rule: str, broken: Catalog, message: str, good: Catalog
) -> None:
    assert_only(rule, broken, message, good)


NAMES = st.lists(
    st.lists(st.sampled_from(["a", "b", "<c>", "<d>", "<e>"]), min_size=1, max_size=3, unique=True),
    min_size=1,
    max_size=5,
)


PLACES = {"c": CLOSED | {"values": ["a", "x"]}, "d": DOTTED | {"examples": ["a.b", "b"]}}
PLACES["e"] = PLACE | {"examples": ["y"]}


def named(names: Mapping[int, list[str]]) -> Catalog:
    """Metrics whose names have these parts, each with a measurement of its own."""
    metrics = [
        METRIC | {"name": ".".join(parts), "measurement": f"m{index}"}
        for index, parts in names.items()
    ]
    used = {part.strip("<>") for parts in names.values() for part in parts if part[0] == "<"}
    return catalog(*metrics, placeholders={name: PLACES[name] for name in sorted(used)})


@given(NAMES)
def test_where_nothing_is_found_every_sample_is_taken_for_its_own_metric(
    names: list[list[str]],
) -> None:
    made = named(dict(enumerate(names)))
    if lint(made):
        return
    rows = [(pattern, m) for m in made.metrics for pattern in made.patterns(m)]
    for metric in made.metrics:
        tags = made.tags(metric)
        bucket = made.pattern(metric).fill({tag: made.samples(metric, tag)[0] for tag in tags})
        taken = classify(bucket, rows)
        assert taken is not None
        assert taken[0] is metric


@given(NAMES)
def test_of_many_metrics_the_same_is_found_as_of_each_two(names: list[list[str]]) -> None:
    different = dict(enumerate(list(part) for part in dict.fromkeys(map(tuple, names))))

    def found(some: Mapping[int, list[str]]) -> set[tuple[str, str, str]]:
        made = named(some)
        return {
            (each.rule, made.metrics[int(each.path[1])].name, each.message)
            for each in lint(made)
            if each.rule in {"bucket-other", "bucket-apart"}
        }

    pairs = itertools.combinations(different.items(), 2)
    assert found(different) == set().union(*(found(dict(pair)) for pair in pairs))


@pytest.mark.parametrize("name", ["a{}.<city>.b{}", "a{}.<city>.total", "<city>.all.b{}.total"])
def test_thousands_of_metrics_are_linted_in_no_time(name: str) -> None:
    """Held against one another, each with each, these would take a minute."""
    many = catalog(
        *(METRIC | {"name": name.format(n, n)} for n in range(3000)), placeholders={"city": PLACE}
    )
    assert lint(many) == []


HOSTS = {"hostname": DOTTED | {"examples": ["a.b"]}}

SET = catalog(
    METRIC | {"name": "<town>.x", "measurement": "town"},
    METRIC | {"name": "total.x"},
    placeholders={"town": SETTING},
)

TOGETHER_CASES: list[tuple[str, list[Catalog], str, list[Catalog]]] = [
    (
        "app-once",
        [catalog(), catalog(OTHER)],
        "shop has 2 catalogs",
        [catalog(), catalog(OTHER, app="b")],
    ),
    (
        "measurement-shared",
        [
            catalog(METRIC | {"measurement": "c"}, app="a-b", prefix="one"),
            catalog(METRIC | {"measurement": "b_c"}, app="a", prefix="two"),
        ],
        "a-b and a are both stored as a_b_c",
        [catalog(app="a-b", prefix="one"), catalog(app="a", prefix="two")],
    ),
    (
        "measurement-shared",
        [
            catalog(METRIC | {"measurement": "c"}, app="a-b", prefix="one"),
            catalog(TIMER | {"measurement": "b_c"}, app="a", prefix="two"),
        ],
        "a-b and a are both stored as a_b_c",
        [
            gathered(GAUGE | {"name": "cpu.user"}, app="a"),
            gathered(GAUGE | {"name": "cpu.system"}, app="b"),
        ],
    ),
    (
        "measurement-shared",
        [
            gathered(GAUGE | {"name": "cpu.user"}, app="a"),
            gathered(GAUGE | {"name": "cpu.user"}, app="b"),
        ],
        "a and b are both stored as cpu",
        [
            gathered(GAUGE | {"name": "cpu.user"}, app="a"),
            gathered(GAUGE | {"name": "mem.user"}, app="b"),
        ],
    ),
    (
        "name-shared",
        [scraped(app="a"), scraped(OTHER | {"formerly": [{"name": "orders"}]}, app="b")],
        "a and b both document orders",
        [scraped(app="a"), catalog(app="b")],
    ),
    (
        "name-shared",
        [
            scraped(TIMER | {"name": "took_seconds"}, app="a"),
            scraped(METRIC | {"name": "took_seconds_sum"}, app="b"),
        ],
        "a and b both document took_seconds_sum",
        [
            scraped(TIMER | {"name": "took_seconds"}, app="a"),
            scraped(METRIC | {"name": "took_sum"}, app="b"),
        ],
    ),
    (
        "bucket-shared",
        [
            catalog(app="one", prefix="shop.<hostname>", placeholders=HOSTS),
            catalog(app="two", prefix="shop.<hostname>", placeholders=HOSTS),
        ],
        "shop.x.orders could be orders of one or orders of two",
        [
            catalog(app="one", prefix="shop.<hostname>", placeholders=HOSTS),
            catalog(GAUGE, app="two", prefix="shop.<hostname>", placeholders=HOSTS),
        ],
    ),
    (
        "variable-shared",
        [
            catalog(app="a-b", prefix="<c>", placeholders={"c": SETTING | {"values": ["x"]}}),
            catalog(app="a", prefix="<b_c>", placeholders={"b_c": SETTING | {"values": ["y"]}}),
        ],
        "a-b and a both have the variable a_b_c",
        [
            catalog(app="a-b", prefix="<c>", placeholders={"c": SETTING | {"values": ["x"]}}),
            catalog(app="a", prefix="<c>", placeholders={"c": SETTING | {"values": ["y"]}}),
        ],
    ),
    (
        "setting-apart",
        [SET.with_settings({"town": ["total"]})],
        "shop: shop.total.x could be <town>.x as well: "
        "let one of them begin with a segment that the other has not",
        [SET.with_settings({"town": ["rome", "oslo.north"]})],
    ),
]


@pytest.mark.parametrize(
    ("rule", "broken", "message", "good"),
    TOGETHER_CASES,
    ids=[rule for rule, *_ in TOGETHER_CASES],
)
def test_what_would_not_stand_on_one_host_is_told(
    rule: str, broken: list[Catalog], message: str, good: list[Catalog]
) -> None:
    found = findings_together(broken)
    assert message in [finding.message for finding in found if finding.rule == rule]
    assert message in lint_together(broken)
    assert rule not in {finding.rule for finding in findings_together(good)}
    assert findings_together(good) == []


def test_where_a_name_takes_what_the_other_begins_with_their_ends_keep_them_apart() -> None:
    def told(name: str) -> list[str]:
        made = catalog(
            METRIC | {"name": "orders.<method>"},
            METRIC | {"name": name},
            prefix="shop.<hostname>",
            placeholders=HOSTS | {"method": CLOSED},
        )
        return [found.message for found in lint(made) if found.rule == "bucket-apart"]

    (message,) = told("refunds")
    assert message.endswith(
        "(here <hostname> is x.orders): let one of them end with segments that the other cannot"
        " end with"
    )
    assert told("returns.refunds") == []


def test_catalogs_that_keep_apart_may_stand_together() -> None:
    assert lint_together([catalog(), catalog(app="other", prefix="other")]) == []


def test_all_built_in_catalogs_may_stand_on_one_host() -> None:
    assert lint_together(list(load_catalogs().values())) == []
