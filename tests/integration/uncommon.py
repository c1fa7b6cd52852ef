"""Catalogs with what no built-in one has.

Former names, conditions of the other kind, timers of which less is kept, histograms, counts of
time, and a silence that is no part of a day.
"""

from __future__ import annotations

from typing import Any

from provision.catalog.model import Catalog
from tests.catalog.builders import METRIC, above, below, catalog, gathered, scraped

PLACES = {"description": "a place", "examples": ["bonn"], "expected": 2}
KINDS = {"description": "a kind", "values": ["big", "small", "other"]}
TIMER = METRIC | {"type": "timer", "unit": "milliseconds"}
TOOK = METRIC | {"type": "timer", "unit": "seconds"}
GAUGE = METRIC | {"type": "gauge"}


def titled(*metrics: dict[str, Any]) -> list[dict[str, Any]]:
    return [metric | {"title": f"T {index}"} for index, metric in enumerate(metrics)]


def former(name: str, **more: str) -> dict[str, Any]:
    return {"formerly": [{"name": name, **more}]}


# A day is no whole number of these.
SILENT = {"silent": "7m", "severity": "info", "advice": "Look."}
ZOO = catalog(
    *titled(
        above(0, name="<kind>.orders", **former("older.<kind>.orders")),
        below(5, name="returns"),
        GAUGE | {"name": "level.<kind>", **former("depth.<kind>", measurement="was_depth")},
        above(5, type="gauge", name="most", **former("was.most")),
        below(5, type="gauge", name="least"),
        GAUGE | {"name": "share", "unit": "ratio"},
        GAUGE | {"name": "speed.<kind>", "together": "mean", **former("pace.<kind>")},
        GAUGE | {"name": "heat.<kind>", "together": "max"},
        above(5, type="gauge", name="weight.<kind>", together="min"),
        METRIC | {"type": "set", "name": "users", **former("people")},
        above(5, **TIMER | {"name": "took", **former("lasted")}),
        above(5, **TIMER | {"name": "brief", "fields": ["mean"], "percentiles": []}),
        TIMER | {"name": "tail", "fields": ["lower"], "percentiles": [99.9, 5]},
        TIMER | {"name": "both", "fields": ["sum", "count"], "percentiles": []},
        GAUGE | {"name": "beat", "always": True, "condition": SILENT, **former("pulse")},
    ),
    app="zoo",
    prefix="zoo.<place>",
    placeholders={"place": PLACES, "kind": KINDS},
)
FARM = scraped(
    *titled(
        METRIC | {"name": "farm_eggs_total", "labels": {"kind": None}, **former("farm_egg_total")},
        above(3, name="farm_broken_total"),
        below(3, name="farm_milk_total"),
        METRIC | {"name": "farm_busy_ns_total", "unit": "nanoseconds"},
        METRIC | {"name": "farm_busy_seconds_total", "unit": "seconds"},
        TOOK | {"name": "farm_milking_seconds", "labels": {"kind": None}},
        above(3, **TOOK | {"name": "farm_feeding_seconds", **former("farm_food_seconds")}),
        below(3, name="farm_hens", type="gauge", **former("farm_chicken")),
    ),
    app="farm",
    placeholders={"kind": KINDS},
)
WATCH = gathered(GAUGE | {"name": "watch.tick", "always": True, "condition": SILENT}, app="watch")
UNCOMMON: tuple[Catalog, ...] = (ZOO, FARM, WATCH)
