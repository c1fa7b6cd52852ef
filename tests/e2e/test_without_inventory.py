"""Two commands and no inventory: one is kept, in the operator's own configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from provision.fleet.reading import read_fleet
from tests.e2e.conftest import StageSetter
from tests.e2e.operating import PROVISION, Outcome, Site, answered, described, execute

pytestmark = pytest.mark.long

MONITOR, FIRST, SECOND, LATER = (
    *("monitor.example.com", "w1.example.com", "w2.example.com", "w3.example.com"),
)


@pytest.fixture(scope="module")
def site(stage: StageSetter, fleet_inventory: Callable[..., Path]) -> Iterator[Site]:
    inventory = fleet_inventory(MONITOR, FIRST, SECOND, LATER, influxdb_engine=1)
    with stage("e2e-adhoc", engine=None, inventory=inventory) as site:
        yield site


class Operator:
    """Has a home, where nothing is yet, and an ssh configuration that knows the hosts' names."""

    def __init__(self, home: Path, site: Site) -> None:
        self.home = home
        rehearsal = site.stage.rehearsal
        blocks = [f"Host {host.name}\n  HostName {host.address}\n" for host in rehearsal.hosts]
        common = f"Host *\n  UserKnownHostsFile {rehearsal.known_hosts}\n"
        (home / "ssh_config").write_text("\n".join([*blocks, common]))
        overlay = rehearsal.directory / "host_vars" / f"{MONITOR}.yml"
        variables = {
            name: value
            for name, value in yaml.safe_load(overlay.read_text()).items()
            if not name.startswith("ansible_")
        }
        (home / "variables.yml").write_text(yaml.safe_dump({**variables, "influxdb_engine": 1}))
        self._reach = [
            *("-u", "root", "--private-key", str(rehearsal.ssh_key)),
            *("-e", f"@{home / 'variables.yml'}"),
        ]

    def __call__(self, *words: str) -> Outcome:
        changes = {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
        }
        after = ["--", f"--ssh-common-args=-F {self.home / 'ssh_config'}"]
        command = answered([*PROVISION, *words, *self._reach, *after])
        return execute(*command, cwd=self.home, changes=changes)

    @property
    def inventory(self) -> Path:
        return self.home / "config" / "provision" / "sites" / MONITOR / "inventory.yml"


@pytest.fixture(scope="module")
def operator(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(tmp_path_factory.mktemp("home"), site)


def test_a_check_keeps_nothing(operator: Operator) -> None:
    done = operator("monitor-server", MONITOR, "--check")
    assert done.status == 0, done.text
    assert "would change" in done.about(MONITOR)
    assert not operator.inventory.parent.exists()


def test_the_monitor_first(operator: Operator) -> None:
    done = operator("monitor-server", MONITOR)
    assert done.status == 0, done.text
    assert str(operator.inventory) in done.err
    assert yaml.safe_load(operator.inventory.read_text())["monitor"]["hosts"].keys() == {MONITOR}
    secrets = operator.inventory.parent / "secrets.yml"
    assert secrets.stat().st_mode & 0o777 == 0o600


def test_two_workers_then(operator: Operator, site: Site) -> None:
    done = operator("worker", FIRST, SECOND, "--monitor", MONITOR, "--app", "realm")
    assert done.status == 0, done.text
    assert "3 hosts, 3 changed, 0 failed" in done.out
    kept = ("-i", str(operator.inventory))
    fleet = read_fleet(kept)
    # The hosts know the monitor by its name, this machine does not.
    url = f"http://{site.stage.rehearsal.host(MONITOR).address}:8086"
    fleet = replace(fleet, site=replace(fleet.site, influxdb_url=url), options=kept)
    stage = replace(site.stage, fleet=fleet)
    outcomes = Site(stage).metrics()
    assert len(outcomes) == 18 and described(outcomes) == []


def test_one_more_and_nothing_is_forgotten(operator: Operator, site: Site) -> None:
    pid = site.pid(FIRST, "telegraf")
    done = operator("worker", LATER, "--monitor", MONITOR, "--app", "realm")
    assert done.status == 0, done.text
    assert "2 hosts, 2 changed, 0 failed" in done.out
    known = yaml.safe_load(operator.inventory.read_text())
    assert known["workers"]["hosts"].keys() == {FIRST, SECOND, LATER}
    again = operator("up", "-i", str(operator.inventory))
    assert again.status == 0, again.text
    assert "4 hosts, 0 changed, 0 failed" in again.out
    assert site.pid(FIRST, "telegraf") == pid


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (("worker", FIRST), 1, ["--monitor"]),
        (("worker", "--monitor", MONITOR), 2, ["--monitor goes with the names"]),
        (("worker", FIRST, "--monitor", MONITOR, "--app", "relam"), 1, ["relam", "realm"]),
        (("worker", "w9;reboot", "--monitor", MONITOR, "--app", "realm"), 1, ["not the name"]),
        (("monitor-server", "../../etc"), 1, ["not the name"]),
    ],
)
def test_what_cannot_be_meant(
    operator: Operator, words: tuple[str, ...], status: int, expected: list[str]
) -> None:
    before = operator.inventory.read_text()
    done = operator(*words)
    assert (done.status, done.out) == (status, ""), done.text
    for each in expected:
        assert each in done.err
    assert "Traceback" not in done.err
    assert operator.inventory.read_text() == before, "a wrong command leaves nothing behind"
