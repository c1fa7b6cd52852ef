"""Real hosts: needs root, and systemd-nspawn on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision import paths
from provision.errors import ProvisionError
from provision.rehearsal import cgroups, hosts, mounts, network, packages
from provision.rehearsal.base import RESTRICTED_PASSWORD, base_image
from provision.rehearsal.packages import telegraf
from provision.rehearsal.progress import Quiet
from provision.rehearsal.repository import publish, serve
from tests.e2e.watching import traces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="hosts need root")

NAME = "test-hosts"
NAMES = ("monitor.example.com", "w1.example.com")


@pytest.fixture(scope="module")
def cache() -> Path:
    return paths.cache()


@pytest.fixture(scope="module")
def base(cache: Path) -> Path:
    return base_image(cache, Quiet())


@pytest.fixture(scope="module")
def rehearsal(cache: Path, base: Path) -> Iterator[hosts.Rehearsal]:
    hosts.down(NAME)
    with hosts.up(NAMES, name=NAME, cache=cache, progress=Quiet(), base=base) as rehearsal:
        yield rehearsal


def number_of(rehearsal: hosts.Rehearsal) -> str:
    return rehearsal.gateway.split(".")[2]


def test_systemd_runs_without_failed_units(rehearsal: hosts.Rehearsal) -> None:
    for host in rehearsal.hosts:
        state = rehearsal.execute(host.name, "systemctl", "is-system-running", check=False)
        failed = rehearsal.execute(host.name, "systemctl", "--failed", "--no-legend").stdout
        assert (state.stdout.strip(), failed) == ("running", "")
        assert rehearsal.execute(host.name, "hostname", "--fqdn").stdout == f"{host.name}\n"


def test_hosts_reach_each_other_by_name(rehearsal: hosts.Rehearsal) -> None:
    script = "exec 3<>/dev/tcp/monitor.example.com/22; head -c 4 <&3"
    assert rehearsal.execute("w1.example.com", "bash", "-c", script).stdout == "SSH-"


def test_their_systemds_are_two(rehearsal: hosts.Rehearsal) -> None:
    monitor, worker = NAMES
    rehearsal.execute(monitor, "systemd-run", "--unit=only-here", "sleep", "infinity")
    assert rehearsal.execute(monitor, "systemctl", "is-active", "only-here").stdout == "active\n"
    rehearsal.execute(worker, "systemd-run", "--unit=only-here", "sleep", "infinity")
    rehearsal.execute(worker, "systemctl", "stop", "only-here")
    assert rehearsal.execute(monitor, "systemctl", "is-active", "only-here").stdout == "active\n"


def test_apt_works_inside(rehearsal: hosts.Rehearsal) -> None:
    rehearsal.execute("w1.example.com", "apt-get", "-q", "update", timeout=120)
    policy = rehearsal.execute("w1.example.com", "apt-cache", "policy", "influxdb").stdout
    assert "Candidate: 1.6.7" in policy


def test_users_may_become_root_or_need_a_password(rehearsal: hosts.Rehearsal) -> None:
    worker = "w1.example.com"
    who = rehearsal.execute(worker, "sudo", "-n", "id", "-un", user="operator")
    assert who.stdout == "root\n"
    refused = rehearsal.execute(worker, "sudo", "-n", "id", user="restricted", check=False)
    assert refused.returncode != 0
    allowed = rehearsal.execute(
        worker, "sudo", "-S", "id", "-un", user="restricted", stdin=f"{RESTRICTED_PASSWORD}\n"
    )
    assert allowed.stdout == "root\n"


def test_arguments_and_failures_arrive_as_they_are(rehearsal: hosts.Rehearsal) -> None:
    words = ["a b", "$HOME", "'", '"', "*", "ü"]
    echoed = rehearsal.execute("w1.example.com", "printf", "%s\n", *words).stdout
    assert echoed.splitlines() == words
    with pytest.raises(ProvisionError, match=r"w1\.example\.com: .*status 2"):
        rehearsal.execute("w1.example.com", "ls", "/nowhere")
    with pytest.raises(ProvisionError, match="longer than"):
        rehearsal.execute("w1.example.com", "sleep", "20", timeout=0.5)


def test_telegraf_installs_from_a_signed_repository(
    rehearsal: hosts.Rehearsal, cache: Path, tmp_path: Path
) -> None:
    worker = "w1.example.com"
    package = telegraf.telegraf(cache, Quiet())
    published = publish([package], tmp_path / "apt", origin="InfluxData")
    with serve(published.directory, rehearsal.gateway) as server:
        assert packages.reachable(f"{server.url}/dists/stable/InRelease")
        rehearsal.execute(
            worker, "sh", "-c", f"curl -sf {server.url}/archive.key > /etc/apt/keyrings/i.asc"
        )
        rehearsal.execute(
            worker,
            *("tee", "/etc/apt/sources.list.d/influxdata.list"),
            stdin=f"deb [signed-by=/etc/apt/keyrings/i.asc] {server.url} stable main\n",
        )
        only = "Dir::Etc::sourcelist=/etc/apt/sources.list.d/influxdata.list"
        rehearsal.execute(worker, "apt-get", "-q", "update", "-o", only, timeout=120)
        policy = rehearsal.execute(worker, "apt-cache", "policy").stdout
        assert "o=InfluxData" in policy
        rehearsal.execute(worker, "apt-get", "-q", "-y", "install", "telegraf", timeout=120)
    unit = rehearsal.execute(worker, "systemctl", "cat", "telegraf").stdout
    assert "Type=notify" in unit and "User=telegraf" in unit
    for question, answer in [("is-enabled", "enabled\n"), ("is-active", "inactive\n")]:
        assert rehearsal.execute(worker, "systemctl", question, "telegraf", check=False).stdout == (
            answer
        )
    version = rehearsal.execute(worker, "telegraf", "--version").stdout
    assert version.startswith(f"Telegraf {telegraf.VERSION}")

    configuration = '[[inputs.statsd]]\n[[outputs.file]]\nfiles = ["/var/log/telegraf/out"]\n'
    rehearsal.execute(worker, "tee", "/etc/telegraf/telegraf.conf", stdin=configuration)
    rehearsal.execute(worker, "systemctl", "start", "telegraf")
    assert rehearsal.execute(worker, "systemctl", "is-active", "telegraf").stdout == "active\n"


def test_it_is_found_again_by_name(rehearsal: hosts.Rehearsal) -> None:
    again = hosts.attach(NAME)
    assert again is not None
    assert again.hosts == rehearsal.hosts
    assert again.execute("w1.example.com", "true").returncode == 0
    assert hosts.attach("never-was") is None


def test_a_second_one_of_that_name_is_refused(
    rehearsal: hosts.Rehearsal, cache: Path, base: Path
) -> None:
    with pytest.raises(ProvisionError, match="stands already"):
        hosts.up(["w9"], name=NAME, cache=cache, progress=Quiet(), base=base)
    assert rehearsal.execute("w1.example.com", "true").returncode == 0


def test_another_beside_it_goes_without_a_trace(
    rehearsal: hosts.Rehearsal, cache: Path, base: Path, tmp_path: Path
) -> None:
    (tmp_path / "page").write_text("hello\n")
    name = "test-beside"
    with hosts.up(["x1"], name=name, cache=cache, progress=Quiet(), base=base) as other:
        number = number_of(other)
        assert number != number_of(rehearsal)
        server = serve(tmp_path, other.gateway, rehearsal=other)
        page = other.execute("x1", "curl", "-sf", f"{server.url}/page").stdout
        assert page == "hello\n"
        assert set(traces(name, number, other.directory)) == {
            *("rules", "cgroups", "links", "mounts", "processes", "directory")
        }
    assert not server.process.alive
    assert traces(name, number, other.directory) == {}
    assert hosts.down(name) == []
    assert rehearsal.execute("w1.example.com", "true").returncode == 0
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"


def test_what_another_made_with_the_same_number_since_is_no_trace(cache: Path, base: Path) -> None:
    with hosts.up(["x1"], name="test-first", cache=cache, progress=Quiet(), base=base) as first:
        number = number_of(first)
    with hosts.up(["x1"], name="test-second", cache=cache, progress=Quiet(), base=base) as second:
        # The same number, if nobody else has it by now; that would be another too.
        bridge = network.bridge_name(int(number_of(second)))
        said = Path("/sys/class/net", bridge, "ifalias").read_text()
        assert said == f"{second.directory}\n"
        assert traces("test-first", number, first.directory) == {}
        assert traces("test-second", number_of(second), second.directory).keys() > {"links"}


CREATOR = """
import sys, time
from pathlib import Path
from provision.rehearsal import hosts
from provision.rehearsal.progress import Quiet
cache, base, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
rehearsal = hosts.up(["k1", "k2"], name=name, cache=cache, progress=Quiet(), base=base)
print(rehearsal.gateway.split(".")[2], flush=True)
time.sleep(60)
"""


@pytest.fixture
def creator(cache: Path, base: Path) -> Iterator[subprocess.Popen[str]]:
    root = Path(hosts.__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", CREATOR, cache, base, "test-killed"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
            hosts.down("test-killed")


def test_what_a_killed_process_left_is_taken_down(creator: subprocess.Popen[str]) -> None:
    assert creator.stdout is not None
    number = creator.stdout.readline().strip()
    creator.kill()
    creator.wait()
    directory = hosts.rehearsals() / "test-killed"
    assert traces("test-killed", number, directory), "hosts outlive their creator"
    assert "test-killed" in hosts.standing()
    assert hosts.down("test-killed") == ["test-killed"]
    assert traces("test-killed", number, directory) == {}
    assert hosts.down("test-killed") == []


@pytest.mark.parametrize("moment", [0.5, 0.9, 1.5])
def test_a_process_killed_while_it_boots_hosts_leaves_nothing_for_the_next(
    creator: subprocess.Popen[str], moment: float, cache: Path, base: Path
) -> None:
    time.sleep(moment)
    creator.kill()
    creator.wait()
    with hosts.up(["k1"], name="test-killed", cache=cache, progress=Quiet(), base=base) as next_one:
        number = number_of(next_one)
        assert next_one.execute("k1", "true").returncode == 0
    assert traces("test-killed", number, next_one.directory) == {}


def test_an_interrupt_while_hosts_boot_leaves_nothing(cache: Path, base: Path) -> None:
    directory = hosts.rehearsals(cache) / "test-interrupt"

    def interrupt() -> None:
        while not list(directory.glob("host-*.log")):
            time.sleep(0.01)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        hosts.up(["i1", "i2"], name="test-interrupt", cache=cache, progress=Quiet(), base=base)
    left = cgroups.MOUNTED.glob("**/provision/test-interrupt.*")
    assert not directory.exists() and list(left) == []
    assert mounts.beneath(directory) == []
