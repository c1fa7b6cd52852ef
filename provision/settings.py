"""The variables that an inventory may set: this product's public settings, typed, with defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from provision.alerts.contacts import Contacts, Email, EmailAddress
from provision.inventory import WAY
from provision.validation import matching
from provision.values import (
    at_least,
    check_address,
    check_fingerprint,
    check_http_url,
    check_network,
    check_page_url,
    check_repository_url,
    check_url,
    listed,
    off_as_word,
    whole_number,
)

_Name = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}",
        "a name has up to 63 letters of the English alphabet, digits, '_', '.' and '-'",
    ),
]
_Duration = Annotated[str, BeforeValidator(at_least("0s"))]
# How often something is done: never is no interval.
_Interval = Annotated[str, BeforeValidator(at_least("1s"))]
# InfluxDB keeps a point an hour at least (docs, influxql/manage-database and api/v2/buckets).
_Retention = Annotated[str, BeforeValidator(at_least("1h", or_none=True))]
_Url = Annotated[str, BeforeValidator(check_url)]
_RepositoryUrl = Annotated[str, BeforeValidator(check_repository_url)]
_OverHttp = Annotated[str, BeforeValidator(check_http_url)]
_Fingerprint = Annotated[str, BeforeValidator(check_fingerprint)]
_Version = Annotated[
    str,
    matching(r"[0-9][A-Za-z0-9.+:~-]*", "a package's version is needed, such as '1.39.3-1'"),
]
_Word = Annotated[
    str,
    matching(r"[A-Za-z0-9][A-Za-z0-9./_-]*", "a word as apt's sources have it, such as stable"),
]
_Address = Annotated[str, BeforeValidator(check_address)]
_Networks = Annotated[
    tuple[Annotated[str, BeforeValidator(check_network)], ...], BeforeValidator(listed)
]
_SmtpHost = Annotated[
    str,
    matching(
        r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}",
        "a host and a port are needed, such as smtp.example.com:587",
    ),
]
_User = Annotated[
    str,
    matching(r"[A-Za-z0-9][A-Za-z0-9._@+=/-]*", "a user has no blanks, quotes or colons"),
]
_Label = Annotated[
    str,
    matching(r"[A-Za-z_][A-Za-z0-9_]*|\.\.\.", "a label is needed, such as alertname, or '...'"),
]
_Runbooks = Annotated[str, BeforeValidator(check_page_url)]
_Port = Annotated[int, Field(ge=1, le=65535)]
_File = Annotated[str, StringConstraints(min_length=1)]


class External(BaseModel):
    """An InfluxDB that others run: its address and, of engine 1, the users that it has for us.

    ca is a file here of the authorities that it is known by, instead of the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    url: _OverHttp
    writer: _User | None = None
    reader: _User | None = None
    ca: _File | None = None


def _address_alone(value: object) -> object:
    """The short form, which is the address alone."""
    return {"url": value} if isinstance(value, str) else value


class Influxdb(BaseModel):
    """What the variable influxdb says: that InfluxDB is elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    external: Annotated[External, BeforeValidator(_address_alone)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_left_open(cls, value: object) -> object:
        """Nobody who writes `external:`, or an address alone, means an InfluxDB of their own."""
        if not isinstance(value, (Mapping, Influxdb)):
            raise ValueError("says that InfluxDB is elsewhere: write {external: URL}")
        if isinstance(value, Mapping) and "external" in value and value["external"] is None:
            raise ValueError("external: say its address (url), or leave influxdb out")
        return value


class Settings(BaseModel):
    """The variables that an inventory may set, with their defaults: this product's public settings.

    influxdb_* and grafana_* count on the monitoring host; telegraf_*, pushgateway_* and apps on
    each worker. What only one application has is in provision.applications.
    Durations are like 10s, 30d; a retention of 0s keeps everything, any other is an hour or more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    apps: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()

    # TLS of InfluxDB and Grafana, and so of all that speak with them; the monitoring host's counts.
    # files: of the controller, the key perhaps encrypted by ansible-vault; without tls_ca the
    # system's authorities count.
    tls_certificate: _File | None = None
    tls_key: _File | None = None
    tls_ca: _File | None = None
    tls: Annotated[Literal["off", "own-ca", "files"], BeforeValidator(off_as_word)] = "off"

    # With external, InfluxDB is run by others: nothing of it is installed or made.
    influxdb: Influxdb = Influxdb()
    influxdb_engine: Annotated[Literal[1, 2], BeforeValidator(whole_number)] = 2
    influxdb_version: _Version | None = None
    influxdb_organization: _Name = "provision"
    influxdb_database: _Name = "telegraf"
    influxdb_retention: _Retention = "30d"
    influxdb_address: _Address = ""
    influxdb_port: _Port = 8086
    influxdb_url: _Url | None = None

    grafana_enabled: bool = True
    grafana_version: _Version | None = None
    grafana_address: _Address = ""
    grafana_port: _Port = 3000
    grafana_url: _Url | None = None

    # Of more hosts than this, an application's graphs open with one line of all.
    grafana_most_lines: Annotated[int, Field(ge=0)] = 20
    # Where the pages of `provision catalog docs` are published, {app} in place of the application.
    grafana_runbook_url: _Runbooks | None = None
    # With a user, the secret grafana_smtp_password is wanted.
    grafana_smtp_host: _SmtpHost | None = None
    grafana_smtp_from: EmailAddress | None = None
    grafana_smtp_user: _User | None = None
    # Who is told of alerts, by name: see provision.alerts.contacts.
    grafana_contacts: Contacts = Field(default_factory=dict)
    grafana_alert_group_by: Annotated[tuple[_Label, ...], BeforeValidator(listed)] = ("alertname",)
    grafana_alert_group_wait: _Duration = "30s"
    grafana_alert_group_interval: _Interval = "5m"
    grafana_alert_repeat_interval: _Interval = "4h"

    telegraf_version: _Version | None = None
    telegraf_interval: _Interval = "10s"
    # A Telegraf that takes what this host writes, and passes it on to InfluxDB (docs/fleets.md).
    telegraf_gateway_url: _OverHttp | None = None
    # Where metrics wait while InfluxDB takes none, and how many may before the oldest are dropped.
    telegraf_buffer: Literal["disk", "memory"] = "disk"
    # What is kept of the fields of Telegraf's own plugins: those that catalogs document, or all.
    telegraf_host_fields: Literal["documented", "all"] = "documented"
    # Whether it takes up what it can while it runs, and is not restarted for it.
    telegraf_reload: bool = True
    telegraf_buffer_megabytes: Annotated[int, Field(ge=64, le=100_000)] = 2000
    telegraf_buffer_metrics: Annotated[int, Field(ge=5000, le=10_000_000)] = 100_000
    telegraf_statsd_address: _Address = "127.0.0.1"
    telegraf_statsd_port: _Port = 8125
    telegraf_statsd_gauge_ttl: _Duration = "24h"
    # For applications whose catalog says that they send over TCP.
    telegraf_statsd_tcp_address: _Address = "127.0.0.1"
    telegraf_statsd_tcp_port: _Port = 8125
    # Who may send, where one of these addresses is not this host's own: networks and addresses.
    telegraf_statsd_allowed: _Networks = ()
    telegraf_statsd_tcp_connections: Annotated[int, Field(ge=1, le=100_000)] = 250

    # For applications of which the inventory says that they push.
    pushgateway_version: _Version | None = None
    pushgateway_address: _Address = "127.0.0.1"
    pushgateway_port: _Port = 9091
    pushgateway_allowed: _Networks = ()

    # Whether systemd holds the services in (docs/security.md); each host may have its own.
    systemd_hardening: bool = True

    # Keys are pinned by their primary fingerprint: InfluxData's signing subkeys rotate.
    influxdata_repository_url: _RepositoryUrl = "https://repos.influxdata.com/debian"
    influxdata_repository_suite: _Word = "stable"
    influxdata_repository_component: _Word = "main"
    influxdata_repository_key_url: _RepositoryUrl = (
        "https://repos.influxdata.com/influxdata-archive.key"
    )
    influxdata_repository_key_fingerprint: _Fingerprint = "24C975CBA61A024EE1B631787C3D57159FC2F927"
    grafana_repository_url: _RepositoryUrl = "https://apt.grafana.com"
    grafana_repository_suite: _Word = "stable"
    grafana_repository_component: _Word = "main"
    grafana_repository_key_url: _RepositoryUrl = "https://apt.grafana.com/gpg-full.key"
    grafana_repository_key_fingerprint: _Fingerprint = "B53AE77BADB630A683046005963FA27710458545"

    @property
    def external(self) -> External | None:
        """The InfluxDB that others run, where it is one."""
        return self.influxdb.external

    @field_validator("tls")
    @classmethod
    def _files_are_named(cls, tls: str, info: ValidationInfo) -> str:
        needed = ("tls_certificate", "tls_key")
        missing = [name for name in needed if name in info.data and info.data[name] is None]
        if tls == "files" and missing:
            raise ValueError(f"files: {' and '.join(missing)} must be set, too")
        return tls

    @field_validator("grafana_contacts")
    @classmethod
    def _mail_needs_a_server(cls, contacts: Contacts, info: ValidationInfo) -> Contacts:
        mailed = [name for name, each in contacts.items() if isinstance(each, Email)]
        # A value that was given and is wrong is not here either, and told by itself.
        needed = ("grafana_smtp_host", "grafana_smtp_from")
        missing = [name for name in needed if name in info.data and info.data[name] is None]
        if mailed and missing:
            raise ValueError(f"{', '.join(mailed)}: e-mail needs {' and '.join(missing)}")
        return contacts


VARIABLES = frozenset(Settings.model_fields)
WANTED = VARIABLES | {"ansible_host", "ansible_connection", *WAY}


@dataclass(frozen=True)
class Repository:
    """An apt repository and the primary fingerprint that its key must have."""

    name: str
    url: str
    suite: str
    component: str
    key_url: str
    fingerprint: str

    @property
    def keyring(self) -> str:
        """The path on the host."""
        return f"/etc/apt/keyrings/{self.name}.gpg"

    @property
    def host(self) -> str:
        """The host in the URL, which apt calls the origin in quotes (apt_preferences(5))."""
        return urlsplit(self.url).hostname or ""


def repositories(settings: Settings) -> dict[str, Repository]:
    """The apt repositories that a host's settings name, by their short names."""
    return {
        name: Repository(
            name=name,
            url=getattr(settings, f"{name}_repository_url").rstrip("/"),
            suite=getattr(settings, f"{name}_repository_suite"),
            component=getattr(settings, f"{name}_repository_component"),
            key_url=getattr(settings, f"{name}_repository_key_url"),
            fingerprint=getattr(settings, f"{name}_repository_key_fingerprint"),
        )
        for name in ("influxdata", "grafana")
    }
