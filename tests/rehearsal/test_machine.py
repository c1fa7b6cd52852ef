from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from provision.rehearsal import machine

HOSTS = {"monitor.example.com": "10.213.0.10", "w1.example.com": "10.213.0.11"}


def test_a_host_knows_all_hosts_by_long_and_short_name() -> None:
    files = machine.files("w1.example.com", "10.213.0.11", "10.213.0.1", HOSTS, "nameserver x\n")
    assert files["etc/hostname"] == "w1.example.com\n"
    assert files["etc/hosts"].splitlines()[2:] == [
        "10.213.0.10 monitor.example.com monitor",
        "10.213.0.11 w1.example.com w1",
    ]
    assert files["etc/resolv.conf"] == "nameserver x\n"


def test_a_short_name_that_two_hosts_share_is_left_out() -> None:
    hosts = {"w1.a": "10.213.0.10", "w1.b": "10.213.0.11", "w2": "10.213.0.12"}
    lines = machine.files("w2", "10.213.0.12", "10.213.0.1", hosts, "")["etc/hosts"].splitlines()
    assert lines[2:] == ["10.213.0.10 w1.a", "10.213.0.11 w1.b", "10.213.0.12 w2"]


def test_the_network_file_comes_before_systemds_own() -> None:
    files = machine.files("w1.example.com", "10.213.0.11", "10.213.0.1", HOSTS, "")
    (name,) = (name for name in files if name.endswith(".network"))
    assert Path(name).name < "80-container-host0.network"
    assert "Address=10.213.0.11/24\nGateway=10.213.0.1\n" in files[name]


def test_each_host_has_a_machine_id_of_its_own() -> None:
    ids = {machine.files("w1", "a", "g", {"w1": "a"}, "")["etc/machine-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(len(one) == 33 for one in ids)


def test_hosts_may_lock_memory() -> None:
    command = machine.nspawn(Path("/r"), "p0-0", "w1.example.com", "provision0")
    assert "--system-call-filter=@memlock" in command
    assert "--machine=p0-0" in command and "--hostname=w1.example.com" in command


def test_what_was_started_for_a_host_is_ended_whatever_cgroup_it_is_in(tmp_path: Path) -> None:
    """Whoever booted it was killed before the program was in a cgroup of its own."""
    ours, theirs = (tmp_path / name / "hosts" for name in ("killed", "killed-not"))
    started = [
        subprocess.Popen(["sh", "-c", "sleep 60", "sh", f"--directory={place}/k1/root"])
        for place in (ours, theirs)
    ]
    try:
        machine.end_booting(ours)
        assert started[0].wait(5) == -signal.SIGKILL
        assert started[1].poll() is None
    finally:
        for each in started:
            each.kill()
            each.wait()
