"""What an inventory may not mean: variables that nobody reads, two names of one machine."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from provision.inventory import (
    MONITOR_GROUP,
    PORTS,
    SSH,
    WAY,
    WORKERS_GROUP,
    InventoryHost,
)
from provision.output import few
from provision.settings import Settings
from provision.site.urls import address_of

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
# What the files of variables may end with (ansible.builtin.host_group_vars).
_ENDINGS = (".yml", ".yaml", ".json")
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


def one_machine(hosts: Iterable[InventoryHost]) -> list[str]:
    """Hosts that are reached at one address in one way: each run makes of it another.

    It is no fault: how ssh gets to a host is not all in the inventory.
    """
    first: dict[tuple[object, ...], InventoryHost] = {}
    told = []
    for host in hosts:
        if str(host.variables.get("ansible_connection") or "ssh").rpartition(".")[2] not in SSH:
            continue
        way = {name: str(value) for name, value in host.variables.items() if name in WAY}
        if way.get("ansible_port", way.get("ansible_ssh_port")) == "22":
            way = {name: value for name, value in way.items() if name not in PORTS}
        other = first.setdefault((address_of(host), *sorted(way.items())), host)
        if other is not host:
            told.append(
                f"{host.name} is reached at {address_of(host)}, as {other.name} is: if that is one"
                " machine, each run makes of it the other one"
            )
    return told


def of_nobody(directory: Path, hosts: Iterable[InventoryHost]) -> list[str]:
    """Files of variables beside an inventory that are of no host and of no group in it.

    They are no fault: a host may be put in later. Source: Ansible documentation, Organizing host
    and group variables.
    """
    known = {"host": set[str](), "group": {"all", "ungrouped"}}
    for host in hosts:
        known["host"].add(host.name)
        known["group"] |= host.groups
    told = []
    for kind, names in known.items():
        folder = directory / f"{kind}_vars"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            name = path.stem if path.suffix in _ENDINGS else path.name
            if not path.name.startswith(".") and not path.name.endswith("~") and name not in names:
                told.append(
                    f"{folder.name}/{path.name} is of no {kind} in the inventory, and is not read"
                )
    return told


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
