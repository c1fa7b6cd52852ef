from __future__ import annotations

from tests.conftest import INVENTORY
from tests.site.conftest import Make, problems


def test_services_are_reached_where_the_inventory_says(fleet_of: Make) -> None:
    site = fleet_of().site
    assert site.grafana_url == "http://192.0.2.1:3000"
    site = fleet_of(INVENTORY, "-e", "grafana_port=3001 influxdb_port=8087").site
    assert (site.influxdb_url, site.grafana_url) == (
        "http://192.0.2.1:8087",
        "http://192.0.2.1:3001",
    )
    given = "influxdb_url=https://db.example.com/ grafana_url=https://g.example.com/x/"
    site = fleet_of(INVENTORY, "-e", given).site
    assert (site.influxdb_url, site.grafana_url) == (
        "https://db.example.com",
        "https://g.example.com/x",
    )


def test_a_monitor_that_workers_cannot_reach_needs_an_address(fleet_of: Make) -> None:
    text = INVENTORY.replace("ansible_host: 192.0.2.1", "ansible_connection: local")
    (found,) = problems(fleet_of, text)
    assert "set influxdb_url" in found


def test_a_monitor_that_is_its_own_only_worker_may_be_local(fleet_of: Make) -> None:
    text = (
        "all: {hosts: {one: {ansible_connection: local, apps: [realm]}}}\n"
        "monitor: {hosts: {one: }}\nworkers: {hosts: {one: }}\n"
    )
    (host,) = fleet_of(text).site.hosts
    assert host.monitor
    assert host.worker


def test_an_ipv6_address_is_bracketed(fleet_of: Make) -> None:
    text = INVENTORY.replace("192.0.2.1", "'2001:db8::1'")
    assert fleet_of(text).site.influxdb_url == "http://[2001:db8::1]:8086"
