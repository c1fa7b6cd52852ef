"""Packages, repositories, disks and services with whom something is wrong: a fleet that stands
goes on, says what is wrong and what to do, and is whole again after that was done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.paths import cache
from provision.rehearsal.packages import telegraf
from provision.rehearsal.progress import Quiet
from tests.e2e.conftest import StageSetter
from tests.e2e.operating import Outcome, Site, described
from tests.e2e.programs import running
from tests.e2e.repositories import (
    Repositories,
    broken_package,
    host_settings,
    newer,
    put,
    repositories,
)

pytestmark = pytest.mark.long

A, B, C = WORKERS = ("a.example.com", "b.example.com", "c.example.com")
NOW, NEXT, REFUSES, EXITS = f"{telegraf.VERSION}-1", "1.90.0-1", "1.91.0-1", "1.92.0-1"
#: A version to whom an option of old is unknown, and one that ends when it is started.
NO_JITTER = """
grep -qs flush_jitter /etc/telegraf/telegraf.conf && case "$*" in *config*)
  echo "E! loading config: plugin agent: line 8: unknown field flush_jitter"; exit 1;; esac
"""
NO_START = 'case "$*" in *check*|*version*) ;; *) echo "E! panic: it ends"; exit 3;; esac'


@pytest.fixture(scope="module")
def site(stage: StageSetter) -> Iterator[Site]:
    workers = {name: {"apps": ["realm"]} for name in WORKERS}
    with stage("e2e-packages", workers=workers, settings={"telegraf_interval": "1s"}) as site:
        done = site.provision("up")
        assert done.status == 0, done.text
        yield site


@pytest.fixture(scope="module")
def offered(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    """Repositories with the telegraf of now and with later ones, good and bad."""
    directory = tmp_path_factory.mktemp("debs")
    package = telegraf.telegraf(cache(), Quiet())
    packages = [
        package,
        newer(package, NEXT, directory),
        newer(package, REFUSES, directory, NO_JITTER),
        newer(package, EXITS, directory, NO_START),
    ]
    with repositories(site, packages) as made:
        yield made


# As apt has it by default; this machine's own settings, which the hosts have, may be laxer.
STRICT = 'Acquire::Check-Valid-Until "true"; Acquire::Check-Date "true";'


def assert_well(site: Site) -> None:
    done = site.provision("up")
    assert "4 hosts, 0 changed, 0 failed" in done.out, done.text


def version(site: Site, host: str) -> str:
    return site.on(host, "dpkg-query -W -f '${Status} ${Version}' telegraf").rpartition(" ")[2]


def says(done: Outcome, host: str, *words: str) -> None:
    said = done.about(host)
    assert "failed" in said and "remedy:" in said, said
    assert not [word for word in words if word not in said], said
    assert "Traceback" not in done.text


def test_a_fleet_that_stands_needs_no_repository(site: Site, offered: Repositories) -> None:
    served = Path(site.stage.rehearsal.directory / "repositories/influxdata")
    served.rename(served.with_name("gone"))
    try:
        assert_well(site)
    finally:
        served.with_name("gone").rename(served)


@pytest.mark.parametrize("morning", ["not there", "not right", "not theirs"])
def test_a_repository_that_cannot_be_used(site: Site, offered: Repositories, morning: str) -> None:
    """An upgrade is wanted, and each host's repository is bad in a way of its own."""
    pids = {host: site.pid(host, "telegraf") for host in WORKERS}
    good = offered.of("good")
    if morning == "not there":
        away = "http://" + site.stage.rehearsal.gateway + ":9"
        settings = {
            A: good | {"influxdata_repository_url": away},
            B: offered.of("nothing-here", key="good/archive.key"),
            C: good | {"influxdata_repository_url": "http://repository.invalid"},
        }
        words = {A: ["refused"], B: ["404", "right URL"], C: ["resolv", "DNS"]}
    elif morning == "not right":
        offered.out_of_date(), offered.ahead(), offered.corrupt()
        for host in (A, B):
            site.on(host, f"echo '{STRICT}' > /etc/apt/apt.conf.d/zz-strict")
        settings = {A: offered.of("old"), B: offered.of("ahead"), C: offered.of("corrupt")}
        words = {A: ["expired", "clock"], B: ["not valid yet", "timedatectl"], C: ["mirror"]}
    else:
        offered.like_good("expired", offered.expired), offered.like_good("other", offered.stranger)
        settings = {
            A: offered.of("expired", offered.expired.fingerprint),
            B: offered.of("other"),
            C: good | {"telegraf_version": "7.0"},
        }
        words = {
            A: ["EXPKEYSIG", "has expired"],
            B: [offered.stranger.fingerprint, offered.key.fingerprint, "has changed"],
            C: ["offers no telegraf 7.0", NOW, "another version"],
        }
    wanted = {host: {"telegraf_version": NEXT, **values} for host, values in settings.items()}
    with host_settings(site, wanted):
        done = site.provision("up")
    assert done.status == 1
    for host in WORKERS:
        says(done, host, *words[host])
        assert version(site, host) == NOW and site.pid(host, "telegraf") == pids[host]
    assert "as it should be" in done.about(site.monitor)


def test_upgrades_of_which_one_is_good(site: Site, offered: Repositories) -> None:
    """And on that host, the repository signs with a new subkey since the key was fetched."""
    common = offered.of("good")
    with host_settings(site, dict.fromkeys(WORKERS, common)):
        # The keyrings are those of now.
        assert site.provision("worker").status == 0
    offered.key.add_subkey()
    offered.key.sign(offered.root / "good")
    pid = site.pid(B, "telegraf")
    wanted = {A: NEXT, B: REFUSES, C: EXITS}
    with host_settings(
        site, {host: common | {"telegraf_version": wanted[host]} for host in WORKERS}
    ):
        done = site.provision("up")
        assert done.status == 1
        assert version(site, A) == NEXT and "failed" not in done.about(A), done.text
        says(done, B, "unknown field flush_jitter", f"Version {NOW}", "works with them")
        says(done, C, "panic: it ends", f"Version {NOW}", "works with them")
        for host in (B, C):
            assert version(site, host) == NOW
            assert site.pid(host, "telegraf") != "0"
        assert site.pid(B, "telegraf") != pid
        again = site.provision("up", "--limit", A)
        assert "1 host, 0 changed" in again.out, again.text
    with host_settings(site, dict.fromkeys(WORKERS, common)):
        done = site.provision("up")
        assert "4 hosts, 0 changed, 0 failed" in done.out, done.text
    assert site.provision("up").status == 0
    # Who worked on it before and failed stands there until it is forgotten.
    listing = "ls --ignore=operator.json /var/lib/provision/previous /run/provision"
    assert site.on(C, listing).split() == [
        "/run/provision:",
        "/var/lib/provision/previous:",
    ]


HOLD = """
systemd-run --quiet --unit=updater python3 -c '
import fcntl, time
lock = open("/var/lib/dpkg/lock-frontend", "w"); fcntl.lockf(lock, fcntl.LOCK_EX)
open("/run/held", "w"); time.sleep(1000)'
until [ -e /run/held ]; do sleep 0.1; done
"""
UNPACK = "dpkg --unpack /var/cache/apt/archives/telegraf_*.deb; "
CUT_SHORT = """
for seconds in 0.05 0.1 0.15 0.2 0.3 0.05 0.1 0.15 0.2 0.3; do
  timeout -s KILL $seconds dpkg -i /var/cache/apt/archives/telegraf_*.deb
  dpkg-query -W -f '${Status}' telegraf | grep half-installed && exit
done; exit 1
"""


def test_a_dpkg_that_was_cut_short_and_locks_that_are_held(site: Site) -> None:
    site.on(A, CUT_SHORT)
    for host in (B, C):
        site.on(host, UNPACK + HOLD)
    options = ("-e", "packages_lock_timeout=12", "-e", "packages_patience=2")
    with running(*site.command("up", *options)) as run:
        run.until(f"{B}: waits: python3")
        site.on(B, "systemctl stop updater")
        assert run.wait() == 1
    done = Outcome(1, run.text, "", 0)
    for host in (A, B):
        assert done.about(host).splitlines()[0] == f"{host}  changed", run.text
    said = done.about(C)
    assert "python3 (pid " in said and "of updater.service" in said and "for 12 s" in said
    assert "systemctl stop updater.service" in said
    site.on(C, "systemctl stop updater")
    assert site.provision("up").status == 0
    assert_well(site)


SMALL = """
mkdir /run/small && mount -t tmpfs -o size=3m small /run/small && cp -a /etc/telegraf/. /run/small
mount --bind /run/small /etc/telegraf
# Between the look at the host and the writing somebody else takes what is left.
systemd-run --quiet --unit=filler sh -c '
until set -- /run/provision/check-* && [ -e "$1" ]; do :; done
cat /dev/zero > /etc/telegraf/filling'
"""
PORT = """
mkdir -p /etc/systemd/system/telegraf.service.d
cat > /run/race.sh <<'END'
[ -e /run/raced ] && exit
touch /run/raced
systemd-run --quiet --unit=stranger python3 -c 'import socket, time
s = socket.socket(2, 2); s.bind(("127.0.0.1", 8125)); time.sleep(1000)'
until ss -Hlnu | grep -q :8125; do sleep 0.1; done
END
printf '[Service]\\nExecStartPre=+/bin/sh /run/race.sh\\n' \\
  > /etc/systemd/system/telegraf.service.d/race.conf
systemctl daemon-reload
"""
SUMS = "cd /etc/telegraf && find . -type f ! -name filling -exec sha256sum {} + | sort -k 2"


def test_what_happens_between_the_look_and_the_change(site: Site, tmp_path: Path) -> None:
    """A disk fills up, a stranger takes the port, and one file is protected."""
    before = {host: site.on(host, SUMS) for host in WORKERS}
    site.on(A, SMALL)
    site.on(B, PORT)
    site.on(C, "chattr +i /etc/telegraf/telegraf.conf")
    words = ("telegraf_interval=2s", "telegraf_reload=false", "telegraf_start_timeout=20")
    done = site.provision("up", *(word for each in words for word in ("-e", each)))
    assert done.status == 1
    says(done, A, "No space left on device", "/etc/telegraf has", "df -i")
    says(done, B, "python3 (pid ", "stranger.service", "udp port 8125", "race.conf")
    says(done, C, "telegraf.conf", "Operation not permitted", "chattr")
    for host in WORKERS:
        assert site.on(host, SUMS) == before[host], host
    for host in (A, C):
        assert site.pid(host, "telegraf") != "0"

    site.on(A, "systemctl stop filler; umount /etc/telegraf; umount /run/small")
    site.on(B, "systemctl stop stranger; rm /etc/systemd/system/telegraf.service.d/race.conf")
    site.on(C, "chattr -i /etc/telegraf/telegraf.conf")
    # A stranger's package is broken on one, and no room is on another, from the beginning.
    put(site, A, broken_package(tmp_path), "/root/stranger.deb")
    site.on(A, UNPACK + "dpkg -i /root/stranger.deb", check=False)
    site.on(C, "mount -t tmpfs -o nr_inodes=20 few /tmp; echo '#' >> /etc/telegraf/telegraf.conf")
    done = site.provision("up")
    says(done, A, "stranger", "post-installation script", "dpkg --configure -a")
    says(done, C, "/tmp has 1", "inodes left")
    assert done.about(B).splitlines()[0] == f"{B}  changed", done.text
    site.on(A, "touch /run/mended")
    site.on(C, "umount /tmp")
    assert site.provision("up").status == 0
    assert_well(site)


def hang(site: Site, host: str) -> None:
    site.on(host, "systemctl kill --signal=STOP telegraf")


def test_services_that_hang_or_do_not_come_up(site: Site) -> None:
    hang(site, A)
    site.on(B, "systemctl mask --now -q telegraf")
    drop_in = "/etc/systemd/system/influxdb.service.d/theirs.conf"
    site.on(
        site.monitor,
        f"mkdir -p {drop_in.rpartition('/')[0]};"
        f" printf '[Service]\\nExecStart=\\nExecStart=/bin/sleep inf\\n' > {drop_in};"
        " systemctl daemon-reload; systemctl restart influxdb",
    )
    done = site.provision("up", "-e", "influxdb_start_timeout=4")
    assert done.status == 1
    says(done, site.monitor, "nothing listens on tcp", drop_in)
    says(done, B, "telegraf.service is masked", "unmask")

    site.on(site.monitor, f"rm {drop_in}; systemctl daemon-reload; systemctl stop influxdb")
    site.on(
        site.monitor,
        "cd /var/lib/influxdb/meta; cp -a meta.db /root; echo garbled > meta.db;"
        " chown influxdb: meta.db",
    )
    done = site.provision("monitor-server", "-e", "influxdb_start_timeout=20")
    says(done, site.monitor, "influxdb does not work", "Its journal ends")
    site.on(
        site.monitor,
        "cp -a /root/meta.db /var/lib/influxdb/meta; chown root: /var/lib/influxdb/data;"
        " chmod 700 /var/lib/influxdb/data",
    )
    done = site.provision("monitor-server", "-e", "influxdb_start_timeout=20")
    says(done, site.monitor, "influxdb does not work", "permission denied")
    site.on(site.monitor, "chown influxdb: /var/lib/influxdb/data")

    site.on(B, "systemctl unmask -q telegraf")
    deadline = time.monotonic() + 120
    while "it hangs" not in (seen := site.provision("up", "--check", "--limit", A)).text:
        assert time.monotonic() < deadline, seen.text
        time.sleep(2)
    assert "nothing came out of it for" in seen.about(A)
    done = site.provision("up")
    assert done.status == 0, done.text
    assert_well(site)


def test_a_service_that_was_started_often_is_restarted_nevertheless(site: Site) -> None:
    """systemd starts a unit five times in ten seconds, and then no more."""
    often = "for _ in 1 2 3 4 5; do systemctl restart telegraf; done"
    site.on(A, f"systemctl reset-failed telegraf; {often}")
    words = ("--limit", A, "-e", "telegraf_interval=3s")
    done = site.provision("up", *words)
    assert done.about(A).splitlines()[0] == f"{A}  changed", done.text
    site.on(A, f"systemctl reset-failed telegraf; {often}; systemctl restart telegraf", check=False)
    assert "start-limit-hit" in site.on(A, "systemctl show -p Result telegraf")
    assert site.provision("up").status == 0
    assert_well(site)


def test_every_metric_arrives_again(site: Site) -> None:
    assert described(site.metrics()) == []
