"""Sites that are measured: so many workers, each with the four applications."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from provision.fleet.reading import read_fleet
from provision.site.model import Site

APPS = ("realm", "django-clickhouse", "tinybird-jobs", "dataclay")


def name_of(number: int) -> str:
    """A worker's name; numbers begin with 0."""
    return f"w{number + 1}.example.com"


def inventory(
    directory: Path, hosts: int = 1, apps: Sequence[str] = APPS, **variables: object
) -> Path:
    """The inventory of a monitoring host and so many workers, with variables of theirs."""
    given: dict[str, object] = {"apps": list(apps), "django_clickhouse_prefix": "clickhouse"}
    if "dataclay" in apps:
        given["dataclay_targets"] = [{"url": "127.0.0.1:8000", "service": "backend"}]
    workers = {"hosts": dict.fromkeys(map(name_of, range(hosts))), "vars": {**given, **variables}}
    monitor = {"hosts": {"monitor.example.com": {"influxdb_engine": 1}}}
    path = directory / "inventory.yml"
    path.write_text(json.dumps({"monitor": monitor, "workers": workers}), encoding="utf-8")
    return path


def site(directory: Path, hosts: int = 1, apps: Sequence[str] = APPS, **variables: object) -> Site:
    """The site that such an inventory describes."""
    return read_fleet(["-i", str(inventory(directory, hosts, apps, **variables))]).site
