from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trees
import yaml
from comparing import contents, manifest, wanted
from comparing.differences import Difference

DASHBOARD = "/etc/grafana/dashboards/one.json"
RULES = "/etc/grafana/provisioning/alerting/provision.yaml"


@pytest.fixture
def monitor(tmp_path: Path) -> manifest.Manifest:
    trees.monitor(tmp_path, "m", repository=trees.repository("u", "k", "F"))
    trees.add_grafana(tmp_path, "m")
    return manifest.load(tmp_path, "m")


def told(of: manifest.Manifest, path: str, before: str, after: str) -> list[tuple[str, str, str]]:
    action = "change" if before and after else "create" if after else "remove"
    kind = "file" if after else "absent"
    difference = Difference("grafana", kind, path, action, "as it was found")
    found = contents.inside(of, difference, before, after)
    return [(each.action, each.kind, f"{each.name}: {each.why}") for each in found]


def dashboard(*panels: dict[str, Any], **more: Any) -> str:
    return json.dumps({"title": "One", "panels": panels, **more})


def panel(number: int, title: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "title": title, "gridPos": {"x": number}, **more}


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [("", "a\nb\n", (2, 0)), ("a\nb\n", "", (0, 2)), ("a\nb\nc\n", "a\nx\nc\nd\n", (2, 1)),
     ("--x\n", "++x\n", (1, 1)), ("a", "a\n", (0, 0))],
)  # fmt: skip
def test_lines_that_come_and_go(before: str, after: str, count: tuple[int, int]) -> None:
    assert contents.line_count(before, after) == count


def test_a_dashboard_is_told_by_its_title_and_its_panels(monitor: manifest.Manifest) -> None:
    row = panel(3, "Row", panels=[panel(4, "Inner")])
    old = dashboard(panel(1, "A"), panel(2, "B"), row)
    assert told(monitor, DASHBOARD, "", old) == [("create", "dashboard", "One: as it was found")]
    assert told(monitor, DASHBOARD, old, "") == [("remove", "dashboard", "One: as it was found")]
    inner = panel(3, "Row", panels=[panel(4, "Inner", unit="s")])
    new = dashboard(panel(9, "A", gridPos={}) | {"id": 1}, inner, panel(5, "C"))
    assert told(monitor, DASHBOARD, old, new) == [
        ("change", "dashboard", "One: panel new: C; panel changed: Inner; panel gone: B")
    ]
    assert told(monitor, DASHBOARD, old, dashboard(*json.loads(old)["panels"], time="1h")) == [
        ("change", "dashboard", "One: its settings differ")
    ]
    many = dashboard(*(panel(number, f"P{number}") for number in range(10, 15)))
    assert "panels new: P10, P11, P12 and 2 more" in told(monitor, DASHBOARD, old, many)[0][2]
    twice = dashboard(*(panel(number, "Orders") for number in (10, 11)))
    assert "panel new: Orders; " in told(monitor, DASHBOARD, old, twice)[0][2]


@pytest.mark.parametrize("text", ["{", "[]", "null", '"x"', '{"panels": [1, null]}', "\x00"])
def test_what_is_no_dashboard_is_told_as_a_file(monitor: manifest.Manifest, text: str) -> None:
    assert told(monitor, DASHBOARD, "", text) == []
    assert told(monitor, DASHBOARD, text, dashboard()) != []


def test_json_elsewhere_is_no_dashboard(monitor: manifest.Manifest) -> None:
    assert told(monitor, "/etc/grafana/other/one.json", "", dashboard()) == []


def alerting(*rules: tuple[str, str, int], interval: str = "60s", **more: Any) -> str:
    entries = [{"uid": uid, "title": title, "for": bound} for uid, title, bound in rules]
    group = {"name": "g", "interval": interval, "rules": entries}
    return yaml.safe_dump({"groups": [group], **more})


def test_alert_rules_are_told_by_name(monitor: manifest.Manifest) -> None:
    old = alerting(("a", "A is high", 1), ("b", "B is low", 1), ("c", "C", 1))
    new = alerting(("a", "A is high", 2), ("c", "C", 1), ("d", "D is gone", 1))
    assert told(monitor, RULES, old, new) == [
        ("change", "alert rule", "A is high: its definition differs"),
        ("create", "alert rule", "D is gone: it is missing"),
        ("remove", "alert rule", "B is low: no catalog has it any more"),
    ]
    slower = alerting(("a", "A is high", 1), ("b", "B is low", 1), ("c", "C", 1), interval="1s")
    assert len(told(monitor, RULES, old, slower)) == 3, "what its group says is the rule's, too"
    assert told(monitor, RULES, old + "# a comment\n", old) == []


def test_contact_points_and_the_policy_are_told_by_name(monitor: manifest.Manifest) -> None:
    one = {"contactPoints": [{"name": "ops", "receivers": []}], "policies": [{"receiver": "ops"}]}
    other = {"contactPoints": [{"name": "ops", "receivers": [1]}, {"name": "pager"}]}
    assert told(monitor, RULES, yaml.safe_dump(one), yaml.safe_dump(other)) == [
        ("change", "contact point", "ops: its definition differs"),
        ("create", "contact point", "pager: it is missing"),
        ("remove", "policy", "of notifications for ops: the inventory has it no more"),
    ]


@pytest.mark.parametrize("text", ["a: [", "- x", "groups: 7", "groups: [{rules: {}}, 3]", "!!x y"])
def test_what_is_no_alerting_file_is_told_as_a_file(monitor: manifest.Manifest, text: str) -> None:
    assert told(monitor, RULES, text, "apiVersion: 1\n") == []


def test_of_a_file_with_secrets_nothing_is_told_but_that_it_differs(
    monitor: manifest.Manifest,
) -> None:
    path = "/etc/grafana/provisioning/datasources/provision.yaml"
    token = {"influxdb_read_token": "SECRET-VALUE"}
    files = wanted.wanted_files(monitor, token, lambda text, secrets: text.replace(
        "{{ provision_secrets.influxdb_read_token }}", secrets["influxdb_read_token"]))  # fmt: skip
    found = [
        Difference("grafana", "file", path, "change", "its content differs"),
        Difference("influxdb", "file", "/etc/influxdb/config.toml", "create", "it is missing"),
    ]
    made = contents.contents(monitor, found, files, {path: "old SECRET-VALUE"})
    assert "SECRET-VALUE" not in json.dumps(made)
    assert list(made["lines"]) == ["/etc/influxdb/config.toml"]
    held = contents.secret_files(monitor, files)
    assert held == [
        {"path": path, "role": "grafana", "names": ["influxdb_read_token"],
         "services": ["grafana-server"]},
    ]  # fmt: skip
