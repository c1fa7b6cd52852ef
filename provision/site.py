"""Inventory, catalogs and variables as one frozen, typed Site: the only input of rendering."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from pydantic import ValidationError

from provision import listening
from provision.alerts.contacts import contact_secrets
from provision.applications import EVERY_WORKER, Application, Target, read_application, variables
from provision.catalog.lint import lint_together
from provision.catalog.load import unknown_app
from provision.catalog.model import Catalog, Input, Transport
from provision.credentials import external_secret, read_secret, write_secret
from provision.errors import InvalidInput, Problem
from provision.external import authorities_of, contradictions
from provision.inventory import MONITOR_GROUP, WORKERS_GROUP, Inventory, InventoryHost
from provision.ports import Listener, clashes, listeners
from provision.settings import VARIABLES, External, Settings
from provision.tls.model import FILES, OFF, Authorities, Given, Tls, host_of, normal_name, scheme
from provision.values import bracketed, found_text, local_address, seconds
from provision.watched_influxdb import with_influxdb, without_influxdb

# It becomes a directory's name and a tag's value.
HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,254}")
NO_HOST_NAME = "not the name of a host"
NAMED_SO = "take letters, digits and . _ : - alone, and say in ansible_host where it is reached"
# It becomes part of URLs.
_REACHED_AT = re.compile(r"[A-Za-z0-9_.:-]+")


@dataclass(frozen=True)
class Host:
    """A host: what it is called, what it is in this site, its settings, its applications."""

    name: str
    monitor: bool
    worker: bool
    settings: Settings
    applications: tuple[Application, ...]

    @property
    def catalogs(self) -> tuple[Catalog, ...]:
        """What the host's applications document, with this host's settings in it."""
        return tuple(application.catalog for application in self.applications)

    def catalogs_of(self, *inputs: Input) -> tuple[Catalog, ...]:
        """The catalogs whose metrics come in one of these ways."""
        return tuple(catalog for catalog in self.catalogs if catalog.input in inputs)

    @property
    def transports(self) -> frozenset[Transport]:
        """What statsd is listened for over."""
        return frozenset(catalog.transport for catalog in self.catalogs_of(Input.STATSD))

    @property
    def targets(self) -> tuple[Target, ...]:
        """What is scraped from this host."""
        return tuple(target for each in self.applications for target in each.targets)

    @property
    def pushgateway(self) -> bool:
        """Whether an application pushes to a Pushgateway on this host."""
        return any(application.pushgateway for application in self.applications)

    @property
    def listeners(self) -> list[Listener]:
        """Where the services of this host listen."""
        return listeners(
            self.settings,
            monitor=self.monitor,
            transports=self.transports,
            pushgateway=self.pushgateway,
        )


@dataclass(frozen=True)
class Site:
    """Everything that rendering needs: no host is asked, no file read after this."""

    hosts: tuple[Host, ...]
    influxdb_url: str
    grafana_url: str
    tls: Tls = field(default_factory=Tls)
    authorities: Authorities | None = None

    @cached_property
    def monitor(self) -> Host:
        """The one host that InfluxDB and Grafana run on."""
        return next(host for host in self.hosts if host.monitor)

    @property
    def workers(self) -> tuple[Host, ...]:
        """The hosts that Telegraf runs on."""
        return tuple(host for host in self.hosts if host.worker)

    @property
    def catalogs(self) -> tuple[Catalog, ...]:
        """The catalogs of all workers, each once, by name; with all hosts' values of settings."""
        every: dict[str, list[Catalog]] = {}
        for host in self.workers:
            for catalog in host.catalogs:
                every.setdefault(catalog.app, []).append(catalog)
        return tuple(_merged(every[app]) for app in sorted(every))

    @property
    def external(self) -> External | None:
        """The InfluxDB that others run, where the site has none of its own."""
        return self.monitor.settings.external

    @property
    def influxdb_tls(self) -> Tls:
        """How InfluxDB is known: one of others by the authorities that are named for it."""
        if not self.external:
            return self.tls
        if not self.authorities:
            return Tls()
        name = host_of(self.influxdb_url)
        return Tls(FILES, influxdb=name, ca=self.authorities.text)

    @property
    def interval(self) -> str:
        """How often all workers have written: the longest of their intervals."""
        writers = self.workers or (self.monitor,)
        return f"{max(seconds(host.settings.telegraf_interval) for host in writers)}s"

    @property
    def retention_seconds(self) -> int:
        """How long InfluxDB keeps a point; 0 for ever."""
        return int(seconds(self.monitor.settings.influxdb_retention))

    def write_secret(self, host: Host) -> str:
        """The name of the secret with which a host's Telegraf writes."""
        engine = self.monitor.settings.influxdb_engine
        return (
            external_secret(engine, "write") if self.external else write_secret(host.name, engine)
        )

    @property
    def read_secret(self) -> str:
        """The name of the secret with which Grafana reads."""
        engine = self.monitor.settings.influxdb_engine
        return external_secret(engine, "read") if self.external else read_secret(engine)

    @property
    def generated_secrets(self) -> tuple[str, ...]:
        """The secrets that are made here; those that let read or write are made with InfluxDB."""
        grafana = ("grafana_admin_password", "grafana_secret_key")
        return (*self.database_secrets, *(grafana if self.monitor.settings.grafana_enabled else ()))

    @property
    def database_secrets(self) -> tuple[str, ...]:
        """The secrets that are made here with which InfluxDB is set up and worked on."""
        if self.external:
            return ()
        operator = ("influxdb_operator_token",)
        engine = self.monitor.settings.influxdb_engine
        return ("influxdb_admin_password", *(operator if engine == 2 else ()))

    @property
    def given_secrets(self) -> tuple[str, ...]:
        """The secrets that only the operator can know, and puts into the secrets file."""
        monitor = self.monitor.settings
        database = (self.write_secret(self.monitor), self.read_secret) if self.external else ()
        if not monitor.grafana_enabled:
            return database
        mail = ("grafana_smtp_password",) if monitor.grafana_smtp_user else ()
        return (*database, *mail, *contact_secrets(monitor.grafana_contacts))


def _merged(catalogs: Sequence[Catalog]) -> Catalog:
    """One catalog, as several hosts have it: with the values that any of them gives a setting."""
    first = catalogs[0]
    return first.with_settings(
        {
            name: tuple(
                dict.fromkeys(
                    value for each in catalogs for value in each.placeholders[name].values or ()
                )
            )
            for name in first.settings.values()
        }
    )


def build_site(inventory: Inventory, catalogs: Mapping[str, Catalog]) -> Site:
    """The site that an inventory describes.

    Raises InvalidInput with everything that is wrong with the inventory.
    """
    file = ", ".join(inventory.sources) or "inventory"
    problems: list[Problem] = []
    ours = [host for host in inventory.hosts if host.groups & {MONITOR_GROUP, WORKERS_GROUP}]
    problems += _near_groups([host for host in inventory.hosts if host not in ours], file)
    monitors = [host for host in ours if MONITOR_GROUP in host.groups]
    hosts = []
    readings: dict[object, _Reading] = {}
    together: dict[tuple[object, ...], list[str]] = {}
    known = VARIABLES.union(*map(variables, catalogs.values()))
    for entry in ours:
        if not HOST_NAME.fullmatch(entry.name):
            problems.append(Problem(file, repr(entry.name), NO_HOST_NAME, NAMED_SO))
            continue
        problems += _misspelt(entry, file, known)
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
            problems += _clashes(host, file)
            problems += _open_to_all(host, file)
        if worker and settings and not settings.apps:
            problems.append(
                Problem(
                    file,
                    f"{entry.name}: apps",
                    "no application for this worker",
                    f"set apps to some of {', '.join(sorted(catalogs))}",
                )
            )
    if len(monitors) != 1:
        problems.append(_one_monitor(file, monitors, ours))
    problems += [found for host in hosts if host.monitor for found in contradictions(host, file)]
    problems += [found for entry in monitors for found in _no_address(entry, file)]
    if problems:
        raise InvalidInput(problems)
    monitor = next(host for host in hosts if host.monitor)
    influxdb_url = _influxdb_url(monitor, monitors[0], hosts, file)
    grafana_url = _grafana_url(monitor, monitors[0])
    if problems := _plain_urls(monitor, influxdb_url, grafana_url, file):
        raise InvalidInput(problems)
    tls = _tls(monitor, monitors[0], influxdb_url, grafana_url, inventory.directory)
    authorities = authorities_of(monitor, inventory)
    return Site(tuple(hosts), influxdb_url, grafana_url, tls, authorities)


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
    problems += _unknown_contact_apps(entry, settings, catalogs, file)
    applications = []
    for app in dict.fromkeys([*settings.apps, *EVERY_WORKER]) if settings and worker else ():
        if app not in catalogs:
            problems.append(Problem(file, f"{entry.name}: apps", unknown_app(app, catalogs)))
            continue
        assert settings is not None
        problems += without_influxdb(catalogs[app], entry, settings, monitors, file)
        given = with_influxdb(catalogs[app], entry, settings, monitors)
        application, wrong = read_application(catalogs[app], given)
        problems += [Problem(file, f"{entry.name}: {where}", what) for where, what in wrong]
        if application:
            applications.append(application)
    documented = tuple(application.catalog for application in applications)
    same = tuple((each.app, each.setting_values) for each in documented)
    if same not in together:  # as hosts have that differ in other settings
        together[same] = lint_together(documented)
    problems += [Problem(file, f"{entry.name}: apps", text) for text in together[same]]
    return _Reading(settings, tuple(applications), tuple(problems))


def _settings(host: InventoryHost, file: str, problems: list[Problem]) -> Settings | None:
    values = {name: value for name, value in host.variables.items() if name in VARIABLES}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        for details in error.errors():
            where = ".".join(str(part) for part in details["loc"])
            message = str(details["msg"]).removeprefix("Value error, ")
            what = f"{message} (found {found_text(details['input'])})"
            if details["type"] == "extra_forbidden":  # it may be a secret that was put there
                what = "no such key; secrets go into the secrets file"
            problems.append(Problem(file, f"{host.name}: {where}", what))
        return None


def _open_to_all(host: Host, file: str) -> list[Problem]:
    """Listeners that other hosts reach, of which nobody has said who may send."""
    every = listening.listeners(host.settings, host.transports, host.pushgateway)
    return [
        Problem(file, f"{host.name}: {each.variable}", *wrong)
        for each in every
        if (wrong := listening.unsaid(each))
    ]


def _unknown_contact_apps(
    host: InventoryHost, settings: Settings | None, catalogs: Mapping[str, Catalog], file: str
) -> list[Problem]:
    """Applications that a contact is for, and no catalog has."""
    return [
        Problem(file, f"{host.name}: grafana_contacts.{name}.apps", unknown_app(app, catalogs))
        for name, contact in (settings.grafana_contacts if settings else {}).items()
        for app in contact.apps
        if app not in catalogs
    ]


def _clashes(host: Host, file: str) -> list[Problem]:
    """Services of a host that would listen on the same port."""
    return [
        Problem(
            file,
            f"{host.name}: {one.variable}",
            f"{one.protocol} port {one.port} of {one.service} is {other.service}'s as well"
            + (f" ({other.variable})" if other.variable else ""),
            "give one of them another port",
        )
        for one, other in clashes(host.listeners)
    ]


def _near_groups(others: Sequence[InventoryHost], file: str) -> list[Problem]:
    """Groups that are none of ours, but so near to one that they were meant to be."""
    groups = sorted({group for host in others for group in host.groups})
    found = []
    for group in groups:
        near = difflib.get_close_matches(group, (MONITOR_GROUP, WORKERS_GROUP), n=1, cutoff=0.85)
        if near:
            found.append(Problem(file, group, f"no such group; did you mean {near[0]}?"))
    return found


def _misspelt(host: InventoryHost, file: str, known: frozenset[str]) -> list[Problem]:
    """Variables that are none of ours, but so near to one that they were meant to be."""
    return [
        Problem(file, f"{host.name}: {name}", f"no such variable; did you mean {meant}?")
        for name in sorted(host.names - known)
        if (meant := _meant(name, known))
    ]


@cache
def _meant(name: str, known: frozenset[str]) -> str | None:
    """That of our variables which a name is near to; hosts have much the same variables."""
    return next(iter(difflib.get_close_matches(name, known - {"apps"}, n=1, cutoff=0.9)), None)


def _one_monitor(
    file: str, monitors: Sequence[InventoryHost], ours: Sequence[InventoryHost]
) -> Problem:
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


def _address(entry: InventoryHost) -> str:
    """Where a host is reached, as the inventory has it."""
    return str(entry.variables.get("ansible_host") or entry.name)


def _no_address(entry: InventoryHost, file: str) -> list[Problem]:
    """What is wrong with where the monitoring host is reached: others are told of it in URLs."""
    if _REACHED_AT.fullmatch(_address(entry)) or not HOST_NAME.fullmatch(entry.name):
        return []
    what = f"not an address, nor the name of a host (found {found_text(_address(entry))})"
    return [Problem(file, f"{entry.name}: ansible_host", what)]


def _grafana_url(monitor: Host, entry: InventoryHost) -> str:
    """Where Grafana is reached: the setting, or the monitoring host's address."""
    if monitor.settings.grafana_url:
        return monitor.settings.grafana_url.rstrip("/")
    begin = scheme(monitor.settings.tls)
    return f"{begin}://{bracketed(_address(entry))}:{monitor.settings.grafana_port}"


def _influxdb_url(monitor: Host, entry: InventoryHost, hosts: Sequence[Host], file: str) -> str:
    """Where workers reach InfluxDB: the setting, or the monitoring host's address."""
    if monitor.settings.external:
        return monitor.settings.external.url
    if monitor.settings.influxdb_url:
        return monitor.settings.influxdb_url.rstrip("/")
    address = _address(entry)
    local = address in {"localhost", "127.0.0.1", "::1"} or (
        entry.variables.get("ansible_connection") == "local"
    )
    if local and any(host.worker and not host.monitor for host in hosts):
        raise InvalidInput(
            [
                Problem(
                    file,
                    f"{monitor.name}: influxdb_url",
                    f"workers cannot reach InfluxDB at {address}",
                    "set influxdb_url to the address that they do reach it at",
                )
            ]
        )
    begin = scheme(monitor.settings.tls)
    return f"{begin}://{bracketed(address)}:{monitor.settings.influxdb_port}"


def _plain_urls(monitor: Host, influxdb_url: str, grafana_url: str, file: str) -> list[Problem]:
    """URLs that do without the TLS that the site sets."""
    if monitor.settings.tls == OFF:
        return []
    urls = {"influxdb_url": influxdb_url, "grafana_url": grafana_url}
    if monitor.settings.external:  # tls is of our own services
        del urls["influxdb_url"]
    what = f"begins with http://, and tls is {monitor.settings.tls}"
    return [
        Problem(file, f"{monitor.name}: {name}", what, "let it begin with https://")
        for name, url in urls.items()
        if url.startswith("http://")
    ]


def _tls(
    monitor: Host, entry: InventoryHost, influxdb_url: str, grafana_url: str, directory: Path
) -> Tls:
    """How the services are known; the certificates are read or made later (provision.tls)."""
    settings = monitor.settings
    if settings.tls == OFF:
        return Tls()
    influxdb = "" if settings.external else host_of(influxdb_url)
    grafana = host_of(grafana_url)
    local = [local_address(each) for each in (settings.influxdb_address, settings.grafana_address)]
    every = (monitor.name, _address(entry), influxdb, grafana, *local)
    names = [normal_name(name) for name in (*every, "localhost", "127.0.0.1", "::1") if name]
    given = None
    if settings.tls == FILES:
        assert settings.tls_certificate and settings.tls_key
        given = Given(
            directory / Path(settings.tls_certificate).expanduser(),
            directory / Path(settings.tls_key).expanduser(),
            directory / Path(settings.tls_ca).expanduser() if settings.tls_ca else None,
        )
    return Tls(
        mode=settings.tls,
        influxdb=influxdb,
        grafana=grafana if settings.grafana_enabled else "",
        names=tuple(dict.fromkeys(names)),
        given=given,
    )
