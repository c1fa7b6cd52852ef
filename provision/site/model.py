"""A site as one frozen, typed value: the only input of rendering."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from provision.alerts.contacts import contact_secrets
from provision.applications import Application, Target
from provision.catalog.model import Catalog, Input, Transport
from provision.credentials import external_secret, read_secret, write_secret
from provision.ports import Listener, listeners
from provision.settings import External, Settings
from provision.tls.model import FILES, Authorities, Tls, host_of
from provision.values import seconds

# It becomes a directory's name and a tag's value.
HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,254}")
NO_HOST_NAME = "not the name of a host"
NAMED_SO = "take letters, digits and . _ : - alone, and say in ansible_host where it is reached"


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
