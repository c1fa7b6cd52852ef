"""Where the parts that are not Python are found: in a checkout, and in an installed wheel."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _data(name: str) -> Path:
    installed = _PACKAGE / "_data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


CATALOGS = _PACKAGE / "catalogs"
TEMPLATES = _data("templates")
PLAYBOOKS = _data("playbooks")
DASHBOARDS = _data("dashboards")
# What a site is called by where nobody says otherwise, and what stands beside it. A directory is of
# several sources, as dynamic inventories are; which of them is meant is for -i to say.
INVENTORY_FILE = "inventory.yml"
INVENTORY_DIRECTORY = "inventory"
CATALOGS_DIRECTORY = "catalogs"


def cache() -> Path:
    """Where builds, rehearsals and logs are kept: ~/.cache/provision (or under XDG_CACHE_HOME)."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    # A relative one is to be ignored (XDG Base Directory Specification).
    return (Path(home) if home.startswith("/") else Path.home() / ".cache") / "provision"


def config() -> Path:
    """Where sites without an inventory of their own are kept (XDG_CONFIG_HOME)."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".config") / "provision"
