"""Rehearsals with what not every machine has, and of sites of one's own."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import GRAFANA_PACKAGES, needs_engine_2, needs_grafana
from tests.e2e.operating import EXAMPLES, PROVISION, execute
from tests.e2e.rehearsing import assert_is_of, assert_succeeded, rehearse
from tests.e2e.watching import number_in, traces


@pytest.mark.long
@needs_engine_2
def test_with_influxdb_2(own_cache: Path) -> None:
    assert_is_of(rehearse(own_cache, "--engine", "2"), "influxdb2")


@pytest.mark.long
@needs_grafana
def test_with_grafana_every_panel_is_asked_there(own_cache: Path) -> None:
    folder = str(GRAFANA_PACKAGES)
    said = rehearse(own_cache, "--engine", "1", "--packages", folder, "--require", "grafana")
    assert "not rehearsed" not in said
    assert "\ngrafana " in said


@pytest.mark.long
@needs_engine_2
def test_a_monitoring_host_that_is_watched_itself(own_cache: Path, tmp_path: Path) -> None:
    inventory = tmp_path / "watched.yml"
    inventory.write_text(
        "monitor: {hosts: {m: }}\n"
        "workers: {hosts: {m: {apps: [influxdb]}, w: }, vars: {apps: [realm]}}\n"
    )
    said = rehearse(own_cache, "-i", inventory, hosts=2, metrics=34)
    assert "influxdb: 16 of 16 arrived exactly" in said


PAGE = (EXAMPLES.parent / "catalogs.md").read_text()
#: The catalog of docs/catalogs.md, with what is scraped: a gauge, a count, a histogram.
STOCK = PAGE.partition("app: stock\n")[1] + PAGE.partition("app: stock\n")[2].partition("```")[0]


@pytest.mark.long
def test_a_site_of_one_s_own_stands_until_it_is_taken_down(
    own_cache: Path, fleet_inventory: Callable[..., Path]
) -> None:
    directory = own_cache / "rehearsals" / "rehearsal"
    changes = {"XDG_CACHE_HOME": str(own_cache.parent)}
    inventory = fleet_inventory(
        *("monitor.example.com", "w1.example.com"),
        influxdb_engine=1,
        influxdb_database="of-the-site",
        influxdb_retention="2d",
        # The site's own key is not even looked for; the hosts have an authority of their own.
        tls="files",
        tls_certificate="of-the-site.pem",
        tls_key="of-the-site.key",
        stock_targets=["127.0.0.1:9123"],
    )
    (inventory.parent / "catalogs").mkdir()
    (inventory.parent / "catalogs" / "stock.yaml").write_text(STOCK)
    site = yaml.safe_load(inventory.read_text())
    site["workers"]["vars"]["apps"].append("stock")
    inventory.write_text(yaml.safe_dump(site))
    words = ("rehearse", "-i", str(inventory), "--keep")
    done = execute(*PROVISION, *words, changes=changes, timeout=600)
    assert done.status == 0, done.text
    assert_succeeded(done.out, hosts=2, metrics=21)
    assert "192 statsd packets and Prometheus metrics to w1.example.com" in done.text
    assert "a certificate authority of this site is made" in done.text
    assert {path.name for path in inventory.parent.iterdir()} == {"inventory.yml", "catalogs"}
    number = number_in(directory)
    assert number is not None
    (line,) = [line for line in done.out.splitlines() if line.startswith("w1.example.com: ssh")]
    into = line.partition(": ")[2]
    assert execute("sh", "-c", f"{into} systemctl is-active telegraf").out == "active\n"
    assert str(directory / "secrets.yml") in done.out

    # What it says of how to go on works, without the site that it was of.
    inventory.unlink()
    (line,) = [line for line in done.out.splitlines() if line.startswith("provision them again: ")]
    (*_, kept) = shlex.split(line)
    plan = execute(*PROVISION, "plan", "-i", kept, changes=changes)
    assert "2 hosts, 0 would change" in plan.out, plan.text
    second = execute(*PROVISION, "rehearse", "--engine", "1", changes=changes)
    assert second.status == 1
    assert "stands already" in second.err and "--down" in second.err
    down = execute(*PROVISION, "rehearse", "--down", changes=changes)
    assert (down.status, down.out) == (0, "taken down: rehearsal\n")
    assert traces("rehearsal", number, directory) == {}
    again = execute(*PROVISION, "rehearse", "--down", changes=changes)
    assert (again.status, again.out) == (0, "no rehearsal stands\n")
