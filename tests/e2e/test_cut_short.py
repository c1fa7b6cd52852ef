"""Runs, hosts and connections that are cut short, clocks that are off, two operators at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from provision.rehearsal import processes
from tests.e2e.conftest import StageSetter
from tests.e2e.operating import (
    CONFIGURATION_END,
    Outcome,
    Site,
    described,
    pids,
    provision,
)
from tests.e2e.programs import Run, running
from tests.e2e.watching import content

pytestmark = pytest.mark.long

SWAP, CUT, BOOT, SLOW = "swap", "cut", "boot", "slow"
WORKERS = {name: {"apps": ["realm"]} for name in (SWAP, CUT, BOOT, SLOW)}
CONFIGURATION = "/etc/telegraf/telegraf.conf"

# Kills the module that places files as soon as the old ones are kept, so amid writing the new; by
# then it has a tenth of one processor, so that its killer is not late.
KILLER = """
import glob, os, signal, time
end = time.monotonic() + 250
def module():
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(link) == "/run/provision/operator.json":
                return int(link.split("/")[2])
        except OSError:
            pass
while not glob.glob("/run/provision/check-*") and time.monotonic() < end:
    time.sleep(0.002)
pid = module()
for each in (pid, 0):
    os.sched_setaffinity(each, {min(os.sched_getaffinity(0))})
os.setpriority(os.PRIO_PROCESS, pid, 10)
while not os.path.exists("/run/provision/telegraf/index.json") and time.monotonic() < end:
    pass
os.kill(pid, signal.SIGKILL)
open("/root/killed", "w")
"""

OUTLIVES = r"[Service]\nExecStop=/bin/sleep 8\n"


@pytest.fixture(scope="module")
def site(stage: StageSetter) -> Iterator[Site]:
    with stage("e2e-cut-short", workers=WORKERS) as site:
        done = site.provision("up")
        assert done.status == 0, done.text
        yield site


@pytest.fixture
def elsewhere(site: Site, tmp_path: Path) -> Path:
    """The same site in another directory."""
    beside = site.secrets_file.parent
    for name in ("inventory.yml", "secrets.yml"):
        shutil.copy2(beside / name, tmp_path / name)
    shutil.copytree(beside / "host_vars", tmp_path / "host_vars")
    return tmp_path / "inventory.yml"


def assert_mended(site: Site, *words: str) -> None:
    done = site.provision("up", *words)
    assert done.status == 0, done.text
    again = site.provision("up", *words)
    assert "5 hosts, 0 changed, 0 failed" in again.out, again.text


def assert_whole(site: Site, host: str, *intervals: str) -> None:
    """The configuration is of one of these intervals, complete, and Telegraf runs."""
    text = site.on(host, f"cat {CONFIGURATION}")
    assert any(f'interval = "{each}"' in text for each in intervals), text
    assert text.rstrip().endswith(CONFIGURATION_END)
    shown = site.on(host, "systemctl is-active telegraf", check=False)
    assert shown in ("active\n", "activating\n", "deactivating\n")


def kill_all(run: Run) -> None:
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()


def child_of(run: Run) -> int:
    """The ansible-playbook that a command has started."""
    listing = subprocess.run(
        ["pgrep", "-P", str(run.process.pid)], capture_output=True, text=True, check=True
    )
    return int(listing.stdout.split()[0])


def wait_for(what: Callable[[], object], why: str, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.05)


def test_each_host_is_cut_short_alone_and_the_next_run_mends_it(site: Site) -> None:
    rehearsal = site.stage.rehearsal
    site.on(SLOW, "echo 'sleep 2' > /root/.bashrc")
    site.on(SWAP, f"cat > /root/killer.py <<'E'\n{KILLER}\nE\n")
    site.on(SWAP, "systemd-run --quiet --unit=killer python3 /root/killer.py")
    started = time.monotonic()
    # What is cut off is so while a connection stands, and what is shut down tells it: Telegraf is
    # watched for a while, and ssh outlives it.
    site.on(BOOT, "mkdir -p /run/systemd/system/ssh.service.d")
    site.on(BOOT, f"printf '{OUTLIVES}' > /run/systemd/system/ssh.service.d/late.conf")
    site.on(BOOT, "systemctl daemon-reload")
    words = ("-e", "telegraf_interval=3s", "-e", "telegraf_stable_seconds=20")
    with running(*site.command("up", *words)) as run:
        for host in (BOOT, CUT):
            site.await_placed(host, 'interval = "3s"')
        time.sleep(2)
        rehearsal.execute(BOOT, "systemctl", "reboot", check=False)
        processes.run("ip", "link", "set", rehearsal.port(CUT), "down")
        rehearsal.boot_again(BOOT)
        assert run.wait(300) == 1, run.text
    took = time.monotonic() - started
    processes.run("ip", "link", "set", rehearsal.port(CUT), "up")
    done = Outcome(1, run.text, "", took)
    assert site.on(SWAP, "ls /root/killed").strip(), "the module was killed"
    assert "waiting for cut (" in run.text
    said = done.about(CUT)
    assert f"{CUT}  cannot be reached" in said and "lost in the middle of its work" in said
    assert "remedy:" in said and "Traceback" not in said
    said = done.about(BOOT)
    assert "The host is being shut down." in said
    assert "remedy: run again once it is up" in said and "journal" not in said
    said = done.about(SWAP)
    assert "killed on the host" in said and "old files are back" in said and "remedy:" in said
    assert done.about(SLOW).splitlines()[0] == f"{SLOW}  changed"
    assert done.about(site.monitor).splitlines()[0] == f"{site.monitor}  as it should be"
    assert "5 hosts, 1 changed, 3 failed" in done.out
    assert_whole(site, SWAP, "2s")
    for host in (CUT, BOOT):
        assert_whole(site, host, "2s", "3s")
    site.on(SLOW, "rm /root/.bashrc")
    assert_mended(site, "-e", "telegraf_interval=3s")
    for host in WORKERS:
        assert_whole(site, host, "3s")
        places = f"/etc/telegraf /etc/default {'' if host == BOOT else '/run/provision'}"
        assert site.on(host, f"find {places} -name '.provision-*'") == ""


def test_no_half_of_a_run_goes_on_without_the_other(site: Site) -> None:
    watched = ("-e", "telegraf_stable_seconds=3")  # so that neither comes to its end before that
    with running(*site.command("up", "-e", "telegraf_interval=4s", *watched)) as run:
        site.await_placed(CUT, 'interval = "4s"')
        ansible = child_of(run)
        run.process.kill()
        run.process.wait()
        gone = Path(f"/proc/{ansible}")
        wait_for(lambda: not gone.exists() or content(gone / "cmdline") == b"", "it goes on unseen")
    with running(*site.command("up", "-e", "telegraf_interval=5s", *watched)) as run:
        site.await_placed(CUT, 'interval = "5s"')
        os.kill(child_of(run), signal.SIGKILL)
        assert run.wait() == 1
    done = Outcome(1, run.text, "", 0)
    for host in site.names:
        said = done.about(host)
        assert "was killed (SIGKILL)" in said and "remedy: run again" in said
    for host in WORKERS:
        assert_whole(site, host, "3s", "4s", "5s")
    assert_mended(site)


def test_one_operator_at_a_time(site: Site, elsewhere: Path) -> None:
    other = ("unshare", "--uts", "--pid", "--fork", "--mount-proc", "sh", "-c",
             'hostname elsewhere; exec "$@"', "sh")  # fmt: skip
    slowly = (
        "-e",
        "telegraf_interval=6s",
        "-e",
        "telegraf_stable_seconds=60",
        "-e",
        "telegraf_start_timeout=120",
    )
    with running(*site.command("worker", SWAP, *slowly)) as run:
        site.await_placed(SWAP, 'interval = "6s"')
        second = site.provision("up", "-e", "telegraf_interval=7s")
        assert (second.status, second.out) == (1, "")
        assert "another run works on this site" in second.err and "remedy:" in second.err
        assert f"(provision worker, process {run.process.pid})" in second.err
        assert site.provision("up", "--check").status == 0
        from_beside = provision(elsewhere, "up", "-e", "telegraf_interval=7s")
        kill_all(run)
    assert from_beside.status == 1, from_beside.text
    said = from_beside.about(SWAP)
    assert f"@{os.uname().nodename} works on this host since" in said and "remedy:" in said
    assert "provision worker" in said
    assert from_beside.about(CUT).splitlines()[0] == f"{CUT}  changed"
    from_away = provision(elsewhere, "up", "-e", "telegraf_interval=7s", before=other)
    assert from_away.status == 1, from_away.text
    assert f"@{os.uname().nodename} works on this host since" in from_away.about(SWAP)
    assert_whole(site, SWAP, "6s")
    here = provision(elsewhere, "up", "-e", "telegraf_interval=7s")
    assert here.status == 0, here.text
    assert here.about(SWAP).splitlines()[0] == f"{SWAP}  changed", "the killed run holds up nobody"
    away = provision(elsewhere, "up", before=other)
    assert away.status == 0, away.text
    assert_mended(site)


def test_a_clock_far_off_is_told(site: Site) -> None:
    site.on(CUT, "printf '#!/bin/sh\nexec /bin/date -d -2hours \"$@\"\n' > /usr/local/bin/date")
    site.on(CUT, "chmod +x /usr/local/bin/date")
    check = site.provision("up", "--check")
    said = check.about(CUT)
    assert check.status == 0 and f"{CUT}  as it should be" in said
    assert "its clock is" in said and "behind this machine's" in said and "set-ntp" in said
    found = json.loads(site.provision("verify", "--format", "json").out)["findings"]
    told = [each for each in found if each["name"] == "clock"]
    assert [(each["host"], each["status"]) for each in told] == [(CUT, "warning")]
    site.on(CUT, "rm /usr/local/bin/date")
    assert "clock" not in site.provision("up", "--check").text


def test_who_is_not_let_in_is_told_why(site: Site, elsewhere: Path) -> None:
    def change(host: str, **variables: object) -> None:
        path = elsewhere.parent / "host_vars" / f"{host}.yml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | variables))

    common = yaml.safe_load((elsewhere.parent / "host_vars" / f"{SWAP}.yml").read_text())
    known = elsewhere.parent / "known_hosts"
    words = site.stage.rehearsal.known_hosts.read_text().splitlines()
    keys = {line.split(",")[0]: line.split(" ", 1)[1] for line in words}
    address = common["ansible_host"]
    known.write_text(f"{address} {keys[BOOT]}\n")
    options = common["ansible_ssh_common_args"].replace(
        str(site.stage.rehearsal.known_hosts), str(known)
    )
    change(SWAP, ansible_ssh_common_args=options)
    change(CUT, ansible_user="nobody-of-that-name")
    change(BOOT, ansible_user="operator")
    change(SLOW, ansible_port=23)
    site.on(BOOT, "mv /usr/bin/sudo /usr/bin/sudo.away")
    before = pids(site)
    site.stage.rehearsal.close_connections()  # one that stands is not let in again
    done = provision(elsewhere, "up")
    site.on(BOOT, "mv /usr/bin/sudo.away /usr/bin/sudo")
    assert done.status == 1
    expected = {
        SWAP: ("host key has changed", f'-R "{address}"'),
        CUT: ("Permission denied", "-u, --private-key"),
        BOOT: ("sudo: not found", "install sudo"),
        SLOW: ("Connection refused", "ansible_port"),
    }
    for host, (problem, remedy) in expected.items():
        said = done.about(host)
        assert problem in said and "remedy:" in said and remedy in said, said
        assert "@@@" not in said
    assert done.about(site.monitor).splitlines()[0] == f"{site.monitor}  as it should be"
    assert pids(site) == before


@pytest.mark.parametrize(
    ("garbled", "expected"),
    [
        (b"", "missing, or not a mapping"),
        (b"provision_secrets: {a: [\n", "YAML"),
        (b"provision_secrets:\n  influxdb_write_password: 'half of a t", "YAML"),
        (b"\x00\xff\xfe", "YAML"),
    ],
)
def test_a_garbled_secrets_file_stops_it_before_anything(
    elsewhere: Path, garbled: bytes, expected: str
) -> None:
    path = elsewhere.with_name("secrets.yml")
    path.write_bytes(garbled)
    done = provision(elsewhere, "up")
    assert (done.status, done.out) == (1, "")
    assert str(path) in done.err and expected in done.err and "remedy: put the" in done.err
    assert "Traceback" not in done.err
    assert path.read_bytes() == garbled


def test_a_secrets_file_that_cannot_be_written_stops_it_before_anything(
    site: Site, elsewhere: Path
) -> None:
    """A full disk, a file system that may only be read: what is there stays."""
    small = elsewhere.with_name("small")
    small.mkdir()
    processes.run("mount", "-t", "tmpfs", "-o", "size=64k", "small", str(small))
    try:
        shutil.copy2(elsewhere, small)
        shutil.copytree(elsewhere.parent / "host_vars", small / "host_vars")
        text = yaml.safe_dump({"provision_secrets": {"influxdb_read_password": "a"}})
        path = small / "secrets.yml"
        path.write_text(text)
        path.chmod(0o600)
        with (small / "full").open("wb") as full, pytest.raises(OSError, match="No space"):
            full.write(bytes(1 << 20))
        for option, problem in (("rw", "No space left on device"), ("ro", "Read-only file system")):
            processes.run("mount", "-o", f"remount,{option}", str(small))
            done = provision(small / "inventory.yml", "up")
            assert (done.status, done.out) == (1, "")
            assert f"{path}: the secrets cannot be kept: {problem}" in done.err
            assert "remedy: make room there" in done.err
            assert path.read_text() == text
    finally:
        processes.run("umount", str(small))


def test_after_a_reboot_everything_starts_by_itself(site: Site) -> None:
    for host in site.names:
        site.stage.rehearsal.execute(host, "systemctl", "reboot", check=False)
    for host in site.names:
        site.stage.rehearsal.boot_again(host)
    for host in site.names:
        site.on(host, "systemctl is-system-running --wait", check=False)
    outcomes = site.metrics()
    assert len(outcomes) == 18 and described(outcomes) == []
    again = site.provision("up")
    assert "5 hosts, 0 changed, 0 failed" in again.out, again.text
