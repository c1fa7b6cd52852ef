from __future__ import annotations

import re
from pathlib import Path

import pytest

from provision.settings import Settings, repositories
from provision.site.build import APART
from tests.conftest import INVENTORY
from tests.site.conftest import Make, problems


def test_an_inventory_becomes_a_site(fleet_of: Make) -> None:
    site = fleet_of().site
    assert site.monitor.name == "monitor.example.com"
    assert [host.name for host in site.workers] == ["w1.example.com", "w2.example.com"]
    assert site.influxdb_url == "http://192.0.2.1:8086"
    # What every worker tells of itself comes with any application.
    assert [catalog.app for catalog in site.catalogs] == ["host", "pipeline", "realm"]
    assert [c.app for c in site.workers[0].catalogs] == ["realm", "host", "pipeline"]
    assert site.monitor.catalogs == ()
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


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("telegraf_interval=0s", "at least 1s (found '0s')"),
        ("influxdb_retention=59m", "at least 1h, or 0s for ever (found '59m')"),
        ("influxdb_retention=99999d", "at most 100 years"),
        ("grafana_alert_group_interval=0s", "at least 1s"),
        ("grafana_alert_repeat_interval=0s", "at least 1s"),
        ("telegraf_statsd_gauge_ttl=99999w", "at most 100 years"),
        ("influxdb_port=0", "a number of at least 1 is needed"),
        ("grafana_port=65536", "a number of at most 65535 is needed"),
        ("telegraf_statsd_tcp_connections=0", "a number of at least 1 is needed"),
    ],
)
def test_a_bound_is_told_with_variable_and_host(fleet_of: Make, option: str, said: str) -> None:
    found = problems(fleet_of, INVENTORY, "-e", option)
    assert found[0].startswith(f"monitor.example.com: {option.partition('=')[0]}: ")
    assert said in found[0]


@pytest.mark.parametrize(
    "option", ["influxdb_retention=0s", "influxdb_retention=1h", "telegraf_interval=1s"]
)
def test_the_bounds_themselves_are_allowed(fleet_of: Make, option: str) -> None:
    assert fleet_of(INVENTORY, "-e", option)


def test_a_password_in_a_url_is_refused_and_not_repeated(fleet_of: Make) -> None:
    text = INVENTORY + "all: {vars: {influxdb_url: 'http://admin:hunter2@192.0.2.1:8086'}}\n"
    found = problems(fleet_of, text)
    assert len(found) == 3
    assert all("a URL holds no user name or password here" in problem for problem in found)
    assert not any("hunter2" in problem for problem in found)


def test_values_of_settings_that_make_buckets_alike_are_told_with_the_host(
    fleet_of: Make,
) -> None:
    text = (
        "monitor: {hosts: {m: }}\n"
        "workers:\n"
        "  hosts: {w1: {django_clickhouse_prefix: realm}, w2: }\n"
        "  vars: {apps: [django-clickhouse, realm]}\n"
    )
    found = problems(fleet_of, text)
    assert found
    assert all(problem.startswith("w1: apps: ") for problem in found)
    assert all(problem.endswith(f"({APART})") for problem in found)
    assert any("of django-clickhouse" in problem and "of realm" in problem for problem in found)


def test_a_sites_own_catalog_may_say_what_every_worker_tells(
    fleet_of: Make, tmp_path: Path
) -> None:
    (tmp_path / "catalogs").mkdir()
    (tmp_path / "catalogs" / "host.yaml").write_text(
        "app: host\ntitle: Own\ndescription: Own.\nsource: x\ninput: telegraf\n"
        "metrics: [{name: cpu.busy, type: gauge, unit: percent, title: A, description: A.}]\n"
    )
    (own,) = [c for c in fleet_of().site.workers[0].catalogs if c.app == "host"]
    assert own.title == "Own"
    assert len(own.metrics) == 1


def test_variables_are_templates_as_ansible_has_them(fleet_of: Make) -> None:
    text = INVENTORY + "all: {vars: {port: 18086, influxdb_port: '{{ port }}'}}\n"
    assert fleet_of(text).site.monitor.settings.influxdb_port == 18086


def test_extra_variables_win(fleet_of: Make) -> None:
    site = fleet_of(INVENTORY, "-e", "influxdb_engine=1").site
    assert site.monitor.settings.influxdb_engine == 1


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


@pytest.mark.parametrize("key", ["influxdb_url", "grafana_url"])
def test_what_is_asked_over_a_network_is_no_file(key: str) -> None:
    with pytest.raises(ValueError, match="a URL begins with http:// or https:// "):
        Settings.model_validate({key: "file:///srv/x"})


def test_repositories_and_their_keys_may_be_files() -> None:
    keys = [name for name in Settings.model_fields if re.search("repository_(key_)?url$", name)]
    settings = Settings.model_validate(dict.fromkeys(keys, "file:///srv/x"))
    assert {getattr(settings, key) for key in keys} == {"file:///srv/x"}
    assert len(keys) == 4


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


def test_an_inventory_that_is_missing_or_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provision.errors import ProvisionError
    from provision.fleet.reading import read_fleet
    from provision.run import reading

    monkeypatch.setattr(reading, "_DEFAULT", str(tmp_path / "none at all"))
    with pytest.raises(ProvisionError, match="there is no such inventory"):
        read_fleet(["-i", str(tmp_path / "none.yml")])
    with pytest.raises(ProvisionError, match=r"no inventory: no inventory\.yml here, and no .*all"):
        reading._assert_sources([str(tmp_path / "none at all")])
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars/w1.yml").write_text("a: 1\n telegraf_buffer: disk\n")
    (tmp_path / "whole.yml").write_text("workers: {hosts: {w1: }}")
    with pytest.raises(ProvisionError, match=r"host_vars/w1\.yml: line 2: Mapping values are not"):
        read_fleet(["-i", str(tmp_path / "whole.yml")])
    broken = tmp_path / "broken.yml"
    broken.write_text("monitor: {hosts: [")
    with pytest.raises(ProvisionError, match=r"broken\.yml"):
        read_fleet(["-i", str(broken)])
