from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provision.fleet.model import Fleet
from provision.fleet.reading import read_fleet
from provision.rehearsal import stage
from provision.rehearsal.progress import Quiet

PUSHING = """\
monitor:
  hosts:
    monitor: {ansible_host: 192.0.2.1}
workers:
  hosts:
    pushed: {dataclay_pushgateway: true}
    scraped:
  vars:
    apps: [dataclay]
"""
ARCHIVES = "var/cache/apt/archives"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The packages that are asked for, each of which is one file."""
    found: list[Sequence[str]] = []

    def archives(packages: Sequence[str], base: Path, cache: Path) -> list[Path]:
        found.append(packages)
        (cache / "one_1_all.deb").write_text("a package")
        return [cache / "one_1_all.deb"]

    monkeypatch.setattr(stage.debian, "archives", archives)
    return found


def hand_out(fleet: Fleet, tmp_path: Path) -> list[str]:
    """The hosts that have been given something."""
    roots = {host.name: tmp_path / host.name for host in fleet.site.hosts}
    for root in roots.values():
        (root / ARCHIVES).mkdir(parents=True)
    rehearsal: Any = SimpleNamespace(host=lambda name: SimpleNamespace(root=roots[name]))
    stage.hand_out(rehearsal, fleet, tmp_path / "base", tmp_path, Quiet())
    return [name for name, root in roots.items() if list((root / ARCHIVES).iterdir())]


def test_what_a_rehearsal_does_without_is_told(fleet_of: Callable[..., Fleet]) -> None:
    given = (
        "all: {vars: {influxdb: {external: 'http://theirs:8086'}, telegraf_gateway_url: 'http://g:1',"
        " grafana_contacts: {chat: {type: slack}}}}\n"
    )
    told = stage.left_out(fleet_of(PUSHING + given).site)
    assert told == ["influxdb.external", "grafana_contacts", "telegraf_gateway_url"]
    assert stage.left_out(fleet_of(PUSHING).site) == []


def test_influxdbs_metrics_are_played_beside_the_one_that_runs(
    fleet_of: Callable[..., Fleet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "connection_variables", lambda _: {})
    host = SimpleNamespace(name="m", address="192.0.2.9")
    rehearsal: Any = SimpleNamespace(directory=tmp_path, hosts=[host])
    source = stage.Source(2, False, {})
    overlay = stage.write_overlay(rehearsal, source, "m", {}, {}, watched=True)
    own = "monitor: {hosts: {m: }}\nworkers: {hosts: {m: }, vars: {apps: [influxdb]}}\n"
    (target,) = fleet_of(own, "-i", str(overlay)).site.monitor.targets
    assert target.url == "http://127.0.0.1:18086/metrics"


def test_hosts_are_given_what_they_install_from_debian(
    fleet_of: Callable[..., Fleet], tmp_path: Path, asked: list[Sequence[str]]
) -> None:
    assert hand_out(fleet_of(PUSHING), tmp_path) == ["pushed"]
    assert asked == [("prometheus-pushgateway",)]
    assert (tmp_path / "pushed" / ARCHIVES / "one_1_all.deb").read_text() == "a package"


def test_nothing_is_fetched_where_no_host_installs_anything_from_debian(
    fleet_of: Callable[..., Fleet], tmp_path: Path, asked: list[Sequence[str]]
) -> None:
    assert hand_out(fleet_of(), tmp_path) == []
    assert asked == []


@pytest.fixture
def rehearsal(tmp_path: Path) -> Any:
    """One of two hosts that are not there."""
    addresses = {"m": "192.0.2.9", "w": "192.0.2.10"}
    (tmp_path / "rehearsal").mkdir()
    return SimpleNamespace(
        hosts=[SimpleNamespace(name=name, address=each) for name, each in addresses.items()],
        directory=tmp_path / "rehearsal",
        ssh_key=tmp_path / "key",
        known_hosts=tmp_path / "known",
        control_path="none",
    )


@pytest.mark.parametrize(
    ("monitor", "workers"),
    [
        ("grafana_smtp_user: me, grafana_contacts: {chat: {type: slack}}", ""),
        ("influxdb: {external: 'http://influxdb.example.org'}", ""),
        ("", ", telegraf_gateway_url: 'http://gateway.example.org:8086'"),
    ],
)
def test_a_rehearsal_of_a_site_tells_nobody_and_sends_nothing_to_others(
    monitor: str, workers: str, fleet_of: Callable[..., Fleet], rehearsal: Any
) -> None:
    text = (
        f"monitor: {{hosts: {{m: }}, vars: {{{monitor}}}}}\n"
        f"workers: {{hosts: {{w: }}, vars: {{apps: [realm]{workers}}}}}\n"
    )
    site = fleet_of(text).site
    asked = [*site.given_secrets, site.external, site.workers[0].settings.telegraf_gateway_url]
    assert any(asked)
    overlay = stage.write_overlay(rehearsal, stage.Source(2, True, {}), "m", {}, {})
    site = fleet_of(text, "-i", str(overlay)).site
    assert site.monitor.settings.grafana_contacts == {}
    assert (site.given_secrets, site.external) == ((), None)
    assert site.workers[0].settings.telegraf_gateway_url is None


SHOP = """\
app: shop
title: Shop
description: Sells things.
source: the shop's handbook
prefix: <shop_prefix>
placeholders: {shop_prefix: {description: Whose., values: [shop], setting: true}}
metrics: [{name: orders, type: counter, unit: count, title: Orders, description: Orders.}]
"""


@pytest.mark.parametrize("own", [True, False])
def test_what_is_kept_of_a_rehearsal_is_a_site_by_itself(
    own: bool,
    fleet_of: Callable[..., Fleet],
    rehearsal: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "catalogs").mkdir()
    (tmp_path / "catalogs" / "shop.yaml").write_text(SHOP)
    text = (
        "monitor: {hosts: {m: {grafana_most_lines: 5}}, vars: {influxdb_retention: 2d}}\n"
        "workers: {hosts: {w: }, vars: {apps: [realm, shop], shop_prefix: [a, b.c]}}\n"
        "others: {hosts: {db: }}\n"
    )
    demo = {} if own else {"w": {"apps": ["realm"], "telegraf_interval": "5s"}}
    overlay = stage.write_overlay(rehearsal, stage.Source(2, True, {}), "m", demo, {})
    words = ["-i", str(overlay)]
    fleet = fleet_of(text, *words) if own else read_fleet(words)
    stage.write_site(rehearsal, fleet.inventory)
    capsys.readouterr()
    kept = read_fleet(["-i", str(overlay)])
    assert capsys.readouterr().err == ""
    assert kept.site == fleet.site
    assert {host.name for host in kept.inventory.hosts} == {"m", "w"}
    assert kept.secrets_file.parent == rehearsal.directory
