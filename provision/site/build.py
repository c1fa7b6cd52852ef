"""A site out of an inventory and catalogs, or everything that is wrong with the inventory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from provision.applications import EVERY_WORKER, Application, read_application
from provision.catalog.lint import lint_together
from provision.catalog.load import unknown_app
from provision.catalog.model import Catalog
from provision.errors import InvalidInput, Problem
from provision.external import authorities_of, contradictions
from provision.inventory import MONITOR_GROUP, WORKERS_GROUP, Inventory, InventoryHost
from provision.settings import VARIABLES, Settings
from provision.site import faults, urls, wrong_settings
from provision.site.model import HOST_NAME, NAMED_SO, NO_HOST_NAME, Host, Site
from provision.watched_influxdb import with_influxdb, without_influxdb


def build_site(inventory: Inventory, catalogs: Mapping[str, Catalog]) -> Site:
    """The site that an inventory describes.

    Raises InvalidInput with everything that is wrong with the inventory.
    """
    file = ", ".join(inventory.sources) or "inventory"
    problems: list[Problem] = []
    ours = [host for host in inventory.hosts if host.groups & {MONITOR_GROUP, WORKERS_GROUP}]
    problems += faults.near_groups([host for host in inventory.hosts if host not in ours], file)
    problems += faults.named_as_groups(inventory.hosts, file)
    monitors = [host for host in ours if MONITOR_GROUP in host.groups]
    hosts = []
    readings: dict[object, _Reading] = {}
    together: dict[tuple[object, ...], list[str]] = {}
    known = VARIABLES.union(*(each.variables for each in catalogs.values()))
    for entry in ours:
        if not HOST_NAME.fullmatch(entry.name):
            problems.append(Problem(file, repr(entry.name), NO_HOST_NAME, NAMED_SO))
            continue
        problems += faults.misspelt(entry, file, known)
        worker = WORKERS_GROUP in entry.groups
        alike = (worker, entry in monitors, _said(entry, known))
        reading = readings.get(alike)
        if reading is None:
            reading = _read_host(entry, worker, catalogs, monitors, together, file)
            if not reading.problems:  # which name the host
                readings[alike] = reading
        problems += reading.problems
        if settings := reading.settings:
            host = Host(entry.name, entry in monitors, worker, settings, reading.applications)
            hosts.append(host)
            problems += faults.same_ports(host, file)
            problems += faults.open_to_all(host, file)
            problems += faults.own_gateway(host, urls.address_of(entry), file)
        if worker and settings and not settings.apps:
            problems.append(faults.no_application(entry, catalogs, file))
    if len(monitors) != 1:
        problems.append(faults.not_one_monitor(file, monitors, ours))
    problems += [found for host in hosts if host.monitor for found in contradictions(host, file)]
    if len(monitors) == 1:
        problems += faults.external_of_workers(hosts, file)
    problems += [found for entry in monitors for found in faults.no_address(entry, file)]
    if problems:
        raise InvalidInput(faults.placed(problems, ours))
    monitor = next(host for host in hosts if host.monitor)
    influxdb_url = urls.influxdb_url(monitor, monitors[0], hosts, file)
    grafana_url = urls.grafana_url(monitor, monitors[0])
    if problems := faults.plain_urls(monitor, influxdb_url, grafana_url, file):
        raise InvalidInput(faults.placed(problems, ours))
    tls = urls.tls(monitor, monitors[0], influxdb_url, grafana_url, inventory.directory)
    authorities = authorities_of(monitor, inventory)
    return Site(tuple(hosts), influxdb_url, grafana_url, tls, authorities)


# What to do about applications that do not go together.
APART = "run them on different hosts, or change one's catalog (or the prefix that the site sets)"


@dataclass(frozen=True)
class _Reading:
    """What a host's variables say, and what is wrong with them; hosts that are alike share one."""

    settings: Settings | None
    applications: tuple[Application, ...]
    problems: tuple[Problem, ...]


def _said(entry: InventoryHost, known: Collection[str]) -> str:
    """What a host's variables say that are ours: most hosts of a fleet say the same."""
    return repr(sorted((name, entry.variables[name]) for name in known & entry.variables.keys()))


def _read_host(
    entry: InventoryHost,
    worker: bool,
    catalogs: Mapping[str, Catalog],
    monitors: Sequence[InventoryHost],
    together: dict[tuple[object, ...], list[str]],
    file: str,
) -> _Reading:
    """A host's settings and applications."""
    problems: list[Problem] = []
    settings = _settings(entry, file, problems)
    problems += faults.unknown_contact_apps(entry, settings, catalogs, file)
    applications = []
    for app in dict.fromkeys([*settings.apps, *EVERY_WORKER]) if settings and worker else ():
        if app not in catalogs:
            problems.append(Problem(file, "apps", unknown_app(app, catalogs), host=entry.name))
            continue
        assert settings is not None
        problems += without_influxdb(catalogs[app], entry, settings, monitors, file)
        given = with_influxdb(catalogs[app], entry, settings, monitors)
        application, wrong = read_application(catalogs[app], given)
        problems += [Problem(file, where, what, host=entry.name) for where, what in wrong]
        if application:
            applications.append(application)
    documented = tuple(application.catalog for application in applications)
    same = tuple((each.app, each.setting_values) for each in documented)
    if same not in together:  # as hosts have that differ in other settings
        together[same] = lint_together(documented)
    problems += [Problem(file, "apps", text, APART, host=entry.name) for text in together[same]]
    return _Reading(settings, tuple(applications), tuple(problems))


def _settings(host: InventoryHost, file: str, problems: list[Problem]) -> Settings | None:
    values = {name: value for name, value in host.variables.items() if name in VARIABLES}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems += [wrong_settings.problem(each, host.name, file) for each in error.errors()]
        return None
