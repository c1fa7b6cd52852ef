from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from provision.catalog.load import load_catalogs
from provision.catalog.model import Catalog, Condition, Former, Severity, TimerField
from provision.dashboards.build import (
    DATASOURCE_UID,
    Panel,
    build_dashboard,
    build_queries,
    build_variables,
    describe,
    importable_dashboard,
    provisioned_dashboard,
)
from provision.paths import CATALOGS, DASHBOARDS
from tests.hostile import HOSTILE

Catalogs = Mapping[str, Catalog]
APPS = sorted(path.stem for path in CATALOGS.glob("*.yaml"))


def test_the_committed_dashboards_are_what_the_catalogs_generate() -> None:
    generated = {app: importable_dashboard(catalog) for app, catalog in load_catalogs().items()}
    committed = {path.stem: path.read_text() for path in DASHBOARDS.glob("*.json")}
    assert committed == generated, "run `provision dashboards generate`"


def test_every_documented_metric_is_on_a_panel_with_unit_and_description(realm: Catalog) -> None:
    panels = build_dashboard(realm).panels
    assert {(p.metric.name, p.metric.type) for p in panels} == {
        (m.name, m.type) for m in realm.metrics
    }
    assert len(panels) == 18
    for panel in panels:
        assert panel.unit
        assert panel.metric.description in panel.description
        assert realm.bucket(panel.metric) in panel.description


def panels_of(catalog: Catalog) -> dict[str, Panel]:
    return {panel.title: panel for panel in build_dashboard(catalog).panels}


def test_counters_are_rates_and_gauges_levels(realm: Catalog) -> None:
    panels = panels_of(realm)
    (started,) = panels["Sessions started"].queries
    assert 'sum("value") * 1000 / $__interval_ms' in started.text
    assert panels["Sessions started"].unit == "cps"
    (online,) = panels["Sessions online"].queries
    assert 'last("value")' in online.text
    assert panels["Sessions online"].unit == "short"
    assert panels["Bytes sent since the start"].unit == "bytes"


def test_counts_since_the_start_are_rates_too(catalogs: Catalogs) -> None:
    (hits,) = panels_of(catalogs["dataclay"])["Hits in memory"].queries
    assert 'non_negative_derivative(last("value"), 1s) FROM "dataclay_inmemory_hits_total"' in (
        hits.text
    )
    received = next(p for p in panels_of(catalogs["host"]).values() if p.measurement == "net")
    assert "non_negative_derivative(last(" in received.queries[0].text


def test_a_timer_is_its_percentiles_and_the_mean_of_all_its_times(catalogs: Catalogs) -> None:
    panel = panels_of(catalogs["django-clickhouse"])["Step time"]
    tags = "$tag_prefix $tag_model $tag_step"
    assert [(query.ref, query.alias) for query in panel.queries] == [
        ("A", f"p50 {tags}"),
        ("B", f"p95 {tags}"),
        ("C", f"p99 {tags}"),
        ("D", f"mean {tags}"),
    ]
    assert [query.text.split(" FROM ")[0] for query in panel.queries] == [
        'SELECT max("50_percentile")',
        'SELECT max("95_percentile")',
        'SELECT max("99_percentile")',
        'SELECT sum("sum") / sum("count")',
    ]
    assert panel.unit == "ms"


@pytest.mark.parametrize(
    ("percentiles", "fields", "asked"),
    [
        ((99.9,), (), ['max("99.9_percentile")']),
        ((), ("sum", "count"), ['sum("sum") / sum("count")']),
        ((), ("mean", "upper"), ['last("mean")']),
        ((), ("upper",), ['last("upper")']),
        ((50,), ("sum",), ['max("50_percentile")']),
    ],
)
def test_a_timer_of_which_little_is_kept_is_on_a_panel_too(
    catalogs: Catalogs,
    percentiles: tuple[float, ...],
    fields: tuple[TimerField, ...],
    asked: list[str],
) -> None:
    catalog = catalogs["django-clickhouse"]
    timer = next(metric for metric in catalog.metrics if metric.title == "Step time")
    kept = timer.model_copy(
        update={"percentiles": percentiles, "fields": tuple(map(TimerField, fields))}
    )
    queries = build_queries(catalog, kept)
    assert [q.text.removeprefix("SELECT ").split(" FROM ")[0] for q in queries] == asked


def test_every_panel_of_every_catalog_asks_what_telegraf_stores(catalogs: Catalogs) -> None:
    for catalog in catalogs.values():
        panels = build_dashboard(catalog).panels
        assert sorted(p.metric.name for p in panels) == sorted(m.name for m in catalog.metrics)
        for panel in panels:
            assert panel.queries
            fields = {*catalog.fields(panel.metric), "sum", "count"}
            for query in panel.queries:
                assert f'FROM "{catalog.measurement(panel.metric)}"' in query.text
                asked = re.findall(r'(?:sum|last|max)\("([^"]+)"\)', query.text)
                assert asked and set(asked) <= fields


def test_metrics_stand_in_rows_by_the_first_word_of_their_names(catalogs: Catalogs) -> None:
    realm = catalogs["realm"]
    names = ["<version>.bad-name_of.x", "session.a", "bad-name_of.<version>", "session.b"]
    metrics = tuple(realm.metrics[0].model_copy(update={"name": name}) for name in names)
    dashboard = build_dashboard(realm.model_copy(update={"metrics": metrics}))
    assert [(row.title, [p.metric.name for p in row.panels]) for row in dashboard.rows] == [
        ("Bad name of", [names[0], names[2]]),
        ("Session", [names[1], names[3]]),
    ]
    (row,) = build_dashboard(catalogs["dataclay"]).rows
    assert row.title == catalogs["dataclay"].title == "dataClay"


def test_former_names_of_a_metric_are_asked_as_well(catalogs: Catalogs) -> None:
    realm = catalogs["realm"]
    former = Former(name="session.begun")
    metric = realm.metrics[0].model_copy(update={"formerly": (former,)})
    (query,) = build_queries(realm, metric)
    assert f'FROM "{realm.measurement(metric)}", "realm_session_begun" WHERE' in query.text


def test_only_points_that_stand_alone_are_drawn_as_points(catalogs: Catalogs) -> None:
    sparse = {
        (catalog.app, panel.metric.type.value, panel.sparse)
        for catalog in catalogs.values()
        for panel in build_dashboard(catalog).panels
    }
    assert ("realm", "counter", True) in sparse
    assert ("realm", "gauge", False) in sparse
    assert ("django-clickhouse", "timer", True) in sparse
    assert ("dataclay", "counter", False) in sparse
    assert len(sparse) == len({(app, kind) for app, kind, _ in sparse})


def test_a_panel_says_when_to_worry_and_what_goes_away(realm: Catalog) -> None:
    condition = Condition(below=2.5, severity=Severity.WARNING, advice="Look.")
    metric = realm.metrics[0].model_copy(
        update={"condition": condition, "deprecated": "See another."}
    )
    text = describe(realm, metric)
    assert "Should not be below 2.5. Look." in text
    assert "Deprecated: See another." in text
    assert f"Bucket: `{realm.bucket(metric)}` ({metric.type})." in text


def test_what_a_dashboard_lets_choose_by_is_chained_by_what_every_series_has(
    catalogs: Catalogs,
) -> None:
    found = {v.name: v.query for v in build_variables(catalogs["tinybird-jobs"])}
    prefix = ["region_machine", "database_server", "database", "kind"]
    assert list(found) == ["host", *prefix]
    assert "WHERE" not in found["host"]
    for index, name in enumerate(prefix):
        for before in ("host", *prefix[:index]):
            assert f"${{{before}:regex}}" in found[name]
        for after in prefix[index:]:
            assert f"${{{after}:regex}}" not in found[name]
    found = {v.name: v.query for v in build_variables(catalogs["django-clickhouse"])}
    assert list(found) == ["host", "prefix", "model", "step", "operation"]
    # A step is of one metric alone: it does not narrow the operations of another.
    assert "${step:regex}" not in found["operation"]
    found = {v.name: v.query for v in build_variables(catalogs["dataclay"])}
    assert list(found) == ["host", "service", "instance"]


@pytest.mark.parametrize("app", APPS)
def test_panels_do_not_overlap_and_ids_are_unique(catalogs: Catalogs, app: str) -> None:
    dashboard = json.loads(provisioned_dashboard(catalogs[app]))
    cells: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        g = panel["gridPos"]
        assert g["x"] + g["w"] <= 24
        own = {
            (x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])
        }
        assert not cells & own
        cells |= own
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("app", APPS)
def test_every_query_goes_through_the_variables_that_its_metric_has(
    catalogs: Catalogs, app: str
) -> None:
    catalog = catalogs[app]
    dashboard = json.loads(provisioned_dashboard(catalog))
    names = {variable["name"] for variable in dashboard["templating"]["list"]} - {"datasource"}
    panels = {panel["id"]: panel for panel in dashboard["panels"]}
    for built in build_dashboard(catalog).panels:
        tags = {"host", *catalog.tags(built.metric)}
        targets = panels[built.id]["targets"]
        assert len(targets) == len(built.queries)
        for target in targets:
            used = set(re.findall(r"\$\{(\w+):regex\}", target["query"]))
            assert used == tags & names
            grouped = target["query"].split("GROUP BY ")[1]
            assert all(f'"{tag}"' in grouped for tag in tags)


def test_every_query_goes_through_the_variables(realm: Catalog) -> None:
    dashboard = json.loads(provisioned_dashboard(realm))
    names = [variable["name"] for variable in dashboard["templating"]["list"]]
    assert names == ["datasource", "host", "hostname", "version"]
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            assert "${host:regex}" in target["query"]
            assert "${hostname:regex}" in target["query"]
            assert target["datasource"]["uid"] == "${datasource}"


def test_an_importable_dashboard_asks_for_its_datasource(realm: Catalog) -> None:
    dashboard = json.loads(importable_dashboard(realm))
    (asked,) = dashboard["__inputs"]
    assert asked["pluginId"] == "influxdb"
    current = dashboard["templating"]["list"][0]["current"]["value"]
    assert current == f"${{{asked['name']}}}"
    assert dashboard["id"] is None


def test_a_provisioned_dashboard_has_its_datasource(realm: Catalog) -> None:
    text = provisioned_dashboard(realm)
    assert "DS_INFLUXDB" not in text
    assert json.loads(text)["templating"]["list"][0]["current"]["value"] == DATASOURCE_UID


@pytest.mark.parametrize("title", HOSTILE)
def test_texts_of_a_catalog_are_never_code(realm: Catalog, title: str) -> None:
    metric = realm.metrics[0].model_copy(update={"title": title, "description": title})
    changed = realm.model_copy(update={"metrics": (metric,), "title": title, "description": title})
    untouched = realm.model_copy(update={"metrics": (realm.metrics[0],)})
    for render in (provisioned_dashboard, importable_dashboard):
        dashboard = json.loads(render(changed))
        assert (dashboard["title"], dashboard["description"]) == (title, title)
        assert dashboard["panels"][1]["title"] == title
        assert dashboard["panels"][1]["description"].startswith(f"{title}\n\nBucket: ")
        # Nothing but the texts is another, and no query has them.
        expected = json.loads(render(untouched))
        assert dashboard.keys() == expected.keys()
        assert dashboard["panels"][1]["targets"] == expected["panels"][1]["targets"]
        assert dashboard["templating"] == expected["templating"]


def test_uids_fit_grafana(realm: Catalog) -> None:
    changed = realm.model_copy(update={"app": "a" * 60})
    assert len(build_dashboard(changed).uid) <= 40


def test_generating_writes_one_file_for_each_application(tmp_path: Path) -> None:
    from provision.commands.dashboards import generate

    assert generate(output=tmp_path, catalogs=None) == 0
    assert {path.stem for path in tmp_path.glob("*.json")} == set(load_catalogs())
