"""The one table: which template becomes which file of a host, with owner and mode.

A template stands in templates/<role>/ at the path that its file has on the host. Grafana's package
sets /etc/grafana to root:grafana, files 0640, at every upgrade; these are the same, so nothing
moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from provision.catalog.model import Transport
from provision.listening import PUSHGATEWAY, TELEGRAF, guarded
from provision.site.model import Host
from provision.tls.model import Tls

DASHBOARDS_PATH = "/etc/grafana/dashboards/provision"
GRAFANA_ENVIRONMENT = "/etc/default/grafana-server"
GRAFANA_CONFIGURATION = "/etc/grafana/grafana.ini"
ALERT_RULES_PATH = "/etc/grafana/provisioning/alerting/provision.yaml"
CONTACTS_PATH = "/etc/grafana/provisioning/alerting/provision-contacts.yaml"
# What people made of the notification policies that contacts have replaced, a time behind it.
POLICIES_KEPT = "/var/lib/grafana/provision-policies"
# What Grafana is told to forget; there only while it is told (module_utils/provision/alerting.py).
ALERTS_LEFT_PATH = "/etc/grafana/provisioning/alerting/provision-left.yaml"
INFLUXDB_CERTIFICATE_PATH = "/etc/influxdb/provision-tls.crt"
INFLUXDB_KEY_PATH = "/etc/influxdb/provision-tls.key"
GRAFANA_CERTIFICATE_PATH = "/etc/grafana/provision-tls.crt"
GRAFANA_KEY_PATH = "/etc/grafana/provision-tls.key"
TELEGRAF_CA_PATH = "/etc/telegraf/provision-ca.crt"
# Where Telegraf keeps what waits; systemd makes it (StateDirectory in the drop-in below).
BUFFER_PATH = "/var/lib/telegraf/buffer"

STATSD_PATH = "/etc/telegraf/telegraf.d/statsd.conf"
# What lets Telegraf in to InfluxDB; it reads it anew each time that it writes.
CREDENTIALS_PATH = "/etc/telegraf/credentials"
# What Telegraf writes to as long as it is at work, in its RuntimeDirectory.
ALIVE_PATH = "/run/telegraf/alive"

DIRECTORIES: tuple[dict[str, Any], ...] = (
    {
        "role": "telegraf",
        "path": CREDENTIALS_PATH,
        "owner": "root",
        "group": "telegraf",
        "mode": "0750",
        "exclusive": True,
    },
    {
        "role": "grafana",
        "path": DASHBOARDS_PATH,
        "owner": "root",
        "group": "grafana",
        "mode": "0755",
        "exclusive": True,
    },
)


@dataclass(frozen=True)
class Target:
    """One row: role, path on the host, whose it is, and when it is wanted.

    each names what the template is rendered once for (`{}` in the path takes its name): the host's
    apt repositories or the site's dashboards. template is by default the path.
    """

    role: str
    path: str
    owner: str
    group: str
    mode: str
    secret: bool = False
    each: str | None = None
    template: str | None = None
    when: Callable[[Host], bool] = lambda host: True
    when_tls: Callable[[Tls], bool] = lambda tls: True

    @property
    def source(self) -> str:
        """The template's path below templates/."""
        return f"{self.role}{self.template or self.path}.j2"


@dataclass(frozen=True)
class RenderedFile:
    """A file of a host: its row, its path there, its text.

    source is the file of the controller, perhaps vaulted, that it is a copy of; it has no text.
    """

    target: Target
    path: str
    text: str
    source: str | None = None


def _statsd(host: Host) -> bool:
    return bool(host.transports)


def _statsd_over_udp(host: Host) -> bool:
    return Transport.UDP in host.transports


def _prometheus(host: Host) -> bool:
    return bool(host.targets) or host.pushgateway


def _engine(number: int) -> Callable[[Host], bool]:
    return lambda host: host.settings.influxdb_engine == number


def _certificate(tls: Tls) -> bool:
    return tls.on


def _authorities(tls: Tls) -> bool:
    return tls.ca is not None


def _influxdb2_on_ipv6(host: Host) -> bool:
    return host.settings.influxdb_engine == 2 and ":" in host.settings.influxdb_address


def _hardened(host: Host) -> bool:
    return host.settings.systemd_hardening


def _contacts(host: Host) -> bool:
    return bool(host.settings.grafana_contacts)


def _kept_on_disk(host: Host) -> bool:
    return host.settings.telegraf_buffer == "disk"


def _guarded(unit: str) -> Callable[[Host], bool]:
    return lambda host: bool(guarded(unit, host.settings, host.transports, host.pushgateway))


def _guards(role: str, unit: str) -> tuple[Target, ...]:
    """Who may send to a unit: rules for the kernel's packet filter, loaded whenever it starts."""
    paths = (
        f"/etc/provision/{unit}.nft",
        f"/etc/systemd/system/{unit}.service.d/20-provision-listeners.conf",
    )
    return tuple(Target(role, path, "root", "root", "0644", when=_guarded(unit)) for path in paths)


def _held_in(role: str, unit: str) -> Target:
    """The drop-in that says what a service may do; `systemctl edit` makes one that sorts later."""
    path = f"/etc/systemd/system/{unit}.service.d/10-provision.conf"
    return Target(role, path, "root", "root", "0644", when=_hardened)


TARGETS: tuple[Target, ...] = (
    Target(
        "packages",
        "/etc/apt/sources.list.d/provision-{}.sources",
        "root",
        "root",
        "0644",
        each="repository",
        template="/etc/apt/sources.list.d/repository.sources",
    ),
    Target(
        "packages",
        "/etc/apt/preferences.d/provision-{}.pref",
        "root",
        "root",
        "0644",
        each="repository",
        template="/etc/apt/preferences.d/repository.pref",
    ),
    _held_in("influxdb", "influxdb"),
    Target(
        "influxdb",
        "/etc/systemd/system/influxdb.service.d/20-provision-address.conf",
        "root",
        "root",
        "0644",
        when=_influxdb2_on_ipv6,
    ),
    _held_in("grafana", "grafana-server"),
    _held_in("pushgateway", "prometheus-pushgateway"),
    _held_in("telegraf", "telegraf"),
    *_guards("pushgateway", PUSHGATEWAY),
    *_guards("telegraf", TELEGRAF),
    Target("influxdb", "/etc/influxdb/config.toml", "root", "root", "0644", when=_engine(2)),
    Target("influxdb", "/etc/influxdb/influxdb.conf", "root", "root", "0644", when=_engine(1)),
    # The key first: what is placed is restarted with both.
    Target(
        "influxdb",
        INFLUXDB_KEY_PATH,
        "root",
        "influxdb",
        "0640",
        secret=True,
        when_tls=_certificate,
    ),
    Target(
        "influxdb",
        INFLUXDB_CERTIFICATE_PATH,
        "root",
        "influxdb",
        "0644",
        when_tls=_certificate,
    ),
    Target("grafana", GRAFANA_ENVIRONMENT, "root", "root", "0600", secret=True),
    Target("grafana", GRAFANA_CONFIGURATION, "root", "grafana", "0640"),
    Target(
        "grafana",
        "/etc/grafana/provisioning/datasources/provision.yaml",
        "root",
        "grafana",
        "0640",
    ),
    Target(
        "grafana", "/etc/grafana/provisioning/dashboards/provision.yaml", "root", "grafana", "0640"
    ),
    Target(
        "grafana",
        ALERT_RULES_PATH,
        "root",
        "grafana",
        "0640",
    ),
    Target(
        "grafana",
        CONTACTS_PATH,
        "root",
        "grafana",
        "0640",
        when=_contacts,
    ),
    Target(
        "grafana",
        DASHBOARDS_PATH + "/{}.json",
        "root",
        "grafana",
        "0640",
        each="dashboard",
        template="/etc/grafana/dashboards/dashboard.json",
    ),
    Target(
        "grafana",
        GRAFANA_KEY_PATH,
        "root",
        "grafana",
        "0640",
        secret=True,
        when_tls=_certificate,
    ),
    Target(
        "grafana",
        GRAFANA_CERTIFICATE_PATH,
        "root",
        "grafana",
        "0640",
        when_tls=_certificate,
    ),
    Target("pushgateway", "/etc/default/prometheus-pushgateway", "root", "root", "0644"),
    Target("telegraf", "/etc/default/telegraf", "root", "root", "0644"),
    Target("telegraf", f"{CREDENTIALS_PATH}/influxdb", "root", "telegraf", "0640", secret=True),
    Target(
        "telegraf",
        TELEGRAF_CA_PATH,
        "root",
        "telegraf",
        "0644",
        when_tls=_authorities,
    ),
    Target("telegraf", "/etc/telegraf/telegraf.conf", "root", "telegraf", "0640"),
    Target("telegraf", "/etc/telegraf/telegraf.d/host.conf", "root", "telegraf", "0640"),
    Target("telegraf", "/etc/telegraf/telegraf.d/output.conf", "root", "telegraf", "0640"),
    Target(
        "telegraf",
        "/etc/systemd/system/telegraf.service.d/30-provision-alive.conf",
        "root",
        "root",
        "0644",
    ),
    Target(
        "telegraf",
        "/etc/systemd/system/telegraf.service.d/20-provision-packets.conf",
        "root",
        "root",
        "0644",
        when=_statsd_over_udp,
    ),
    Target("telegraf", STATSD_PATH, "root", "telegraf", "0640", when=_statsd),
    Target(
        "telegraf",
        "/etc/telegraf/telegraf.d/prometheus.conf",
        "root",
        "telegraf",
        "0640",
        when=_prometheus,
    ),
    Target(
        "telegraf",
        "/etc/telegraf/provision-buffer",
        "root",
        "telegraf",
        "0640",
        when=_kept_on_disk,
    ),
    Target(
        "telegraf",
        "/usr/local/lib/provision/telegraf-buffer",
        "root",
        "root",
        "0755",
        when=_kept_on_disk,
    ),
    *(
        Target(
            "telegraf", f"/etc/systemd/system/{name}", "root", "root", "0644", when=_kept_on_disk
        )
        for name in (
            "telegraf.service.d/30-provision-buffer.conf",
            "provision-telegraf-buffer.service",
            "provision-telegraf-buffer.timer",
        )
    ),
)
