"""`provision dashboards check`, as it is typed: what comes out, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provision.cli import run
from provision.dashboards.check import schema
from provision.dashboards.check.lint import WITH_CATALOG, reason
from tests.dashboards.check.good import good, written


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A dashboard of a person's own: no catalog is of its tags."""
    return written(good() | {"tags": ["mine"]}, tmp_path)


def told(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    assert run(["dashboards", "check", *map(str, arguments)]) == status
    return capsys.readouterr().out


def data(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> Any:
    return json.loads(told(capsys, *arguments, "--format", "json", status=status))


def test_a_dashboard_without_a_catalog_is_checked_as_far_as_it_can_be(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(capsys, own)
    assert "nothing is wrong" in said
    assert f"no catalog for its tags ('mine'): {len(WITH_CATALOG)} rules are not applied" in said
    (each,) = data(capsys, own)["dashboards"]
    assert each["app"] is None
    assert each["not_applied"] == list(WITH_CATALOG)


def test_what_is_wrong_has_its_panel_its_rule_and_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = good() | {"tags": [], "id": 7}
    made["panels"][3]["title"] = "Or[red]ders\x1b"
    made["panels"][3]["description"] = ""
    path = written(made, tmp_path)
    said = told(capsys, path, status=1)
    assert f"{path}: it has the id of one Grafana" in said
    assert f"{path}: panel 4 ('Or[red]ders\\x1b'): it has no description" in said
    assert "    remedy: say what it means" in said
    assert f"    panel-description: {reason('panel-description')}" in said
    assert "2 findings" in said
    outcome = data(capsys, path, status=1)
    assert outcome["ok"] is False
    assert outcome["schema"] == "11.6"
    assert outcome["dashboards"][0]["findings"][1] == {
        "rule": "panel-description",
        "reason": reason("panel-description"),
        "panel": {"id": 4, "title": "Or[red]ders\x1b"},
        "metric": None,
        "message": "it has no description",
        "remedy": "say what it means and what to do",
    }


def test_the_catalog_is_that_of_the_tags(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = data(capsys, written(good() | {"tags": ["provision", "realm"]}, tmp_path), status=1)
    assert outcome["dashboards"][0]["app"] == "realm"
    rules = {finding["rule"] for finding in outcome["dashboards"][0]["findings"]}
    assert {"metric-shown", "variable-order"} <= rules


def test_a_directory_stands_for_the_dashboards_in_it(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written("{", own.parent, "broken.json")
    outcome = data(capsys, own.parent, status=1)
    assert [Path(each["file"]).name for each in outcome["dashboards"]] == [
        "broken.json",
        "shop.json",
    ]


def test_exclusions_are_read_and_those_unused_told(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = own.parent / "mine.yml"
    path.write_text("exclusions: [{rule: id-null, reason: x}]")
    assert f"{path}: exclusions[0] (rule id-null) matches nothing" in told(
        capsys, own, "--exclusions", path, status=1
    )
    outcome = data(capsys, own, "--exclusions", path, status=1)
    assert outcome["exclusions"][0]["findings"][0]["rule"] == "exclusion-used"
    made = written(good() | {"tags": [], "id": 7}, own.parent)
    (excluded,) = data(capsys, made, "--exclusions", path)["dashboards"][0]["excluded"]
    assert excluded["excluded"] == "x"


def test_it_is_said_where_the_schema_is_not_there(
    own: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "available", lambda: False)
    assert "not held against Grafana's schema 11.6" in told(capsys, own)
    assert data(capsys, own)["schema"] is None


def test_no_file_is_a_wrong_command_line() -> None:
    assert run(["dashboards", "check"]) == 2
