from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provision.applications import Target
from provision.errors import InvalidInput
from provision.fleet.model import Fleet

Make = Callable[..., Fleet]
SITE = """\
monitor: {{hosts: {{m: {monitor}}}}}
workers: {{hosts: {{m: {{apps: [influxdb]}}, w: {{apps: {apps}}}}}}}
all: {{vars: {{influxdb_url: "http://192.0.2.1:8086"}}}}
"""
OWN = """\
app: influxdb
title: Another
description: What only shares a name.
source: nowhere
prefix: influxdb
metrics:
  - {name: points, type: counter, unit: count, title: Points, description: Points.}
"""


def site(monitor: str = "{}", apps: str = "[realm]") -> str:
    return SITE.format(monitor=monitor, apps=apps)


def target(url: str) -> Target:
    return Target("influxdb", f"{url}/metrics", (("instance", url.partition("//")[2]),))


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ("{}", "http://127.0.0.1:8086"),
        ("{influxdb_port: 9999}", "http://127.0.0.1:9999"),
        ("{influxdb_address: 192.0.2.1}", "http://192.0.2.1:8086"),
        ("{influxdb_address: '::', influxdb_port: 9}", "http://127.0.0.1:9"),
        ("{influxdb_address: '2001:db8::1'}", "http://[2001:db8::1]:8086"),
        ("{influxdb_targets: ['192.0.2.7:8086']}", "http://192.0.2.7:8086"),
        ("{influxdb_engine: 1, influxdb_targets: 'http://b:1'}", "http://b:1"),
    ],
)
def test_influxdb_is_fetched_where_it_listens_or_the_inventory_says(
    fleet_of: Make, settings: str, url: str
) -> None:
    found = fleet_of(site(settings)).site
    assert found.monitor.targets == (target(url),)
    assert [catalog.app for catalog in found.monitor.catalogs] == ["influxdb", "host", "pipeline"]
    other = next(host for host in found.hosts if host.name == "w")
    assert other.targets == ()


def test_influxdb_1_shows_nothing_to_watch(fleet_of: Make) -> None:
    with pytest.raises(InvalidInput) as caught:
        fleet_of(site("{influxdb_engine: 1}"))
    (problem,) = caught.value.problems
    assert "m: apps: influxdb: InfluxDB 1 shows no such metrics" in str(problem)
    assert problem.hint == "leave influxdb out of its apps, or set influxdb_engine to 2"


def test_a_worker_has_no_influxdb_to_watch(fleet_of: Make) -> None:
    with pytest.raises(InvalidInput) as caught:
        fleet_of(site(apps="[realm, influxdb]"))
    (problem,) = caught.value.problems
    assert "w: apps: influxdb: this is not the monitoring host" in str(problem)
    assert problem.hint == "put m into group workers, with apps: [influxdb]"


def test_a_worker_fetches_another_influxdb_where_it_is_told_of_one(fleet_of: Make) -> None:
    text = site(apps="[influxdb], influxdb_targets: ['127.0.0.1:8086']")
    workers = {host.name: host for host in fleet_of(text).site.workers}
    assert workers["w"].targets == (target("http://127.0.0.1:8086"),)


def test_a_catalog_of_that_name_that_is_not_scraped_is_left_alone(
    fleet_of: Make, tmp_path: Path
) -> None:
    directory = tmp_path / "catalogs"
    directory.mkdir()
    (directory / "influxdb.yaml").write_text(OWN)
    found = fleet_of(site("{influxdb_engine: 1}", "[influxdb]")).site
    assert [host.targets for host in found.hosts] == [(), ()]
