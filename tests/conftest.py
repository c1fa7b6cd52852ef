"""What all tests share: catalogs, and sites read from inventories by Ansible."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from provision.catalog.load import load_catalogs
from provision.catalog.model import Catalog
from provision.fleet.model import Fleet
from provision.fleet.reading import read_fleet

# What a shell runs in the background, or nohup, ignores Ctrl-C or hang-ups, and so does all that it
# starts; what is asked here is what a command does that a person interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Ansible reads its settings when it is first imported; a command sets this one before that.
os.environ.setdefault("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "true")

# How long an example takes says something of the machine, and nothing of what is tested.
hypothesis.settings.register_profile("provision", deadline=None)
hypothesis.settings.load_profile("provision")

CASES = Path(__file__).parent / "cases"


class ByFileAndEngine(LoadScopeScheduling):  # type: ignore[misc]
    """The tests of a file tell a story in order, once for each engine of InfluxDB."""

    def _split_scope(self, nodeid: str) -> str:
        path, _, test = nodeid.partition("::")
        engine = re.search(r"[\[-](?:influxdb|engine-)([12])[\]-]", test)
        return f"{path} {engine[1]}" if engine else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFileAndEngine:
    """Who runs what where tests run side by side (pytest -n)."""
    config.option.loadscopereorder = False  # the order is that of pytest_collection_modifyitems
    return ByFileAndEngine(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: on hosts, then with programs."""
    slow = ("e2e", "integration")
    items.sort(key=lambda item: [name not in item.path.parts for name in slow])


INVENTORY = """\
monitor:
  hosts:
    monitor.example.com: {ansible_host: 192.0.2.1}
workers:
  hosts:
    w1.example.com:
    w2.example.com:
  vars:
    apps: [realm]
"""


@pytest.fixture(scope="session")
def catalogs() -> Mapping[str, Catalog]:
    """The built-in catalogs; nothing changes them."""
    return load_catalogs()


@pytest.fixture
def realm(catalogs: Mapping[str, Catalog]) -> Catalog:
    return catalogs["realm"]


@pytest.fixture
def fleet_of(tmp_path: Path) -> Callable[..., Fleet]:
    """Writes an inventory and reads it: fleet_of(text, *options)."""

    def make(text: str = INVENTORY, *options: str) -> Fleet:
        path = tmp_path / "inventory.yml"
        path.write_text(text)
        return read_fleet(["-i", str(path), *options])

    return make
