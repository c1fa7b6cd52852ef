"""Rehearsals that are interrupted leave nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.operating import PROVISION
from tests.e2e.programs import Run, running
from tests.e2e.rehearsing import number_of
from tests.e2e.watching import traces


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
        run.until(moment, timeout=300)
        time.sleep(seconds)
        end(run)
        status = run.wait(60)
    assert traces("rehearsal", number, directory) == {}
    assert (status, run.lines[-1:]) == (130, ["interrupted\n"])
    assert "Traceback" not in run.text
