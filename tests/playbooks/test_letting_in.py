from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible.module_utils.provision import letting_in


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What nft is asked for, which does not know any table."""
    program, log = tmp_path / "nft", tmp_path / "log"
    program.write_text(f'#!/bin/sh\necho "$@" >>{log}\nexit 1\n')
    program.chmod(0o755)
    log.touch()
    monkeypatch.setattr(letting_in, "_NFT", str(program))
    return log


def test_the_rules_of_files_are_taken_back_and_nothing_else(asked: Path) -> None:
    letting_in.now(
        [
            "/etc/provision/telegraf.nft",
            "/etc/provision/prometheus-pushgateway.nft",
            "/etc/telegraf/telegraf.conf",
            "/etc/nftables/telegraf.nft",
            "/etc/provision/deeper/x.nft",
        ]
    )
    assert asked.read_text().splitlines() == [
        "delete table inet provision_telegraf",
        "delete table inet provision_prometheus_pushgateway",
    ]


def test_rules_whose_file_is_there_stay(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letting_in, "_RULES", re.compile(rf"{tmp_path}/([^/]+)\.nft"))
    (tmp_path / "stays.nft").touch()
    letting_in.again([str(tmp_path / name) for name in ("stays.nft", "gone.nft", "gone.conf")])
    assert asked.read_text().splitlines() == ["delete table inet provision_gone"]


def test_a_host_without_nftables_has_no_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letting_in, "_NFT", "/nonexistent/nft")
    letting_in.now(["/etc/provision/telegraf.nft"])


@pytest.mark.parametrize("loads", [True, False])
def test_new_rules_are_loaded_from_their_files(
    tmp_path: Path, asked: Path, monkeypatch: pytest.MonkeyPatch, loads: bool
) -> None:
    monkeypatch.setattr(letting_in, "_FOLDER", str(tmp_path))
    (tmp_path / "nft").write_text(f'#!/bin/sh\necho "$@" >>{asked}\nexit {int(not loads)}\n')
    rules = tmp_path / "telegraf.nft"
    rules.touch()
    paths = ["/etc/telegraf/telegraf.conf", str(rules)]
    assert letting_in.loaded(["telegraf"], paths) == loads
    assert asked.read_text() == f"-f {rules}\n", "once"
    assert letting_in.loaded(["telegraf"], paths[:1])
    monkeypatch.setattr(letting_in, "_NFT", "/nonexistent/nft")
    assert not letting_in.loaded(["telegraf"], paths)


def test_rules_that_others_have_flushed_are_loaded_again(
    tmp_path: Path, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letting_in, "_FOLDER", str(tmp_path))
    there = tmp_path / "telegraf.nft"
    there.touch()
    assert letting_in.loaded(["telegraf", "nobody"], [])
    assert asked.read_text() == f"-f {there}\n"
