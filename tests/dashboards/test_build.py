from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from provision.catalog.load import load_catalogs
from provision.catalog.model import GROUP_BY, Catalog
from provision.dashboards.build import build_dashboard, build_variables, graph_ids, summary
from provision.dashboards.model import Kind
from provision.dashboards.variables import TOTALS_CHOSEN
from provision.paths import CATALOGS

Catalogs = Mapping[str, Catalog]
APPS = sorted(load_catalogs(None))


def test_there_are_applications_to_try() -> None:
    assert len(APPS) == len(list(CATALOGS.glob("*.yaml"))) >= 6


@pytest.mark.parametrize("app", APPS)
def test_every_documented_metric_is_on_one_graph(catalogs: Catalogs, app: str) -> None:
    catalog = catalogs[app]
    graphs = [p for p in build_dashboard(catalog).panels if p.kind is Kind.GRAPH]
    shown = [(m.name, m.type) for panel in graphs for m in panel.metrics]
    assert sorted(shown) == sorted((m.name, m.type) for m in catalog.metrics)
    for panel in graphs:
        assert panel.unit and panel.title
        for metric in panel.metrics:
            assert metric.description in panel.description
            assert catalog.bucket(metric) in panel.description
    assert graph_ids(build_dashboard(catalog)) == {
        (m.name, m.type): panel.id for panel in graphs for m in panel.metrics
    }


@pytest.mark.parametrize("app", APPS)
def test_every_graph_asks_what_telegraf_stores(catalogs: Catalogs, app: str) -> None:
    catalog = catalogs[app]
    for panel in build_dashboard(catalog).panels:
        assert panel.queries
        known = {name for metric in panel.metrics for name in catalog.measurements(metric)}
        fields = {field for metric in panel.metrics for field in catalog.fields(metric)}
        for query in panel.queries:
            asked = re.findall(
                r'(?:sum|last|max|min|count|non_negative_difference)\("([^"]+)"\)', query.text
            )
            assert asked and set(asked) <= {*fields, "sum", "count", "value", "increase", "rate"}
            sources = re.findall(r'FROM "([^"]+)"', query.text)
            assert sources and {name.removesuffix(TOTALS_CHOSEN) for name in sources} <= known


@pytest.mark.parametrize("app", APPS)
def test_every_query_goes_through_the_variables_that_its_metric_has(
    catalogs: Catalogs, app: str
) -> None:
    catalog = catalogs[app]
    names = {variable.name for variable in build_variables(catalog)}
    assert "host" in names
    for panel in build_dashboard(catalog).panels:
        for query in panel.queries:
            used = set(re.findall(r"\$\{(\w+):regex\}", query.text)) - {GROUP_BY}
            tags = {"host", *(tag for m in panel.metrics for tag in catalog.tags(m))}
            silence = panel.title == "Silent hosts"
            assert used == ({"host"} if silence else tags & names)


def test_rows_go_from_what_is_so_now_to_what_explains_it(catalogs: Catalogs) -> None:
    django = build_dashboard(catalogs["django-clickhouse"])
    titles = ["Now", "Rate and errors", "Duration", "Saturation", "Details"]
    assert [(row.title, row.collapsed) for row in django.rows] == [
        (title, title == "Details") for title in titles
    ]
    kinds = {row.title: {panel.kind for panel in row.panels} for row in django.rows}
    assert kinds.pop("Now") == {Kind.STAT}
    assert set().union(*kinds.values()) == {Kind.GRAPH}


@pytest.mark.parametrize("app", APPS)
def test_all_that_is_watched_has_a_number(catalogs: Catalogs, app: str) -> None:
    catalog = catalogs[app]
    watched = [m for m in catalog.metrics if m.condition]
    assert list(summary(catalog)[: len(watched)]) == watched
    assert summary(catalog)
    first = build_dashboard(catalog).rows[0]
    assert [panel.metrics for panel in first.panels] == [(m,) for m in summary(catalog)]


def test_where_little_is_watched_other_numbers_are_shown_too(catalogs: Catalogs) -> None:
    titles = [metric.title for metric in summary(catalogs["realm"])]
    assert titles[4:] == ["Sessions online", "Connections online"]
    assert len(summary(catalogs["dataclay"])) == 5


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


def test_uids_fit_grafana(realm: Catalog) -> None:
    changed = realm.model_copy(update={"app": "a" * 60})
    assert len(build_dashboard(changed).uid) <= 40


def test_a_panel_keeps_its_id_when_others_come_and_go(realm: Catalog) -> None:
    fewer = realm.model_copy(update={"metrics": realm.metrics[3:]})
    before, after = graph_ids(build_dashboard(realm)), graph_ids(build_dashboard(fewer))
    assert after == {key: before[key] for key in after}
    assert json.dumps(list(after.values()))
