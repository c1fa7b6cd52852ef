"""Rehearsals of their own, run to their end."""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests.e2e.operating import PROVISION
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
    assert_succeeded(run.text, hosts=hosts, metrics=metrics)
    return run.text


def assert_succeeded(text: str, *, hosts: int, metrics: int) -> None:
    said = rf"{metrics} of {metrics} documented metrics arrived exactly, (\d+) of (\d+) panels"
    found = re.search(said, text)
    assert found is not None and found[1] == found[2] and int(found[1]) > metrics, text
    assert "0 undocumented buckets" in text
    after = text.partition("second run\n")[2]
    assert f"{hosts} hosts, 0 changed, 0 failed" in after


def assert_is_of(said: str, package: str) -> None:
    """A rehearsal without Grafana says which packages it was with."""
    assert f"\n{package} " in said and "\ntelegraf " in said
    assert "not rehearsed: grafana (no package found)" in said
