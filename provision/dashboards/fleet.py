"""The dashboards of all: every host and application at a glance, and the way down from there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from provision.applications import EVERY_WORKER, INFLUXDB
from provision.catalog.model import Catalog, Metric, Severity
from provision.catalog.units import Unit, grafana_unit
from provision.dashboards.build import TAG, build_dashboard, build_variables, summary
from provision.dashboards.layout import Heading, identity, lay_out
from provision.dashboards.model import (
    HALF,
    NEUTRAL,
    NUMBER,
    WHOLE,
    Dashboard,
    Kind,
    Link,
    Panel,
    Query,
    Step,
)
from provision.dashboards.numbers import number
from provision.dashboards.panels import (
    dashboard_uid,
    function,
    override,
    reference,
    silent,
    steps,
)
from provision.dashboards.queries import asked_of, last_by_host, now, now_by_host

OVERVIEW = "overview"
HOST, PIPELINE = EVERY_WORKER
# What says at a glance whether InfluxDB takes what the pipeline brings; the rest is a click away.
_INFLUXDB_NUMBERS = (
    "storage_writer_err_points_sum",
    "storage_cache_inuse_bytes",
    "influxql_service_executing_duration_seconds_sum",
)
_CHOSEN = ("host",)


def all_dashboards(catalogs: Sequence[Catalog]) -> dict[str, Dashboard]:
    """A dashboard for each catalog, and the overview, by the names of their files."""
    known = {catalog.app: catalog for catalog in catalogs}
    hosts = known.get(HOST)
    rows = [
        *([Heading("Hosts", [last_reports(hosts)])] if hosts else []),
        *([Heading("InfluxDB", influxdb_load(known[INFLUXDB]))] if INFLUXDB in known else []),
    ]
    made = {
        app: build_dashboard(catalog, rows if app == PIPELINE else ())
        for app, catalog in known.items()
    }
    return {**made, OVERVIEW: overview(catalogs)} if made else {}


def overview(catalogs: Sequence[Catalog]) -> Dashboard:
    """Every host and application: alerts, hosts and when they reported, the numbers of each."""
    known = {catalog.app: catalog for catalog in catalogs}
    own = [known[app] for app in EVERY_WORKER if app in known]
    hosts = known.get(HOST)
    fleet = [
        *([hosts_reporting(hosts)] if hosts else []),
        *(number(each, metric, _CHOSEN) for each, metric in watched(own) if critical(metric)),
    ]
    headings = [
        Heading("Fleet", fleet),
        Heading("Alerts", [alerts(), *([last_reports(hosts)] if hosts else [])]),
        Heading("Hosts", [hosts_table(own)] if own else []),
        *(
            Heading(catalog.title, [number(catalog, m, _CHOSEN) for m in summary(catalog)])
            for catalog in catalogs
            if catalog.app not in EVERY_WORKER
        ),
    ]
    first = hosts or catalogs[0]
    return Dashboard(
        uid=f"provision-{OVERVIEW}",
        title="Fleet overview",
        description="Every host and every application at a glance, and the way to each.",
        tags=(TAG,),
        deploys=("deploy",),
        variables=build_variables(first)[:1],
        rows=lay_out(headings),
    )


def watched(catalogs: Iterable[Catalog]) -> list[tuple[Catalog, Metric]]:
    """The metrics that have a condition, with their catalogs."""
    return [(each, metric) for each in catalogs for metric in each.metrics if metric.condition]


def critical(metric: Metric) -> bool:
    """Whether somebody should look at once."""
    return metric.condition is not None and metric.condition.severity is Severity.CRITICAL


def hosts_reporting(catalog: Catalog) -> Panel:
    """How many hosts said something lately."""
    metric = _heartbeat(catalog)
    return Panel(
        id=identity("reporting"),
        kind=Kind.STAT,
        size=NUMBER,
        title="Hosts reporting",
        description="Hosts from which something came in the last 5 minutes.",
        unit=grafana_unit(Unit.COUNT),
        queries=(
            Query(
                "A",
                now(catalog, metric, "count", _CHOSEN),
                "Hosts",
            ),
        ),
        metrics=(),
        steps=(Step(NEUTRAL),),
        nothing="0",
        links=(_to(catalog),),
    )


def last_reports(catalog: Catalog) -> Panel:
    """When each host last said something, the one that is silent for longest first."""
    metric = _heartbeat(catalog)
    return Panel(
        id=identity("last reports"),
        kind=Kind.TABLE,
        size=HALF,
        title="Last report of each host",
        description="When each host was last heard of, in the time that the dashboard shows.",
        unit=grafana_unit(metric.unit),
        queries=(
            Query(
                "A",
                last_by_host(asked_of(catalog, metric), catalog.field(metric)),
                "",
                "table",
            ),
        ),
        metrics=(),
        steps=(Step(NEUTRAL),),
        overrides=(
            _override("Time", ("displayName", "Last report"), ("unit", "dateTimeFromNow")),
            _override("host", ("displayName", "Host"), ("links", [_host_link()])),
            _override(catalog.field(metric), ("displayName", metric.title)),
        ),
        transformations=({"id": "sortBy", "options": {"sort": [{"field": "Time"}]}},),
    )


def influxdb_load(catalog: Catalog) -> list[Panel]:
    """Numbers of the InfluxDB that the hosts write to, where it is watched as an application."""
    return [
        number(catalog, metric, _CHOSEN)
        for metric in catalog.metrics
        if metric.name in _INFLUXDB_NUMBERS
    ]


def hosts_table(catalogs: Sequence[Catalog]) -> Panel:
    """A line for each host: the worst of what is watched on it, in the alerts' colours."""
    columns = [
        (catalog, metric)
        for catalog, metric in watched(catalogs)
        if catalog.app == HOST or critical(metric)
    ]
    return Panel(
        id=identity("hosts"),
        kind=Kind.TABLE,
        size=WHOLE,
        title="Hosts",
        description="The last 5 minutes of each host: the worst of its series.",
        unit=grafana_unit(Unit.COUNT),
        queries=tuple(
            Query(reference(index), _worst_by_host(catalog, metric, index), "", "table")
            for index, (catalog, metric) in enumerate(columns)
        ),
        metrics=(),
        steps=(Step(NEUTRAL),),
        overrides=(
            _override(
                "host",
                ("displayName", "Host"),
                ("links", [_host_link()]),
                ("custom.minWidth", 180),
            ),
            *(_column(metric, index) for index, (_, metric) in enumerate(columns)),
        ),
        transformations=(
            {"id": "filterFieldsByName", "options": {"include": {"pattern": "^(?![Tt]ime$).*"}}},
            {"id": "merge", "options": {}},
            {"id": "sortBy", "options": {"sort": [{"field": "host"}]}},
        ),
    )


def alerts() -> Panel:
    """The alerts of ours that somebody should know of."""
    return Panel(
        id=identity("alerts"),
        kind=Kind.ALERTS,
        size=HALF,
        title="Alerts",
        description="Alerts that are firing or about to, and those that cannot be evaluated.",
        unit=grafana_unit(Unit.COUNT),
        queries=(),
        metrics=(),
    )


def _heartbeat(catalog: Catalog) -> Metric:
    """The metric by which a host is known to be there."""
    always = [metric for metric in catalog.metrics if metric.always]
    return next((m for m in always if silent(m)), (always or list(catalog.metrics))[0])


def _worst_by_host(catalog: Catalog, metric: Metric, index: int) -> str:
    worst = "last" if silent(metric) else function(metric)
    return now_by_host(catalog, metric, worst, _CHOSEN, reference(index))


def _column(metric: Metric, index: int) -> Mapping[str, Any]:
    """How a metric's column looks: its unit, and its condition's colours."""
    levels = [{"color": step.colour, "value": step.value} for step in steps(metric)]
    return _override(
        reference(index),
        ("displayName", metric.title),
        ("unit", grafana_unit(metric.unit)),
        ("thresholds", {"mode": "absolute", "steps": levels}),
        # Since 9.5, and before.
        ("custom.cellOptions", {"type": "color-text"}),
        ("custom.displayMode", "color-text"),
    )


def _override(field: str, *properties: tuple[str, Any]) -> Mapping[str, Any]:
    return override("byName", field, *properties)


def _host_link() -> Mapping[str, str]:
    return {
        "title": "Host ${__value.text}",
        "url": f"/d/provision-{HOST}?${{__url_time_range}}&${{datasource:queryparam}}"
        "&var-host=${__value.text}",
    }


def _to(catalog: Catalog) -> Link:
    return Link(
        catalog.title, f"/d/{dashboard_uid(catalog)}?${{__url_time_range}}&${{__all_variables}}"
    )
