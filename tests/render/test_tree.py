from __future__ import annotations

import configparser
import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision.errors import ProvisionError
from provision.fleet.model import Fleet
from provision.render.tree import write_tree
from tests.conftest import CASES, INVENTORY
from tests.render.expected import ENGINE_1, FLEET, TREES, read_tree, rendered, without_dashboards

Make = Callable[..., Fleet]


def tree(fleet: Fleet, directory: Path) -> dict[str, str]:
    return rendered(fleet.site, directory)


@pytest.mark.parametrize("case", TREES)
def test_the_files_of_every_host_are_the_expected_ones(
    fleet_of: Make, tmp_path: Path, case: str
) -> None:
    seen = without_dashboards(tree(fleet_of(TREES[case]), tmp_path / "tree"))
    expected = read_tree(CASES / case)
    assert seen.keys() == expected.keys()
    for path, text in expected.items():
        assert seen[path] == text, f"{case}/{path}"


@pytest.mark.parametrize("inventory", [INVENTORY, ENGINE_1, FLEET])
def test_every_file_parses_as_what_it_is(fleet_of: Make, tmp_path: Path, inventory: str) -> None:
    parsers: dict[str, Callable[[str], Any]] = {
        ".toml": tomllib.loads,
        ".conf": tomllib.loads,
        ".json": json.loads,
        ".yaml": yaml.safe_load,
        ".ini": lambda text: configparser.ConfigParser().read_string(text),
        # Some of systemd's settings stand more than once.
        ".unit": lambda text: configparser.RawConfigParser(strict=False).read_string(text),
    }
    parsed = [
        parsers[".unit" if "/systemd/" in path else Path(path).suffix](text)
        for path, text in tree(fleet_of(inventory), tmp_path / "tree").items()
        if Path(path).suffix in parsers or "/systemd/" in path
    ]
    assert len(parsed) > 10


def test_only_what_a_hosts_applications_need_is_rendered_for_it(
    fleet_of: Make, tmp_path: Path
) -> None:
    files = tree(fleet_of(FLEET), tmp_path / "tree")
    wanted: dict[str, set[str]] = {
        "every": {"statsd.conf", "prometheus.conf", "prometheus-pushgateway"},
        "realm": {"statsd.conf"},
        "django": {"statsd.conf"},
        "tinybird": {"statsd.conf"},
        "scraped": {"prometheus.conf"},
        "pushed": {"prometheus.conf", "prometheus-pushgateway"},
    }
    for name, expected in wanted.items():
        own = {Path(path).name for path in files if path.startswith(f"{name}.example.com/")}
        assert own & wanted["every"] == expected
        assert {"telegraf.conf", "host.conf", "telegraf"} < own
        manifest = json.loads(files[f"{name}.example.com/.manifest.json"])
        absent = {Path(entry["path"]).name for entry in manifest["absent"]}
        # What another application once needed is taken away, but not what is in no role here.
        assert {"statsd.conf", "prometheus.conf"} - expected == absent & {
            "statsd.conf",
            "prometheus.conf",
        }


def test_every_application_has_a_dashboard(fleet_of: Make, tmp_path: Path) -> None:
    files = tree(fleet_of(FLEET), tmp_path / "tree")
    found = {Path(path).stem for path in files if "/dashboards/provision/" in path}
    applications = {"realm", "django-clickhouse", "tinybird-jobs", "dataclay"}
    assert found == applications | {"host", "pipeline", "overview"}


def test_the_inputs_are_those_of_the_ways_in(fleet_of: Make, tmp_path: Path) -> None:
    files = tree(fleet_of(FLEET), tmp_path / "tree")

    def inputs(host: str, file: str) -> Any:
        path = f"{host}.example.com/etc/telegraf/telegraf.d/{file}.conf"
        return tomllib.loads(files[path])["inputs"]

    def listeners(host: str) -> list[tuple[str, str]]:
        return [
            (each["protocol"], each["service_address"]) for each in inputs(host, "statsd")["statsd"]
        ]

    assert listeners("every") == [("udp", "127.0.0.1:8125"), ("tcp", "127.0.0.1:8125")]
    assert listeners("realm") == [("udp", "127.0.0.1:8125")]
    assert listeners("tinybird") == [("tcp", ":8125")]
    fetched = [
        (each["urls"], {n: v for n, v in each.get("tags", {}).items() if n != "host"})
        for each in inputs("every", "prometheus")["http"]
    ]
    assert fetched == [
        (
            ["http://127.0.0.1:8000/metrics"],
            {"instance": "127.0.0.1:8000", "service": "metadata-service"},
        ),
        (
            ["http://192.0.2.7:8001/metrics"],
            {"instance": "backend 1", "service": "backend"},
        ),
        (
            ["https://[2001:db8::7]:8001/metrics"],
            {"instance": 'backend "2"', "service": "backend"},
        ),
        (["http://127.0.0.1:9091/metrics"], {}),
    ]
    assert [each["urls"] for each in inputs("pushed", "prometheus")["http"]] == [
        ["http://127.0.0.1:9091/metrics"]
    ]


def test_no_secret_is_in_the_tree_only_where_it_goes(fleet_of: Make, tmp_path: Path) -> None:
    files = tree(fleet_of(), tmp_path / "tree")
    with_secrets = {path for path, text in files.items() if "{{ provision_secrets" in text}
    manifest = json.loads(files["monitor.example.com/.manifest.json"])
    secret = {f"monitor.example.com{f['path']}" for f in manifest["files"] if f["secret"]}
    assert secret == {path for path in with_secrets if path.startswith("monitor")}
    assert "w1.example.com/etc/telegraf/credentials/influxdb" in with_secrets


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
    output = tomllib.loads(files["w1.example.com/etc/telegraf/telegraf.d/output.conf"])
    assert output["outputs"]["influxdb_v2"][0]["urls"] == ["http://192.0.2.1:18086"]
    statsd = tomllib.loads(files["w1.example.com/etc/telegraf/telegraf.d/statsd.conf"])
    assert statsd["inputs"]["statsd"][0]["service_address"] == "[::1]:18125"
    manifest = json.loads(files["w1.example.com/.manifest.json"])
    assert [package["version"] for package in manifest["packages"]] == ["1.39.3"]


def test_every_service_is_held_in_where_the_host_does_not_say_otherwise(
    fleet_of: Make, tmp_path: Path
) -> None:
    units = {
        "monitor": ["grafana-server", "influxdb"],
        "every": ["prometheus-pushgateway", "telegraf"],
        "realm": ["telegraf"],
    }
    files = tree(fleet_of(FLEET), tmp_path / "tree")
    for name, services in units.items():
        assert held_in(files, name) == dict.fromkeys(services, True)
    site = fleet_of(FLEET, "-e", "systemd_hardening=no").site
    assert held_in(rendered(site, tmp_path / "free"), "every") == {
        "prometheus-pushgateway": False,
        "telegraf": False,
    }


def held_in(files: dict[str, str], host: str) -> dict[str, bool]:
    """By unit, whether its drop-in is rendered (or that it must not be there) for a host."""
    paths = {path: True for path in files if path.startswith(f"{host}.example.com/")}
    absent = json.loads(files[f"{host}.example.com/.manifest.json"])["absent"]
    paths |= {f"{host}.example.com{entry['path']}": False for entry in absent}
    end = ".service.d/10-provision.conf"
    return {
        Path(p).parent.name.removesuffix(".service.d"): v
        for p, v in sorted(paths.items())
        if p.endswith(end)
    }


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


def test_what_waits_is_in_memory_where_the_site_says_so(fleet_of: Make, tmp_path: Path) -> None:
    settings = "all: {vars: {telegraf_buffer: memory, telegraf_buffer_metrics: 200000}}\n"
    files = tree(fleet_of(INVENTORY + settings), tmp_path / "tree")
    agent = tomllib.loads(files["w1.example.com/etc/telegraf/telegraf.conf"])["agent"]
    assert agent["metric_buffer_limit"] == 200_000
    assert [key for key in agent if key.startswith("buffer_")] == []
    own = [path for path in files if path.startswith("w1.example.com/")]
    assert [path for path in own if "buffer" in path] == []
    manifest = json.loads(files["w1.example.com/.manifest.json"])
    absent = {each["path"] for each in manifest["absent"]}
    assert "/etc/systemd/system/telegraf.service.d/30-provision-buffer.conf" in absent
    assert "/usr/local/lib/provision/telegraf-buffer" in absent


@pytest.mark.parametrize(
    ("before", "after"), [("212992\n", "8388608\n"), ("16777216\n", "16777216\n"), (None, None)]
)
def test_the_kernels_limit_is_raised_and_never_lowered(
    fleet_of: Make, tmp_path: Path, before: str | None, after: str | None
) -> None:
    limit = tmp_path / "rmem_max"
    if before:
        limit.write_text(before)
    folder = "w1.example.com/etc/systemd/system/telegraf.service.d"
    text = tree(fleet_of(), tmp_path / "tree")[f"{folder}/20-provision-packets.conf"]
    command = re.search(r"^ExecStartPre=\+-/bin/sh -c '(.*)'$", text, re.MULTILINE)
    assert command
    script = command[1].replace("$$", "$").replace("/proc/sys/net/core/rmem_max", str(limit))
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert (limit.read_text() if limit.exists() else None) == after


def test_a_worker_writes_to_the_gateway_that_it_names(fleet_of: Make, tmp_path: Path) -> None:
    text = """
monitor: {hosts: {m: }}
workers:
  hosts:
    far: {telegraf_gateway_url: "http://gateway.example.com:8086/"}
    near:
  vars: {apps: [realm]}
"""
    files = rendered(fleet_of(text).site, tmp_path)
    assert (
        'urls = ["http://gateway.example.com:8086"]'
        in files["far/etc/telegraf/telegraf.d/output.conf"]
    )
    assert 'urls = ["http://m:8086"]' in files["near/etc/telegraf/telegraf.d/output.conf"]
    with pytest.raises(ProvisionError, match="telegraf_gateway_url"):
        fleet_of(text.replace("http://gateway", "file://gateway"))


@pytest.mark.parametrize(("app", "opens"), [("realm", "(none)"), ("dataclay", "host")])
def test_an_application_on_more_hosts_than_lines_opens_with_one_line_of_all(
    fleet_of: Make, tmp_path: Path, app: str, opens: str
) -> None:
    """It is the hosts of each application that count: two have realm, one of them dataclay."""
    text = INVENTORY.replace("192.0.2.1}", "192.0.2.1, grafana_most_lines: 1}")
    text = text.replace("    w2.example.com:\n", "    w2.example.com: {apps: [realm, dataclay]}\n")
    files = tree(fleet_of(text), tmp_path / "tree")
    (made,) = [made for path, made in files.items() if path.endswith(f"provision/{app}.json")]
    variables = json.loads(made)["templating"]["list"]
    (variable,) = [each for each in variables if each["name"] == "group_by"]
    assert variable["current"]["value"] == [opens]
