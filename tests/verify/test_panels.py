from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from provision.catalog.model import Catalog
from provision.dashboards.fleet import all_dashboards
from provision.dashboards.render import DATASOURCE_UID, rendered_dashboards
from provision.errors import ProvisionError
from provision.fleet.model import Fleet
from provision.grafana import Grafana
from provision.influx import Answer, Series
from provision.verify.panels import (
    INTERVALS,
    check_panels,
    check_panels_in_grafana,
    few_hosts,
)
from tests.verify.told import Told, answer, nothing

Catalogs = Mapping[str, Catalog]


class Showing(Grafana):
    """A Grafana that has loaded some dashboards, and answers queries by a table of them."""

    def __init__(self, dashboards: Mapping[str, Any], results: Mapping[str, Any]) -> None:
        self.url = "http://192.0.2.1:3000"
        self.asked: list[str] = []
        self._dashboards, self._results = dashboards, results

    def dashboard(self, uid: str) -> Mapping[str, Any]:
        if uid not in self._dashboards:
            raise ProvisionError(f"no dashboard {uid}")
        found: Mapping[str, Any] = self._dashboards[uid]
        return found

    def query(
        self, datasource: str, queries: Any, *, start: int, end: int, intervals: int
    ) -> list[tuple[int, int, str | None]]:
        assert (datasource, start, end) == (DATASOURCE_UID, 1000, 2000)
        assert intervals == INTERVALS
        self.asked += queries
        return [self._result(query) for query in queries]

    def _result(self, query: str) -> tuple[int, int, str | None]:
        return next((v for part, v in self._results.items() if part in query), (1, 2, None))


def points(*counts: int) -> Answer:
    return answer(*[Series("m", {"n": str(n)}, ({"v": 1},) * n) for n in counts])


def loaded(catalog: Catalog) -> dict[str, Any]:
    """The dashboards of a catalog, by uid: its own, and the overview."""
    return rendered_dashboards([catalog], DATASOURCE_UID)


def every_panel(*catalogs: Catalog) -> list[tuple[str, str, str]]:
    """All panels that ask, in their order: dashboard, kind, title."""
    return [
        (name, panel.kind.value, panel.title)
        for name, dashboard in all_dashboards(catalogs).items()
        for panel in dashboard.panels
        if panel.queries
    ]


def test_every_panel_of_every_catalog_is_asked(catalogs: Catalogs) -> None:
    database = Told(lambda _: points(2, 3))
    outcomes = check_panels(database, list(catalogs.values()), 1000, 2000)
    asked = [(o.dashboard, o.panel.kind.value, o.panel.title) for o in outcomes]
    assert asked == every_panel(*catalogs.values())
    assert {"overview", *catalogs} == {dashboard for dashboard, _, _ in asked}
    assert all(o.ok and o.points == 5 for o in outcomes)
    assert not any("$" in statement.replace("$/", "") for statement in database.statements)
    assert any("time >= 1000ms AND time <= 2000ms" in each for each in database.statements)
    # A timer's panel has several queries, and counts the series of all of them.
    (timer,) = [o for o in outcomes if o.panel.title == "Step time"]
    assert len(timer.panel.queries) == 4
    assert timer.series == 8


def test_a_panel_is_as_bad_as_the_worst_of_its_queries(catalogs: Catalogs) -> None:
    def tell(statement: str) -> Answer:
        if '"django_clickhouse_sync_steps' not in statement:
            return points(3)
        return points() if '"95_percentile"' in statement else points(4)

    outcomes = check_panels(Told(tell), [catalogs["django-clickhouse"]], 0, 1)
    assert {o.panel.title for o in outcomes if not o.ok} == {"Step time"}
    (empty,) = [o for o in outcomes if not o.ok]
    assert (empty.points, empty.error) == (0, None)


def test_an_error_is_told_and_no_panel_is_fine_with_one(realm: Catalog) -> None:
    def tell(statement: str) -> Answer:
        wrong = '"realm_session_online"' in statement
        return answer(Series("m", {}, ({"v": 1},)), error="type conflict" if wrong else None)

    outcomes = check_panels(Told(tell), [realm], 0, 1)
    # Its graph, and its number on both dashboards.
    assert {o.error for o in outcomes if not o.ok} == {"type conflict"}
    assert [(o.dashboard, o.panel.kind.value) for o in outcomes if not o.ok] == [
        ("realm", "stat"),
        ("realm", "timeseries"),
        ("overview", "stat"),
    ]


def test_an_error_of_any_query_is_the_panels(catalogs: Catalogs) -> None:
    def tell(statement: str) -> Answer:
        wrong = 'max("99_percentile") FROM "django_clickhouse_sync_steps:by_host"' in statement
        return answer(Series("m", {}, ({"v": 1},)), error="too slow" if wrong else None)

    outcomes = check_panels(Told(tell), [catalogs["django-clickhouse"]], 0, 1)
    assert [(o.panel.title, o.error) for o in outcomes if not o.ok] == [("Step time", "too slow")]


def test_no_data_is_no_answer(realm: Catalog) -> None:
    outcomes = check_panels(Told(nothing), [realm], 0, 1)
    assert len(outcomes) == len(every_panel(realm)) > 18
    assert not any(o.ok for o in outcomes)
    assert check_panels(Told(nothing), [], 0, 1) == []


def test_what_is_empty_is_no_point(realm: Catalog) -> None:
    def tell(_: str) -> Answer:
        return answer(Series("m", {}, ({"time": 1, "v": None}, {"time": 2, "v": None})))

    outcomes = check_panels(Told(tell), [realm], 0, 1)
    assert {(o.series > 0, o.points, o.ok) for o in outcomes} == {(True, 0, False)}


def test_grafana_is_asked_what_stands_on_its_own_dashboard(realm: Catalog) -> None:
    dashboards = loaded(realm)
    target = dashboards["provision-realm"]["panels"][1]["targets"][0]
    target["query"] = 'SELECT 1 FROM "by_hand" WHERE "host" =~ /^${host:regex}$/ AND $timeFilter'
    results = {"by_hand": (0, 0, "by hand it is wrong"), "realm_realms_open": (0, 0, None)}
    grafana = Showing(dashboards, results)
    outcomes = check_panels_in_grafana(grafana, [realm], 1000, 2000)
    assert grafana.asked[0] == ('SELECT 1 FROM "by_hand" WHERE "host" =~ /^.*$/ AND $timeFilter')
    assert outcomes[0].error == "by hand it is wrong"
    assert [o.panel.title for o in outcomes if not o.ok] == [
        outcomes[0].panel.title,
        "Realms open",
    ]
    assert len(outcomes) == len(every_panel(realm))


def test_a_panel_that_is_not_there_is_a_fault_and_no_bug(realm: Catalog) -> None:
    dashboards = loaded(realm)
    dashboard = dashboards["provision-realm"]
    removed, emptied = [p for p in dashboard["panels"] if p["type"] == "timeseries"][:2]
    dashboard["panels"].remove(removed)
    emptied["targets"] = []
    dashboard["panels"].append({"id": 999, "type": "text"})
    other = next(p for p in reversed(dashboard["panels"]) if p["type"] == "timeseries")
    other["targets"].append({"refId": "Z", "expr": "up"})
    outcomes = check_panels_in_grafana(Showing(dashboards, {}), [realm], 1000, 2000)
    missing = {o.panel.title: o.error for o in outcomes if not o.ok}
    assert missing == dict.fromkeys(
        (removed["title"], emptied["title"]), "not on the dashboard that Grafana has"
    )
    # What is there got its own answers.
    assert sum(o.points == 2 for o in outcomes) == len(every_panel(realm)) - 2


def test_a_dashboard_that_is_not_there_is_told(catalogs: Catalogs) -> None:
    grafana = Showing(loaded(catalogs["realm"]), {})
    with pytest.raises(ProvisionError, match="no dashboard provision-dataclay"):
        check_panels_in_grafana(grafana, [catalogs["realm"], catalogs["dataclay"]], 1000, 2000)


def test_an_hour_is_asked_in_few_intervals(catalogs: Catalogs) -> None:
    """A hundred hosts have thousands of series, and each interval is a number of each."""
    asked: list[str] = []

    def tell(statement: str) -> Answer:
        asked.append(statement)
        return answer()

    check_panels(Told(tell), [catalogs["realm"]], 0, 3_600_000)
    divided = {found for text in asked for found in re.findall(r"time\((\d+\w+)\)", text)}
    assert divided <= {"360s", "360000ms"}, divided
    assert divided


def test_a_few_hosts_are_asked_about_and_all_where_there_is_nothing_of_them(
    realm: Catalog,
) -> None:
    few, every = 'host" =~ /^(a\\.b|c-d)$/', 'host" =~ /^.*$/'

    def tell(statement: str) -> Answer:
        if "realm_session_online" in statement:
            return points(0) if few in statement else points(7)
        return answer() if "realm_realms_open" in statement else points(2)

    database = Told(tell)
    outcomes = check_panels(database, [realm], 1000, 2000, ["a.b", "c-d"])
    assert len(database.requests) == 2
    first, again = database.requests
    assert all(few in each and every not in each for each in first if '"host" =~' in each)
    assert again
    assert all(every in each for each in again if '"host" =~' in each)
    assert all("session_online" in each or "realms_open" in each for each in again)
    found = {o.panel.title: (o.points, o.ok) for o in outcomes}
    assert found["Realms open"] == (0, False)
    assert {points for points, _ in found.values()} == {0, 2, 7}
    assert [(o.dashboard, o.panel.kind.value, o.panel.title) for o in outcomes] == every_panel(
        realm
    )


def test_where_there_are_no_totals_all_series_are_asked(catalogs: Catalogs) -> None:
    """As Grafana does; that they are missing is told of the hosts."""

    def tell(statement: str) -> Answer:
        return answer() if ":by_host" in statement else points(2)

    database = Told(tell)
    outcomes = check_panels(database, [catalogs["tinybird-jobs"]], 1000, 2000)
    assert all(outcome.ok for outcome in outcomes)
    _, again = database.requests
    assert len(again) == 10
    assert not any(":by_host" in statement for statement in again)


def test_an_error_is_not_asked_about_again(realm: Catalog) -> None:
    database = Told(lambda _: answer(error="type conflict"))
    outcomes = check_panels(database, [realm], 1000, 2000, ["a"])
    assert {o.error for o in outcomes} == {"type conflict"}
    assert [len(each) for each in database.requests if each] == [len(database.statements)]


def test_grafana_is_asked_about_a_few_hosts_too(realm: Catalog) -> None:
    grafana = Showing(loaded(realm), {"realm_realms_open": (0, 0, None)})
    outcomes = check_panels_in_grafana(grafana, [realm], 1000, 2000, ["a"])
    assert {o.panel.title for o in outcomes if not o.ok} == {"Realms open"}
    every = [each for each in grafana.asked if 'host" =~ /^.*$/' in each]
    assert every
    assert all("realm_realms_open" in each for each in every)


def test_the_few_are_some_of_each_application(fleet_of: Callable[..., Fleet]) -> None:
    workers: dict[str, Any] = {f"r{n}": {"apps": ["realm"]} for n in range(5)}
    workers["z"] = {"apps": ["realm", "dataclay"]}
    groups = {"monitor": {"hosts": {"m": {}}}, "workers": {"hosts": workers}}
    few = few_hosts(fleet_of(json.dumps(groups)).site)
    assert {"r0", "r1", "r2", "z"} <= set(few)
    assert not {"r3", "r4"} & set(few)


def test_of_a_small_site_all_are_asked_about(fleet_of: Callable[..., Fleet]) -> None:
    groups = {"monitor": {"hosts": {"w": {}}}, "workers": {"hosts": {"w": {"apps": ["realm"]}}}}
    assert few_hosts(fleet_of(json.dumps(groups)).site) == ()
