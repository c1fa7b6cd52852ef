"""InfluxDB as an application of the monitoring host: where its metrics are, and that it has any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from provision.applications import INFLUXDB
from provision.catalog.model import Catalog, Input
from provision.errors import Problem
from provision.inventory import WORKERS_GROUP, InventoryHost
from provision.settings import Settings
from provision.tls.model import scheme
from provision.values import local_url

TARGETS = "influxdb_targets"


def with_influxdb(
    catalog: Catalog, host: InventoryHost, settings: Settings, monitors: Sequence[InventoryHost]
) -> Mapping[str, Any]:
    """The host's variables; InfluxDB is fetched where it listens, unless they say where."""
    if _said(catalog, host) or host not in monitors:
        return host.variables
    here = local_url(settings.influxdb_address, settings.influxdb_port, scheme(settings.tls))
    return {**host.variables, TARGETS: [here]}


def without_influxdb(
    catalog: Catalog,
    host: InventoryHost,
    settings: Settings,
    monitors: Sequence[InventoryHost],
    file: str,
) -> list[Problem]:
    """What is wrong where InfluxDB is to be watched and is not there, or shows no metrics."""
    if _said(catalog, host):
        return []
    if host not in monitors:
        names = ", ".join(each.name for each in monitors) or "the monitoring host"
        what = f"{INFLUXDB}: this is not the monitoring host, and {TARGETS} is not set"
        hint = f"put {names} into group {WORKERS_GROUP}, with apps: [{INFLUXDB}]"
        return [Problem(file, "apps", what, hint, host.name)]
    if settings.external:
        what = f"{INFLUXDB}: influxdb.external is set, so there is none here to watch"
        hint = f"set {TARGETS} to where its metrics are, or leave {INFLUXDB} out of its apps"
        return [Problem(file, "apps", what, hint, host.name)]
    if settings.influxdb_engine == 1:
        what = f"{INFLUXDB}: InfluxDB 1 shows no such metrics (influxdb_engine is 1)"
        hint = f"leave {INFLUXDB} out of its apps, or set influxdb_engine to 2"
        return [Problem(file, "apps", what, hint, host.name)]
    return []


def _said(catalog: Catalog, host: InventoryHost) -> bool:
    """Whether nothing is to be worked out: it is another application, or the inventory says it."""
    ours = catalog.app == INFLUXDB and catalog.input is Input.PROMETHEUS
    return not ours or host.variables.get(TARGETS) is not None
