from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provision.run.ansible import (
    Diff,
    Difference,
    RunResult,
    not_ended,
    playbook_words,
    run_playbook,
    take,
)


def result(*events: dict[str, object]) -> RunResult:
    made = RunResult({}, 0, "")
    for event in events:
        take(made, event)
    return made


def compared(host: str, *differences: dict[str, str]) -> dict[str, object]:
    return {"event": "result", "host": host, "status": "changed", "differences": list(differences)}


MISSING = {"role": "telegraf", "kind": "file", "name": "/x", "action": "create", "why": "missing"}


def test_secrets_are_named_by_their_file_alone() -> None:
    command = playbook_words("site.yml", ["-l", "w1"], {"targets": "a"}, Path("/s/secrets.yml"))
    assert command[-1].endswith("playbooks/site.yml")
    assert "@/s/secrets.yml" in command
    assert json.loads(command[-2]) == {"targets": "a"}


def test_what_a_host_needs_is_taken_from_its_comparison() -> None:
    shown = {"diff": [{"before_header": "/x", "after_header": "/x", "before": "", "after": "x\n"}]}
    twice = {**compared("w1", MISSING), **shown}
    made = result(twice, compared("w2"), twice)
    assert made.hosts["w1"].differences == [Difference(**MISSING)]
    assert made.hosts["w1"].diffs == [Diff("/x", "", "x\n")]
    assert made.hosts["w2"].differences == []


@pytest.mark.parametrize(
    ("kind", "action", "others", "more"),
    [
        ("service", "reload", [], "it did not take them up while it runs"),
        (
            "service",
            "reload",
            ["/etc/a", "/etc/b"],
            "it did not take them up while it runs, with its unit changed by /etc/a and /etc/b",
        ),
        ("rules", "load", ["/etc/a"], "they could not be loaded while it runs"),
    ],
)
def test_a_reload_that_became_a_restart_is_told_as_that(
    kind: str, action: str, others: list[str], more: str
) -> None:
    effect = {"role": "telegraf", "kind": kind, "name": "telegraf", "action": action,
              "why": "its configuration changes: x"}  # fmt: skip
    first = {**compared("w1", MISSING), "plan": {"effects": [effect]}}
    placed = {"event": "result", "host": "w1", "status": "changed"}
    (told,) = result(first, {**placed, "restarted": {}}).hosts["w1"].effects
    assert (told.kind, told.action) == (kind, action)
    (told,) = result(first, {**placed, "restarted": {"telegraf": others}}).hosts["w1"].effects
    assert (told.kind, told.action, told.name) == ("service", "restart", "telegraf")
    assert told.why == f"its configuration changes: x; {more}"


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


def test_what_a_host_could_not_fetch_is_told_also_where_it_failed() -> None:
    fetched = {"http://127.0.0.1:9105/metrics": "answers with HTTP 404"}
    for status in ("ok", "failed"):
        result = RunResult({}, 0, "")
        take(result, {"event": "result", "host": "w1", "status": status, "fetched": fetched})
        take(result, {"event": "result", "host": "w1", "status": "ok"})
        assert result.hosts["w1"].fetched == fetched


def test_what_ansible_says_itself_has_a_remedy() -> None:
    told = {"event": "result", "host": "w1", "msg": "Task failed: Missing sudo password"}
    refused = result({**told, "status": "failed"}).hosts["w1"]
    assert refused.failed == "Missing sudo password"
    assert "-K" in (refused.remedy or "")
    gone = result({**told, "status": "unreachable", "msg": "no route"}).hosts["w1"]
    assert "--limit '!w1'" in (gone.remedy or "")


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


def test_a_host_that_is_lost_amid_its_work_is_told_at_what() -> None:
    gone = {"event": "result", "host": "w1", "status": "unreachable", "task": "Start", "msg": "x"}
    said = result(compared("w1", MISSING), gone).hosts["w1"].failed or ""
    assert "lost in the middle of its work (Start)" in said
    assert result(gone).hosts["w1"].failed == "x"


def test_a_run_that_was_killed_leaves_no_host_for_finished() -> None:
    made = result(compared("w1"), {"event": "result", "host": "w2", "status": "failed", "msg": "m"})
    made.status = -9
    not_ended(made, ["w1", "w2", "w3"])
    assert made.hosts["w2"].failed == "m"
    for name in ("w1", "w3"):
        assert "killed (SIGKILL) before" in (made.hosts[name].failed or "")
        assert "run again" in (made.hosts[name].remedy or "")
    assert not result(compared("w1")).ended
    assert result({"event": "stats", "hosts": {}}).ended


def test_a_run_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """prctl(2) in the callback: killed as by an out-of-memory killer, which nothing can catch."""
    inventory = tmp_path / "inventory.yml"
    inventory.write_text("all: {hosts: {m: {ansible_connection: local}}}\n")
    playbook = tmp_path / "wait.yml"
    waiting = "- {hosts: all, gather_facts: false, tasks: [{command: sleep 300}]}\n"
    playbook.write_text(waiting)
    (tmp_path / "secrets.yml").write_text("{}")
    program = f"""
import sys
import time
from pathlib import Path
from provision.run import ansible
ansible.run_playbook({str(playbook)!r}, ["-i", {str(inventory)!r}], {{}},
    secrets=Path({str(tmp_path / "secrets.yml")!r}),
    on_event=lambda event: print(event["event"], flush=True))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "host_task\n":
            assert process.poll() is None
        children = subprocess.run(
            ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        process.kill()
    deadline = time.monotonic() + 60
    for child in children:
        status = Path(f"/proc/{child}/stat")
        while status.exists() and status.read_text().rpartition(")")[2].split()[0] not in "ZX":
            assert time.monotonic() < deadline, "it goes on unseen"
            time.sleep(0.05)
