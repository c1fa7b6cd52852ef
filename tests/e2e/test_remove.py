"""What was put on hosts is seen, and taken away again: a story, told in order."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.conftest import StageSetter
from tests.e2e.operating import Site, described, execute
from tests.e2e.programs import at_terminal, running
from tests.e2e.watching import changes, snapshot

pytestmark = pytest.mark.long

CONFIGURATION = "/etc/telegraf/telegraf.conf"
RECORD = "/var/lib/provision/record.json"
# A host that has a Telegraf of its own, with files of the names that ours have.
OWN_TELEGRAF = """
set -e
sources=/etc/apt/sources.list.d/own.list
echo "deb [trusted=yes] {url} stable main" > $sources
apt-get update -q -o Dir::Etc::sourcelist=$sources -o Dir::Etc::sourceparts=- \
  -o APT::Get::List-Cleanup=0
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends telegraf
printf '[[inputs.internal]]\n[[outputs.file]]\n' > /etc/telegraf/telegraf.conf
echo '  files = ["/dev/null"]' >> /etc/telegraf/telegraf.conf
chown telegraf /etc/telegraf/telegraf.conf
chmod 0600 /etc/telegraf/telegraf.conf
echo 'OWN="1"' > /etc/default/telegraf
ln -sf ../own.conf /etc/telegraf/telegraf.d/host.conf
printf '[[inputs.mem]]\n' > /etc/telegraf/own.conf
systemctl enable -q telegraf
systemctl restart telegraf
"""
# What a removal leaves: accounts that packages made (Debian's policy), apt's lists and dpkg's own.
LEFT = re.compile(
    r" /etc/(passwd|group|shadow|gshadow|subuid|subgid)-?( |$)"
    r"| /var/lib/(dpkg/(status|info/)|apt/(lists/|extended_states))"
    r"|^[+-](telegraf|influxdb)$"
)
# And as long as data stays: the data, what knows of it, and what dpkg keeps of its package.
DATA = re.compile(
    r" /var/lib/(influxdb|telegraf(/.*)?|provision(/record\.json)?) ?$"
    r"|^\+influxdb \S+ deinstall ok"
)


@dataclass(frozen=True)
class Fleet:
    """The hosts: one that had a Telegraf before, and how each was then."""

    site: Site
    before: dict[str, list[str]]

    @property
    def worker(self) -> str:
        return self.site.workers[0]

    @property
    def owner(self) -> str:
        return self.site.workers[1]

    def changes(self, host: str, *, data: bool = False) -> list[str]:
        """What is otherwise than before, less what a removal leaves (or one that leaves data)."""
        found = changes(self.before[host], snapshot(self.site, host))
        found = [line for line in found if not LEFT.search(line)]
        return [line for line in found if not (data and DATA.search(line))]


@pytest.fixture(scope="module")
def fleet(stage: StageSetter) -> Iterator[Fleet]:
    with stage("e2e-remove") as site:
        settings = site.stage.fleet.site.workers[1].settings
        site.on(site.workers[1], OWN_TELEGRAF.format(url=settings.influxdata_repository_url))
        before = {host: snapshot(site, host) for host in site.names}
        done = site.provision("up")
        assert done.status == 0, done.text
        yield Fleet(site, before)


def test_a_fleet_as_it_should_be(fleet: Fleet) -> None:
    done = fleet.site.provision("status")
    assert done.status == 0, done.text
    assert "3 hosts, 3 as it should be" in done.out
    for host in fleet.site.names:
        (line,) = [line for line in done.out.splitlines() if line.startswith(f"{host} ")]
        assert re.search(r"as it should be +(influxdb|telegraf) \d\S+ +\d+ (s|min) +0 +20", line)


def test_what_does_not_run_or_differs_comes_first(fleet: Fleet) -> None:
    site = fleet.site
    before = site.on(fleet.worker, f"stat -c '%Y %a %u' {RECORD}")
    assert before.split()[1:] == ["600", "0"]
    site.on(fleet.worker, f"echo '# by hand' >> {CONFIGURATION}")
    site.on(fleet.owner, "systemctl stop telegraf")
    done = site.provision("status", "--format", "json")
    assert done.status == 1, done.text
    found = json.loads(done.out)
    assert [(each["host"], each["problem"]) for each in found] == [
        (fleet.owner, "telegraf is inactive"),
        (fleet.worker, "differs"),
        (site.monitor, None),
    ]
    assert found[1]["differences"] == 1 and found[1]["services"][0]["state"] == "active"
    assert "@" in found[1]["changed"]["by"] and found[2]["data"]["/var/lib/influxdb"] > 0
    assert site.on(fleet.worker, f"stat -c '%Y %a %u' {RECORD}") == before
    site.on(fleet.owner, "systemctl start telegraf")


def test_nothing_is_taken_away_unasked(fleet: Fleet) -> None:
    site = fleet.site
    before = {host: snapshot(site, host) for host in site.names}
    refused = execute(*site.asking("remove"))
    assert refused.status == 2 and "--yes" in refused.err, refused.text
    shown = site.provision("remove", "--check")
    assert shown.status == 0, shown.text
    assert "remove package telegraf (it was not installed before)" in shown.about(fleet.worker)
    assert "leave package telegraf (it was installed before)" in shown.about(fleet.owner)
    assert f"put back file {CONFIGURATION}" in shown.about(fleet.owner)
    assert "leave data /var/lib/influxdb" in shown.about(site.monitor)
    status, seen = at_terminal(*site.asking("remove", fleet.worker), answers={"[y/N]": "n"})
    assert status == 1 and "would take away" in seen, seen
    for host in site.names:
        assert changes(before[host], snapshot(site, host)) == []


def test_one_that_is_killed_is_finished_by_the_next(fleet: Fleet) -> None:
    """And what somebody changed since is told, and not lost."""
    site, aside = fleet.site, f"{CONFIGURATION}.provision-removed"
    with running(*site.command("remove", "--yes", fleet.worker)) as run:
        deadline = time.monotonic() + 60
        while "ok installed" in site.on(fleet.worker, "dpkg-query -W -f '${Status}' telegraf || :"):
            assert time.monotonic() < deadline, run.text
        os.killpg(run.process.pid, signal.SIGKILL)
        site.on(fleet.worker, "pkill -KILL -x 'python3|apt-get|dpkg' || :")
    done = site.provision("remove", "--yes", fleet.worker)
    assert done.status == 0, done.text
    assert "# by hand" in site.on(fleet.worker, f"cat {aside}")
    site.on(fleet.worker, f"rm {aside}; rmdir --ignore-fail-on-non-empty /etc/telegraf")
    assert fleet.changes(fleet.worker, data=True) == []
    again = site.provision("remove", "--yes", fleet.worker)
    assert again.status == 0, again.text
    assert "nothing of provision is on it" in again.about(fleet.worker)


def test_a_fleet_is_as_it_was_before_but_for_data(fleet: Fleet) -> None:
    site = fleet.site
    done = site.provision("remove", "--yes")
    assert done.status == 0, done.text
    assert "leave data /var/lib/influxdb" in done.about(site.monitor)
    for host in site.names:
        assert fleet.changes(host, data=True) == []
    assert site.pid(fleet.owner, "telegraf") != "0"
    again = site.provision("remove", "--yes")
    assert again.status == 0 and "3 hosts, 0 taken from" in again.out, again.text
    assert "nothing of provision is on it but data" in again.about(site.monitor)


def test_it_comes_back_with_its_data_and_goes_with_it(fleet: Fleet) -> None:
    site = fleet.site
    done = site.provision("up")
    assert done.status == 0, done.text
    assert site.on(site.monitor, "test -e /etc/logrotate.d/influxdb && echo there") == "there\n"
    assert described(site.metrics(fleet.worker)) == []
    done = site.provision("remove", "--yes", "--data")
    assert done.status == 0, done.text
    assert "delete data /var/lib/influxdb" in done.about(site.monitor)
    for host in site.names:
        assert fleet.changes(host) == []
    assert site.pid(fleet.owner, "telegraf") != "0"
