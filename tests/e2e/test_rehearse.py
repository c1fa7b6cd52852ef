"""The main job for real: from bare hosts to a table of what arrived, and nothing left of it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import GRAFANA_PACKAGES, needs_engine_2, needs_grafana
from tests.e2e.operating import PROVISION, execute
from tests.e2e.programs import Run, running
from tests.e2e.watching import number_in, traces


def number_of(run: Run, directory: Path) -> str:
    """The number of the network of a rehearsal that is being started."""
    deadline = time.monotonic() + 600  # packages may have to be built first
    while (number := number_in(directory)) is None:
        assert run.process.poll() is None and time.monotonic() < deadline, run.text
        time.sleep(0.02)
    return number


def rehearse(own_cache: Path, *words: str | Path, hosts: int = 3, metrics: int = 38) -> str:
    """Run one to its end, see that it succeeds and leaves nothing; what it said."""
    directory = own_cache / "rehearsals" / "rehearsal"
    changes = {"XDG_CACHE_HOME": str(own_cache.parent)}
    with running(*PROVISION, "rehearse", *words, changes=changes) as run:
        number = number_of(run, directory)
        assert run.wait(600) == 0, run.text
    assert traces("rehearsal", number, directory) == {}
    said = rf"{metrics} of {metrics} documented metrics arrived exactly, (\d+) of (\d+) panels"
    found = re.search(said, run.text)
    assert found is not None and found[1] == found[2] and int(found[1]) > metrics, run.text
    assert "0 undocumented buckets" in run.text
    after = run.text.partition("second run\n")[2]
    assert f"{hosts} hosts, 0 changed, 0 failed" in after
    return run.text


@pytest.mark.parametrize(
    "engine",
    ["1", pytest.param("2", marks=[pytest.mark.long, needs_engine_2])],
)
def test_from_bare_hosts_to_every_panel(engine: str, own_cache: Path) -> None:
    said = rehearse(own_cache, "--engine", engine)
    package = {"1": "influxdb ", "2": "influxdb2 "}[engine]
    assert f"\n{package}" in said and "\ntelegraf " in said
    assert "not rehearsed: grafana (no package found)" in said


@pytest.mark.long
@needs_grafana
def test_with_grafana_every_panel_is_asked_there(own_cache: Path) -> None:
    folder = str(GRAFANA_PACKAGES)
    said = rehearse(own_cache, "--engine", "1", "--packages", folder, "--require", "grafana")
    assert "not rehearsed" not in said
    assert "\ngrafana " in said


@pytest.mark.long
def test_a_site_of_one_s_own(own_cache: Path, fleet_inventory: Callable[..., Path]) -> None:
    inventory = fleet_inventory(
        *("monitor.example.com", "w1.example.com"),
        influxdb_engine=1,
        influxdb_database="of-the-site",
        influxdb_retention="2d",
        # The site's own key is not even looked for; the hosts have an authority of their own.
        tls="files",
        tls_certificate="of-the-site.pem",
        tls_key="of-the-site.key",
    )
    said = rehearse(own_cache, "-i", inventory, hosts=2, metrics=18)
    assert "186 statsd packets and Prometheus metrics to w1.example.com" in said
    assert "a certificate authority of this site is made" in said
    assert [path.name for path in inventory.parent.iterdir()] == ["inventory.yml"]


@pytest.mark.long
@needs_engine_2
def test_a_monitoring_host_that_is_watched_itself(own_cache: Path, tmp_path: Path) -> None:
    inventory = tmp_path / "watched.yml"
    inventory.write_text(
        "monitor: {hosts: {m: }}\n"
        "workers: {hosts: {m: {apps: [influxdb]}, w: }, vars: {apps: [realm]}}\n"
    )
    said = rehearse(own_cache, "-i", inventory, hosts=2, metrics=34)
    assert "influxdb: 16 of 16 arrived exactly" in said


def test_a_required_grafana_that_is_nowhere_is_an_error(own_cache: Path) -> None:
    directory = own_cache / "rehearsals" / "rehearsal"
    done = execute(
        *PROVISION,
        *("rehearse", "--engine", "1", "--require", "grafana"),
        changes={"XDG_CACHE_HOME": str(own_cache.parent)},
    )
    assert done.status == 1
    assert "no Grafana package was found" in done.err and "--packages" in done.err
    assert not directory.exists()


@pytest.mark.long
def test_kept_hosts_stand_until_they_are_taken_down(
    own_cache: Path, fleet_inventory: Callable[..., Path]
) -> None:
    directory = own_cache / "rehearsals" / "rehearsal"
    changes = {"XDG_CACHE_HOME": str(own_cache.parent)}
    inventory = fleet_inventory("monitor.example.com", "w1.example.com", influxdb_engine=1)
    words = ("rehearse", "-i", str(inventory), "--keep")
    done = execute(*PROVISION, *words, changes=changes, timeout=600)
    assert done.status == 0, done.text
    number = number_in(directory)
    assert number is not None
    (line,) = [line for line in done.out.splitlines() if line.startswith("w1.example.com: ssh")]
    into = line.partition(": ")[2]
    assert execute("sh", "-c", f"{into} systemctl is-active telegraf").out == "active\n"
    assert str(directory / "secrets.yml") in done.out

    # What it says of how to go on works, without the site that it was of.
    inventory.unlink()
    (line,) = [line for line in done.out.splitlines() if line.startswith("provision them again: ")]
    (*_, kept) = shlex.split(line)
    plan = execute(*PROVISION, "plan", "-i", kept, changes=changes)
    assert "2 hosts, 0 would change" in plan.out, plan.text
    second = execute(*PROVISION, "rehearse", "--engine", "1", changes=changes)
    assert second.status == 1
    assert "stands already" in second.err and "--down" in second.err
    down = execute(*PROVISION, "rehearse", "--down", changes=changes)
    assert (down.status, down.out) == (0, "taken down: rehearsal\n")
    assert traces("rehearsal", number, directory) == {}
    again = execute(*PROVISION, "rehearse", "--down", changes=changes)
    assert (again.status, again.out) == (0, "no rehearsal stands\n")


def pressed(run: Run) -> None:
    """Ctrl-C on a terminal: every process of the group has it."""
    os.killpg(run.process.pid, signal.SIGINT)


def killed(run: Run) -> None:
    run.process.send_signal(signal.SIGTERM)


def hung_up(run: Run) -> None:
    """The terminal is closed."""
    os.killpg(run.process.pid, signal.SIGHUP)


def impatient(run: Run) -> None:
    """Ctrl-C, and again because nothing seems to happen, and again."""
    for _ in range(4):
        if run.process.poll() is None:
            pressed(run)
        time.sleep(0.3)


@pytest.mark.long
@pytest.mark.parametrize(
    ("end", "moment", "seconds"),
    [
        pytest.param(pressed, "3 hosts ...", 0.7, id="ctrl-c-while-hosts-boot"),
        pytest.param(killed, "3 hosts ...", 0.7, id="kill-while-hosts-boot"),
        pytest.param(killed, "new secrets are in", 2.5, id="kill-at-install"),
        pytest.param(impatient, "new secrets are in", 2.5, id="ctrl-c-often"),
        pytest.param(hung_up, "second run", 0.7, id="hang-up-at-the-end"),
    ],
)
def test_an_interrupted_rehearsal_leaves_nothing(
    end: Callable[[Run], None], moment: str, seconds: float, own_cache: Path
) -> None:
    directory = own_cache / "rehearsals" / "rehearsal"
    changes = {"XDG_CACHE_HOME": str(own_cache.parent)}
    with running(*PROVISION, "rehearse", "--engine", "1", changes=changes) as run:
        number = number_of(run, directory)
        run.until(moment)
        time.sleep(seconds)
        end(run)
        status = run.wait(60)
    assert traces("rehearsal", number, directory) == {}
    assert (status, run.lines[-1:]) == (130, ["interrupted\n"])
    assert "Traceback" not in run.text
