from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.rehearsal import processes
from provision.rehearsal.progress import Quiet
from provision.rehearsal.threads import concurrently


def test_a_missing_program_is_told_with_its_debian_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "find", lambda program: None)
    with pytest.raises(ProvisionError) as caught:
        processes.require(["systemd-nspawn", "ip", "gpg", "gpgconf"], purpose="a rehearsal")
    assert caught.value.remedy == "apt-get install gnupg iproute2 systemd-container"
    assert "systemd-nspawn" in caught.value.message


def test_without_root_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ProvisionError, match="needs root"):
        processes.require_root(purpose="a rehearsal")


def test_a_failure_tells_what_the_program_said() -> None:
    with pytest.raises(ProvisionError, match=r"status 3:\n  no such luck"):
        processes.run("sh", "-c", "echo no such luck >&2; exit 3")
    with pytest.raises(ProvisionError, match="longer than"):
        processes.run("sleep", "10", timeout=0.05)


def test_a_build_is_logged_and_its_last_line_is_shown(tmp_path: Path) -> None:
    notes: list[str] = []

    class Notes(Quiet):
        def note(self, line: str) -> None:
            notes.append(line)

    log = tmp_path / "logs" / "build.log"
    processes.build(["sh", "-c", "echo one; echo two >&2"], log=log, step=Notes())
    assert notes == ["one", "two"]
    assert log.read_text() == "one\ntwo\n"
    with pytest.raises(ProvisionError) as caught:
        processes.build(["sh", "-c", "echo bad; exit 1"], log=log, step=Quiet())
    assert "bad" in caught.value.message and str(log) in (caught.value.remedy or "")


def test_one_failure_ends_what_runs_beside_it(tmp_path: Path) -> None:
    started = threading.Event()
    children = tmp_path / "pid"

    def slow() -> None:
        started.set()
        # The grandchild is ended too, as it is in the same process group.
        script = f"sleep 60 & echo $! > {children}; wait"
        processes.build(["sh", "-c", script], log=tmp_path / "slow.log", step=Quiet())

    def failing() -> None:
        started.wait()
        while not (children.exists() and children.read_text().strip()):
            time.sleep(0.01)
        raise ProvisionError("this one fails")

    begin = time.monotonic()
    with pytest.raises(ProvisionError, match="this one fails"):
        concurrently(slow, failing)
    assert time.monotonic() - begin < 10
    # It got its signal, but has no parent here that would wait for its end.
    grandchild = int(children.read_text())
    while processes.start_time(grandchild) is not None:
        assert time.monotonic() - begin < 10
        time.sleep(0.01)


def test_results_come_in_the_order_of_the_calls() -> None:
    def late() -> str:
        time.sleep(0.05)
        return "late"

    assert concurrently(late, lambda: "soon") == ["late", "soon"]
    assert concurrently() == []


def test_no_more_at_once_than_asked() -> None:
    running = threading.Semaphore(2)

    def call() -> bool:
        free = running.acquire(blocking=False)
        time.sleep(0.02)
        running.release()
        return free

    assert all(concurrently(*[call] * 6, at_once=2))


def test_only_the_process_meant_is_ended() -> None:
    own = processes.start_time(os.getpid())
    assert own is not None
    processes.end(os.getpid(), own + 1)
