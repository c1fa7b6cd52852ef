"""Hosts with whom something is wrong, each in its own way: they fail alone, and are told apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from provision.rehearsal import cgroups
from tests.e2e.conftest import StageSetter
from tests.e2e.operating import PROVISION, Site, described, execute
from tests.e2e.watching import changes, number_in, snapshot

pytestmark = pytest.mark.long

GOOD, ODD, TAKEN, FULL, DOWN = "good", "odd", "taken", "full", "down"
MONITOR = "monitor.example.com"

LISTEN = """
systemd-run --quiet --unit=stranger python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.{kind}); s.bind(("{address}", {port}))
{listen}
time.sleep(1000)'
for _ in $(seq 50); do ss -Hlntu | grep -q ":{port} " && exit; sleep 0.1; done; exit 1
"""
ON_UDP = LISTEN.format(kind="SOCK_DGRAM", address="0.0.0.0", port=8125, listen="")
ON_TCP = LISTEN.format(kind="SOCK_STREAM", address="127.0.0.1", port=8086, listen="s.listen()")
# Restart=on-failure takes a moment.
LISTENING = 'for _ in $(seq 200); do ss -Hlnu | grep -q "127.0.0.1:8125 " && break; sleep 0.1; done'
BUFFER = "/var/lib/telegraf/buffer"
FILL_VAR = """
mkdir /run/small && mount -t tmpfs -o size=300m small /run/small && cp -a /var/. /run/small/
mount --bind /run/small /var
"""


@pytest.fixture(scope="module")
def site(stage: StageSetter, fleet_inventory: Callable[..., Path]) -> Iterator[Site]:
    inventory = fleet_inventory(MONITOR, GOOD, ODD, TAKEN, FULL, DOWN, influxdb_engine=1)
    with stage("e2e-faults", engine=None, inventory=inventory) as site:
        yield site


def test_a_taken_port_on_the_monitor_is_named_and_nothing_changes(site: Site) -> None:
    site.on(MONITOR, ON_TCP)
    before = snapshot(site, MONITOR)
    for words in (("--check",), ()):
        done = site.provision("monitor-server", *words)
        assert done.status == 1
        said = done.about(MONITOR)
        assert "failed" in said and "remedy" in said and "Traceback" not in done.text
        assert "python3" in said and "tcp port 8086" in said and "influxdb" in said
        assert "stranger.service" in said
        assert changes(before, snapshot(site, MONITOR)) == []
    site.on(MONITOR, "systemctl stop stranger")


def test_each_host_fails_alone_and_the_others_are_finished(site: Site) -> None:
    site.on(ODD, "sed -i 's/^ID=.*/ID=fedora/; s/^PRETTY.*/PRETTY_NAME=Fedora/' /etc/os-release")
    site.on(TAKEN, ON_UDP)
    site.on(FULL, FILL_VAR)
    refused = {host: snapshot(site, host) for host in (ODD, TAKEN, FULL)}
    switch_off(site, DOWN)

    check = site.provision("up", "--check", timeout=120)
    assert check.status == 1
    assert "would change" in check.about(GOOD) and "would change" in check.about(MONITOR)

    done = site.provision("up", timeout=300)
    assert done.status == 1, done.text
    for outcome in (check, done):
        for host in (ODD, TAKEN, FULL, DOWN):
            assert "remedy:" in outcome.about(host), outcome.about(host)
        assert "Fedora" in outcome.about(ODD) and "Debian 11 to 13" in outcome.about(ODD)
        said = outcome.about(TAKEN)
        assert "python3" in said and "udp port 8125" in said and "stranger.service" in said
        assert "/var has" in outcome.about(FULL) and "MiB" in outcome.about(FULL)
        assert "cannot be reached" in outcome.about(DOWN)
        assert "4 failed" in outcome.out
        assert "Traceback" not in outcome.text
    for host, before in refused.items():
        assert changes(before, snapshot(site, host)) == [], host
    for host in (GOOD, MONITOR):
        assert done.about(host).splitlines()[0] == f"{host}  changed"
    assert site.pid(GOOD, "telegraf") != "0" and site.pid(MONITOR, "influxdb") != "0"


def test_what_stands_stays_as_it_is_while_others_fail(site: Site) -> None:
    done = site.provision("up", timeout=120)
    assert done.status == 1
    for host in (GOOD, MONITOR):
        assert done.about(host).splitlines()[0] == f"{host}  as it should be"
    alone = site.provision("up", "--limit", f"{GOOD}:{MONITOR}")
    assert alone.status == 0 and "2 hosts, 0 changed, 0 failed" in alone.out, alone.text


def test_a_remedy_helps(site: Site) -> None:
    site.on(TAKEN, "systemctl stop stranger")
    site.on(ODD, "sed -i 's/^ID=.*/ID=debian/' /etc/os-release")
    site.on(FULL, "umount -l /var")
    done = site.provision("worker", TAKEN, ODD, FULL)
    assert done.status == 0, done.text
    assert "3 hosts, 3 changed, 0 failed" in done.out


def test_telegraf_on_another_port_avoids_a_taken_one(site: Site) -> None:
    site.on(GOOD, "systemctl stop telegraf")
    site.on(GOOD, ON_UDP)
    refused = site.provision("worker", GOOD)
    assert refused.status == 1 and "udp port 8125" in refused.about(GOOD)
    moved = site.provision("worker", GOOD, "-e", "telegraf_statsd_port=8126")
    assert moved.status == 0, moved.text
    assert "127.0.0.1:8126" in site.on(GOOD, "ss -Hlnu")
    site.on(GOOD, "systemctl stop stranger")
    assert site.provision("worker", GOOD).status == 0


def test_a_database_that_is_gone_is_waited_for_by_nobody_and_nothing_is_lost(site: Site) -> None:
    """A worker is finished though its monitor cannot be reached: Telegraf keeps what it has."""
    buckets = [f"kept.{name}" for name in ("first", "stopped", "killed", "changed")]
    site.on(MONITOR, "systemctl stop influxdb")
    keep(site, buckets[0])
    site.on(GOOD, "systemctl restart telegraf")
    keep(site, buckets[1])
    site.on(GOOD, f"systemctl kill -s KILL telegraf; {LISTENING}")
    keep(site, buckets[2])
    done = site.provision("worker", GOOD, "-e", "telegraf_interval=5s")
    assert done.status == 0, done.text
    keep(site, buckets[3])
    assert site.on(GOOD, f"stat -c '%U %a' {BUFFER}") == "telegraf 750\n"
    assert site.provision("up", "--limit", f"{GOOD}:{MONITOR}").status == 0
    assert site.pid(MONITOR, "influxdb") != "0"
    deadline = time.monotonic() + 60
    while (found := sums(site)) != dict.fromkeys(buckets, 70):
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


def test_a_buffer_that_is_too_large_is_made_smaller(site: Site) -> None:
    """As the timer has it looked at, but for the bound."""
    assert site.on(GOOD, "systemctl is-active provision-telegraf-buffer.timer") == "active\n"
    before = site.pid(GOOD, "telegraf")
    site.on(GOOD, "systemctl start provision-telegraf-buffer.service")
    assert site.pid(GOOD, "telegraf") == before
    log = f"{BUFFER}/{'a' * 64}"
    segment = f"{log}/{1:020d}"
    site.on(GOOD, f"install -d -o telegraf {log} && head -c 40M /dev/zero > {segment}")
    # What was written to last is the log that Telegraf uses.
    site.on(GOOD, f"chown telegraf {segment}; touch -d '1 hour ago' {segment}")
    site.on(GOOD, "echo 32 >/run/bound")
    watch = f"/usr/local/lib/provision/telegraf-buffer watch {BUFFER} /run/bound"
    said = site.on(GOOD, f"{watch} 2>&1")
    assert "is restarted to drop the oldest" in said
    assert site.pid(GOOD, "telegraf") != before
    assert site.on(GOOD, f"test -e {log}; echo $?") == "1\n"
    assert "no whole metric" in site.on(GOOD, "journalctl -u telegraf --no-pager")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("worker", "nobody"), ["nobody: not in workers", "the hosts are"]),
        (("worker", MONITOR), [f"{MONITOR}: not in workers"]),
        (("monitor-server", GOOD), [f"{GOOD}: not in monitor"]),
        (("up", "--limit", "nobody"), ["nobody"]),
        (("up", "-e", '{"apps": ["relam"]}'), ["relam", "realm"]),
        (("up", "-e", "telegraf_interval=often"), ["telegraf_interval", "often"]),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_touched(
    site: Site, words: tuple[str, ...], expected: list[str]
) -> None:
    done = site.provision(*words, timeout=30)
    assert (done.status, done.out) == (1, "")
    for each in expected:
        assert each in done.err
    assert "Traceback" not in done.err


def test_an_inventory_that_is_not_there(tmp_path: Path) -> None:
    done = execute(*PROVISION, "up", "--yes", "-i", tmp_path / "none.yml")
    assert done.status == 1
    assert "there is no such inventory" in done.err and "provision init" in done.err


def test_metrics_arrive_from_the_hosts_that_were_finished(site: Site) -> None:
    outcomes = site.metrics(GOOD, TAKEN, ODD, FULL)
    assert len(outcomes) == 18 and described(outcomes) == []


def keep(site: Site, bucket: str) -> None:
    """Send ten times seven to a bucket, and wait until Telegraf has it on disk."""
    send = f"for _ in $(seq 10); do printf '%s' '{bucket}:7|c' > /dev/udp/127.0.0.1/8125; done"
    site.on(GOOD, f"{LISTENING}; {send}")
    wait = f"for _ in $(seq 600); do grep -rqa '{bucket}' {BUFFER} && exit; sleep 0.1; done; exit 1"
    site.on(GOOD, wait)


def sums(site: Site) -> dict[str, int]:
    """What is stored of the buckets above."""
    query = 'SELECT sum("value") FROM "undocumented" WHERE "bucket" =~ /^kept/ GROUP BY "bucket"'
    (answer,) = site.ask(lambda database: database.ask([query]))
    return {each.tags["bucket"]: int(each.rows[0]["sum"]) for each in answer.series}


def switch_off(site: Site, host: str) -> None:
    """Pull the plug."""
    rehearsal = site.stage.rehearsal
    cgroups.kill(PurePosixPath(f"{rehearsal.name}.{number_in(rehearsal.directory)}") / host)
