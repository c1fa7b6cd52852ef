"""The InfluxQL of alert rules: one number for each series, to be held against a bound.

No template variable can stand in it; `$timeFilter` is Grafana's (Grafana documentation, InfluxDB
query editor). What must be known of the last minutes is asked with InfluxDB's own now(), so that a
query can also look further back, for the series that there were: a union of two subqueries then
gives each of them its value of the last minutes, or zero. Nothing depends on where an interval of
GROUP BY time() begins.
"""

from __future__ import annotations

from provision.catalog.model import Catalog, Input, Metric, MetricType
from provision.dashboards.influxql import identifier
from provision.dashboards.queries import REMEMBERED, WINDOW, asked_of, or_zero, worst

# How long a series is remembered of which nothing comes, until its alert is seen to be over; where
# silence is the fault it is remembered for longer.
UNTIL_OVER = 3600
# Of how many intervals of Telegraf one may fail without anything being missed.
INTERVALS = 3


def chain(catalog: Catalog, metric: Metric, silent: int | None, interval: int) -> tuple[str, int]:
    """The query of a metric's condition, and how far back its `$timeFilter` looks, in seconds.

    silent is the condition's silence, or None where a value is compared; interval is Telegraf's.
    """
    window = max(silent or WINDOW, INTERVALS * interval)
    # What comes under a former name is stored under the new one, and of two measurements Grafana
    # would get two series with the same labels, which it refuses.
    metric = metric.model_copy(update={"formerly": ()})
    field, seen = identifier(catalog.field(metric)), "$timeFilter"
    if silent is not None:
        source = identifier(catalog.measurement(metric))
        asked = or_zero(f"count({field})", field, source, ("host",), window, seen)
        return asked, REMEMBERED
    if metric.type is MetricType.COUNTER and catalog.input is Input.STATSD:
        about = asked_of(catalog, metric)
        below = metric.condition is not None and metric.condition.below is not None
        remembered = REMEMBERED if below else max(UNTIL_OVER, 2 * window)
        asked = or_zero(f"sum({field})", field, about.source, about.by, window, seen)
        return asked, remembered
    return worst(catalog, metric, seen), window
