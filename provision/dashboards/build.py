"""One dashboard for each catalog, in Grafana's classic model.

The layout is decided here, the JSON written by templates/grafana/etc/grafana/dashboards.
Source: Grafana documentation, Dashboard JSON model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from provision.catalog.model import Catalog, Condition, Metric, MetricType
from provision.catalog.units import grafana_unit
from provision.dashboards.queries import level, rate_of_deltas, tag_values
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
class Panel:
    """One panel: what it shows, in which unit, and the query that asks for it."""

    id: int
    position: Position
    title: str
    description: str
    unit: str
    query: str
    alias: str
    counter: bool
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
        title = group.replace("_", " ").replace("-", " ").capitalize()
        rows.append(Row(row_id, Position(0, row_y, _COLUMNS, 1), title, tuple(panels)))
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
    for name in ("host", *catalog.placeholders):
        # Every series has a host and what stands in the prefix; a rarer tag narrows nothing else.
        chained = [v.name for v in variables if v.name == "host" or f"<{v.name}>" in catalog.prefix]
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
    """The metrics by the first fixed segment of their names, in the catalog's order."""
    groups: dict[str, list[Metric]] = {}
    for metric in catalog.metrics:
        fixed = [part for part in metric.name.split(".") if not part.startswith("<")]
        groups.setdefault(fixed[0], []).append(metric)
    return groups


def _panel(catalog: Catalog, metric: Metric, panel_id: int, position: Position) -> Panel:
    tags = catalog.tags(metric)
    measurement = catalog.measurement(metric)
    counter = metric.type is MetricType.COUNTER
    query = rate_of_deltas if counter else level
    return Panel(
        id=panel_id,
        position=position,
        title=metric.title,
        description=describe(catalog, metric),
        unit=grafana_unit(metric.unit, per_second=counter),
        query=query(measurement, ("host", *tags), ("host", *tags)),
        alias=" ".join(f"$tag_{tag}" for tag in tags) or "$tag_host",
        counter=counter,
        threshold=metric.condition.above if metric.condition else None,
        metric=metric,
        measurement=measurement,
    )


def describe(catalog: Catalog, metric: Metric) -> str:
    """What a panel says of its metric: meaning, bucket as documented, type, when to worry."""
    parts = [metric.description, f"Bucket: `{catalog.bucket(metric)}` ({metric.type})."]
    if metric.condition:
        parts.append(_worry(metric.condition))
    return "\n\n".join(parts)


def _worry(condition: Condition) -> str:
    return f"Should not be above {condition.above:g}. {condition.advice}"
