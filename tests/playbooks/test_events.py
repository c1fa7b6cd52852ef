"""The events of a run of ansible-playbook on this machine, and Ansible's own checks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trees
import yaml
from callback_plugins import events
from conftest import PLAYBOOKS

BIN = Path(sys.executable).parent

PLAY = """\
- name: A play
  hosts: all
  gather_facts: false
  tasks:
    - name: Fine
      ansible.builtin.debug: {msg: hello}
    - name: Hidden
      ansible.builtin.debug: {msg: the-secret}
      no_log: true
    - name: Skipped
      ansible.builtin.debug: {msg: never}
      when: false
    - name: Loop
      ansible.builtin.fail: {msg: "it is {{ item }}"}
      loop: [broken]
"""


def run(
    tmp_path: Path, playbook: Path, *words: str, events: str
) -> subprocess.CompletedProcess[str]:
    inventory = tmp_path / "inventory.ini"
    inventory.write_text("[monitor]\nh ansible_connection=local ansible_become=false\n")
    return subprocess.run(
        [BIN / "ansible-playbook", "-i", inventory, playbook, *words],
        env={**os.environ, "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
             "PROVISION_EVENTS": events},
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_tells_plays_tasks_results_and_the_end(tmp_path: Path) -> None:
    playbook, events = tmp_path / "play.yml", tmp_path / "events"
    playbook.write_text(PLAY)
    done = run(tmp_path, playbook, events=str(events))
    seen = told(events)
    assert seen[0]["event"] == "play"
    assert seen[0]["play"] == "A play"
    results = [(each["task"], each["status"]) for each in seen if each["event"] == "result"]
    assert results == [
        ("Fine", "ok"), ("Hidden", "ok"), ("Skipped", "skipped"), ("Loop", "failed"),
    ]  # fmt: skip
    failed = next(each for each in seen if each.get("status") == "failed")
    assert failed["msg"] == "it is broken"
    assert "the-secret" not in events.read_text()
    assert seen[-1]["hosts"]["h"]["failures"] == 1
    assert "PLAY RECAP" in done.stdout, "the ordinary output is there too"


def test_events_that_can_not_be_told_break_nothing(tmp_path: Path) -> None:
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAY.split("    - name: Loop")[0])
    assert run(tmp_path, playbook, events="/nonexistent/x").returncode == 0
    assert run(tmp_path, playbook, events="/dev/full").returncode == 0


def test_each_host_is_told_of_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_EVENTS", str(tmp_path / "events"))
    callback = events.CallbackModule()

    def result(host: str, msg: str, task: str = "Loop") -> Any:
        return SimpleNamespace(
            result={"msg": msg},
            host=SimpleNamespace(get_name=lambda: host),
            task=SimpleNamespace(
                _uuid=task, loop=["x"], no_log=False, ignore_errors=False, get_name=lambda: task
            ),
        )

    callback.v2_runner_item_on_failed(result("a", "an item of a"))
    callback.v2_runner_on_failed(result("b", "b as a whole"))
    callback.v2_runner_item_on_failed(result("c", "an item of c"))
    callback.v2_runner_on_failed(result("a", "a as a whole"))
    callback.v2_runner_on_failed(result("c", "c as a whole", task="Another"))
    callback.v2_runner_on_failed(result("c", "c as a whole"))
    callback.v2_runner_on_failed(result("a", "a once more"))
    assert [(each["host"], each["msg"]) for each in told(tmp_path / "events")] == [
        ("a", "an item of a"), ("b", "b as a whole"), ("c", "an item of c"),
        ("c", "c as a whole"), ("a", "a once more"),
    ]  # fmt: skip


def compared(tmp_path: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    """A run of the whole site in check mode against this machine."""
    events, secrets = tmp_path / "events", tmp_path / "secrets.yml"
    events.unlink(missing_ok=True)
    secrets.write_text(yaml.safe_dump({"provision_secrets": trees.SECRETS}))
    done = run(
        tmp_path, PLAYBOOKS / "site.yml", "--check", "-e", f"provision_tree={tmp_path}/tree",
        "-e", f"@{secrets}", *words, events=str(events),
    )  # fmt: skip
    results = [each for each in told(events) if each["event"] == "result"]
    return done.returncode, results[0], done.stdout + done.stderr


def test_compares_this_machine_with_a_tree(tmp_path: Path) -> None:
    path = tmp_path / "host file"
    trees.write(tmp_path / "tree", "h", {
        "files": [trees.file("packages", str(path), secret=True)],
    }, {str(path): "it is {{ provision_secrets.grafana_admin_password }}\n"})  # fmt: skip
    path.write_text("it is grafana-password\n")
    path.chmod(0o644)
    status, result, output = compared(tmp_path)
    assert status == 0, output
    assert (result["task"], result["status"], result["differences"]) == ("Compare", "ok", [])
    path.write_text("it is another\n")
    _, result, output = compared(tmp_path, "--diff", "-vvv")
    difference = {"role": "packages", "kind": "file", "name": str(path), "action": "change",
                  "why": "its content differs"}  # fmt: skip
    assert result["differences"] == [difference]
    for text in ("grafana-password", "it is another"):
        assert text not in json.dumps(result)
        assert text not in output.replace(str(trees.SECRETS), "")


def test_a_host_without_a_tree_is_told_what_to_do(tmp_path: Path) -> None:
    status, result, _ = compared(tmp_path)
    assert status == 2
    assert result["problem"].startswith("Nothing is rendered for h")
    assert (
        result["remedy"] == "run `provision render` (or give the rendered tree as provision_tree)"
    )
