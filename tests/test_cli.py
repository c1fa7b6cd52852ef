from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provision.cli import run
from provision.secrets import write_secrets
from tests.conftest import INVENTORY


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_init_writes_an_inventory_that_renders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init"]) == 0
    assert run(["render", "--output", "tree"]) == 0
    telegraf = tmp_path / "tree/worker-1.example.com/etc/telegraf/telegraf.conf"
    assert telegraf.is_file()
    assert run(["init"]) == 1
    assert "there is one already" in capsys.readouterr().err


def test_render_keeps_to_the_limit(tmp_path: Path) -> None:
    Path("inventory.yml").write_text(INVENTORY)
    assert run(["render", "-l", "w1.example.com", "--output", "tree"]) == 0
    assert [path.name for path in (tmp_path / "tree").iterdir()] == ["w1.example.com"]


@pytest.mark.parametrize("tls", ["off", "own-ca"])
def test_workers_alone_are_rendered_as_with_the_rest_and_without_any_secret(
    tmp_path: Path, tls: str, capsys: pytest.CaptureFixture[str]
) -> None:
    contacts = "grafana_contacts: {pager: {type: pagerduty}}"
    Path("inventory.yml").write_text(f"{INVENTORY}all: {{vars: {{tls: {tls}, {contacts}}}}}\n")
    alone = ["render", "-l", "!monitor", "--output", "alone"]
    if tls == "own-ca":
        assert run(alone) == 1
        assert "tls/ca.crt: there is no such file" in capsys.readouterr().err
    else:
        assert run(alone) == 0
        assert "-e @FILE, in which the workers' secrets are" in capsys.readouterr().err
    assert not Path("secrets.yml").exists() and not Path("tls").exists()
    write_secrets(Path("secrets.yml"), {"grafana_contact_pager": "x"})
    assert run(["render", "--output", "whole"]) == 0
    # As in a pipeline, which cannot decrypt it.
    Path("secrets.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
    assert run(alone) == 0
    for name in ("w1.example.com", "w2.example.com"):
        assert described(Path("alone", name)) == described(Path("whole", name)) != {}
    assert not Path("alone/monitor.example.com").exists()


def described(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_render_tells_of_hosts_that_are_gone_and_deletes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("inventory.yml").write_text(INVENTORY)
    assert run(["render", "--output", "tree"]) == 0
    assert "not in the inventory" not in capsys.readouterr().err
    (tmp_path / "tree/w1.example.com").rename(tmp_path / "tree/w0.example.com")
    (tmp_path / "tree/theirs").mkdir()
    assert run(["render", "-l", "monitor", "--output", "tree"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "hosts that are not in the inventory: w0.example.com; delete" in said
    assert "theirs" not in said and "w1.example.com" not in said
    assert (tmp_path / "tree/w0.example.com/.manifest.json").is_file()


def test_errors_are_told_with_a_remedy_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "--yes", "-i", "none.yml"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "none.yml: there is no such inventory" in told
    assert "remedy: write one with `provision init`" in told


def test_an_unknown_application_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "show", "relm"]) == 1
    assert (
        "known are dataclay, django-clickhouse, host, influxdb, pipeline, realm"
        in capsys.readouterr().err
    )
    arguments = ["worker", "-y", "w1", "--monitor", "m", "--app", "relm"]
    assert run(arguments) == 1
    assert "did you mean 'realm'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["up", "--no-such-option"],
        ["render"],
        ["worker", "--monitor", "m"],
        ["worker", "w1", "--app", "realm"],
        ["catalog", "show"],
        ["catalog", "docs"],
        ["catalog", "check", "--format", "xml"],
        ["catalog", "list", "--catalogs", "nowhere"],
        ["rehearse", "--engine", "3"],
        ["up", "w1"],
        ["monitor-server", "m1", "m2"],
        ["up", "--", "--no-such-option"],
    ],
)
def test_a_wrong_command_line_is_exit_2(arguments: list[str]) -> None:
    assert run(arguments) == 2


def test_a_host_that_is_not_in_the_inventory_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("inventory.yml").write_text(INVENTORY)
    assert run(["worker", "--yes", "w9.example.com"]) == 1
    told = capsys.readouterr().err
    assert "w9.example.com: not in workers of" in told
    assert "w1.example.com, w2.example.com" in told


def test_verify_takes_names_of_hosts_or_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    Path("inventory.yml").write_text(INVENTORY)
    assert run(["verify", "nobody"]) == 1
    told = capsys.readouterr().err
    assert "nobody: not in monitor or workers" in told and "w1.example.com" in told
    assert run(["verify", "w1.example.com", "--limit", "w2.example.com"]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_a_limit_that_leaves_nobody_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("inventory.yml").write_text(INVENTORY)
    assert run(["worker", "--yes", "-l", "monitor"]) == 1
    assert "no host is left" in capsys.readouterr().err


def test_a_bug_is_exit_3_with_a_log_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(**_: object) -> int:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("provision.commands.init.init", broken)
    assert run(["init"]) == 3
    told = capsys.readouterr().err
    assert "Traceback" not in told
    (log,) = (tmp_path / "cache/provision/log").iterdir()
    assert str(log) in told
    assert "ZeroDivisionError: oh" in log.read_text()


def test_a_log_of_a_bug_holds_no_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object, **__: object) -> int:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("provision.commands.provide.provide", broken)
    word = "hunter2"
    for option in (["-e", f"p={word}"], [f"-ep={word}"], [f"--extra-vars=p={word}"]):
        assert run(["up", *option]) == 3
    logs = list((tmp_path / "cache/provision/log").iterdir())
    assert logs
    assert [log for log in logs if word in log.read_text() or log.stat().st_mode & 0o077] == []


def test_a_worker_is_not_given_a_password_that_nobody_knows(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Path("inventory.yml").write_text(INVENTORY)
    for engine, name in ((1, "influxdb_write_password_"), (2, "influxdb_write_token_")):
        assert run(["worker", "-y", "-e", f"influxdb_engine={engine}"]) == 1
        told = capsys.readouterr().err
        assert f"secrets.yml: no {name}" in told
        assert "provision monitor-server" in told
    assert not (tmp_path / "secrets.yml").exists()


def test_render_makes_the_secrets_that_the_playbooks_need(tmp_path: Path) -> None:
    Path("inventory.yml").write_text(INVENTORY)
    assert run(["render", "--output", "tree"]) == 0
    assert (tmp_path / "secrets.yml").stat().st_mode & 0o777 == 0o600


def test_an_inventory_directory_keeps_what_is_the_sites_beside_it(tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "hosts.yml").write_text(INVENTORY)
    assert run(["render", "-i", "inventory", "--output", "tree"]) == 0
    assert [path.name for path in (tmp_path / "inventory").iterdir()] == ["hosts.yml"]
    assert (tmp_path / "secrets.yml").is_file()


def test_half_an_inventory_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    Path("good.yml").write_text(INVENTORY)
    Path("broken.yml").write_text("monitor: {hosts: [")
    assert run(["render", "-i", "broken.yml", "-i", "good.yml", "--output", "tree"]) == 1
    assert "broken.yml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "command", "told"),
    [
        (["init"], "init.init", "interrupted\n"),
        (["up"], "provide.provide", "interrupted: the next run finishes what is half done\n"),
    ],
)
def test_an_interruption_is_exit_130(
    words: list[str],
    command: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(**_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"provision.commands.{command}", interrupted)
    assert run(words) == 130
    assert capsys.readouterr().err.lstrip() == told
    # Only the process that ends may stop to listen; whoever calls run() goes on.
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_catalog_for_programs_has_its_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "show", "realm", "--format", "json"]) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    assert len(metrics) == 18
    for metric in metrics:
        assert {"name", "type", "unit", "description", "bucket", "measurement"} <= metric.keys()


def test_the_module_runs_as_the_command_does() -> None:
    argv = [sys.executable, "-m", "provision", "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("provision, version ")
