"""`provision catalog`, as it is typed: what comes out, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provision.catalog.lint import reason
from provision.catalog.load import load_catalogs
from provision.catalog.reference import anchor, reference
from provision.catalog.schema import schema
from provision.catalog.series import series
from provision.cli import run
from tests.conftest import INVENTORY

OWN = """\
app: shop
title: Shop | *bold*
description: Sells things.
source: the shop's handbook
prefix: shop
metrics:
  - name: orders
    type: counter
    unit: count
    title: Orders
    description: An order came in.
"""
BUILT_IN = [
    *("dataclay", "django-clickhouse", "host", "influxdb"),
    *("pipeline", "realm", "tinybird-jobs"),
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def site() -> Path:
    """An inventory with a catalog of the site's own beside it; here."""
    Path("inventory.yml").write_text(INVENTORY)
    Path("catalogs").mkdir()
    path = Path("catalogs/shop.yaml")
    path.write_text(OWN)
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert run(["catalog", *arguments]) == status
    return capsys.readouterr().out


def data(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    return json.loads(told(capsys, *arguments, "--format", "json", status=status))


def test_the_list_has_the_built_in_ones(capsys: pytest.CaptureFixture[str]) -> None:
    rows = data(capsys, "list")["applications"]
    assert [row["app"] for row in rows] == BUILT_IN
    assert {row["metrics"] for row in rows if row["app"] == "realm"} == {18}
    assert all(app in told(capsys, "list") for app in BUILT_IN)


def test_a_site_has_its_own_in_the_list_too(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["app"] for row in data(capsys, "list")["applications"]] == [*BUILT_IN, "shop"]
    assert "Shop | *bold*" in told(capsys, "show", "shop")
    assert "# Shop \\| \\*bold\\*" in told(capsys, "docs", "shop")


def test_catalogs_without_an_inventory_are_checked_too(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("inventory.yml").unlink()
    assert "shop" in told(capsys, "check")
    site.write_text(OWN.replace("counter", "count"))
    assert "catalogs/shop.yaml" in told(capsys, "check", status=1)


def test_an_inventory_of_several_sources_has_its_catalogs_beside_it_too(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("inventory").mkdir()
    Path("inventory.yml").rename("inventory/hosts.yml")
    assert "Shop | *bold*" in told(capsys, "show", "shop")
    assert f"{site}" in told(capsys, "check")


def test_catalogs_need_no_inventory(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("inventory.yml").unlink()
    assert "shop" in [row["app"] for row in data(capsys, "list")["applications"]]
    assert "shop" in [each["app"] for each in data(capsys, "check")["catalogs"]]


@pytest.mark.parametrize("command", [["list"], ["show", "realm"], ["docs", "realm"]])
def test_a_faulty_catalog_of_a_site_is_named_with_a_remedy(
    site: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    site.write_text(OWN.replace("unit: count", "unit: eggs"))
    assert run(["catalog", *command]) == 1
    said = capsys.readouterr().err
    assert "catalogs/shop.yaml: line 9: metrics[0].unit: 'eggs' is not" in said
    assert "remedy: mend catalogs/shop.yaml" in said


def test_a_catalog_for_programs_has_its_metrics_and_what_follows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = load_catalogs()["django-clickhouse"]
    metrics = data(capsys, "show", "django-clickhouse")["metrics"]
    assert len(metrics) == 11
    for metric, shown in zip(made.metrics, metrics, strict=True):
        assert shown["name"] == metric.name
        assert shown["type"] == metric.type
        assert shown["unit"] == metric.unit
        assert shown["description"] == metric.description
        assert shown["bucket"] == made.bucket(metric)
        assert shown["measurement"] == made.measurement(metric)
        assert shown["tags"] == list(made.tags(metric))
        assert shown["fields"] == list(made.fields(metric))
        assert shown["series"] == series(made, metric)
        assert shown["anchor"] == anchor(made, metric)
    assert metrics[0]["fields"] == ["value"]
    assert "percentiles" not in metrics[0]
    assert metrics[1]["percentiles"] == [50.0, 95.0, 99.0]


@pytest.mark.parametrize("app", BUILT_IN)
def test_docs_is_the_page_of_reference(app: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "docs", app) == reference(load_catalogs()[app])


def test_docs_of_an_unknown_application_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "docs", "relm"]) == 1
    assert "did you mean 'realm'?" in capsys.readouterr().err


def test_schema_is_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(told(capsys, "schema")) == schema()


def test_nothing_is_wrong_with_the_built_in_ones(capsys: pytest.CaptureFixture[str]) -> None:
    made = data(capsys, "check")
    assert made["ok"] is True
    assert [each["app"] for each in made["catalogs"]] == BUILT_IN
    assert {each["app"]: each["series"] for each in made["catalogs"]}["realm"] == 44
    assert made["together"] == []
    assert "nothing is wrong" in told(capsys, "check")


def test_check_looks_at_a_sites_own_too(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [each["app"] for each in data(capsys, "check")["catalogs"]] == [*BUILT_IN, "shop"]


def test_check_of_files_looks_at_them_alone(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = data(capsys, "check", str(site))
    assert [(each["file"], each["metrics"]) for each in made["catalogs"]] == [(str(site), 1)]
    assert [each["app"] for each in data(capsys, "check", "catalogs")["catalogs"]] == ["shop"]


def test_what_is_wrong_has_its_place_its_rule_and_the_reason_why(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write_text(OWN.replace("title: O", "titel: O"))
    made = data(capsys, "check", str(site), status=1)
    assert made["ok"] is False
    assert made["catalogs"][0]["app"] is None
    assert [
        (f["line"], f["path"], f["message"], f["hint"], f["rule"])
        for f in made["catalogs"][0]["findings"]
    ] == [
        (7, "metrics[0].title", "missing", "what a panel is called", None),
        (10, "metrics[0].titel", "no such key", "did you mean 'title'?", None),
    ]

    site.write_text(OWN.replace("unit: count", "unit: percent"))
    (finding,) = data(capsys, "check", str(site), status=1)["catalogs"][0]["findings"]
    assert finding == {
        "rule": "type-unit",
        "reason": reason("type-unit"),
        "line": 9,
        "path": "metrics[0].unit",
        "message": "a counter counts things or bytes: percent",
        "hint": None,
    }
    said = told(capsys, "check", status=1)
    assert f"{site}: line 9: metrics[0].unit: a counter counts" in said
    assert f"type-unit: {reason('type-unit')}" in said
    assert "1 finding" in said


def test_what_would_not_stand_on_one_host_is_found(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path("other.yaml")
    other.write_text(OWN.replace("app: shop", "app: store"))
    made = data(capsys, "check", str(site), str(other), status=1)
    assert [finding["rule"] for finding in made["together"]] == ["bucket-shared"]
    assert "could be orders of shop or orders of store" in made["together"][0]["message"]
    said = told(capsys, "check", str(site), str(other), status=1)
    assert "on one host: shop.orders could be" in said
    assert reason("bucket-shared") in said


def test_what_takes_the_place_of_what_every_worker_tells_is_found(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = OWN.replace("prefix: shop", "input: telegraf").replace("name: orders", "name: cpu.x")
    site.write_text(text.replace("cpu.x", "cpu.usage_active"))
    made = data(capsys, "check", str(site), status=1)
    assert [finding["rule"] for finding in made["together"]] == ["measurement-shared"]


def test_two_files_of_one_application_are_found(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("catalogs/again.yaml").write_text(OWN)
    made = data(capsys, "check", status=1)
    assert [finding["rule"] for finding in made["together"]] == ["app-once"]


def test_a_sites_own_takes_the_place_of_a_built_in_one(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write_text(OWN.replace("app: shop", "app: realm"))
    made = data(capsys, "check")
    assert [each["app"] for each in made["catalogs"]].count("realm") == 2


def test_a_file_that_is_not_there_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    made = data(capsys, "check", "none.yaml", status=1)
    assert made["catalogs"][0]["findings"][0]["message"] == "No such file or directory"
