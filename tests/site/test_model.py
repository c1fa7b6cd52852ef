from __future__ import annotations

import pytest

from provision.catalog.model import Input
from tests.conftest import INVENTORY
from tests.site.conftest import Make


def test_a_site_has_the_settings_of_all_its_hosts(fleet_of: Make) -> None:
    text = (
        "monitor: {hosts: {m: }}\n"
        "workers:\n"
        "  hosts:\n"
        "    w1: {django_clickhouse_prefix: [b, a]}\n"
        "    w2: {django_clickhouse_prefix: a.c}\n"
        "    w3:\n"
        "  vars: {apps: [django-clickhouse]}\n"
    )
    site = fleet_of(text).site
    prefixes = [dict(host.catalogs[0].setting_values)["prefix"] for host in site.workers]
    assert prefixes == [("b", "a"), ("a.c",), ("clickhouse",)]
    (merged,) = [catalog for catalog in site.catalogs if catalog.app == "django-clickhouse"]
    assert dict(merged.setting_values)["prefix"] == ("b", "a", "a.c", "clickhouse")


def test_what_a_host_listens_for_and_fetches_is_what_its_applications_need(
    fleet_of: Make,
) -> None:
    text = (
        "monitor: {hosts: {m: }}\n"
        "workers:\n"
        "  hosts:\n"
        "    both: {apps: [realm, tinybird-jobs, realm]}\n"
        "    tcp: {apps: tinybird-jobs}\n"
        "    pushed: {apps: [dataclay], dataclay_pushgateway: true}\n"
        "    scraped: {apps: [dataclay]}\n"
    )
    hosts = {host.name: host for host in fleet_of(text).site.workers}
    assert {name: sorted(host.transports) for name, host in hosts.items()} == {
        "both": ["tcp", "udp"],
        "tcp": ["tcp"],
        "pushed": [],
        "scraped": [],
    }
    assert [c.app for c in hosts["both"].catalogs] == ["realm", "tinybird-jobs", "host", "pipeline"]
    assert {name for name, host in hosts.items() if host.pushgateway} == {"pushed"}
    assert {name: len(host.targets) for name, host in hosts.items() if host.targets} == {
        "scraped": 1
    }
    assert [c.app for c in hosts["both"].catalogs_of(Input.TELEGRAF)] == ["host", "pipeline"]


@pytest.mark.parametrize(
    ("engine", "read", "write", "made"),
    [
        (2, "influxdb_read_token", "influxdb_write_token_", "influxdb_operator_token"),
        (1, "influxdb_read_password", "influxdb_write_password_", "influxdb_admin_password"),
    ],
)
def test_the_secrets_that_are_made_here_are_those_of_the_engine(
    fleet_of: Make, engine: int, read: str, write: str, made: str
) -> None:
    site = fleet_of(INVENTORY, "-e", f"influxdb_engine={engine}").site
    names = [site.write_secret(host) for host in site.workers]
    assert site.read_secret == read
    assert len(set(names)) == len(names) and all(name.startswith(write) for name in names)
    assert made in site.generated_secrets
    # What lets read or write is made with InfluxDB.
    assert not {read, *names} & set(site.generated_secrets)
    assert "grafana_admin_password" in site.generated_secrets
    site = fleet_of(INVENTORY, "-e", "grafana_enabled=false").site
    assert not any(name.startswith("grafana") for name in site.generated_secrets)


def test_secrets_that_only_the_operator_knows_are_never_made(fleet_of: Make) -> None:
    contacts = '{"grafana_contacts": {"a": {"type": "slack"}}, "grafana_smtp_user": "me"}'
    site = fleet_of(INVENTORY, "-e", contacts).site
    assert site.given_secrets == ("grafana_smtp_password", "grafana_contact_a")
    assert not set(site.given_secrets) & set(site.generated_secrets)
    site = fleet_of(INVENTORY, "-e", contacts, "-e", "grafana_enabled=false").site
    assert site.given_secrets == ()
