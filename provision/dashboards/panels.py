"""What all panels of a metric have in common: what it is called, means, and its alert's colours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from provision.catalog.model import Catalog, Input, Metric, MetricType, Severity, Together
from provision.catalog.reference import worry
from provision.catalog.units import TIMES, Unit
from provision.dashboards.layout import identity
from provision.dashboards.model import NEUTRAL, OK, Step

COLOURS = {Severity.INFO: "blue", Severity.WARNING: "orange", Severity.CRITICAL: "red"}
# A threshold counts from its value on, a condition above it: nothing that counts is in between.
JUST_ABOVE = 1e-6
WORDS = {
    Together.SUM: "sum",
    Together.MAX: "highest",
    Together.MIN: "lowest",
    Together.MEAN: "mean",
}
MOST = {Unit.PERCENT: 100.0, Unit.RATIO: 1.0}


def silent(metric: Metric) -> str | None:
    """How long nothing may come of a metric, where its condition is about that."""
    return metric.condition.silent if metric.condition else None


def graph_id(metric: Metric) -> int:
    """The id that the graph of a metric has, if no other has it before."""
    return identity("graph", metric.family or f"{metric.name} {metric.type}")


def function(metric: Metric) -> Together:
    """How the series of a metric become one number: the worst of them, where it has a bound."""
    worst = metric.condition.worst if metric.condition else None
    return worst or together(metric)


def together(metric: Metric) -> Together:
    """What several series are in one line, as the catalog has it."""
    if metric.together:
        return metric.together
    if metric.condition and metric.condition.worst:
        return metric.condition.worst
    # Shares and times of several series have no sum; what a counter counted has one.
    level = metric.type is not MetricType.COUNTER
    shares = metric.unit in MOST or (level and metric.unit in TIMES)
    return Together.MAX if shares else Together.SUM


def steps(metric: Metric, scale: float = 1) -> tuple[Step, ...]:
    """The colours of a metric's condition: green is fine, the severity's own colour is not.

    scale is what one of the condition's numbers is on the panel.
    """
    condition = metric.condition
    if condition is None or condition.bound is None:
        return (Step(NEUTRAL),)
    bad, bound = COLOURS[condition.severity], condition.bound * scale
    if condition.above is None:
        return Step(bad), Step(OK, bound)
    return Step(OK), Step(bad, bound + JUST_ABOVE * max(abs(bound), 1))


def override(by: str, option: str, *properties: tuple[str, Any]) -> Mapping[str, Any]:
    """What is otherwise for the fields that one of Grafana's matchers finds, as it writes it."""
    return {
        "matcher": {"id": by, "options": option},
        "properties": [{"id": name, "value": value} for name, value in properties],
    }


def reference(index: int) -> str:
    """The refId of a query: A to Z, then A1 and so on."""
    round_, letter = divmod(index, 26)
    return chr(ord("A") + letter) + (str(round_) if round_ else "")


def dashboard_uid(catalog: Catalog) -> str:
    """The uid of an application's dashboard; Grafana takes 40 characters."""
    return f"provision-{catalog.app}"[:40]


def describe(catalog: Catalog, metric: Metric) -> str:
    """What a panel says of its metric: meaning, bucket as documented, type, when to worry."""
    kind = {Input.STATSD: "Bucket", Input.PROMETHEUS: "Metric", Input.TELEGRAF: "Field"}
    name = f"{kind[catalog.input]}: `{catalog.bucket(metric)}` ({metric.type})."
    parts = [metric.description, name]
    if metric.deprecated:
        parts.append(f"Deprecated: {metric.deprecated}")
    if condition := metric.condition:
        when = worry(catalog, metric, condition)
        parts.append(f"To worry about ({condition.severity}) when {when}. {condition.advice}")
    return "\n\n".join(parts)


def plain(text: str) -> str:
    """A name of series in which Grafana finds no variable but its `$tag_…`."""
    return re.sub(r"\$(?!tag_)|\[\[", " ", text)
