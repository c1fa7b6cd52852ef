"""The lease of a host: real files, real locks, and processes that really end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import lease
from comparing import operators, report, script
from comparing.manifest import Manifest

KIM: dict[str, Any] = {
    "run": "a 1 1",
    "who": "kim@a",
    "command": "up",
    "since": "14:03:11 UTC",
    "over": [],
}
LEE = {**KIM, "run": "b 2 2", "who": "lee@b"}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "run" / "operator.json")


def in_a_process(operator: dict[str, Any], path: str) -> int:
    """Take the lease as a module does, whose end lets go of the lock; 1 if another has it."""
    child = os.fork()
    if child == 0:
        try:
            lease.take(operator, path, patience=0.1)
        except lease.HeldError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def release(operator: dict[str, Any], path: str) -> None:
    """Give it up, as the end of a run does."""
    text = operators.release_script(operator["run"], path)
    subprocess.run(["/bin/sh"], input=text, text=True, check=True)


def test_one_run_at_a_time_until_it_releases(path: str) -> None:
    assert in_a_process(KIM, path) == 0
    with pytest.raises(lease.HeldError, match=r"kim@a works on this host since 14:03:11 UTC"):
        lease.take(LEE, path)
    assert in_a_process(KIM, path) == 0, "a run renews its own"
    release(LEE, path)
    assert in_a_process(LEE, path) == 1, "nobody releases another's"
    release(KIM, path)
    assert in_a_process(LEE, path) == 0
    assert Path(path).stat().st_mode & 0o777 == 0o600


def test_the_last_module_of_a_run_lets_others_in_when_it_ends(path: str) -> None:
    child = os.fork()
    if not child:
        lease.take(KIM, path)
        lease.release(KIM, path)
        # It still works: nobody else may.
        os._exit(10 + in_a_process(LEE, path))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 11
    assert in_a_process(LEE, path) == 0
    lease.release(None, path)
    assert Path(path).read_text(), "who has no lease gives up none"
    Path(path).unlink()
    lease.release(KIM, path)


def test_what_is_known_to_be_dead_and_what_is_old_hold_up_nobody(path: str) -> None:
    assert in_a_process(KIM, path) == 0
    assert in_a_process({**LEE, "over": ["a 1 1"]}, path) == 0
    held = json.loads(Path(path).read_text())
    held["renewed"] -= lease.STALE + 1
    Path(path).write_text(json.dumps(held))
    assert in_a_process(KIM, path) == 0


def test_what_a_dead_run_left_at_work_is_waited_for_even_if_it_is_old(path: str) -> None:
    at_work = os.fork()
    if at_work == 0:
        lease.take(KIM, path)
        signal.pause()
        os._exit(0)
    while not (Path(path).exists() and Path(path).read_text()):
        time.sleep(0.01)
    held = json.loads(Path(path).read_text())
    descriptor = os.open(path, os.O_WRONLY)
    os.pwrite(descriptor, json.dumps({**held, "renewed": -1000.0}).encode(), 0)
    try:
        assert in_a_process(LEE, path) == 1, "apt may take long"
        with pytest.raises(lease.HeldError, match="a killed run has left is still at work"):
            lease.take({**LEE, "over": ["a 1 1"]}, path, patience=0.1)
    finally:
        os.kill(at_work, signal.SIGKILL)
        os.waitpid(at_work, 0)
        os.close(descriptor)
    assert in_a_process({**LEE, "over": ["a 1 1"]}, path) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run": "a"}', '{"renewed": "never"}'])
def test_what_is_no_lease_holds_up_nobody(path: str, text: str) -> None:
    Path(path).parent.mkdir()
    Path(path).write_text(text)
    assert in_a_process(KIM, path) == 0


def test_a_boot_ends_it() -> None:
    assert lease.fresh({"renewed": 100.0}, 219.0)
    assert not lease.fresh({"renewed": 100.0}, 221.0)
    assert not lease.fresh({"renewed": 100.0}, 5.0), "the clock began anew"
    assert lease.fresh({"renewed": 100.009}, 100.0), "/proc/uptime has hundredths"


def test_the_comparison_sees_who_works_on_a_host(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "PATH", path)
    empty = dict.fromkeys(
        ("repositories", "packages", "directories", "files", "absent", "services", "state"), ()
    )
    text = script.compare_script(Manifest(host="h", tree=tmp_path, **empty))

    def seen() -> report.Report:
        done = subprocess.run(["/bin/sh"], input=text, capture_output=True, text=True, check=True)
        return report.read(done.stdout)

    assert seen().operator is None and not Path(path).exists()
    assert abs((seen().clock or 0) - time.time()) < 30
    assert in_a_process(KIM, path) == 0
    assert (seen().operator or {})["who"] == "kim@a"
    release(KIM, path)
    assert seen().operator is None


def test_a_run_of_this_machine_is_over_when_its_process_is() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        run = f"{operators._machine()} {process.pid} {operators._started(process.pid)}"
        assert not operators.is_over(run)
        assert operators.is_over(run + "1"), "another process has the number now"
        process.communicate(b"\n")
    assert operators.is_over(run)
    assert not operators.is_over(f"elsewhere some-boot pid:[1] {process.pid} 1")
    mine = operators.mine("provision up")
    assert not operators.is_over(mine["run"])
    assert f"process {os.getppid()}" in mine["command"]


def test_a_killed_run_is_known_to_the_next_one_before_a_host_tells_of_it(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last worker reaches the host after the next run has compared it, and takes the lease."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    work = "from comparing import operators; print(operators.mine('up')['run'], flush=True)"
    worker = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}]); input()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", worker],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as killed:
        assert killed.stdout is not None
        run = killed.stdout.readline().strip()
        assert run not in operators.mine("up")["over"], "it is alive"
        killed.kill()
    mine = operators.mine("up")
    assert mine["over"] == [run]
    assert in_a_process({**KIM, "run": run, "over": []}, path) == 0
    assert in_a_process(mine, path) == 0
    (tmp_path / "provision/runs/this-machine an-earlier-boot pid:[1] 7 7").touch()
    for noted in (tmp_path / "provision/runs").iterdir():
        os.utime(noted, (0, 0))
    operators.mine("up")
    assert [p.name for p in (tmp_path / "provision/runs").iterdir()] == [mine["run"]]
    (tmp_path / "provision/runs" / mine["run"]).unlink()
    (tmp_path / "provision/runs").rmdir()
    (tmp_path / "provision/runs").write_text("in the way")
    assert operators.mine("up")["over"] == []


@pytest.mark.parametrize("pair", [os.pipe, lambda: tuple(s.detach() for s in socket.socketpair())])
def test_a_module_sees_that_nobody_listens_to_it_any_more(
    pair: Callable[[], tuple[int, int]],
) -> None:
    read, write = pair()
    assert not lease.abandoned(write)
    os.close(read)
    assert lease.abandoned(write)
    os.close(write)
    with Path(os.devnull).open("w") as file:
        assert not lease.abandoned(file.fileno())
