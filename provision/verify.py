"""Expected against seen: which metrics arrived with which values, which panels answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provision.catalog.model import UNDOCUMENTED, Catalog, Metric
from provision.dashboards.build import DATASOURCE_UID, Panel, build_dashboard
from provision.dashboards.queries import expand, expand_variables, identifier
from provision.grafana import Grafana
from provision.influx import Answer, InfluxDB
from provision.traffic import Sample

# The tag by which Telegraf says which host it runs on.
HOST = "host"


@dataclass(frozen=True)
class Sent:
    """A sample, and the host whose statsd it was sent to."""

    host: str
    sample: Sample


@dataclass(frozen=True)
class MetricOutcome:
    """What came of one documented (name, type) pair: series sent, series that arrived exactly."""

    catalog: Catalog
    metric: Metric
    sent: int
    arrived: int
    wrong: tuple[str, ...]

    @property
    def bucket(self) -> str:
        """The whole documented bucket."""
        return self.catalog.bucket(self.metric)

    @property
    def measurement(self) -> str:
        """Where it is stored."""
        return self.catalog.measurement(self.metric)

    @property
    def ok(self) -> bool:
        """Whether every series arrived with the value that was sent."""
        return self.arrived == self.sent > 0 and not self.wrong


@dataclass(frozen=True)
class PanelOutcome:
    """What a panel's query gave: how many series with how many points, or the error."""

    panel: Panel
    series: int
    points: int
    error: str | None

    @property
    def ok(self) -> bool:
        """Whether the query answered with data."""
        return self.error is None and self.points > 0


def check_metrics(database: InfluxDB, sent: Sequence[Sent], start: int) -> list[MetricOutcome]:
    """Hold what was sent since start (ms since 1970) against what InfluxDB has: exact values."""
    groups: dict[tuple[str, str, str], list[Sent]] = {}
    for item in sent:
        metric = item.sample.metric
        key = (item.sample.catalog.app, metric.name, metric.type.value)
        groups.setdefault(key, []).append(item)
    statements = [_statement(items[0].sample, start) for items in groups.values()]
    answers = database.ask(statements)
    return [_outcome(items, answer) for items, answer in zip(groups.values(), answers, strict=True)]


def undocumented_buckets(database: InfluxDB, start: int) -> list[tuple[str, str]]:
    """The buckets of no catalog that were seen since start (ms since 1970), with their hosts."""
    (answer,) = database.ask(
        [
            f'SELECT count("value") FROM {identifier(UNDOCUMENTED)} WHERE time >= {start}ms '
            f'GROUP BY "bucket", {identifier(HOST)}'
        ]
    )
    return sorted((series.tags["bucket"], series.tags[HOST]) for series in answer.series)


def check_panels(
    database: InfluxDB, catalogs: Sequence[Catalog], start: int, end: int
) -> list[PanelOutcome]:
    """Ask every panel's query of InfluxDB, as Grafana would with all variables on All."""
    panels = _panels(catalogs)
    statements = [
        expand(panel.query, start=start, end=end, interval=10_000, values={}) for panel in panels
    ]
    return [
        PanelOutcome(
            panel,
            len(answer.series),
            sum(len(series.rows) for series in answer.series),
            answer.error,
        )
        for panel, answer in zip(panels, database.ask(statements), strict=True)
    ]


def check_panels_in_grafana(
    grafana: Grafana, catalogs: Sequence[Catalog], start: int, end: int
) -> list[PanelOutcome]:
    """Ask every panel's query of Grafana, as the panel stands in the dashboard that it loaded.

    Raises ProvisionError where a dashboard is not there.
    """
    outcomes: list[PanelOutcome] = []
    for catalog in catalogs:
        built = build_dashboard(catalog)
        loaded = {panel["id"]: panel for panel in grafana.dashboard(built.uid)["panels"]}
        queries = [
            expand_variables(loaded[panel.id]["targets"][0]["query"], {}) for panel in built.panels
        ]
        answers = grafana.query(DATASOURCE_UID, queries, start=start, end=end)
        outcomes += [
            PanelOutcome(panel, *answer)
            for panel, answer in zip(built.panels, answers, strict=True)
        ]
    return outcomes


def _panels(catalogs: Sequence[Catalog]) -> list[Panel]:
    return [panel for catalog in catalogs for panel in build_dashboard(catalog).panels]


def _statement(sample: Sample, start: int) -> str:
    by = ", ".join(identifier(tag) for tag in (HOST, *sample.catalog.tags(sample.metric)))
    return (
        f'SELECT {sample.function}("value") AS "seen" FROM {identifier(sample.measurement)} '
        f"WHERE time >= {start}ms GROUP BY {by}"
    )


def _outcome(items: Sequence[Sent], answer: Answer) -> MetricOutcome:
    first = items[0].sample
    names = (HOST, *first.catalog.tags(first.metric))
    seen: Mapping[tuple[str, ...], float] = {
        tuple(series.tags.get(name, "") for name in names): float(series.rows[0]["seen"])
        for series in answer.series
    }
    arrived, wrong = 0, [answer.error] if answer.error else []
    expected = set()
    for item in items:
        key = (item.host, *(item.sample.tags[name] for name in names[1:]))
        expected.add(key)
        value = seen.get(key)
        if value is None:
            wrong.append(f"{'/'.join(key)}: never seen")
        elif not math.isclose(value, item.sample.expected):
            wrong.append(f"{'/'.join(key)}: {value:g} instead of {item.sample.expected:g}")
        else:
            arrived += 1
    wrong += [f"{'/'.join(key)}: not sent, but seen" for key in sorted(seen.keys() - expected)]
    return MetricOutcome(
        first.catalog,
        first.metric,
        len(items),
        arrived,
        tuple(wrong),
    )
