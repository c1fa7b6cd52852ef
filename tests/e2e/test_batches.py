"""`--serial` and `--max-failures`: workers in batches, the monitoring host before them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import StageSetter
from tests.e2e.operating import Site

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def site(stage: StageSetter) -> Iterator[Site]:
    workers = {f"worker-{number}.rehearsal": {"apps": ["realm"]} for number in (1, 2, 3)}
    with stage("e2e-batches", engine=1, workers=workers) as site:
        yield site


def test_it_stops_where_too_many_fail(site: Site) -> None:
    first, second, third = site.workers
    broken = "/usr/local/bin/apt-get"
    site.on(first, f"printf '#!/bin/sh\nexit 1' > {broken}; chmod +x {broken}")
    done = site.provision("up", "--serial", "1")
    assert done.status == 1, done.text
    assert done.about(site.monitor).splitlines()[0] == f"{site.monitor}  changed"
    assert done.about(first).splitlines()[0] == f"{first}  failed"
    assert f"(--max-failures 0): {second}, {third} not begun" in done.out, done.text
    for host in (second, third):
        assert "not-found" in site.on(host, "systemctl show -p LoadState telegraf")


def test_it_goes_on_where_few_do(site: Site) -> None:
    first, second, _ = site.workers
    done = site.provision("up", "--serial", "1", "--max-failures", "1")
    assert done.status == 1, done.text
    assert "4 hosts, 2 changed, 1 failed" in done.out, done.text
    site.on(first, "rm /usr/local/bin/apt-get")
    mended = site.provision("worker", "--serial", "2")
    assert mended.status == 0, mended.text
    assert f"{first}, {second} (1 batches to go)" in mended.out
    again = site.provision("up")
    assert "4 hosts, 0 changed, 0 failed" in again.out, again.text
