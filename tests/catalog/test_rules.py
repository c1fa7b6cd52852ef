"""Each rule finds what it is for, and nothing else does; the case beside it passes."""

from __future__ import annotations

import pytest

from provision.catalog.model import Catalog
from tests.catalog.builders import (
    BUSY,
    GAUGE,
    METRIC,
    OTHER,
    PLACE,
    SETTING,
    TIMER,
    above,
    assert_only,
    below,
    catalog,
    gathered,
    scraped,
    silent,
    with_place,
)

UP = silent("5m", always=True)
# Rule, what breaks it and no other, what it says, and what does not break it.
CASES: list[tuple[str, Catalog, str, Catalog]] = [
    ("bucket-form", catalog(prefix="shop..x"), "segment ''", catalog(prefix="shop.x")),
    (
        "bucket-form",
        catalog(METRIC | {"name": "or ders"}),
        "segment 'or ders'",
        catalog(METRIC | {"name": "or-ders"}),
    ),
    (
        "bucket-form",
        catalog(METRIC | {"formerly": [{"name": "x."}]}),
        "segment ''",
        catalog(METRIC | {"formerly": [{"name": "x"}]}),
    ),
    (
        "prometheus-name",
        scraped(METRIC | {"name": "shop.orders"}),
        "not the name of a Prometheus metric",
        scraped(METRIC),
    ),
    (
        "telegraf-name",
        gathered(GAUGE | {"name": "cpu"}),
        "not measurement.field",
        gathered(GAUGE | {"name": "cpu.used"}),
    ),
    (
        "telegraf-name",
        gathered(GAUGE | {"name": "nstat.3UdpErrors"}),
        "not measurement.field",
        gathered(GAUGE | {"name": "nstat.UdpErrors"}),
    ),
    (
        "telegraf-name",
        gathered(GAUGE | {"name": "cpu.used", "measurement": "x"}),
        "leave out measurement",
        gathered(GAUGE | {"name": "cpu.used"}),
    ),
    ("app-reserved", catalog(app="provision"), "is taken", catalog(app="provisions")),
    (
        "variable-reserved",
        catalog(app="telegraf", prefix="<interval>", placeholders={"interval": SETTING}),
        "telegraf_interval, which has a meaning already",
        with_place("<city>", SETTING, app="telegraf"),
    ),
    (
        "variable-reserved",
        with_place("<city>", SETTING, app="ansible"),
        "ansible_city",
        with_place("<city>", SETTING, app="possible"),
    ),
    (
        "name-fixed",
        catalog(METRIC | {"name": "<city>"}, placeholders={"city": PLACE}),
        "at least one fixed segment",
        catalog(BUSY, placeholders={"city": PLACE}),
    ),
    (
        "name-fixed",
        catalog(METRIC | {"formerly": [{"name": "--"}]}),
        "at least one fixed segment",
        catalog(METRIC | {"formerly": [{"name": "--a"}]}),
    ),
    (
        "name-prefix",
        catalog(METRIC | {"name": "shop.orders"}),
        "the bucket is shop.shop.orders: leave the prefix out of the name",
        # In the past it may have been so.
        catalog(METRIC | {"formerly": [{"name": "shop.orders", "measurement": "was"}]}),
    ),
    (
        "name-prefix",
        with_place("shop.<city>.eu", PLACE, METRIC | {"name": "shop.eu.orders"}),
        "the bucket is shop.<city>.eu.shop.eu.orders",
        with_place("shop.<city>.eu", PLACE, METRIC | {"name": "shop.orders"}),
    ),
    (
        "name-prefix",
        catalog(METRIC | {"name": "shop.shop"}),
        "the bucket is shop.shop.shop",
        catalog(METRIC | {"name": "shop"}, METRIC | {"name": "shopping.orders"}),
    ),
    (
        "name-prefix",
        catalog(METRIC | {"name": "shop.orders"}),
        "leave the prefix out",
        with_place("<city>", SETTING, METRIC | {"name": "shop.orders"}),
    ),
    (
        "metric-once",
        catalog(METRIC, METRIC | {"measurement": "others"}),
        "documented twice",
        catalog(METRIC, GAUGE | {"measurement": "others"}),
    ),
    (
        "metric-once",
        scraped(METRIC, GAUGE | {"measurement": "others"}),
        "documented twice",
        scraped(METRIC, OTHER),
    ),
    (
        "measurement-once",
        catalog(METRIC, GAUGE),
        "measurement shop_orders is that of metrics[0] as well",
        catalog(METRIC, GAUGE | {"measurement": "level"}),
    ),
    (
        "measurement-once",
        catalog(METRIC, OTHER | {"formerly": [{"name": "old", "measurement": "orders"}]}),
        "measurement shop_orders is that of metrics[0] as well",
        catalog(METRIC, OTHER | {"formerly": [{"name": "old"}]}),
    ),
    (
        "measurement-reserved",
        gathered(GAUGE | {"name": "undocumented.value"}),
        "undocumented is provision's own",
        gathered(GAUGE | {"name": "documented.value"}),
    ),
    (
        "measurement-reserved",
        catalog(prefix="provision"),
        "provision.orders is provision's own",
        catalog(prefix="provisioned"),
    ),
    (
        "type-input",
        scraped(METRIC | {"type": "set"}),
        "there is no set with prometheus",
        catalog(METRIC | {"type": "set"}),
    ),
    (
        "type-input",
        gathered(TIMER | {"name": "watch.took"}),
        "there is no timer with telegraf",
        scraped(TIMER | {"name": "took_seconds"}),
    ),
    (
        "histogram-parts",
        scraped(TIMER | {"name": "took_seconds_sum"}),
        "the timer is took_seconds: its sum and count are in that",
        scraped(METRIC | {"name": "took_seconds_sum", "unit": "seconds"}),
    ),
    (
        "histogram-parts",
        scraped(TIMER | {"name": "took_seconds"}, METRIC | {"name": "took_seconds_count"}),
        "the timer is took_seconds: its sum and count are in that",
        scraped(TIMER | {"name": "took_seconds"}, METRIC | {"name": "took_count"}),
    ),
    (
        "histogram-parts",
        scraped(
            TIMER | {"name": "took_seconds", "formerly": [{"name": "lasted"}]},
            METRIC | {"name": "lasted_count"},
        ),
        "the timer is lasted: its sum and count are in that",
        scraped(
            TIMER | {"name": "took_seconds", "formerly": [{"name": "lasted"}]},
            METRIC | {"name": "took_count"},
        ),
    ),
    (
        "histogram-parts",
        scraped(TIMER | {"name": "took_seconds", "formerly": [{"name": "took_seconds_sum"}]}),
        "the timer is took_seconds: its sum and count are in that",
        scraped(TIMER | {"name": "took_seconds", "formerly": [{"name": "took"}]}),
    ),
    (
        "histogram-parts",
        scraped(TIMER | {"name": "took_seconds", "percentiles": [95]}),
        "the sum and the count are kept: leave out percentiles",
        catalog(TIMER | {"percentiles": [95]}),
    ),
    (
        "histogram-parts",
        scraped(TIMER | {"name": "took_seconds", "fields": ["sum"]}),
        "the sum and the count are kept: leave out fields",
        scraped(TIMER | {"name": "took_seconds", "fields": ["count", "sum"]}),
    ),
    (
        "histogram-parts",
        scraped(METRIC | {"name": "took_seconds_bucket", "unit": "seconds"}),
        "document took_seconds with type: timer, which has its sum and its count",
        scraped(TIMER | {"name": "took_seconds"}),
    ),
    (
        "histogram-parts",
        scraped(METRIC | {"name": "took_seconds_bucket"}),
        "document took_seconds_sum and took_seconds_count as counters",
        scraped(METRIC | {"name": "took_seconds_count"}),
    ),
    (
        "histogram-parts",
        scraped(METRIC | {"labels": {"quantile": None}}, placeholders={"quantile": PLACE}),
        "buckets and quantiles are not kept",
        scraped(METRIC | {"labels": {"part": None}}, placeholders={"part": PLACE}),
    ),
    (
        "type-unit",
        catalog(METRIC | {"unit": "seconds"}),
        "a counter counts",
        scraped(METRIC | {"unit": "seconds"}),
    ),
    ("type-unit", catalog(TIMER | {"unit": "bytes"}), "a timer measures", catalog(TIMER)),
    (
        "type-unit",
        scraped(TIMER | {"name": "size_bytes", "unit": "bytes"}),
        "a timer measures time: bytes: document size_bytes_sum and size_bytes_count as counters",
        scraped(METRIC | {"name": "size_bytes_sum", "unit": "bytes"}),
    ),
    (
        "type-unit",
        catalog(METRIC | {"type": "set", "unit": "bytes"}),
        "a set counts",
        catalog(METRIC | {"type": "set"}),
    ),
    (
        "condition-reachable",
        catalog(above(100, type="gauge", unit="percent")),
        "percent is never above 100",
        catalog(above(99, type="gauge", unit="percent")),
    ),
    (
        "condition-reachable",
        catalog(below(0)),
        "a counter is never below 0",
        catalog(below(0, type="gauge")),
    ),
    (
        "condition-reachable",
        catalog(above(-1)),
        "a counter is always above -1",
        catalog(above(-1, type="gauge")),
    ),
    (
        "condition-reachable",
        catalog(below(2, type="gauge", unit="ratio")),
        "ratio is always below 2",
        catalog(below(1, type="gauge", unit="ratio")),
    ),
    ("silence-told", gathered(silent("5m")), "sent: add always: true, where", gathered(UP)),
    (
        "silence-told",
        catalog(silent("5m", always=True, type="gauge", name="up")),
        "repeats a gauge of statsd after its application fell silent: "
        "put it on a counter or a timer that is `always` sent",
        catalog(silent("5m", always=True, type="counter", name="up")),
    ),
    (
        "silence-told",
        # That it is not always sent is no matter: it would be the wrong thing to mend.
        catalog(silent("5m", type="gauge", name="up")),
        "repeats a gauge of statsd",
        catalog(silent("5m", always=True, type="timer", unit="seconds", name="up")),
    ),
    ("silence-told", gathered(silent("59s", always=True)), "between 1m and 12h", gathered(UP)),
    ("silence-told", gathered(silent("13h", always=True)), "between 1m and 12h", gathered(UP)),
    (
        "family-alike",
        catalog(above(5, family="Trade")),
        "a panel of its own",
        catalog(METRIC | {"family": "Trade"}),
    ),
    (
        "family-alike",
        catalog(
            GAUGE | {"family": "T", "together": "max"}, OTHER | {"type": "gauge", "family": "T"}
        ),
        "its together is not said, that of metrics[0] is max",
        catalog(GAUGE | {"family": "T"}, OTHER | {"type": "gauge", "family": "T"}),
    ),
    *(
        (
            "family-alike",
            catalog(METRIC | {"family": "Trade"}, OTHER | {"family": "Trade"} | change),
            f"its {key} is",
            catalog(METRIC | {"family": "Trade"}, OTHER | {"family": "Trade"}),
        )
        for key, change in (
            ("unit", {"unit": "bytes"}),
            ("signal", {"signal": "errors"}),
            ("type", {"type": "gauge", "signal": "traffic"}),
        )
    ),
    (
        "deprecated-expected",
        catalog(METRIC | {"deprecated": "Use returns.", "always": True}),
        "leave out always",
        catalog(METRIC | {"deprecated": "Use returns."}),
    ),
    (
        "ignored-documented",
        scraped(METRIC, ignored=[{"name": "ord*", "reason": "x"}]),
        "ord* is orders as well",
        scraped(METRIC, ignored=[{"name": "*_orders", "reason": "x"}]),
    ),
]


@pytest.mark.parametrize(
    ("rule", "broken", "message", "good"), CASES, ids=[rule for rule, *_ in CASES]
)
def test_each_rule_finds_what_it_is_for_and_nothing_else_does(
    rule: str, broken: Catalog, message: str, good: Catalog
) -> None:
    assert_only(rule, broken, message, good)
