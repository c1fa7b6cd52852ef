from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from provision.catalog.model import Catalog
from provision.dashboards.exchange.portable import file_name, keep, portable, resolved
from provision.dashboards.render import rendered_dashboards
from provision.errors import ProvisionError
from provision.grafana import Stored


def test_an_export_and_its_import_are_the_same_dashboard(realm: Catalog) -> None:
    dashboard = rendered_dashboards([realm], "here")["provision-realm"]
    running: dict[str, Any] = {**dashboard, "id": 5, "version": 7}
    running["panels"][1]["datasource"] = {"type": "influxdb", "uid": "here"}  # pinned by a person
    made = portable(running)
    assert '"here"' not in json.dumps(made)
    assert [(i["name"], i["pluginId"]) for i in made["__inputs"]] == [("DS_INFLUXDB", "influxdb")]
    assert (made["id"], "version" in made) == (None, False)
    elsewhere = resolved(made, "there")
    again = json.loads(json.dumps(elsewhere).replace('"there"', '"here"'))
    assert {**again, "version": 7, "id": 5} == running


def test_each_datasource_is_asked_for_and_those_of_grafana_itself_are_not() -> None:
    panels = [
        {"datasource": {"type": kind, "uid": uid}}
        for kind, uid in (
            ("influxdb", "a"),
            ("influxdb", "b"),
            ("loki", "c"),
            ("datasource", "-- Mixed --"),
            ("influxdb", "${datasource}"),
        )
    ]
    made = portable({"title": "T", "panels": panels})
    assert [each["name"] for each in made["__inputs"]] == [
        "DS_INFLUXDB",
        "DS_INFLUXDB_2",
        "DS_LOKI",
    ]
    assert [panel["datasource"]["uid"] for panel in made["panels"]] == [
        "${DS_INFLUXDB}",
        "${DS_INFLUXDB_2}",
        "${DS_LOKI}",
        "-- Mixed --",
        "${datasource}",
    ]
    with pytest.raises(ProvisionError, match="DS_LOKI"):
        resolved(made, "x")
    assert "__inputs" not in portable({"title": "T", "panels": []})


def test_a_file_has_a_name_whatever_the_uid_is() -> None:
    assert file_name("provision-realm") == "realm.json"
    assert file_name("../../etc/x") == "_.._etc_x.json"
    assert file_name("äö-1") == "äö-1.json"
    assert file_name("..") == "_.json"


def test_a_backup_is_as_grafana_has_it_and_for_its_owner_only(tmp_path: Path) -> None:
    dashboard = {"uid": "a", "title": "é", "version": 3, "id": 9}
    there = Stored("a", "é", 3, dashboard)
    kept = keep(there, tmp_path / "b", "https://grafana.example.com:3000/sub/path/")
    assert json.loads(kept.read_text()) == dashboard
    assert kept.parent == tmp_path / "b/grafana.example.com_3000_sub_path"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o077 == 0
    assert keep(there, tmp_path / "b", "https://grafana.example.com:3000/sub/path/") != kept


def test_a_backup_that_cannot_be_written_says_that_nothing_was_changed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ProvisionError, match="is left as it is") as caught:
        keep(Stored("a", "T", 1, {}), tmp_path / "file", "http://x")
    assert "--backups" in str(caught.value.remedy)
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208
