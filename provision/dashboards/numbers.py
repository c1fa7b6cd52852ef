"""The number of a metric: what it is now, coloured as its alert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from provision.catalog.model import Catalog, Input, Metric, MetricType, Severity, Together
from provision.catalog.units import Unit, grafana_unit
from provision.dashboards.layout import identity
from provision.dashboards.model import NUMBER, OK, Kind, Link, Panel, Query, Step
from provision.dashboards.panels import (
    COLOURS,
    WORDS,
    dashboard_uid,
    describe,
    function,
    graph_id,
    plain,
    silent,
    steps,
)
from provision.dashboards.queries import now, reports
from provision.values import seconds

# A table with a row for each series, and its last value.
SERIES_TO_ROWS: Mapping[str, Any] = {
    "id": "reduce",
    "options": {"reducers": ["lastNotNull"], "mode": "seriesToRows"},
}


def number(catalog: Catalog, metric: Metric, chosen: Sequence[str]) -> Panel:
    """What a metric is now, as one number over all series: the worst, where it has a condition."""
    if silent(metric):
        return silent_hosts(catalog, metric)
    counter = metric.type is MetricType.COUNTER
    # Each measurement gives a series, and under former names there are several.
    renamed = len(catalog.measurements(metric)) > 1
    return Panel(
        id=identity("now", metric.name, metric.type),
        kind=Kind.STAT,
        size=NUMBER,
        title=metric.title,
        description=f"{_number_is(catalog, metric)}\n\n{describe(catalog, metric)}",
        unit=grafana_unit(metric.unit),
        queries=(Query("A", now(catalog, metric, _over(metric), chosen), metric.title),),
        metrics=(metric,),
        steps=steps(metric),
        # Where no event came, there were none.
        nothing="0" if counter and catalog.input is Input.STATSD else None,
        calculation=function(metric) if renamed else "lastNotNull",
        transformations=(SERIES_TO_ROWS,) if renamed else (),
        links=(_to_graph(catalog, metric),),
    )


def silent_hosts(catalog: Catalog, metric: Metric) -> Panel:
    """How many of the hosts that were seen in the last day say nothing now.

    The series of all hosts become rows, those that still report are left out, the rest is counted.
    """
    window = round(seconds(silent(metric) or "0s"))
    last = "Last *"
    return Panel(
        id=identity("silent", metric.name),
        kind=Kind.STAT,
        size=NUMBER,
        title="Silent hosts",
        description=f"Hosts of the last day from which nothing came in the last {silent(metric)}."
        f"\n\n{describe(catalog, metric)}",
        unit=grafana_unit(Unit.COUNT),
        queries=(Query("A", reports(catalog, metric, window), "$tag_host"),),
        metrics=(metric,),
        steps=(Step(OK), Step(COLOURS[Severity.CRITICAL], 1)),
        nothing="0",
        calculation="count",
        transformations=(
            SERIES_TO_ROWS,
            {
                "id": "filterByValue",
                "options": {
                    "type": "include",
                    "match": "all",
                    "filters": [
                        {"fieldName": last, "config": {"id": "lower", "options": {"value": 1}}}
                    ],
                },
            },
        ),
        links=(_to_graph(catalog, metric),),
    )


def _over(metric: Metric) -> Together:
    """What becomes of all series in a number: of times that nobody judges, the mean of all."""
    return Together.MEAN if metric.has_mean and not metric.condition else function(metric)


def _number_is(catalog: Catalog, metric: Metric) -> str:
    """What the one number is."""
    what = "Last value"
    if metric.type is MetricType.COUNTER:
        what = "Increase in the last 5 minutes"
    elif metric.has_mean:
        what = "Mean of the last 5 minutes"
    over = _over(metric)
    # A timer's mean is of all its events already.
    if over is Together.SUM or (metric.type is MetricType.TIMER and over is Together.MEAN):
        return f"{what}, all series together."
    return f"{what}, the {WORDS[over]} of all series."


def _to_graph(catalog: Catalog, metric: Metric) -> Link:
    return Link(
        f"Graph of {plain(metric.family or metric.title)}",
        f"/d/{dashboard_uid(catalog)}?${{__url_time_range}}&${{__all_variables}}"
        f"&viewPanel={graph_id(metric)}",
    )
