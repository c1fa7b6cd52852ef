from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provision.errors import InvalidInput
from provision.fleet import Fleet
from provision.settings import Settings, repositories
from tests.conftest import INVENTORY

Make = Callable[..., Fleet]


def problems(make: Make, text: str, *options: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        make(text, *options)
    return [str(problem).split("inventory.yml: ", 1)[1] for problem in caught.value.problems]


def test_an_inventory_becomes_a_site(fleet_of: Make) -> None:
    site = fleet_of().site
    assert site.monitor.name == "monitor.example.com"
    assert [host.name for host in site.workers] == ["w1.example.com", "w2.example.com"]
    assert site.influxdb_url == "http://192.0.2.1:8086"
    assert [catalog.app for catalog in site.catalogs] == ["realm"]
    assert site.retention_seconds == 30 * 86400


def test_every_error_is_told_at_once_with_file_host_and_key(fleet_of: Make) -> None:
    text = (
        "monitor: {hosts: {m: {influxdb_engine: 3, influxdb_retention: soon, grafana_port: 0}}}\n"
        "workers:\n"
        "  hosts: {w1: {apps: [relm]}, w2: {telegraf_intervall: 5s, apps: [realm]}, w3: }\n"
    )
    found = problems(fleet_of, text)
    assert len(found) == 6
    assert any(p.startswith("m: influxdb_engine: ") for p in found)
    assert any(p.startswith("m: influxdb_retention: a duration is") for p in found)
    assert any(p.startswith("m: grafana_port: ") for p in found)
    assert any(
        "w1: apps: no catalog for application 'relm': did you mean 'realm'?" in p for p in found
    )
    assert "w2: telegraf_intervall: no such variable; did you mean telegraf_interval?" in found
    assert any(p.startswith("w3: apps: no application for this worker") for p in found)


def test_a_worker_without_a_monitor_is_named(fleet_of: Make) -> None:
    (found,) = problems(fleet_of, "workers: {hosts: {w1: {apps: [realm]}}}\n")
    assert "no monitoring host for w1" in found
    assert "--monitor" in found


def test_two_monitors_are_too_many(fleet_of: Make) -> None:
    (found,) = problems(fleet_of, "monitor: {hosts: {a: , b: }}\n")
    assert found == "monitor: one monitoring host is needed, not 2: a, b"


def test_an_inventory_without_our_groups_says_how(fleet_of: Make) -> None:
    (found,) = problems(fleet_of, "web: {hosts: {a: }}\n")
    assert "provision init" in found


@pytest.mark.parametrize("name", ["worker", "Workers", "monitors", "wokers"])
def test_a_misspelt_group_is_told(fleet_of: Make, name: str) -> None:
    found = problems(fleet_of, INVENTORY + f"{name}: {{hosts: {{x: {{apps: [realm]}}}}}}\n")
    near = "monitor" if name == "monitors" else "workers"
    assert found == [f"{name}: no such group; did you mean {near}?"]


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "a$b", "-x", "a'b", "{{x}}"])
def test_a_host_name_that_is_none_is_refused(fleet_of: Make, name: str) -> None:
    text = INVENTORY.replace("    w2.example.com:\n", f'    "{name}":\n')
    assert f"{name!r}: not the name of a host" in problems(fleet_of, text)


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


def test_variables_are_templates_as_ansible_has_them(fleet_of: Make) -> None:
    text = INVENTORY + "all: {vars: {port: 18086, influxdb_port: '{{ port }}'}}\n"
    assert fleet_of(text).site.monitor.settings.influxdb_port == 18086


def test_extra_variables_win(fleet_of: Make) -> None:
    site = fleet_of(INVENTORY, "-e", "influxdb_engine=1").site
    assert site.monitor.settings.influxdb_engine == 1


def test_an_ipv6_address_is_bracketed(fleet_of: Make) -> None:
    text = INVENTORY.replace("192.0.2.1", "'2001:db8::1'")
    assert fleet_of(text).site.influxdb_url == "http://[2001:db8::1]:8086"


def test_a_limit_keeps_the_site_whole(fleet_of: Make) -> None:
    fleet = fleet_of(INVENTORY, "-l", "w1.example.com")
    assert len(fleet.site.hosts) == 3
    assert fleet.inventory.limited == {"w1.example.com"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("influxdata_repository_url", "ftp://x"),
        ("influxdata_repository_url", "http://user:secret@x"),
        ("influxdata_repository_url", "http://x/$(reboot)"),
        ("influxdata_repository_url", 'http://x/"\nPin: x'),
        ("influxdata_repository_suite", "stable main\nTrusted: yes"),
        ("influxdata_repository_key_fingerprint", "1234"),
        ("influxdb_database", 'x"; DROP DATABASE x'),
        ("influxdb_database", "a b"),
        ("influxdb_organization", "${X}"),
        ("telegraf_statsd_address", "0.0.0.0; rm"),
        ("telegraf_statsd_port", 65536),
        ("telegraf_interval", "10"),
        ("telegraf_interval", "10s; x"),
        ("telegraf_version", "1.39; x"),
        ("grafana_address", "a b"),
    ],
)
def test_values_that_could_become_code_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        Settings.model_validate({key: value})


def test_fingerprints_may_be_written_with_blanks() -> None:
    blanks = "24C9 75CB A61A 024E E1B6  3178 7C3D 5715 9FC2 F927"
    settings = Settings(influxdata_repository_key_fingerprint=blanks)
    assert settings.influxdata_repository_key_fingerprint == blanks.replace(" ", "")


def test_upstreams_repositories_are_the_defaults_with_pinned_keys() -> None:
    found = repositories(Settings())
    assert found["influxdata"].url == "https://repos.influxdata.com/debian"
    assert found["influxdata"].fingerprint == "24C975CBA61A024EE1B631787C3D57159FC2F927"
    assert found["influxdata"].host == "repos.influxdata.com"
    assert found["grafana"].fingerprint == "B53AE77BADB630A683046005963FA27710458545"


def test_an_inventory_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    from provision.errors import ProvisionError
    from provision.fleet import read_fleet

    with pytest.raises(ProvisionError, match="there is no such inventory"):
        read_fleet(["-i", str(tmp_path / "none.yml")])
    broken = tmp_path / "broken.yml"
    broken.write_text("monitor: {hosts: [")
    with pytest.raises(ProvisionError, match=r"broken\.yml"):
        read_fleet(["-i", str(broken)])
