from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.rehearsal import state
from provision.rehearsal.state import Process, State


def me() -> Process:
    process = Process.of(os.getpid())
    assert process is not None
    return process


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    record = State("try", me(), 3, {"w1.example.com": "10.213.3.10"}, {"host": me()}, True, True)
    record.write(tmp_path)
    assert state.read(tmp_path) == record
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "try"}'])
def test_a_broken_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert state.read(tmp_path) is None
    assert state.read(tmp_path / "nowhere") is None


def test_a_process_is_known_by_its_start_too() -> None:
    assert me().alive
    assert not Process(os.getpid(), me().started - 1).alive


def test_an_ended_process_is_not_alive_even_as_a_zombie() -> None:
    child = subprocess.Popen(["sleep", "60"])
    process = Process.of(child.pid)
    assert process and process.alive
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not process.alive
    child.wait()
    assert not process.alive


def test_long_names_become_short_machines() -> None:
    hosts = {f"w{i}.a-rather-long-domain.example.com": f"10.213.255.{i}" for i in range(12)}
    record = State("x" * 32, me(), 255, hosts)
    machines = [record.machine(host) for host in hosts]
    assert len(set(machines)) == 12
    # systemd-nspawn calls the interface vb-<machine>, and 15 characters are all there are
    assert all(len(f"vb-{machine}") <= 15 for machine in machines)


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a/b", "..", "a" * 33, "a b"])
def test_names_that_rehearsals_cannot_have(name: str) -> None:
    with pytest.raises(ProvisionError):
        state.check_names(name, ("w1",))


@pytest.mark.parametrize(
    "hosts", [(), ("",), ("a/b",), ("w1", "w1"), ("-w",), ("a..b",), ("w_1",), ("a" * 65,)]
)
def test_names_that_hosts_cannot_have(hosts: tuple[str, ...]) -> None:
    with pytest.raises(ProvisionError):
        state.check_names("try", hosts)


def test_all_names_that_will_not_do_are_told_with_what_is_wrong() -> None:
    with pytest.raises(ProvisionError, match=r"^'Monitor', 'w_2' can't be") as told:
        state.check_names("try", ("Monitor", "w1", "w_2"))
    assert told.value.remedy and "lower-case letters" in told.value.remedy


def test_ordinary_names_pass() -> None:
    state.check_names("rehearsal-2", ("monitor.example.com", "w1", "w-2.a.b"))
