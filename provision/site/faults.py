"""What can be wrong with what an inventory says, though Ansible can read it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from urllib.parse import urlsplit

from provision import listening
from provision.catalog.load import unknown_app
from provision.catalog.model import Catalog
from provision.errors import Problem
from provision.inventory import MONITOR_GROUP, WORKERS_GROUP, InventoryHost
from provision.ports import clashes
from provision.settings import Settings
from provision.site import urls
from provision.site.model import HOST_NAME, Host
from provision.tls.model import OFF
from provision.values import found_text

# Those of Ansible's own that nearly each inventory has.
_ANSIBLES = frozenset({"ansible_host", "ansible_user", "ansible_port", "ansible_connection"})
# It becomes part of URLs.
_REACHED_AT = re.compile(r"[A-Za-z0-9_.:-]+")


def placed(problems: Iterable[Problem], hosts: Iterable[InventoryHost]) -> list[Problem]:
    """Problems with the files and lines in which the variables stand that they are about."""
    origins = {host.name: host.origins for host in hosts}
    found = []
    for problem in problems:
        variable = re.split(r"[.\[]", problem.where)[0]
        file, line = origins.get(problem.host, {}).get(variable, (problem.file, 0))
        found.append(replace(problem, file=file, line=line))
    return found


def open_to_all(host: Host, file: str) -> list[Problem]:
    """Listeners that other hosts reach, of which nobody has said who may send."""
    every = listening.listeners(host.settings, host.transports, host.pushgateway)
    return [
        Problem(file, each.variable, *wrong, host=host.name)
        for each in every
        if (wrong := listening.unsaid(each))
    ]


def unknown_contact_apps(
    host: InventoryHost, settings: Settings | None, catalogs: Mapping[str, Catalog], file: str
) -> list[Problem]:
    """Applications that a contact is for, and no catalog has."""
    return [
        Problem(file, f"grafana_contacts.{name}.apps", unknown_app(app, catalogs), host=host.name)
        for name, contact in (settings.grafana_contacts if settings else {}).items()
        for app in contact.apps
        if app not in catalogs
    ]


def no_application(worker: InventoryHost, catalogs: Iterable[str], file: str) -> Problem:
    """That it is not said what runs on a worker."""
    other = sorted(worker.names & {"app", "application", "applications"})
    instead = f" (not {other[0]})" if other else ""
    return Problem(
        file,
        "apps",
        "no application for this worker",
        f"set apps{instead} to some of {', '.join(sorted(catalogs))}; [host] where"
        " nothing runs that has a catalog",
        host=worker.name,
    )


def same_ports(host: Host, file: str) -> list[Problem]:
    """Services of a host that would listen on the same port."""
    return [
        Problem(
            file,
            one.variable or "",
            f"{one.protocol} port {one.port} of {one.service} is {other.service}'s as well"
            + (f" ({other.variable})" if other.variable else ""),
            "give one of them another port",
            host=host.name,
        )
        for one, other in clashes(host.listeners)
    ]


def own_gateway(host: Host, address: str, file: str) -> list[Problem]:
    """A worker that is to write to itself, as one of its group's gateway would."""
    gateway = host.settings.telegraf_gateway_url if host.worker else None
    if gateway is None or urlsplit(gateway).hostname not in (host.name.lower(), address.lower()):
        return []
    what = f"this host would write to itself (found {found_text(gateway)})"
    remedy = "set it for the hosts behind the gateway alone, not for the gateway"
    return [Problem(file, "telegraf_gateway_url", what, remedy, host=host.name)]


def external_of_workers(hosts: Sequence[Host], file: str) -> list[Problem]:
    """An InfluxDB of others that workers alone are told of: it counts on the monitoring host."""
    ours = {host.settings.external for host in hosts if host.monitor}
    what = "it counts on the monitoring host, which has another or none"
    remedy = f"set it for {MONITOR_GROUP}, or for all hosts"
    return [
        Problem(file, "influxdb.external", what, remedy, host=host.name)
        for host in hosts
        if host.settings.external and host.settings.external not in ours
    ]


def named_as_groups(hosts: Sequence[InventoryHost], file: str) -> list[Problem]:
    """Hosts that are called as a group is, which Ansible then takes for the whole group."""
    what = "it is called as the group is, and Ansible takes it for the group"
    remedy = "give it another name, and say where it is in ansible_host"
    return [
        Problem(file, repr(host.name), what, remedy)
        for host in hosts
        if host.name == WORKERS_GROUP
        # Of the monitoring host itself it is no matter.
        or (host.name == MONITOR_GROUP and MONITOR_GROUP not in host.groups)
    ]


def near_groups(others: Sequence[InventoryHost], file: str) -> list[Problem]:
    """Groups that are none of ours, but so near to one that they were meant to be."""
    groups = sorted({group for host in others for group in host.groups})
    found = []
    for group in groups:
        near = difflib.get_close_matches(group, (MONITOR_GROUP, WORKERS_GROUP), n=1, cutoff=0.85)
        if near:
            found.append(Problem(file, group, f"no such group; did you mean {near[0]}?"))
    return found


def misspelt(host: InventoryHost, file: str, known: frozenset[str]) -> list[Problem]:
    """Variables that nobody reads, but so near to one that they were meant to be that."""
    return [
        Problem(file, name, f"no such variable; did you mean {meant}?", host=host.name)
        for name in sorted(host.names - known - _ANSIBLES)
        if (meant := _meant(name, known))
    ]


@cache
def _meant(name: str, known: frozenset[str]) -> str | None:
    """The variable that a name is near to; hosts have much the same variables."""
    possible = (known | _ANSIBLES) - {"apps"}
    return next(iter(difflib.get_close_matches(name, possible, n=1, cutoff=0.9)), None)


def not_one_monitor(
    file: str, monitors: Sequence[InventoryHost], ours: Sequence[InventoryHost]
) -> Problem:
    """That there is no monitoring host, or more than one."""
    if not ours:
        return Problem(
            file,
            "",
            f"no host is in group {MONITOR_GROUP} or {WORKERS_GROUP}",
            "`provision init` writes an inventory that shows how",
        )
    if not monitors:
        return Problem(
            file,
            MONITOR_GROUP,
            f"no monitoring host for {', '.join(host.name for host in ours)}",
            f"put one host into group {MONITOR_GROUP}, or name it with --monitor",
        )
    names = ", ".join(host.name for host in monitors)
    return Problem(
        file, MONITOR_GROUP, f"one monitoring host is needed, not {len(monitors)}: {names}"
    )


def no_address(entry: InventoryHost, file: str) -> list[Problem]:
    """What is wrong with where the monitoring host is reached: others are told of it in URLs."""
    if _REACHED_AT.fullmatch(urls.address_of(entry)) or not HOST_NAME.fullmatch(entry.name):
        return []
    what = f"not an address, nor the name of a host (found {found_text(urls.address_of(entry))})"
    return [Problem(file, "ansible_host", what, host=entry.name)]


def plain_urls(monitor: Host, influxdb_url: str, grafana_url: str, file: str) -> list[Problem]:
    """URLs that do without the TLS that the site sets."""
    if monitor.settings.tls == OFF:
        return []
    urls = {"influxdb_url": influxdb_url, "grafana_url": grafana_url}
    if monitor.settings.external:  # tls is of our own services
        del urls["influxdb_url"]
    what = f"begins with http://, and tls is {monitor.settings.tls}"
    return [
        Problem(file, name, what, "let it begin with https://", host=monitor.name)
        for name, url in urls.items()
        if url.startswith("http://")
    ]
