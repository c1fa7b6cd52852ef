from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from provision.ansible import (
    Difference,
    RunResult,
    playbook_command,
    playbook_environment,
    run_playbook,
    take,
)
from provision.paths import PLAYBOOKS


def result(*events: dict[str, object]) -> RunResult:
    made = RunResult({}, 0, "")
    for event in events:
        take(made, event)
    return made


def compared(host: str, *differences: dict[str, str]) -> dict[str, object]:
    return {"event": "result", "host": host, "status": "changed", "differences": list(differences)}


MISSING = {"role": "telegraf", "kind": "file", "name": "/x", "action": "create", "why": "missing"}


def test_secrets_are_named_by_their_file_alone() -> None:
    command = playbook_command("site.yml", ["-l", "w1"], {"targets": "a"}, Path("/s/secrets.yml"))
    assert command[-1].endswith("playbooks/site.yml")
    assert "@/s/secrets.yml" in command
    assert json.loads(command[-2]) == {"targets": "a"}


def test_what_a_host_needs_is_taken_from_its_comparison() -> None:
    made = result(compared("w1", MISSING), compared("w2"), compared("w1", MISSING))
    assert made.hosts["w1"].differences == [Difference(**MISSING)]
    assert made.hosts["w2"].differences == []


def test_the_last_failure_of_a_host_is_what_is_told() -> None:
    made = result(
        {"event": "result", "host": "w1", "status": "failed", "msg": "first"},
        {"event": "result", "host": "w1", "status": "failed", "problem": "p", "remedy": "r"},
    )
    assert (made.hosts["w1"].failed, made.hosts["w1"].remedy) == ("p", "r")
    assert not made.ok


def test_a_failure_that_was_put_right_is_none() -> None:
    counts = {"failures": 0, "unreachable": 0, "rescued": 1}
    made = result(
        {"event": "result", "host": "w1", "status": "failed", "msg": "first"},
        {"event": "stats", "hosts": {"w1": counts}},
    )
    assert made.ok


def test_a_host_that_does_not_answer_is_unreachable() -> None:
    made = result({"event": "result", "host": "w1", "status": "unreachable", "msg": "no route"})
    assert made.hosts["w1"].unreachable
    assert not made.ok


def test_what_ansible_says_itself_has_a_remedy() -> None:
    told = {"event": "result", "host": "w1", "msg": "Task failed: Missing sudo password"}
    refused = result({**told, "status": "failed"}).hosts["w1"]
    assert refused.failed == "Missing sudo password"
    assert "-K" in (refused.remedy or "")
    gone = result({**told, "status": "unreachable", "msg": "no route"}).hosts["w1"]
    assert "--limit '!w1'" in (gone.remedy or "")


def test_an_operators_configuration_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\nforks = 7\ncallbacks_enabled = timer\n")
    monkeypatch.chdir(tmp_path)
    base = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    made = playbook_environment(base, events="/dev/fd/9", verbose=False)
    argv = [sys.executable, "-m", "ansible", "config", "dump", "--only-changed"]
    dump = subprocess.run(argv, env=made, capture_output=True, text=True, check=True).stdout
    assert re.search(r"DEFAULT_FORKS\(.*ansible.cfg\) = 7", dump)


def test_without_one_ours_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = playbook_environment({"HOME": str(tmp_path)}, events="/dev/fd/9", verbose=False)
    assert made["ANSIBLE_CONFIG"] == str(PLAYBOOKS / "ansible.cfg")


@pytest.mark.parametrize("own", ["", "[defaults]\nforks = 7\n"])
def test_events_come_from_a_real_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if own:
        (tmp_path / "ansible.cfg").write_text(own)
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(
        "monitor: {hosts: {m: {ansible_connection: local, ansible_become: false}}}\n"
    )
    secrets = tmp_path / "secrets.yml"
    secrets.write_text("provision_secrets: {}\n")
    events: list[str] = []
    made = run_playbook(
        "site.yml",
        ["-i", str(inventory)],
        {"provision_tree": str(tmp_path / "none"), "provision_secrets_file": str(secrets)},
        secrets=secrets,
        on_event=lambda event: events.append(str(event["event"])),
    )
    assert "play" in events
    assert "stats" in events
    assert made.status == 2
    assert "none" in (made.hosts["m"].failed or "")
