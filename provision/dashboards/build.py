"""One dashboard for each catalog, in Grafana's classic model.

The layout is decided here, the JSON written by templates/grafana/etc/grafana/dashboards.
Source: Grafana documentation, Dashboard JSON model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from provision.catalog.model import (
    Catalog,
    Condition,
    Input,
    Metric,
    MetricType,
    TimerField,
    percentile,
)
from provision.catalog.units import grafana_unit
from provision.dashboards.queries import (
    asked_of,
    highest,
    level,
    mean_time,
    rate_of_counts,
    rate_of_deltas,
    tag_values,
    variable_tags,
)
from provision.render.environment import environment

DATASOURCE_UID = "provision-influxdb"
FOLDER = "provision"
TEMPLATE = "grafana/etc/grafana/dashboards/dashboard.json.j2"
# What a dashboard that is imported asks for; Grafana puts the chosen datasource in its place.
DATASOURCE_INPUT = "${DS_INFLUXDB}"

_COLUMNS, _MOST_ACROSS, _HEIGHT = 24, 4, 8


@dataclass(frozen=True)
class Position:
    """Where a panel stands on the grid of 24 columns."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class Query:
    """One query of a panel, and what its series are called."""

    ref: str
    text: str
    alias: str


@dataclass(frozen=True)
class Panel:
    """One panel: what it shows, in which unit, and the queries that ask for it.

    sparse says that points stand alone: statsd's counters and timers, where often nothing comes.
    """

    id: int
    position: Position
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    sparse: bool
    threshold: float | None
    metric: Metric
    measurement: str


@dataclass(frozen=True)
class Row:
    """A heading and the panels below it."""

    id: int
    position: Position
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A choice at the top of the dashboard: the values of a tag."""

    name: str
    label: str
    query: str


@dataclass(frozen=True)
class Dashboard:
    """An application's dashboard, laid out."""

    uid: str
    title: str
    description: str
    tags: tuple[str, ...]
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The panels of all rows."""
        return tuple(panel for row in self.rows for panel in row.panels)


def build_dashboard(catalog: Catalog) -> Dashboard:
    """The dashboard of an application: a row for each group of metrics, a panel for each metric."""
    rows: list[Row] = []
    variables = build_variables(catalog)
    next_id, y = 1, 0
    for group, metrics in _groups(catalog).items():
        row_id, row_y = next_id, y
        next_id, y = next_id + 1, y + 1
        panels = []
        across = len(metrics) if len(metrics) <= _MOST_ACROSS else 3
        width = _COLUMNS // across
        for index, metric in enumerate(metrics):
            line, column = divmod(index, across)
            position = Position(column * width, y + line * _HEIGHT, width, _HEIGHT)
            panels.append(_panel(catalog, metric, next_id, position))
            next_id += 1
        y += -(-len(metrics) // across) * _HEIGHT
        rows.append(Row(row_id, Position(0, row_y, _COLUMNS, 1), group, tuple(panels)))
    return Dashboard(
        uid=f"provision-{catalog.app}"[:40],
        title=catalog.title,
        description=catalog.description,
        tags=("provision", catalog.app),
        variables=variables,
        rows=tuple(rows),
    )


def build_variables(catalog: Catalog) -> tuple[Variable, ...]:
    """Chained choices: the host, then each placeholder of the catalog in its order."""
    variables: list[Variable] = []
    prefix = catalog.prefix or ""
    for name in ("host", *variable_tags(catalog)):
        # Every series has a host and what stands in the prefix; a rarer tag narrows nothing else.
        chained = [v.name for v in variables if v.name == "host" or f"<{v.name}>" in prefix]
        label = "Worker" if name == "host" else name.replace("_", " ").capitalize()
        variables.append(Variable(name, label, tag_values(catalog, name, chained)))
    return tuple(variables)


def render_dashboard(dashboard: Dashboard, *, datasource: str, importable: bool) -> str:
    """The JSON of a dashboard, as Grafana exports it.

    datasource is a uid, or DATASOURCE_INPUT where importable, which declares that input.
    """
    text = (
        environment()
        .get_template(TEMPLATE)
        .render(dashboard=dashboard, datasource=datasource, importable=importable)
    )
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def provisioned_dashboard(catalog: Catalog) -> str:
    """The dashboard for a Grafana that has the datasource of ours."""
    return render_dashboard(build_dashboard(catalog), datasource=DATASOURCE_UID, importable=False)


def importable_dashboard(catalog: Catalog) -> str:
    """The dashboard for any Grafana: the datasource is chosen on import."""
    return render_dashboard(build_dashboard(catalog), datasource=DATASOURCE_INPUT, importable=True)


def _groups(catalog: Catalog) -> dict[str, list[Metric]]:
    """The metrics by the first fixed segment of their names, in words, in the catalog's order."""
    if catalog.input is Input.PROMETHEUS:
        return {catalog.title: list(catalog.metrics)}
    groups: dict[str, list[Metric]] = {}
    for metric in catalog.metrics:
        first = next(part for part in metric.name.split(".") if not part.startswith("<"))
        words = first.replace("_", " ").replace("-", " ")
        groups.setdefault(words[:1].upper() + words[1:], []).append(metric)
    return groups


def _panel(catalog: Catalog, metric: Metric, panel_id: int, position: Position) -> Panel:
    counter = metric.type is MetricType.COUNTER
    sent = metric.type in {MetricType.COUNTER, MetricType.TIMER, MetricType.SET}
    return Panel(
        id=panel_id,
        position=position,
        title=metric.title,
        description=describe(catalog, metric),
        unit=grafana_unit(metric.unit, per_second=counter),
        queries=build_queries(catalog, metric),
        sparse=catalog.input is Input.STATSD and sent,
        threshold=metric.condition.bound if metric.condition else None,
        metric=metric,
        measurement=catalog.measurement(metric),
    )


def build_queries(catalog: Catalog, metric: Metric) -> tuple[Query, ...]:
    """What a panel asks of a metric; a timer's percentiles and its mean are a query each."""
    asked = asked_of(catalog, metric)
    name = " ".join(f"$tag_{tag}" for tag in catalog.tags(metric)) or "$tag_host"
    field = catalog.field(metric)
    if metric.type is MetricType.TIMER:
        texts = [(highest(asked, percentile(p)), f"p{p:g} {name}") for p in metric.percentiles]
        if {TimerField.SUM, TimerField.COUNT} <= set(metric.fields):
            texts.append((mean_time(asked), f"mean {name}"))
        if not texts:  # of its fields the catalog keeps only such as say little by themselves
            texts.append((level(asked, field), f"{field} {name}"))
    elif metric.type is MetricType.COUNTER:
        rate = rate_of_counts if catalog.cumulative else rate_of_deltas
        texts = [(rate(asked, field), name)]
    else:
        texts = [(level(asked, field), name)]
    return tuple(Query(chr(ord("A") + i), *each) for i, each in enumerate(texts))


def describe(catalog: Catalog, metric: Metric) -> str:
    """What a panel says of its metric: meaning, bucket as documented, type, when to worry."""
    kind = {Input.STATSD: "Bucket", Input.PROMETHEUS: "Metric", Input.TELEGRAF: "Field"}
    name = f"{kind[catalog.input]}: `{catalog.bucket(metric)}` ({metric.type})."
    parts = [metric.description, name]
    if metric.deprecated:
        parts.append(f"Deprecated: {metric.deprecated}")
    if metric.condition:
        parts.append(_worry(metric.condition))
    return "\n\n".join(parts)


def _worry(condition: Condition) -> str:
    side = "above" if condition.above is not None else "below"
    return f"Should not be {side} {condition.bound:g}. {condition.advice}"


def rendered_dashboards(catalogs: Sequence[Catalog], datasource: str) -> dict[str, dict[str, Any]]:
    """The dashboards of these catalogs by uid, in the classic model, for a datasource's uid."""
    built = [build_dashboard(catalog) for catalog in catalogs]
    return {
        each.uid: json.loads(render_dashboard(each, datasource=datasource, importable=False))
        for each in built
    }
