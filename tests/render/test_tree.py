from __future__ import annotations

import configparser
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision.catalog.model import Catalog
from provision.errors import ProvisionError
from provision.fleet import Fleet
from provision.render.tree import documented_buckets, write_tree
from tests.conftest import CASES, INVENTORY

Make = Callable[..., Fleet]
ENGINE_1 = INVENTORY + "all: {vars: {influxdb_engine: 1}}\n"


def tree(fleet: Fleet, directory: Path) -> dict[str, str]:
    write_tree(fleet.site, directory)
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("engine", [1, 2])
def test_the_files_of_every_host_are_the_expected_ones(
    fleet_of: Make, tmp_path: Path, engine: int
) -> None:
    """Expected files are data; the dashboards' are in dashboards/ (tests/dashboards)."""
    fleet = fleet_of(ENGINE_1 if engine == 1 else INVENTORY)
    files = tree(fleet, tmp_path / "tree")
    seen = {path: text for path, text in files.items() if "/dashboards/provision/" not in path}
    expected_root = CASES / "realm" / f"engine-{engine}"
    expected = {
        str(path.relative_to(expected_root)): path.read_text()
        for path in sorted(expected_root.rglob("*"))
        if path.is_file()
    }
    assert seen == expected


@pytest.mark.parametrize("inventory", [INVENTORY, ENGINE_1])
def test_every_file_parses_as_what_it_is(fleet_of: Make, tmp_path: Path, inventory: str) -> None:
    parsers: dict[str, Callable[[str], Any]] = {
        ".toml": tomllib.loads,
        ".conf": tomllib.loads,
        ".json": json.loads,
        ".yaml": yaml.safe_load,
        ".ini": lambda text: configparser.ConfigParser().read_string(text),
    }
    parsed = [
        parsers[Path(path).suffix](text)
        for path, text in tree(fleet_of(inventory), tmp_path / "tree").items()
        if Path(path).suffix in parsers
    ]
    assert len(parsed) > 10


def test_no_secret_is_in_the_tree_only_where_it_goes(fleet_of: Make, tmp_path: Path) -> None:
    files = tree(fleet_of(), tmp_path / "tree")
    with_secrets = {path for path, text in files.items() if "{{" in text}
    manifest = json.loads(files["monitor.example.com/.manifest.json"])
    secret = {f"monitor.example.com{f['path']}" for f in manifest["files"] if f["secret"]}
    assert secret == {path for path in with_secrets if path.startswith("monitor")}
    assert "w1.example.com/etc/default/telegraf" in with_secrets


def test_the_manifest_names_every_file_and_no_other(fleet_of: Make, tmp_path: Path) -> None:
    files = tree(fleet_of(), tmp_path / "tree")
    for host in ("monitor.example.com", "w1.example.com"):
        manifest = json.loads(files[f"{host}/.manifest.json"])
        listed = {f"{host}{file['path']}" for file in manifest["files"]}
        there = {path for path in files if path.startswith(f"{host}/")}
        assert listed == there - {f"{host}/.manifest.json"}


def test_rendering_again_replaces_what_was_rendered(fleet_of: Make, tmp_path: Path) -> None:
    fleet = fleet_of()
    directory = tmp_path / "tree"
    first = tree(fleet, directory)
    stale = directory / "w1.example.com/etc/telegraf/stale.conf"
    stale.write_text("")
    assert tree(fleet, directory) == first


def test_a_directory_that_is_not_ours_is_not_replaced(fleet_of: Make, tmp_path: Path) -> None:
    precious = tmp_path / "tree/w1.example.com/precious"
    precious.parent.mkdir(parents=True)
    precious.write_text("x")
    with pytest.raises(ProvisionError, match="not written by provision"):
        write_tree(fleet_of().site, tmp_path / "tree")
    assert precious.read_text() == "x"


def test_a_tree_that_cannot_be_written_names_the_path(fleet_of: Make, tmp_path: Path) -> None:
    (tmp_path / "tree").write_text("a file")
    with pytest.raises(ProvisionError, match="tree"):
        write_tree(fleet_of().site, tmp_path / "tree")


def test_settings_reach_the_files(fleet_of: Make, tmp_path: Path) -> None:
    text = INVENTORY + (
        "all: {vars: {telegraf_interval: 1m, telegraf_statsd_port: 18125, "
        "telegraf_statsd_address: '::1', telegraf_version: 1.39.3, influxdb_port: 18086}}\n"
    )
    files = tree(fleet_of(text), tmp_path / "tree")
    agent = tomllib.loads(files["w1.example.com/etc/telegraf/telegraf.conf"])
    assert agent["agent"]["interval"] == "60s"
    assert agent["outputs"]["influxdb_v2"][0]["urls"] == ["http://192.0.2.1:18086"]
    statsd = tomllib.loads(files["w1.example.com/etc/telegraf/telegraf.d/statsd.conf"])
    assert statsd["inputs"]["statsd"][0]["service_address"] == "[::1]:18125"
    manifest = json.loads(files["w1.example.com/.manifest.json"])
    assert [package["version"] for package in manifest["packages"]] == ["1.39.3"]


def test_packages_come_from_their_repository_or_not_at_all(fleet_of: Make, tmp_path: Path) -> None:
    """A pin by version would let that version in from anywhere (apt_preferences(5))."""
    text = INVENTORY + "all: {vars: {telegraf_version: 1.39.3}}\n"
    pin = tree(fleet_of(text), tmp_path / "tree")[
        "w1.example.com/etc/apt/preferences.d/provision-influxdata.pref"
    ]
    fields = [line.split(": ", 1) for line in pin.splitlines() if line.startswith("Pin")]
    assert fields == [
        ["Pin", 'origin "repos.influxdata.com"'],
        ["Pin-Priority", "990"],
        ["Pin", "release *"],
        ["Pin-Priority", "-1"],
    ]


def test_documented_buckets_come_more_specific_first(realm: Catalog) -> None:
    counters = dict(documented_buckets((realm,)))["counter"]
    measurements = [measurement for measurement, _ in counters]
    assert measurements.index("realm_protocol_messages_sent") < measurements.index(
        "realm_protocol_used"
    )
