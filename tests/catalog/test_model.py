"""What a catalog and its parts take, and where a metric is stored."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from provision.catalog.model import (
    TARGET_LABELS,
    Catalog,
    MetricType,
    Signal,
    TimerField,
    percentile,
)
from tests.catalog.builders import (
    CLOSED,
    DOTTED,
    GAUGE,
    METRIC,
    PLACE,
    SETTING,
    TIMER,
    catalog,
    gathered,
    scraped,
)

WORRY = {"severity": "info", "advice": "Look."}


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (METRIC | {"condition": WORRY}, "one of above, below and silent"),
        (METRIC | {"condition": WORRY | {"above": 1, "silent": "5m"}}, "one of above, below and"),
        (METRIC | {"condition": WORRY | {"silent": "soon"}}, "match pattern"),
        (METRIC | {"condition": WORRY | {"above": 1, "pending": 5}}, "valid string"),
        (METRIC | {"together": "mean"}, "only a gauge or a set has together"),
        (TIMER | {"together": "mean"}, "only a gauge or a set has together"),
        (METRIC | {"type": "gauge", "together": "avg"}, "'sum', 'max', 'min' or 'mean'"),
        (
            METRIC | {"condition": WORRY | {"above": 1, "below": 2}},
            "one of above, below and silent",
        ),
        (METRIC | {"condition": WORRY | {"above": "1"}}, "valid number"),
        (METRIC | {"condition": WORRY | {"above": float("inf")}}, "finite"),
        (METRIC | {"always": "yes"}, "valid boolean"),
        (METRIC | {"percentiles": [50]}, "only a timer has percentiles"),
        (METRIC | {"fields": ["mean"]}, "only a timer has fields"),
        (TIMER | {"percentiles": [50, 50.0]}, "the same twice"),
        (TIMER | {"percentiles": [0]}, "greater than 0"),
        (TIMER | {"percentiles": ["50"]}, "valid number"),
        (TIMER | {"fields": ["mean", "mean"]}, "the same twice"),
        (TIMER | {"fields": [], "percentiles": []}, "nothing is kept"),
        (METRIC | {"labels": {"a": []}}, "at least 1 item"),
        (METRIC | {"labels": {"A": None}}, "match pattern"),
        (METRIC | {"title": "two\nlines"}, "match pattern"),
        (METRIC | {"name": "x" * 301}, "at most 300"),
        (METRIC | {"description": " "}, "at least 1 character"),
    ],
)
def test_a_metric_that_cannot_be_is_refused(metric: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        catalog(metric)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (CLOSED | {"dotted": True}, "cannot be dotted"),
        (CLOSED | {"expected": 2}, "leave out expected"),
        (CLOSED | {"examples": ["a"]}, "leave out examples"),
        (CLOSED | {"dotted": True, "expected": 2}, "leave out one of the two; .* leave out exp"),
        (PLACE | {"setting": True}, "needs values"),
        (PLACE | {"examples": ["a", "a"]}, "the same twice"),
        (PLACE | {"examples": [""]}, "at least 1 character"),
        (PLACE | {"expected": 0}, "greater than or equal to 1"),
        (PLACE | {"expected": True}, "valid integer"),
    ],
)
def test_a_placeholder_that_cannot_be_is_refused(place: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        catalog(placeholders={"city": place})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prefix": None}, "add prefix"),
        ({"scrape": {"port": 80}}, "scrape is for prometheus: leave it out with input: statsd"),
        ({"ignored": []}, "ignored is for prometheus"),
        ({"input": "prometheus"}, "add scrape, with its port; prefix is for statsd"),
        ({"input": "telegraf"}, "prefix is for statsd: leave it out with input: telegraf"),
        ({"app": "a_b"}, "match pattern"),
        ({"app": "a" * 31}, "at most 30"),
        ({"metrics": []}, "at least 1 item"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        catalog(**changes)


@pytest.mark.parametrize(
    ("made", "measurement", "field", "tags"),
    [
        (catalog(METRIC | {"name": "a.<c>.b-C"}), "shop_a_b_c", "value", ("c",)),
        (catalog(METRIC | {"name": "shop_x"}), "shop_x", "value", ()),
        (catalog(METRIC | {"measurement": "other"}), "shop_other", "value", ()),
        (catalog(app="my-shop"), "my_shop_orders", "value", ()),
        (scraped(METRIC | {"name": "shop_x_total"}), "shop_x_total", "value", TARGET_LABELS),
        (
            scraped(METRIC | {"labels": {"c": None}}),
            "shop_orders",
            "value",
            ("c", "instance", "job"),
        ),
        (gathered(GAUGE | {"name": "cpu.used"}), "cpu", "used", ()),
        (catalog(TIMER), "shop_took", "mean", ()),
        (catalog(TIMER | {"fields": ["upper"]}), "shop_took", "upper", ()),
        (catalog(TIMER | {"fields": [], "percentiles": [95]}), "shop_took", "95_percentile", ()),
    ],
)
def test_a_metric_is_stored_where_its_name_says(
    made: Catalog, measurement: str, field: str, tags: tuple[str, ...]
) -> None:
    (metric,) = made.metrics
    assert made.measurement(metric) == measurement
    assert made.field(metric) == field
    assert made.field(metric) in made.fields(metric)
    assert made.tags(metric) == tags


def test_a_metric_is_found_under_the_names_that_it_had() -> None:
    formerly = [{"name": "old.<city>"}, {"name": "x", "measurement": "older"}, {"name": "orders"}]
    made = catalog(METRIC | {"formerly": formerly}, placeholders={"city": PLACE})
    assert made.measurements(made.metrics[0]) == ("shop_orders", "shop_old", "shop_older")
    assert [str(pattern) for pattern in made.patterns(made.metrics[0])] == [
        "shop.orders",
        "shop.old.<city>",
        "shop.x",
        "shop.orders",
    ]


def test_the_fields_of_a_timer_are_those_that_it_keeps() -> None:
    made = catalog(TIMER | {"fields": ["sum", "mean"], "percentiles": [50, 99.9]})
    assert made.fields(made.metrics[0]) == ("sum", "mean", "50_percentile", "99.9_percentile")
    every = catalog(TIMER)
    assert len(every.fields(every.metrics[0])) == len(TimerField) + 3


@pytest.mark.parametrize(
    ("value", "name"),
    [(50, "50"), (50.0, "50"), (99.9, "99.9"), (99.99999, "99.99999"), (0.00001, "1e-05")],
)
def test_percentiles_are_called_as_telegraf_calls_them(value: float, name: str) -> None:
    assert percentile(value) == f"{name}_percentile"


def test_settings_are_variables_of_the_site_and_fixed_in_patterns() -> None:
    made = catalog(
        METRIC | {"name": "<city>.orders"},
        app="my-shop",
        prefix="<prefix>.<hostname>",
        placeholders={
            "prefix": SETTING | {"values": ["a", "b.c"]},
            "hostname": DOTTED,
            "city": CLOSED,
        },
    )
    assert made.settings == {"my_shop_prefix": "prefix"}
    metric = made.metrics[0]
    assert [p.shapes(1) for p in made.patterns(metric)] == [("a.~.~.orders",), ("b.c.~.~.orders",)]
    assert made.tags(metric) == ("prefix", "hostname", "city")
    changed = made.with_settings({"prefix": ["z"]})
    assert [p.match("z.h.i.rome.orders") for p in changed.patterns(metric)] == [
        {"prefix": "z", "hostname": "h.i", "city": "rome"}
    ]
    assert made.setting_values == (("prefix", ("a", "b.c")),)


def test_counters_of_statsd_alone_are_not_cumulative() -> None:
    assert [made.cumulative for made in (catalog(), scraped(), gathered())] == [False, True, True]


def test_timers_are_called_timing_in_telegraf() -> None:
    assert [kind.telegraf for kind in MetricType] == ["counter", "gauge", "timing", "set"]


def test_samples_are_those_of_the_metric_where_it_has_some_only() -> None:
    labels = {"city": ["rome"], "town": None}
    made = scraped(METRIC | {"labels": labels}, placeholders={"city": CLOSED, "town": PLACE})
    assert made.samples(made.metrics[0], "city") == ("rome",)
    assert made.samples(made.metrics[0], "town") == ("x",)


def test_what_a_metric_is_a_signal_of_follows_from_its_type_and_its_condition() -> None:
    def says(**changes: object) -> Signal:
        (metric,) = catalog(METRIC | changes).metrics
        return metric.says

    bad = {"severity": "info", "advice": "Look."}
    assert says() is Signal.TRAFFIC
    assert says(condition={"above": 0, **bad}) is Signal.ERRORS
    assert says(condition={"below": 1, **bad}) is Signal.TRAFFIC
    assert says(condition={"silent": "5m", **bad}, always=True) is Signal.TRAFFIC
    assert says(type="gauge") is Signal.SATURATION
    assert says(type="timer", unit="seconds") is Signal.LATENCY
    assert says(signal="detail") is Signal.DETAIL
