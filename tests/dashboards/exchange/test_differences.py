from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from provision.catalog.model import Catalog
from provision.dashboards.exchange.canonical import canonical, fingerprint, same
from provision.dashboards.exchange.differences import differences
from provision.dashboards.render import rendered_dashboards

Dashboard = dict[str, Any]


@pytest.fixture
def dashboard(realm: Catalog) -> Dashboard:
    return rendered_dashboards([realm], "uid")["provision-realm"]


def panel(dashboard: Dashboard, title: str = "Sessions online") -> Dashboard:
    graphs = (p for p in dashboard["panels"] if p["type"] == "timeseries")
    found: Dashboard = next(p for p in graphs if p["title"] == title)
    return found


def told(dashboard: Dashboard, change: Callable[[Dashboard], object]) -> list[str]:
    changed = copy.deepcopy(dashboard)
    change(changed)
    found = [str(each) for each in differences(dashboard, changed)]
    assert same(dashboard, changed) is not bool(found)
    return found


CHANGES: Mapping[str, tuple[Callable[[Dashboard], object], str]] = {
    "title": (lambda d: d.update(title="X"), "dashboard: title 'Realm Object Server' → 'X'"),
    "panel's title": (
        lambda d: panel(d).update(title="X"),
        "panel 'Sessions online': title 'Sessions online' → 'X'",
    ),
    "removed": (lambda d: d["panels"].remove(panel(d)), "panel 'Sessions online': removed"),
    "added": (
        lambda d: d["panels"].append({"id": 99, "type": "text", "title": "Note"}),
        "panel 'Note': added",
    ),
    "kind": (
        lambda d: panel(d).update(type="stat"),
        "panel 'Sessions online': kind 'timeseries' → 'stat'",
    ),
    "unit": (
        lambda d: panel(d)["fieldConfig"]["defaults"].update(unit="bytes"),
        "panel 'Sessions online': unit 'short' → 'bytes'",
    ),
    "thresholds": (
        lambda d: panel(d)["fieldConfig"]["defaults"]["thresholds"]["steps"].append(
            {"color": "red", "value": 80}
        ),
        "panel 'Sessions online': thresholds (text) → (text, red from 80)",
    ),
    "description": (
        lambda d: panel(d).pop("description"),
        "→ (not set)",
    ),
    "query": (
        lambda d: panel(d)["targets"][0].update(query="SELECT 1"),
        "+ SELECT 1",
    ),
    "query added": (
        lambda d: panel(d)["targets"].append({"refId": "Z", "query": "SELECT 2"}),
        "query Z added: SELECT 2",
    ),
    "query removed": (lambda d: panel(d)["targets"].clear(), "query A removed: SELECT"),
    "size": (lambda d: panel(d)["gridPos"].update(h=20), "panel 'Sessions online': size "),
    "moved": (
        lambda d: panel(d)["gridPos"].update(y=900),
        "panel 'Sessions online': moved",
    ),
    "shifted": (
        lambda d: [p["gridPos"].update(y=p["gridPos"]["y"] + 1) for p in d["panels"]],
        "panels in another place",
    ),
    "numbers": (
        lambda d: [p.update(id=p["id"] + 100) for p in d["panels"]],
        "panels with another number (id)",
    ),
    "variable": (
        lambda d: d["templating"]["list"][1].update(query="SHOW TAG VALUES"),
        "variable 'host': query changed:",
    ),
    "variable's choice": (
        lambda d: d["templating"]["list"][1].update(current={"text": "w1", "value": "w1"}),
        "variable 'host': chosen value (not set) → 'w1'",
    ),
    "variable removed": (lambda d: d["templating"]["list"].pop(), "removed"),
    "link": (
        lambda d: d["links"].append({"title": "Runbook", "url": "http://x"}),
        "link 'Runbook': added",
    ),
    "annotation": (
        lambda d: d["annotations"]["list"].append({"name": "Restarts", "enable": True}),
        "annotation 'Restarts': added",
    ),
    "panel's links": (
        lambda d: panel(d).update(links=[{"title": "x", "url": "y"}]),
        "panel 'Sessions online': links added",
    ),
    "anything else": (
        lambda d: panel(d)["fieldConfig"]["defaults"]["custom"].update(drawStyle="points"),
        "panel 'Sessions online': fieldConfig.defaults.custom.drawStyle (not set) → 'points'",
    ),
    "what nobody has thought of": (lambda d: d.update(mystery={"a": [1]}), "mystery"),
    "tags": (lambda d: d["tags"].append("mine"), "dashboard: tags 'provision, realm' →"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_told_in_words_and_nothing_else(dashboard: Dashboard, name: str) -> None:
    change, expected = CHANGES[name]
    found = told(dashboard, change)
    assert expected in "\n".join(found)
    assert len(found) == 1, found


def test_what_stands_below_an_added_panel_has_not_been_moved(dashboard: Dashboard) -> None:
    def insert(changed: Dashboard) -> None:
        for each in changed["panels"]:
            each["gridPos"]["y"] += 8
        new = {"id": 99, "type": "text", "title": "Read me", "gridPos": {"x": 0, "y": 0}}
        changed["panels"].insert(0, new)

    assert told(dashboard, insert) == ["panel 'Read me': added"]


def test_a_row_that_is_folded_up_keeps_its_panels(dashboard: Dashboard) -> None:
    def fold(changed: Dashboard) -> None:
        row, rest = changed["panels"][0], changed["panels"][1:]
        end = next(i for i, each in enumerate(rest) if each["type"] == "row")
        row.update(collapsed=True, panels=rest[:end])
        changed["panels"] = [row, *rest[end:]]

    (found,) = told(dashboard, fold)
    assert found.startswith("row ")
    assert "collapsed (not set) → True" in found


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(id=5, version=9, schemaVersion=41, iteration=3, preload=False),
        lambda d: d.update(fiscalYearStartMonth=0, liveNow=False, style="dark", timezone="browser"),
        lambda d: d["annotations"]["list"].append({"builtIn": 1, "name": "Annotations & Alerts"}),
        lambda d: panel(d).update(pluginVersion="10.1.0", transparent=False, links=[]),
        lambda d: panel(d)["targets"][0].update(hide=False, groupBy=[{}], policy="default"),
        lambda d: panel(d)["fieldConfig"]["defaults"]["custom"].update(
            axisLabel="", hideFrom={"legend": False, "viz": False}, stacking={"mode": "none"}
        ),
        lambda d: panel(d)["fieldConfig"]["defaults"]["thresholds"]["steps"][0].update(value=0),
        lambda d: d["templating"]["list"][1].update(options=[{"text": "w1"}], skipUrlSync=False),
        lambda d: d["templating"]["list"][1].update(current={"text": "All", "value": "$__all"}),
        lambda d: d["templating"]["list"][1].update(
            query={"query": d["templating"]["list"][1]["query"], "refId": "A"}
        ),
        # What graphs are divided by as it opens: a site says so by the number of its hosts.
        lambda d: d["templating"]["list"][-1].update(
            options=[], current={"text": ["(none)"], "value": ["(none)"]}
        ),
        lambda d: d["panels"].reverse() if not any(p["type"] == "row" for p in d["panels"]) else 0,
    ],
)
def test_what_grafana_adds_by_itself_is_no_difference(
    dashboard: Dashboard, change: Callable[[Dashboard], object]
) -> None:
    assert told(dashboard, change) == []


def test_what_a_hidden_choice_found_is_no_difference(catalogs: Mapping[str, Catalog]) -> None:
    made = rendered_dashboards([catalogs["tinybird-jobs"]], "uid")["provision-tinybird-jobs"]
    saved = {"selected": False, "text": ":by_host", "value": ":by_host"}
    assert told(made, lambda d: d["templating"]["list"][-1].update(current=saved)) == []
    shown = told(made, lambda d: d["templating"]["list"][-1].update(hide=0))
    assert len(shown) == 1 and "totals" in shown[0]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"panels": None, "templating": [], "annotations": 1},
        {"panels": [None, {"targets": "x", "gridPos": None, "fieldConfig": {}}]},
        {"panels": [{"title": "a"}, {"title": "a"}], "templating": {"list": [{}, {}]}},
    ],
)
def test_no_dashboard_is_too_odd_to_be_compared(dashboard: Dashboard, odd: Dashboard) -> None:
    assert canonical(odd) == canonical(copy.deepcopy(odd))
    assert differences(odd, dashboard)
    assert differences(dashboard, odd)
    assert differences(odd, odd) == []


def test_a_fingerprint_is_of_what_was_generated_to_the_letter(dashboard: Dashboard) -> None:
    assert fingerprint(dashboard) == fingerprint({**dashboard, "id": 3, "version": 9})
    assert fingerprint(dashboard) != fingerprint({**dashboard, "schemaVersion": 1})
