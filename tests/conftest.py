"""What all tests share: catalogs, and sites read from inventories by Ansible."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import hypothesis
import pytest

from provision.catalog.load import load_catalogs
from provision.catalog.model import Catalog
from provision.fleet import Fleet, read_fleet

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
