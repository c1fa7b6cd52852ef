"""Stages for the tests: hosts that boot once for all tests of a module."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision.paths import cache
from provision.rehearsal import hosts
from provision.rehearsal import state as states
from provision.rehearsal.base import base_image
from provision.rehearsal.progress import Quiet
from provision.rehearsal.stage import WORKERS, Engine, set_stage
from tests.e2e.operating import Site

GRAFANA_PACKAGES = os.environ.get("PROVISION_GRAFANA_PACKAGES")

needs_engine_2 = pytest.mark.skipif(
    os.environ.get("PROVISION_TEST_ALL") != "1",
    reason="lacks PROVISION_TEST_ALL=1: InfluxDB 2 may have to be built from its module first",
)
needs_grafana = pytest.mark.skipif(
    not GRAFANA_PACKAGES,
    reason="lacks PROVISION_GRAFANA_PACKAGES: a folder with Grafana's .deb",
)
ENGINES = [pytest.param(1, id="influxdb1"), pytest.param(2, id="influxdb2", marks=needs_engine_2)]

# Most of what is asked of hosts does not depend on the applications that are on them.
REALM = {name: {"apps": ["realm"]} for name in WORKERS}

# What is sent is there sooner than with the ten seconds of production.
QUICK = {"telegraf_interval": "2s"}

StageSetter = Callable[..., AbstractContextManager[Site]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs hosts, and hosts need root."""
    here = Path(__file__).parent
    lacking = pytest.mark.skip(reason="lacks root, which hosts need")
    for item in items:
        if os.geteuid() != 0 and here in item.path.parents:
            item.add_marker(lacking)


def _sweep(name: str) -> None:
    """Take down what test runs that were killed have left."""
    for left in hosts.standing():
        state = states.read(hosts.rehearsals() / left)
        if left.startswith(f"{name}-") and state is not None and not state.creator.alive:
            hosts.down(left)


@contextmanager
def _stage(
    name: str,
    *,
    engine: Engine | None = 1,
    inventory: Path | None = None,
    folder: Path | None = None,
    settings: dict[str, Any] | None = None,
    workers: dict[str, dict[str, Any]] | None = None,
) -> Iterator[Site]:
    _sweep(name)
    stage = set_stage(
        name=f"{name}-{os.getpid()}",  # several test runs may go on at once
        engine=engine,
        inventory=inventory,
        folder=folder,
        cache=cache(),
        progress=Quiet(),
        settings=QUICK | (settings or {}),
        demo=workers or REALM,
    )
    with stage.rehearsal:
        yield Site(stage)


@pytest.fixture(scope="session")
def stage() -> StageSetter:
    """Boots bare hosts, for as long as a context lasts."""
    return _stage


@pytest.fixture(scope="session")
def fleet_inventory(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes an inventory of hosts by these names into a directory of its own."""

    def write(monitor: str, *workers: str, **variables: Any) -> Path:
        content = {
            "monitor": {"hosts": {monitor: None}, "vars": variables},
            "workers": {"hosts": dict.fromkeys(workers), "vars": {"apps": ["realm"]}},
        }
        path = tmp_path_factory.mktemp("site") / "inventory.yml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.fixture
def own_cache(tmp_path: Path) -> Iterator[Path]:
    """A cache with all that was built before, and room for a rehearsal that nobody else has."""
    base_image(cache(), Quiet())
    mine = tmp_path / "a cache" / "provision"  # as in a home directory with a blank
    mine.mkdir(parents=True)
    for name in ("packages", "go", "logs"):
        (cache() / name).mkdir(parents=True, exist_ok=True)
        (mine / name).symlink_to(cache() / name)
    for image in cache().glob("base-*"):
        (mine / image.name).symlink_to(image)
    yield mine
    hosts.down(None, cache=mine)
    shutil.rmtree(mine)
