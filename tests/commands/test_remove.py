from __future__ import annotations

from pathlib import Path

import pytest

from provision.cli import run
from provision.commands.remove import chosen_hosts
from provision.errors import ProvisionError
from provision.inventory import Inventory
from provision.run.engine import read_inventory
from tests.conftest import INVENTORY


def inventory(tmp_path: Path, *options: str) -> Inventory:
    path = tmp_path / "inventory.yml"
    path.write_text(INVENTORY)
    return read_inventory(["-i", str(path), *options], lambda directory: frozenset())


def test_monitoring_hosts_are_last(tmp_path: Path) -> None:
    found = inventory(tmp_path)
    monitors = [host.name for host in found.hosts if "monitor" in host.groups]
    assert chosen_hosts(found, [])[-1:] == monitors
    assert len(chosen_hosts(found, [])) > 1


def test_hosts_that_are_named_or_within_the_limit(tmp_path: Path) -> None:
    assert chosen_hosts(inventory(tmp_path), ["w1.example.com"]) == ["w1.example.com"]
    limited = inventory(tmp_path, "-l", "w1.example.com")
    assert chosen_hosts(limited, []) == ["w1.example.com"]
    with pytest.raises(ProvisionError, match="no host is left"):
        chosen_hosts(inventory(tmp_path, "-l", "monitor"), ["w1.example.com"])


def test_a_host_that_has_left_is_named_twice(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match=r"gone\.example\.com: not in ") as raised:
        chosen_hosts(inventory(tmp_path), ["gone.example.com"])
    assert "provision remove -i gone.example.com, gone.example.com" in str(raised.value.remedy)
    alone = read_inventory(["-i", "gone.example.com,"], lambda directory: frozenset())
    assert chosen_hosts(alone, ["gone.example.com"]) == ["gone.example.com"]
    with pytest.raises(ProvisionError, match="no host is left"):
        chosen_hosts(alone, [])


UNREACHED = """
monitor: {hosts: {m1: {ansible_connection: local}}}
workers: {hosts: {w1: {ansible_host: 127.0.0.1, ansible_port: 1}}}
"""


def test_the_monitoring_host_is_looked_at_though_no_worker_is_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "inventory.yml").write_text(UNREACHED)
    assert run(["remove", "--check", "-i", str(tmp_path / "inventory.yml")]) == 1
    told = capsys.readouterr().out
    assert "\nw1  cannot be reached\n" in f"\n{told}" and "2 hosts, " in told
    assert "\nm1  " in f"\n{told}" and "m1  failed" not in told


def test_hosts_that_nothing_was_done_with_have_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "inventory.yml").write_text(UNREACHED)
    words = ["remove", "--yes", "-i", str(tmp_path / "inventory.yml")]
    assert run([*words, "--", "--tags", "nothing"]) == 1
    told = capsys.readouterr()
    assert "Ansible has done nothing with this host." in told.out and "--tags" in told.out
    # What runs there still writes: nobody is told to forget it.
    assert run([*words, "w1"]) == 1
    assert "take w1 out" not in capsys.readouterr().err


def test_what_prints_in_its_place_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["plan", "--", "--list-hosts"], "--list-hosts goes with `provision up`"),
        (["remove", "--", "--list-tasks"], "--list-tasks goes with `provision up`"),
        (["status", "--format", "json", "-v"], "which is no JSON"),
        (["plan", "--forks", "0"], "0 is not in the range"),
    ):
        assert run(words) == 2
        assert said in capsys.readouterr().err


def test_nobody_can_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    assert run(["remove", "-i", str(tmp_path / "inventory.yml")]) == 2
    assert "--yes" in capsys.readouterr().err
