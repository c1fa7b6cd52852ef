from __future__ import annotations

from collections.abc import Mapping

from provision.catalog.model import Catalog, Severity
from provision.dashboards.build import summary
from provision.dashboards.fleet import all_dashboards, overview
from provision.dashboards.model import Kind, Panel

Catalogs = Mapping[str, Catalog]


def rows_of(catalogs: list[Catalog]) -> dict[str, tuple[Panel, ...]]:
    return {row.title: row.panels for row in overview(catalogs).rows}


def test_there_is_a_dashboard_for_each_catalog_and_one_for_all(catalogs: Catalogs) -> None:
    made = all_dashboards(list(catalogs.values()))
    assert set(made) == {*catalogs, "overview"}
    assert len({dashboard.uid for dashboard in made.values()}) == len(made)
    assert all_dashboards([]) == {}


def test_the_overview_has_every_host_and_every_application(catalogs: Catalogs) -> None:
    rows = rows_of(list(catalogs.values()))
    applications = [c for app, c in catalogs.items() if app not in {"host", "pipeline"}]
    assert list(rows) == ["Fleet", "Alerts", "Hosts", *(c.title for c in applications)]
    for catalog in applications:
        assert [panel.metrics[0] for panel in rows[catalog.title]] == list(summary(catalog))
        # Each leads to its graph on the application's own dashboard.
        for panel in rows[catalog.title]:
            assert panel.links[0].url.startswith(
                f"/d/provision-{catalog.app}?${{__url_time_range}}"
            )
    assert [panel.kind for panel in rows["Alerts"]] == [Kind.ALERTS, Kind.TABLE]
    titles = [panel.title for panel in rows["Fleet"]]
    assert titles[0] == "Hosts reporting"
    assert {"Silent hosts", "Metrics dropped", "Disk in use"} <= set(titles)


def test_every_host_is_a_line_with_what_is_watched_on_it(catalogs: Catalogs) -> None:
    (table,) = rows_of(list(catalogs.values()))["Hosts"]
    watched = [m for m in catalogs["host"].metrics if m.condition]
    critical = [
        m
        for m in catalogs["pipeline"].metrics
        if m.condition and m.condition.severity is Severity.CRITICAL
    ]
    names = [
        {p["id"]: p["value"] for p in override["properties"]}["displayName"]
        for override in table.overrides
    ]
    assert names == ["Host", *(metric.title for metric in [*watched, *critical])]
    for query in table.queries:
        assert query.text.endswith('GROUP BY "host"')
        assert f'AS "{query.ref}" FROM' in query.text


def test_the_overview_is_about_hosts_alone(catalogs: Catalogs) -> None:
    dashboard = overview(list(catalogs.values()))
    assert [variable.name for variable in dashboard.variables] == ["host"]
    for panel in dashboard.panels:
        for query in panel.queries:
            assert "${host:regex}" in query.text
            assert query.text.count(":regex}") == query.text.count("${host:regex}")


def test_one_application_alone_has_an_overview_too(realm: Catalog) -> None:
    assert list(rows_of([realm])) == ["Alerts", realm.title]


def test_the_pipeline_has_influxdbs_load_where_influxdb_is_watched(catalogs: Catalogs) -> None:
    made = all_dashboards(list(catalogs.values()))
    rows = {row.title: row.panels for row in made["pipeline"].rows}
    assert [panel.title for panel in rows["InfluxDB"]] == [
        *("Points in failed writes", "Time in InfluxQL", "Cache of a shard"),
    ]
    for panel in rows["InfluxDB"]:
        # Each leads to its graph; the pipeline's own choices are of other tags.
        assert panel.links[0].url.startswith("/d/provision-influxdb?")
        for query in panel.queries:
            assert query.text.count(":regex}") == query.text.count("${host:regex}") > 0
    others = [catalog for app, catalog in catalogs.items() if app != "influxdb"]
    assert "InfluxDB" not in [row.title for row in all_dashboards(others)["pipeline"].rows]


def test_the_pipeline_tells_when_each_host_last_reported(catalogs: Catalogs) -> None:
    made = all_dashboards(list(catalogs.values()))
    titles = [panel.title for panel in made["pipeline"].panels]
    assert "Last report of each host" in titles
    assert "Last report of each host" not in [panel.title for panel in made["realm"].panels]
