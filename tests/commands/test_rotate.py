from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provision.cli import run
from provision.commands.rotate import left_alone, renewals_of
from provision.errors import ProvisionError
from provision.fleet.model import Fleet
from provision.secrets import write_secrets
from tests.conftest import INVENTORY

Make = Callable[..., Fleet]
SECRETS = {"influxdb_admin_password": "x", "influxdb_operator_token": "x"}


def names(fleet: Fleet, *hosts: str) -> list[str]:
    return [each.secret for each in renewals_of(fleet, hosts)]


def test_everything_but_what_grafana_encrypts_with_is_renewed(
    fleet_of: Make, tmp_path: Path
) -> None:
    write_secrets(tmp_path / "secrets.yml", SECRETS)
    assert names(fleet_of()) == [
        "influxdb_write_token_w1_example_com",
        "influxdb_write_token_w2_example_com",
        "influxdb_read_token",
        "influxdb_admin_password",
        "influxdb_operator_token",
        "grafana_admin_password",
    ]
    assert names(fleet_of(INVENTORY, "-e", "influxdb_engine=1", "-e", "grafana_enabled=no")) == [
        "influxdb_write_password_w1_example_com",
        "influxdb_write_password_w2_example_com",
        "influxdb_admin_password",
    ]


def test_what_a_grafana_elsewhere_reads_with_stays_and_that_is_told(fleet_of: Make) -> None:
    fleet = fleet_of(INVENTORY, "-e", "grafana_enabled=no")
    told = left_alone(fleet, ())
    assert told.startswith("influxdb_read_token stays") and str(fleet.secrets_file) in told
    assert left_alone(fleet, ("w1.example.com",)) == ""
    assert left_alone(fleet_of(), ()) == ""


def test_what_is_renewed_of_a_host_is_with_what_it_writes(fleet_of: Make, tmp_path: Path) -> None:
    write_secrets(tmp_path / "secrets.yml", SECRETS)
    assert names(fleet_of(), "w2.example.com") == ["influxdb_write_token_w2_example_com"]
    limited = fleet_of(INVENTORY, "-l", "monitor,w1.example.com")
    assert "influxdb_write_token_w2_example_com" not in names(limited)


def test_what_cannot_be_renewed_is_told_before_anything_is_touched(
    fleet_of: Make, tmp_path: Path
) -> None:
    with pytest.raises(ProvisionError, match="there is nothing to renew"):
        names(fleet_of())
    write_secrets(tmp_path / "secrets.yml", SECRETS)
    with pytest.raises(ProvisionError, match="w9: not in workers of"):
        names(fleet_of(), "w9")
    with pytest.raises(ProvisionError, match=r"monitor\.example\.com: .*--limit leaves it out"):
        names(fleet_of(INVENTORY, "-l", "workers"))


def test_nothing_is_renewed_where_nobody_says_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inventory.yml").write_text(INVENTORY)
    write_secrets(tmp_path / "secrets.yml", SECRETS)
    before = (tmp_path / "secrets.yml").read_bytes()
    assert run(["rotate", "w1.example.com"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert (tmp_path / "secrets.yml").read_bytes() == before


@pytest.mark.parametrize("engine", ["1", "2"])
def test_nothing_is_renewed_where_the_monitoring_host_cannot_be_told(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inventory.yml").write_text(INVENTORY.replace("192.0.2.1", "127.0.0.1"))
    known = dict.fromkeys((*SECRETS, "grafana_admin_password", "grafana_secret_key"), "x")
    write_secrets(tmp_path / "secrets.yml", known)
    before = (tmp_path / "secrets.yml").read_bytes()
    words = ["rotate", "--yes", "-l", "monitor", "-e", f"influxdb_engine={engine}"]
    reached = ["-e", "ansible_port=1", "-e", "influxdb_url=http://192.0.2.1:8086"]
    assert run([*words, *reached]) == 1
    told = capsys.readouterr()
    assert "monitor.example.com  cannot be reached" in told.out
    assert "so nothing was renewed" in told.err
    assert (tmp_path / "secrets.yml").read_bytes() == before
