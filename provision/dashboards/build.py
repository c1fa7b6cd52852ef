"""One dashboard for each catalog, laid out the same way on every application.

First what is so now, in the colours of the alerts; then rate and errors, durations, saturation; at
the end, collapsed, what explains them. Source: Grafana documentation, Dashboard JSON model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provision.catalog.model import Catalog, Input, Metric, MetricType, Signal
from provision.catalog.units import Unit
from provision.dashboards.graphs import events, graph
from provision.dashboards.layout import Heading, lay_out
from provision.dashboards.model import Dashboard, Kind, Variable
from provision.dashboards.numbers import number
from provision.dashboards.panels import dashboard_uid
from provision.dashboards.queries import asked_of, counted
from provision.dashboards.variables import group_tags, tag_values, totals_query, variable_tags

TAG = "provision"
# How many numbers a dashboard begins with, where fewer metrics are watched.
_NUMBERS = 6
_ROWS: tuple[tuple[str, tuple[Signal, ...], bool], ...] = (
    ("Rate and errors", (Signal.TRAFFIC, Signal.ERRORS), False),
    ("Duration", (Signal.LATENCY,), False),
    ("Saturation", (Signal.SATURATION,), False),
    ("Details", (Signal.DETAIL,), True),
)


def build_dashboard(catalog: Catalog, extra: Sequence[Heading] = ()) -> Dashboard:
    """The dashboard of an application; extra are rows that come after the first."""
    numbers = [
        number(catalog, metric, asked_of(catalog, metric).chosen) for metric in summary(catalog)
    ]
    headings = [Heading("Now", numbers), *extra]
    for title, signals, collapsed in _ROWS:
        found = [
            graph(catalog, family)
            for signal in signals
            for family in families(m for m in catalog.metrics if m.says is signal)
        ]
        found += [
            events(catalog, metric)
            for metric in catalog.metrics
            if counted(catalog, metric) and _of_events(metric) in signals
        ]
        headings.append(Heading(title, found, collapsed))
    return Dashboard(
        uid=dashboard_uid(catalog),
        title=catalog.title,
        description=catalog.description,
        tags=(TAG, catalog.app),
        deploys=("deploy", catalog.app),
        variables=build_variables(catalog),
        rows=lay_out(headings),
        groups=group_tags(catalog),
        totals_query=totals_query(catalog),
    )


def families(metrics: Iterable[Metric]) -> list[tuple[Metric, ...]]:
    """The metrics that share a graph, in their order."""
    found: dict[tuple[str, ...], list[Metric]] = {}
    for metric in metrics:
        key = ("family", metric.family) if metric.family else ("", metric.name, metric.type.value)
        found.setdefault(key, []).append(metric)
    return [tuple(each) for each in found.values()]


def summary(catalog: Catalog) -> tuple[Metric, ...]:
    """The metrics whose numbers a dashboard begins with.

    All that are watched, and where they are few, what else says most: levels, traffic, durations.
    """
    watched = [metric for metric in catalog.metrics if metric.condition]
    if catalog.input is Input.TELEGRAF:
        return tuple(watched)
    telling = sorted(
        (metric for metric in catalog.metrics if not metric.condition and _telling(metric)),
        key=lambda metric: (
            metric.type is not MetricType.GAUGE,
            metric.type is MetricType.TIMER,
        ),
    )
    return (*watched, *telling[: max(_NUMBERS - len(watched), 0)])


def _telling(metric: Metric) -> bool:
    """Whether one number for all series says something."""
    if metric.says is Signal.DETAIL or metric.unit not in {Unit.COUNT, Unit.BYTES, Unit.BITS}:
        return metric.says is Signal.LATENCY
    return metric.says in {Signal.TRAFFIC, Signal.SATURATION}


def build_variables(catalog: Catalog) -> tuple[Variable, ...]:
    """Chained choices: the host, then each placeholder of the catalog in its order."""
    variables: list[Variable] = []
    prefix = catalog.prefix or ""
    for name in ("host", *variable_tags(catalog)):
        # Every series has a host and what stands in the prefix; a rarer tag narrows nothing else.
        chained = [v.name for v in variables if v.name == "host" or f"<{v.name}>" in prefix]
        label = "Host" if name == "host" else name.replace("_", " ").capitalize()
        variables.append(Variable(name, label, tag_values(catalog, name, chained)))
    return tuple(variables)


def graph_ids(dashboard: Dashboard) -> dict[tuple[str, MetricType], int]:
    """The ids of the graphs that metrics are on, in their application's dashboard."""
    return {
        (metric.name, metric.type): panel.id
        for panel in dashboard.panels
        if panel.kind is Kind.GRAPH
        for metric in panel.metrics
    }


def _of_events(metric: Metric) -> Signal:
    """What the number of a timer's events says: that of requests is how many came."""
    return Signal.TRAFFIC if metric.says is Signal.LATENCY else metric.says
