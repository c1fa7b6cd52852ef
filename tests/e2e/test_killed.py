"""A run that is killed, at whatever moment: the next one completes it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import ENGINES, StageSetter
from tests.e2e.operating import CONFIGURATION_END, Site, described
from tests.e2e.programs import Run, running
from tests.e2e.watching import content

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=ENGINES)
def site(request: pytest.FixtureRequest, stage: StageSetter) -> Iterator[Site]:
    with stage("e2e-killed", engine=request.param) as site:
        yield site


def kill_all(run: Run, number: int = signal.SIGKILL) -> None:
    """The wrapper, ansible-playbook and all that they started, as an out-of-memory killer might."""
    os.killpg(run.process.pid, number)
    run.process.wait()


def leftovers(group: int) -> list[str]:
    """The processes of a group that still run."""
    listing = subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True)
    return listing.stdout.split()


def test_each_moment_of_a_first_run(site: Site) -> None:
    """Killed again and again, each time a little further; what is half done is taken up."""
    chance, cut_short = random.Random(4), 0
    for seconds in (2, 3, 4, 5, 7):
        with running(*site.command("up")) as run:
            time.sleep(seconds + chance.random())
            if run.process.poll() is None:
                kill_all(run)
                cut_short += 1
    assert cut_short >= 3, "a run takes longer than that"
    done = site.provision("up")
    assert done.status == 0, done.text
    again = site.provision("up")
    assert "3 hosts, 0 changed, 0 failed" in again.out, again.text
    assert described(site.metrics()) == []


def test_random_moments_of_a_change(site: Site) -> None:
    """The text of a file says which setting it is of: old or new, but never half, and it runs."""
    chance = random.Random(11)
    for number in range(4):
        interval = f"{11 + number}s"
        with running(*site.command("up", "-e", f"telegraf_interval={interval}")) as run:
            time.sleep(chance.uniform(1.0, 4.0))
            kill_all(run)
        for worker in site.workers:
            text = site.on(worker, "cat /etc/telegraf/telegraf.conf")
            assert text.rstrip().endswith(CONFIGURATION_END)
            assert site.on(worker, "systemctl is-active telegraf", check=False) in (
                *("active\n", "activating\n", "deactivating\n"),
            )
    done = site.provision("up")
    assert done.status == 0, done.text
    again = site.provision("up")
    assert "3 hosts, 0 changed, 0 failed" in again.out, again.text
    for worker in site.workers:  # what runs is what is there, though the killed runs left it so
        started = site.on(worker, "systemctl show -p ActiveEnterTimestampMonotonic telegraf")
        assert started.strip().rpartition("=")[2] != "0"
        assert 'interval = "2s"' in site.on(worker, "cat /etc/telegraf/telegraf.conf")


def test_an_interrupt_ends_it_in_order(site: Site) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # Watched for a while, Telegraf keeps the run from coming to its end before that.
        words = ("-e", "telegraf_interval=7s", "-e", "telegraf_stable_seconds=3")
        with running(*site.command("up", *words)) as run:
            site.await_placed(site.workers[0], 'interval = "7s"')
            if number == signal.SIGINT:
                os.killpg(run.process.pid, number)
            else:
                run.process.send_signal(number)
            assert run.wait(30) == 130, run.text
            assert "interrupted" in run.text and "Traceback" not in run.text
            deadline = time.monotonic() + 20
            while left := leftovers(run.process.pid):
                assert time.monotonic() < deadline, [
                    content(Path(f"/proc/{pid}/cmdline")) for pid in left
                ]
                time.sleep(0.2)
        done = site.provision("up")
        assert done.status == 0, done.text
    again = site.provision("up")
    assert "3 hosts, 0 changed, 0 failed" in again.out, again.text


def test_two_runs_at_once_do_not_spoil_one_another(site: Site) -> None:
    site.on(site.workers[0], "echo '# by hand' >> /etc/telegraf/telegraf.conf")
    with running(*site.command("up")) as one, running(*site.command("up")) as other:
        statuses = {one.wait(), other.wait()}
    assert 0 in statuses
    done = site.provision("up")
    assert done.status == 0, done.text
    assert "3 hosts, 0 changed, 0 failed" in site.provision("up").out
