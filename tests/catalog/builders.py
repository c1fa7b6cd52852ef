"""Small catalogs for tests, right but for what a test makes wrong."""

from __future__ import annotations

from typing import Any

from provision.catalog.lint import lint
from provision.catalog.model import Catalog

METRIC: dict[str, Any] = {
    "name": "orders",
    "type": "counter",
    "unit": "count",
    "title": "Orders",
    "description": "An order.",
}
GAUGE = METRIC | {"type": "gauge"}
PLACE: dict[str, Any] = {"description": "a place", "examples": ["x"], "expected": 1}
CLOSED = {"description": "a place", "values": ["bonn", "rome"]}
DOTTED = PLACE | {"dotted": True}
SETTING = {"description": "a prefix", "values": ["shop"], "setting": True}


def catalog(*metrics: dict[str, Any], **changes: Any) -> Catalog:
    """A statsd catalog with one metric, or these."""
    base: dict[str, Any] = {
        "app": "shop",
        "title": "Shop",
        "description": "Sells.",
        "source": "handbook",
        "prefix": "shop",
        "metrics": list(metrics or (METRIC,)),
    }
    return Catalog.model_validate(base | changes)


def scraped(*metrics: dict[str, Any], **changes: Any) -> Catalog:
    """A Prometheus catalog with these metrics."""
    base = catalog(*metrics).model_dump(mode="json", exclude_unset=True)
    del base["prefix"]
    return Catalog.model_validate(base | {"input": "prometheus", "scrape": {"port": 1}} | changes)


def gathered(*metrics: dict[str, Any], **changes: Any) -> Catalog:
    """A catalog of Telegraf's own plugins."""
    base = catalog(*metrics).model_dump(mode="json", exclude_unset=True)
    del base["prefix"]
    return Catalog.model_validate(base | {"input": "telegraf"} | changes)


def with_place(text: str, place: dict[str, Any], *metrics: dict[str, Any], **more: Any) -> Catalog:
    """A catalog whose prefix has the placeholder <city>."""
    return catalog(*metrics, prefix=text, placeholders={"city": place}, **more)


def assert_only(rule: str, broken: Catalog, message: str, good: Catalog) -> None:
    """A rule finds what it is for, nothing else does, and a good catalog has no findings."""
    found = lint(broken)
    assert {finding.rule for finding in found} == {rule}
    assert message in found[0].message
    assert lint(good) == []


def above(bound: float, **metric: Any) -> dict[str, Any]:
    """A metric with a condition."""
    condition = {"above": bound, "severity": "info", "advice": "Look."}
    return METRIC | {"condition": condition} | metric


def below(bound: float, **metric: Any) -> dict[str, Any]:
    """A metric with a condition of the other kind."""
    condition = {"below": bound, "severity": "info", "advice": "Look."}
    return METRIC | {"condition": condition} | metric


def silent(duration: str, **metric: Any) -> dict[str, Any]:
    """A metric of a plugin that worries when it is silent."""
    condition = {"silent": duration, "severity": "info", "advice": "Look."}
    return METRIC | {"name": "system.uptime", "type": "gauge", "condition": condition} | metric


OTHER = METRIC | {"name": "returns"}
TIMER = METRIC | {"name": "took", "type": "timer", "unit": "milliseconds"}
BUSY = METRIC | {"name": "<city>.orders"}
