"""Whether every panel answers: asked of InfluxDB, or through Grafana as it stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provision.catalog.model import TOTALS_TAG, Catalog
from provision.catalog.series import TOTALS
from provision.dashboards.fleet import all_dashboards
from provision.dashboards.model import Panel
from provision.dashboards.render import DATASOURCE_UID
from provision.dashboards.variables import TOTALS_CHOSEN, either, expand, expand_variables
from provision.grafana import Grafana
from provision.influx import InfluxDB, Series
from provision.site.model import Site
from provision.verify.arrival import HOST

# The least that a panel's time is divided into when it is asked without Grafana, in ms.
INTERVAL = 10_000
# Whether it answers shows in few intervals as well as in hundreds, which of a hundred hosts with
# all their series would be millions of numbers.
INTERVALS = 10
# How many hosts of each application are asked about.
SAMPLE = 3

# How many series and points a query gave, and the error, if it is one.
Count = tuple[int, int, str | None]
# What queries give with some values of the dashboards' variables.
Ask = Callable[[Sequence[str], Mapping[str, str]], list[Count]]


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


def few_hosts(site: Site) -> tuple[str, ...]:
    """The names of a few hosts for each application; none where nobody would be left out.

    A panel that answers for some answers for all, and InfluxDB's time goes with the series.
    """
    by_app: dict[str, list[str]] = {}
    for host in site.workers:
        for catalog in host.catalogs:
            by_app.setdefault(catalog.app, []).append(host.name)
    few = {name for names in by_app.values() for name in names[:SAMPLE]}
    return tuple(sorted(few)) if few < {host.name for host in site.hosts} else ()


def check_panels(
    database: InfluxDB,
    catalogs: Sequence[Catalog],
    start: int,
    end: int,
    hosts: Sequence[str] = (),
) -> list[PanelOutcome]:
    """Ask every panel's queries of InfluxDB, as Grafana would with all variables on All.

    Graphs are asked with a line for each host. With hosts only they are looked at, and all where
    there is nothing of them. Times are in ms since 1970.
    """
    interval = max(INTERVAL, (end - start) // INTERVALS)

    def ask(queries: Sequence[str], values: Mapping[str, str]) -> list[Count]:
        """What InfluxDB gives."""
        statements = [
            expand(query, start=start, end=end, interval=interval, values=values)
            for query in queries
        ]
        return [
            (len(each.series), sum(map(_points, each.series)), each.error)
            for each in database.ask(statements)
        ]

    panels = [
        (name, panel, [query.text for query in panel.queries])
        for name, dashboard in all_dashboards(catalogs).items()
        for panel in dashboard.panels
        if panel.queries
    ]
    return _outcomes(panels, ask, _chosen(hosts))


def check_panels_in_grafana(
    grafana: Grafana,
    catalogs: Sequence[Catalog],
    start: int,
    end: int,
    hosts: Sequence[str] = (),
) -> list[PanelOutcome]:
    """Ask every panel's queries of Grafana, as the panel stands in the dashboard that it loaded.

    hosts are as for check_panels. Raises ProvisionError where a dashboard is not there.
    """

    def ask(queries: Sequence[str], values: Mapping[str, str]) -> list[Count]:
        """What Grafana gives."""
        expanded = [expand_variables(query, values, end) for query in queries]
        return grafana.query(DATASOURCE_UID, expanded, start=start, end=end, intervals=INTERVALS)

    panels = []
    for name, built in all_dashboards(catalogs).items():
        loaded = list(_flat(grafana.dashboard(built.uid).get("panels", ())))
        # What else stands there (a row, or what a person has put in) has no InfluxQL.
        asked = {
            panel["id"]: [target["query"] for target in panel["targets"] if "query" in target]
            for panel in loaded
            if "targets" in panel
        }
        panels += [
            (name, panel, asked.get(panel.id, [])) for panel in built.panels if panel.queries
        ]
    return _outcomes(panels, ask, _chosen(hosts))


def _chosen(hosts: Sequence[str]) -> dict[str, str]:
    """The values of variables: where nothing is chosen but hosts, a dashboard asks their totals."""
    return {TOTALS_TAG: TOTALS, **({HOST: either(hosts)} if hosts else {})}


def _outcomes(
    panels: Sequence[tuple[str, Panel, list[str]]], ask: Ask, chosen: Mapping[str, str]
) -> list[PanelOutcome]:
    """What becomes of panels, each with the name of its dashboard and its queries.

    Of what nothing is found the choice is everything: all series of all hosts.
    """
    answers = iter(ask([query for _, _, queries in panels for query in queries], chosen))
    outcomes = [
        _outcome(name, panel, [next(answers) for _ in queries]) for name, panel, queries in panels
    ]
    empty = [
        n
        for n, each in enumerate(outcomes)
        if not each.points and not each.error and _made_a_difference(chosen, panels[n][2])
    ]
    if empty:
        again = _outcomes([panels[number] for number in empty], ask, {})
        for number, outcome in zip(empty, again, strict=True):
            outcomes[number] = outcome
    return outcomes


def _made_a_difference(chosen: Mapping[str, str], queries: Sequence[str]) -> bool:
    """Whether queries would ask something else if nothing were chosen."""
    return HOST in chosen or bool(chosen and any(TOTALS_CHOSEN in query for query in queries))


def _points(series: Series) -> int:
    """How many rows of a series have a value; what is empty is filled with nothing."""
    return sum(any(row[key] is not None for key in row if key != "time") for row in series.rows)


def _flat(panels: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The panels of a dashboard, and those that a collapsed row keeps."""
    for panel in panels:
        yield panel
        yield from panel.get("panels") or ()


def _outcome(dashboard: str, panel: Panel, counts: Sequence[Count]) -> PanelOutcome:
    """What became of a panel: it is as bad as the worst of its queries."""
    found = counts or [(0, 0, "not on the dashboard that Grafana has")]
    error = next((error for _, _, error in found if error), None)
    fewest = min(points for _, points, _ in found)
    return PanelOutcome(dashboard, panel, sum(series for series, _, _ in found), fewest, error)
