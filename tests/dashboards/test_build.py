from __future__ import annotations

import json
from pathlib import Path

import pytest

from provision.catalog.load import load_catalogs
from provision.catalog.model import Catalog
from provision.dashboards.build import (
    DATASOURCE_UID,
    build_dashboard,
    importable_dashboard,
    provisioned_dashboard,
)
from provision.paths import DASHBOARDS


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


def test_counters_are_rates_and_gauges_levels(realm: Catalog) -> None:
    panels = {p.title: p for p in build_dashboard(realm).panels}
    started = panels["Sessions started"]
    assert 'sum("value") * 1000 / $__interval_ms' in started.query
    assert started.unit == "cps"
    online = panels["Sessions online"]
    assert 'last("value")' in online.query
    assert online.unit == "short"
    assert panels["Bytes sent since the start"].unit == "bytes"


def test_panels_do_not_overlap_and_ids_are_unique(realm: Catalog) -> None:
    dashboard = json.loads(provisioned_dashboard(realm))
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


@pytest.mark.parametrize("title", ['a "quote"', "{{ braces }}", "new\nline", "${x}", "'''", "é\\"])
def test_texts_of_a_catalog_are_never_code(realm: Catalog, title: str) -> None:
    metric = realm.metrics[0].model_copy(update={"title": title, "description": title})
    changed = realm.model_copy(update={"metrics": (metric,), "title": title})
    dashboard = json.loads(provisioned_dashboard(changed))
    assert dashboard["title"] == title
    assert dashboard["panels"][1]["title"] == title


def test_uids_fit_grafana(realm: Catalog) -> None:
    changed = realm.model_copy(update={"app": "a" * 60})
    assert len(build_dashboard(changed).uid) <= 40


def test_generating_writes_one_file_for_each_application(tmp_path: Path) -> None:
    from provision.commands.dashboards import generate

    assert generate(output=tmp_path, catalogs=None) == 0
    assert {path.stem for path in tmp_path.glob("*.json")} == set(load_catalogs())
