from __future__ import annotations

import json
import os
import socket
import time

import pytest
from ansible.module_utils.provision import diagnosis


def test_our_own_questions_are_not_in_what_a_journal_tells() -> None:
    journal = 'started\n"GET /ping" provision-playbooks\n\nE! broken\n'
    assert diagnosis.telling(journal) == ["started", "E! broken"]


def test_of_a_service_that_is_started_again_and_again_the_end_of_the_last_start_is_told() -> None:
    told = [("a", "old"), ("b", "starting"), ("b", "E! the cause\nof it"), ("c", "starting")]
    entries = [{"_SYSTEMD_INVOCATION_ID": start, "MESSAGE": text} for start, text in told]
    entries[1]["MESSAGE"] = [*b"start\xffing"]  # type: ignore[assignment]
    journal = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    assert diagnosis.said(journal, "c").split("\n") == ["start\ufffding", "E! the cause", "of it"]
    assert diagnosis.said(journal, "").endswith("E! the cause\nof it\nstarting")
    first = json.dumps({"_SYSTEMD_INVOCATION_ID": "c", "MESSAGE": "the first"})
    assert diagnosis.said(first, "c") == "the first"
    assert diagnosis.said(first + '\n{"MESSA', "c") == "the first"


@pytest.mark.parametrize(
    ("restarts", "state", "age", "told"),
    [
        ("2", "activating", 500, "c"),
        ("2", "active", 3, "c"),
        ("2", "active", 500, ""),
        ("2", "failed", 3, ""),
        ("0", "active", 3, ""),
    ],
)
def test_a_start_that_is_long_at_work_speaks_for_itself(
    restarts: str, state: str, age: float, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = time.clock_gettime(time.CLOCK_MONOTONIC) - age
    properties = {
        "NRestarts": restarts,
        "ActiveState": state,
        "ActiveEnterTimestampMonotonic": f"{since * 1e6:.0f}",
        "InvocationID": "c",
    }
    monkeypatch.setattr(diagnosis.units, "shown", lambda _, name: properties[name])
    assert diagnosis._goes_on("telegraf.service") == told


def test_a_host_that_cannot_hold_a_service_in_is_told_the_setting() -> None:
    assert "systemd_hardening: false" in diagnosis.remedy("telegraf", "226")
    assert diagnosis.remedy("telegraf", "1") == "see `journalctl -u telegraf` on the host"


def test_who_listens_in_place_of_a_service_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        listing = (
            f'udp UNCONN 0 0 127.0.0.1:{port} 0.0.0.0:* users:(("python",pid={os.getpid()},fd=3))'
        )
        mine = [f"udp:127.0.0.1:{port}"]
        (said,) = diagnosis.strangers(listing, mine, "telegraf.service")
        assert f"(pid {os.getpid()}" in said and said.endswith(f"listens on udp port {port}")
        for other in (f"tcp:127.0.0.1:{port}", f"udp:127.0.0.2:{port}", "udp:127.0.0.1:1"):
            assert diagnosis.strangers(listing, [other], "telegraf.service") == []


def test_drop_ins_of_others_are_told_from_ours() -> None:
    folder = "/etc/systemd/system/telegraf.service.d"
    ours = f"{folder}/30-provision-alive.conf {folder}/10-provision.conf"
    paths = f"/usr/lib/systemd/system/service.d/10.conf {ours}"
    assert diagnosis.drop_ins(paths) == []
    assert diagnosis.drop_ins(f"{paths} {folder}/theirs.conf\n") == [f"{folder}/theirs.conf"]
