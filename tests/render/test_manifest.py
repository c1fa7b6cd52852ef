from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.fleet.model import Fleet
from provision.render.tree import write_tree

Make = Callable[..., Fleet]
DEFAULTS = "etc/default/prometheus-pushgateway"
PUSHING = """\
monitor:
  hosts:
    monitor.example.com: {ansible_host: 192.0.2.1}
workers:
  hosts:
    pushed: {dataclay_pushgateway: true}
    scraped:
  vars:
    apps: [dataclay]
"""


def render(fleet: Fleet, directory: Path, host: str) -> tuple[dict[str, Any], Path]:
    """The manifest of one host, and where its files are."""
    write_tree(fleet.site, directory)
    return json.loads((directory / host / ".manifest.json").read_text()), directory / host


def about(manifest: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry for entry in manifest[kind] if entry["role"] == "pushgateway"]


def test_the_pushgateway_is_the_distributions_and_what_it_reads_is_ours(
    fleet_of: Make, tmp_path: Path
) -> None:
    manifest, root = render(fleet_of(PUSHING), tmp_path / "tree", "pushed")
    assert about(manifest, "packages") == [
        {
            "role": "pushgateway",
            "name": "prometheus-pushgateway",
            "version": None,
            "repository": None,
            "conflicts": [],
        }
    ]
    assert about(manifest, "services") == [
        {
            "role": "pushgateway",
            "name": "prometheus-pushgateway",
            "listen": ["tcp:127.0.0.1:9091"],
            "settings": {"tcp:127.0.0.1:9091": "pushgateway_port"},
            "health": "http://127.0.0.1:9091/-/healthy",
        }
    ]
    held_in = "/etc/systemd/system/prometheus-pushgateway.service.d/10-provision.conf"
    assert {f["path"]: f["mode"] for f in about(manifest, "files")} == {
        held_in: "0644",
        f"/{DEFAULTS}": "0644",
    }
    assert arguments(root) == ["--web.listen-address=127.0.0.1:9091"]
    # A distribution is none of the repositories whose sources and pins are written.
    assert [repository["name"] for repository in manifest["repositories"]] == ["influxdata"]
    pin = (root / "etc/apt/preferences.d/provision-influxdata.pref").read_text()
    assert "pushgateway" not in pin


def test_nothing_is_said_of_a_pushgateway_where_nobody_pushes(
    fleet_of: Make, tmp_path: Path
) -> None:
    fleet = fleet_of(PUSHING)
    for host in ("scraped", "monitor.example.com"):
        manifest, root = render(fleet, tmp_path / "tree", host)
        assert "pushgateway" not in json.dumps(manifest)
        assert not (root / DEFAULTS).exists()


@pytest.mark.parametrize(
    ("address", "argument", "listen", "health"),
    [
        ("", ":19091", "tcp::19091", "http://127.0.0.1:19091/-/healthy"),
        ("10.0.0.1", "10.0.0.1:19091", "tcp:10.0.0.1:19091", "http://10.0.0.1:19091/-/healthy"),
        ("::1", "[::1]:19091", "tcp:::1:19091", "http://[::1]:19091/-/healthy"),
    ],
)
def test_where_it_listens_is_the_sites_choice(
    fleet_of: Make, tmp_path: Path, address: str, argument: str, listen: str, health: str
) -> None:
    variables: dict[str, object] = {"pushgateway_address": address, "pushgateway_port": 19091}
    variables |= {"pushgateway_version": "1.5.1", "pushgateway_allowed": ["0.0.0.0/0", "::/0"]}
    text = PUSHING + f"all: {{vars: {json.dumps(variables)}}}\n"
    manifest, root = render(fleet_of(text), tmp_path / "tree", "pushed")
    assert arguments(root) == [f"--web.listen-address={argument}"]
    [service] = about(manifest, "services")
    assert (service["listen"], service["health"]) == ([listen], health)
    assert [package["version"] for package in about(manifest, "packages")] == ["1.5.1"]


def arguments(root: Path) -> list[str]:
    """The words that systemd gives to the program, which shells would read in the same way."""
    [line] = [
        line for line in (root / DEFAULTS).read_text().splitlines() if not line.startswith("#")
    ]
    name, _, value = line.partition("=")
    assert name == "ARGS"
    [text] = shlex.split(value)
    return text.split()
