from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from provision.catalog.load import load_catalogs
from provision.catalog.model import Catalog
from provision.commands.dashboards import generate
from provision.dashboards.fleet import all_dashboards
from provision.dashboards.render import (
    DATASOURCE_UID,
    importable_dashboards,
    provisioned_dashboards,
    rendered_dashboards,
)
from provision.paths import DASHBOARDS
from tests.hostile import HOSTILE

Catalogs = Mapping[str, Catalog]
# Applications of which hosts' totals are kept.
WITH_TOTALS = ("django-clickhouse", "tinybird-jobs")
NAMES = sorted([*load_catalogs(None), "overview"])


def of_a_site(catalogs: Sequence[Catalog], **more: Any) -> dict[str, str]:
    """The dashboards of some catalogs, for the Grafana of a site."""
    return provisioned_dashboards(all_dashboards(catalogs), **more)


@pytest.fixture(scope="module")
def provisioned() -> dict[str, Any]:
    made = of_a_site(list(load_catalogs(None).values()))
    return {name: json.loads(text) for name, text in made.items()}


def all_panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def test_the_committed_dashboards_are_what_the_catalogs_generate(tmp_path: Path) -> None:
    assert generate(output=tmp_path, catalogs=None) == 0
    generated = {path.name: path.read_text() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text() for path in DASHBOARDS.glob("*.json")}
    assert set(generated) == {f"{name}.json" for name in NAMES}
    assert committed == generated, "run `provision dashboards generate`"


@pytest.mark.parametrize("name", NAMES)
def test_everything_goes_through_the_datasource_that_is_chosen(
    provisioned: dict[str, Any], name: str
) -> None:
    dashboard = provisioned[name]
    chosen, *others = dashboard["templating"]["list"]
    assert (chosen["type"], chosen["query"]) == ("datasource", "influxdb")
    assert chosen["current"]["value"] == DATASOURCE_UID
    wanted = {"type": "influxdb", "uid": "${datasource}"}
    groups = [each for each in others if each["type"] == "custom"]
    hidden = [each for each in others if each["hide"]]
    assert [each["name"] for each in hidden] == (["totals"] if name in WITH_TOTALS else [])
    # A value that comes with a link or a bookmark would stay, whatever is chosen.
    assert all(each["hide"] == 2 and each["skipUrlSync"] for each in hidden)
    for variable in others:
        assert (variable["multi"], variable["includeAll"]) == (variable not in hidden,) * 2
        if variable not in groups:
            assert variable["datasource"] == wanted and variable["refresh"] == 2
    for variable in groups:
        assert (variable["name"], variable["current"]["value"]) == ("group_by", ["host"])
        every, *possible = [option["value"] for option in variable["options"]]
        # Grafana 9 offers what is listed here, and takes the first for All.
        assert (every, variable["query"].split(",")) == ("$__all", possible)
        assert possible[:2] == ["(none)", "host"] and len(possible) > 2
        selected = [option["value"] for option in variable["options"] if option["selected"]]
        assert selected == ["host"]
    grouped = [t["query"] for panel in all_panels(dashboard) for t in panel.get("targets", [])]
    assert any("group_by" in query for query in grouped) == bool(groups)
    for panel in all_panels(dashboard):
        if panel["type"] not in {"row", "alertlist"}:
            assert panel["datasource"] == wanted
            assert panel["targets"]
            assert all(target["datasource"] == wanted for target in panel["targets"])


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_every_panel_has_a_place(provisioned: dict[str, Any], name: str) -> None:
    dashboard = provisioned[name]
    panels = list(all_panels(dashboard))
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["gridPos"]["w"] > 0 for panel in panels)
    assert dashboard["id"] is None


@pytest.mark.parametrize("name", NAMES)
def test_alerts_and_deploys_are_marked_and_links_keep_time_and_variables(
    provisioned: dict[str, Any], name: str
) -> None:
    dashboard = provisioned[name]
    alerts, deploys = dashboard["annotations"]["list"]
    assert (alerts["builtIn"], alerts["enable"]) == (1, True)
    assert deploys["target"]["tags"][0] == "deploy"
    assert name == "overview" or deploys["target"]["tags"][1] == name
    (link,) = dashboard["links"]
    assert (link["tags"], link["keepTime"], link["includeVars"]) == (["provision"], True, True)
    assert "provision" in dashboard["tags"]
    for panel in all_panels(dashboard):
        for each in panel.get("fieldConfig", {}).get("defaults", {}).get("links", ()):
            assert "${__url_time_range}" in each["url"]


def test_an_application_on_many_hosts_opens_with_one_line_of_all(realm: Catalog) -> None:
    for undivided, value in (["other"], ["host"]), (["realm", "other"], ["(none)"]):
        made = of_a_site([realm], undivided=undivided)
        variables = json.loads(made["realm"])["templating"]["list"]
        (variable,) = [each for each in variables if each["name"] == "group_by"]
        assert variable["current"] == {"selected": True, "text": value, "value": value}
        assert [each["value"] for each in variable["options"] if each["selected"]] == value


def test_a_site_that_writes_less_often_is_not_divided_more_finely(realm: Catalog) -> None:
    dashboard = json.loads(of_a_site([realm], interval="60s")["realm"])
    assert {p["interval"] for p in all_panels(dashboard) if "targets" in p} == {"60s"}


def test_an_importable_dashboard_asks_for_its_datasource(realm: Catalog) -> None:
    dashboard = json.loads(importable_dashboards([realm])["realm"])
    (asked,) = dashboard["__inputs"]
    assert asked["pluginId"] == "influxdb"
    current = dashboard["templating"]["list"][0]["current"]["value"]
    assert current == f"${{{asked['name']}}}"
    used = {panel["type"] for panel in all_panels(dashboard)} - {"row"}
    assert {each["id"] for each in dashboard["__requires"] if each["type"] == "panel"} == used


def test_a_dashboard_for_a_datasource_has_its_uid(realm: Catalog) -> None:
    made = rendered_dashboards([realm], "theirs")
    assert set(made) == {"provision-realm", "provision-overview"}
    for dashboard in made.values():
        assert dashboard["templating"]["list"][0]["current"]["value"] == "theirs"
        assert "__inputs" not in dashboard


@pytest.mark.parametrize("title", HOSTILE)
def test_texts_of_a_catalog_are_never_code(realm: Catalog, title: str) -> None:
    metric = realm.metrics[0].model_copy(update={"title": title, "description": title})
    changed = realm.model_copy(update={"metrics": (metric,), "title": title, "description": title})
    untouched = realm.model_copy(update={"metrics": (realm.metrics[0],)})
    for render in (of_a_site, importable_dashboards):
        dashboard = json.loads(render([changed])["realm"])
        assert (dashboard["title"], dashboard["description"]) == (title, title)
        graph = next(p for p in dashboard["panels"] if p["type"] == "timeseries")
        assert graph["title"] == title
        assert graph["description"].startswith(f"{title}\n\nBucket: ")
        # Nothing but the texts is another, and no query has them.
        expected = json.loads(render([untouched])["realm"])
        assert dashboard.keys() == expected.keys()
        asked = [[t["query"] for t in p.get("targets", ())] for p in dashboard["panels"]]
        assert asked == [[t["query"] for t in p.get("targets", ())] for p in expected["panels"]]
        assert dashboard["templating"] == expected["templating"]
