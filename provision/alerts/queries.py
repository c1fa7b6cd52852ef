"""The InfluxQL of alert rules: one number for each series, to be held against a bound.

No template variable can stand in it; `$timeFilter` is Grafana's (Grafana documentation, InfluxDB
query editor). What must be known of the last minutes is asked with InfluxDB's own now(), so that a
query can also look further back, for the series that there were: a union of two subqueries then
gives each of them its value of the last minutes, or zero. Nothing depends on where an interval of
GROUP BY time() begins.
"""

from __future__ import annotations

from collections.abc import Sequence

from provision.catalog.model import Catalog, Input, Metric, MetricType
from provision.dashboards.queries import WINDOW, asked_of, identifier, judged

# How long a series is remembered of which nothing comes: until its alert is seen to be over, and
# where silence is the fault, until a host is taken for gone.
REMEMBERED, REMEMBERED_SILENT = 3600, 86_400
# Of how many intervals of Telegraf one may fail without anything being missed.
INTERVALS = 3


def chain(catalog: Catalog, metric: Metric, silent: int | None, interval: int) -> tuple[str, int]:
    """The query of a metric's condition, and how far back its `$timeFilter` looks, in seconds.

    silent is the condition's silence, or None where a value is compared; interval is Telegraf's.
    """
    window = max(silent or WINDOW, INTERVALS * interval)
    asked = asked_of(catalog, metric)
    field = identifier(catalog.field(metric))
    if silent is not None:
        by = _groups(("host",))
        return _union(f"count({field})", field, asked.source, by, window), REMEMBERED_SILENT
    if metric.type is MetricType.COUNTER and catalog.input is Input.STATSD:
        below = metric.condition is not None and metric.condition.below is not None
        remembered = REMEMBERED_SILENT if below else max(REMEMBERED, 2 * window)
        by = _groups(asked.by)
        return _union(f"sum({field})", field, asked.source, by, window), remembered
    return judged(catalog, metric, "$timeFilter"), window


def _union(asked: str, field: str, source: str, by: str, window: int) -> str:
    """What is asked of the last seconds, and zero for each series that was seen before."""
    return (
        f'SELECT sum("value") FROM (SELECT last({field}) * 0.0 AS "value" FROM {source} '
        f'WHERE $timeFilter {by}), (SELECT {asked} * 1.0 AS "value" FROM {source} '
        f"WHERE time > now() - {window}s {by}) WHERE $timeFilter {by}"
    )


def _groups(tags: Sequence[str]) -> str:
    return f"GROUP BY {', '.join(map(identifier, tags))}"
