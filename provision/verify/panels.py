"""Whether every panel answers: asked of InfluxDB, or through Grafana as it stands there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provision.catalog.model import Catalog
from provision.dashboards.fleet import all_dashboards
from provision.dashboards.model import Panel
from provision.dashboards.queries import expand, expand_variables
from provision.dashboards.render import DATASOURCE_UID
from provision.grafana import Grafana
from provision.influx import InfluxDB, Series

# The least that a panel's time is divided into when it is asked without Grafana, in ms.
INTERVAL = 10_000
# Whether it answers shows in few intervals as well as in hundreds, which of a hundred hosts with
# all their series would be millions of numbers.
INTERVALS = 10


@dataclass(frozen=True)
class PanelOutcome:
    """What a panel's queries gave: how many series with how many points, or the first error.

    dashboard is the name of the panel's dashboard; a point that has no value is none.
    """

    dashboard: str
    panel: Panel
    series: int
    points: int
    error: str | None

    @property
    def ok(self) -> bool:
        """Whether every query answered, with data."""
        return self.error is None and self.points > 0


def check_panels(
    database: InfluxDB, catalogs: Sequence[Catalog], start: int, end: int
) -> list[PanelOutcome]:
    """Ask every panel's queries of InfluxDB, as Grafana would with all variables on All.

    Times are in ms since 1970.
    """
    panels = [
        (name, panel)
        for name, dashboard in all_dashboards(catalogs).items()
        for panel in dashboard.panels
        if panel.queries
    ]
    interval = max(INTERVAL, (end - start) // INTERVALS)
    statements = [
        expand(query.text, start=start, end=end, interval=interval, values={})
        for _, panel in panels
        for query in panel.queries
    ]
    answers = iter(database.ask(statements))
    outcomes = []
    for name, panel in panels:
        found = [next(answers) for _ in panel.queries]
        counts = [(len(each.series), sum(map(_points, each.series)), each.error) for each in found]
        outcomes.append(_outcome(name, panel, counts))
    return outcomes


def check_panels_in_grafana(
    grafana: Grafana, catalogs: Sequence[Catalog], start: int, end: int
) -> list[PanelOutcome]:
    """Ask every panel's queries of Grafana, as the panel stands in the dashboard that it loaded.

    Raises ProvisionError where a dashboard is not there.
    """
    outcomes: list[PanelOutcome] = []
    for name, built in all_dashboards(catalogs).items():
        loaded = list(_flat(grafana.dashboard(built.uid).get("panels", ())))
        # What else stands there (a row, or what a person has put in) has no InfluxQL.
        asked = {
            panel["id"]: [target["query"] for target in panel["targets"] if "query" in target]
            for panel in loaded
            if "targets" in panel
        }
        queries = [
            expand_variables(query, {}, end)
            for panel in built.panels
            if panel.queries
            for query in asked.get(panel.id, ())
        ]
        answers = iter(
            grafana.query(DATASOURCE_UID, queries, start=start, end=end, intervals=INTERVALS)
        )
        for panel in (each for each in built.panels if each.queries):
            found = [next(answers) for _ in asked.get(panel.id, ())]
            missing = [] if found else [(0, 0, "not on the dashboard that Grafana has")]
            outcomes.append(_outcome(name, panel, found or missing))
    return outcomes


def _points(series: Series) -> int:
    """How many rows of a series have a value; what is empty is filled with nothing."""
    return sum(any(row[key] is not None for key in row if key != "time") for row in series.rows)


def _flat(panels: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The panels of a dashboard, and those that a collapsed row keeps."""
    for panel in panels:
        yield panel
        yield from panel.get("panels") or ()


def _outcome(
    dashboard: str, panel: Panel, counts: Iterable[tuple[int, int, str | None]]
) -> PanelOutcome:
    """What became of a panel: it is as bad as the worst of its queries."""
    found = list(counts)
    error = next((error for _, _, error in found if error), None)
    fewest = min(points for _, points, _ in found)
    return PanelOutcome(dashboard, panel, sum(series for series, _, _ in found), fewest, error)
