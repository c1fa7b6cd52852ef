"""`--serial` and `--max-failures`: workers in batches, the monitoring host before them.

And the same hosts from a list of machines that is elsewhere (docs/fleets.md).
"""

from __future__ import annotations

import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import StageSetter
from tests.e2e.operating import EXAMPLES, Site, execute

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
    assert f"{first}, {second} (1 batch to go)" in mended.out
    again = site.provision("up")
    assert "4 hosts, 0 changed, 0 failed" in again.out, again.text


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The URL of a folder's files, as a web server has them."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_same_hosts_from_a_list_of_machines_are_as_they_should_be(
    site: Site, tmp_path: Path
) -> None:
    beside = Path(site.inventory[1]).parent
    inventory = beside / "elsewhere"
    shutil.copytree(EXAMPLES / "inventory", inventory)
    (inventory / "host_vars").mkdir()
    machines = []
    for host in site.names:
        values = yaml.safe_load((beside / "host_vars" / f"{host}.yml").read_text())
        machine = {"name": host, "address": values.pop("ansible_host"), "role": "monitoring"}
        if host != site.monitor:
            machine |= {"role": "application", "apps": ["realm"]}
        machines.append(machine)
        (inventory / "host_vars" / f"{host}.yml").write_text(yaml.safe_dump(values))
    (tmp_path / "machines.json").write_text(json.dumps(machines))
    words = [inventory if word == site.inventory[1] else word for word in site.command("up")]
    with serving(tmp_path) as url:
        done = execute(*words, changes={"MACHINES_URL": f"{url}/machines.json"})
        assert done.status == 0, done.text
        assert "4 hosts, 0 changed, 0 failed" in done.out, done.text
    for changes, why in (({}, "MACHINES_URL is not set"), ({"MACHINES_URL": url}, "refused")):
        failed = execute(*words, changes=changes)
        assert failed.status == 1, failed.text
        assert why in failed.err, failed.text
