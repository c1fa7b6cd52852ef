"""What an inventory says to nobody: variables that are none of ours, or of another kind of host."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from provision.inventory import MONITOR_GROUP, WORKERS_GROUP, InventoryHost
from provision.output import few
from provision.settings import Settings

# What the roles take that is no matter of rendering (playbooks/roles/*/meta/argument_specs.yml).
ROLE_VARIABLES = frozenset(
    {
        *("grafana_polled", "grafana_start_timeout", "influxdb_start_timeout"),
        *("packages_lock_timeout", "packages_patience", "pushgateway_start_timeout"),
        *("telegraf_before_influxdb", "telegraf_polled", "telegraf_stable_seconds"),
        "telegraf_start_timeout",
    }
)
# What names of ours begin with, those of the monitoring host and of workers among them.
_MONITORS, _WORKERS = ("grafana_", "influxdb_"), ("telegraf_", "pushgateway_")
_OURS = (*_MONITORS, *_WORKERS, "influxdata_")
# What those of applications may end with.
_OF_APPS = ("prefix", "targets", "pushgateway")


def unread(
    hosts: Sequence[InventoryHost],
    known: frozenset[str],
    secrets: Collection[str],
    apps: Mapping[str, Collection[str]],
) -> list[str]:
    """What to tell of variables that are called as ours are, and are not read.

    apps are the variables of applications, by what an application's own begin with. Such a variable
    may be another role's, so it is no fault.
    """
    alike = {begin + end for begin in apps for end in _OF_APPS}
    strange: dict[str, list[str]] = {}
    for host in hosts:
        for name in host.names - known - ROLE_VARIABLES:
            if name in alike or name.startswith(_OURS):
                strange.setdefault(name, []).append(host.name)
    told = [f"{name} ({few(of, 1)}) is {_none(name, secrets)}" for name, of in strange.items()]
    return sorted(told) + _elsewhere(hosts, [name for names in apps.values() for name in names])


def _none(name: str, secrets: Collection[str]) -> str:
    if name in secrets:
        return "a secret, and is not read in an inventory: it goes into the secrets file"
    return "no variable of provision's, and is not read"


def _elsewhere(hosts: Sequence[InventoryHost], of_apps: Iterable[str]) -> list[str]:
    """Settings that none of the hosts has on which they count."""
    ours = {name for name in Settings.model_fields if name.startswith(_MONITORS)}
    workers = {name for name in Settings.model_fields if name.startswith(_WORKERS)}
    told: list[str] = []
    for group, names, where in (
        (MONITOR_GROUP, ours, "the monitoring host"),
        (WORKERS_GROUP, workers | {"apps", *of_apps}, "workers"),
    ):
        read = frozenset[str]().union(*(host.names for host in hosts if group in host.groups))
        given = {name: [h.name for h in hosts if name in h.names] for name in sorted(names - read)}
        told += [
            f"{name} ({few(of, 1)}) counts on {where}, and is not read here"
            for name, of in given.items()
            if of
        ]
    return told
