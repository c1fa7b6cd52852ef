"""What a path alone cannot say of a host: owners, modes, packages, services, the database's state.

The form is that of CONTRIBUTING.md, "The rendered tree"; playbooks/action_plugins/compare.py reads
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from provision import listening
from provision.credentials import ADMIN, tokens, users
from provision.ports import statsd
from provision.render.alerts import alert_state
from provision.render.targets import (
    ALERTS_LEFT_PATH,
    ALIVE_PATH,
    DIRECTORIES,
    GRAFANA_CONFIGURATION,
    GRAFANA_ENVIRONMENT,
    TARGETS,
    RenderedFile,
)
from provision.settings import Repository, Settings, repositories
from provision.site.model import Host, Site
from provision.tls.model import scheme
from provision.values import local_url, seconds

# What Telegraf takes up while it runs: all but its outputs, whose buffers are put in order before a
# start, its environment and its unit.
_TAKEN_UP = (
    r"^/etc/(telegraf/telegraf\.(conf$|d/(?!(host|output)\.conf$))|provision/telegraf\.nft$)"
)

# Telegraf reports that it is ready before its plugins start; what is wrong shows a little later. It
# starts them in the order of its files and ends with the first that fails. Where it is what listens
# (statsd.conf is the last) all have been started; else it is watched for so many seconds.
_UNHEARD = 3


def manifest(host: Host, site: Site, files: Sequence[RenderedFile]) -> dict[str, Any]:
    """The manifest of one host, ready for JSON."""
    roles = wanted_roles(host)
    rendered = {file.path for file in files}
    wanted = wanted_packages(host)
    return {
        "host": host.name,
        "repositories": [_repository(repository) for repository in wanted_repositories(host)],
        "packages": wanted,
        "directories": [d for d in DIRECTORIES if d["role"] in roles],
        "files": [
            {
                "role": file.target.role,
                "path": file.path,
                "owner": file.target.owner,
                "group": file.target.group,
                "mode": file.target.mode,
                "secret": file.target.secret,
                **({"source": file.source} if file.source else {}),
            }
            for file in files
        ],
        "absent": [
            {"role": target.role, "path": target.path}
            for target in TARGETS
            if target.role in roles and target.each is None and target.path not in rendered
        ]
        + [{"role": "grafana", "path": ALERTS_LEFT_PATH} for role in roles if role == "grafana"],
        "services": _services(host, site),
        "state": _state(host, site),
    }


def wanted_roles(host: Host) -> tuple[str, ...]:
    """The roles of playbooks/roles that a host needs."""
    roles = ["packages"]
    if host.monitor:
        roles += [] if host.settings.external else ["influxdb"]
        roles += [*(["grafana"] if host.settings.grafana_enabled else [])]
    if host.worker:
        roles += [*(["pushgateway"] if host.pushgateway else []), "telegraf"]
    return tuple(roles)


def wanted_packages(host: Host) -> list[dict[str, Any]]:
    """The packages of a host: role, name, version (None: any), repository and what must not be.

    A repository of None is the distribution: whatever the host's own sources offer.
    """
    settings, roles = host.settings, wanted_roles(host)
    engines = ["influxdb", "influxdb2"]
    engine = engines[settings.influxdb_engine - 1]
    sources = {
        "influxdb": (engine, "influxdata"),
        "grafana": ("grafana", "grafana"),
        "pushgateway": ("prometheus-pushgateway", None),
        "telegraf": ("telegraf", "influxdata"),
    }
    packages: list[dict[str, Any]] = [
        {
            "role": role,
            "name": name,
            "version": getattr(settings, f"{role}_version"),
            "repository": repository,
            "conflicts": [other for other in engines if role == "influxdb" and other != name],
        }
        for role, (name, repository) in sources.items()
        if role in roles
    ]
    if any(each.guarded for each in every_listener(host)):
        packages.append(
            {
                "role": "packages",
                "name": "nftables",
                "version": None,
                "repository": None,
                "conflicts": [],
            }
        )
    return packages


def wanted_repositories(host: Host) -> list[Repository]:
    """The repositories that the host's packages come from, those of its distribution left out."""
    names = {package["repository"] for package in wanted_packages(host)}
    return [repository for name, repository in repositories(host.settings).items() if name in names]


def _repository(repository: Repository) -> dict[str, str]:
    return {
        "name": repository.name,
        "url": repository.url,
        "key_url": repository.key_url,
        "fingerprint": repository.fingerprint,
        "keyring": repository.keyring,
    }


def _services(host: Host, site: Site) -> list[dict[str, Any]]:
    settings, roles, tls = host.settings, wanted_roles(host), site.tls
    services: list[dict[str, Any]] = []
    if "influxdb" in roles:
        # InfluxDB 1.6 has no /health.
        health = "health" if settings.influxdb_engine == 2 else "ping?verbose=true"
        where = (settings.influxdb_address, settings.influxdb_port)
        services.append(
            _web_service("influxdb", "influxdb", *where, health, tls.trust(tls.influxdb))
        )
    if "grafana" in roles:
        where = (settings.grafana_address, settings.grafana_port)
        known = tls.trust(tls.grafana)
        services.append(_web_service("grafana", "grafana-server", *where, "api/health", known))
    if "pushgateway" in roles:
        where = (settings.pushgateway_address, settings.pushgateway_port)
        services.append(_web_service("pushgateway", "prometheus-pushgateway", *where, "-/healthy"))
    if "telegraf" in roles:
        services.append(
            {
                "role": "telegraf",
                "name": "telegraf",
                "listen": [f"{each}:{address}:{port}" for each, address, port in listeners(host)],
                "settings": {
                    f"{each.protocol}:{each.address}:{each.port}": each.variable
                    for each in statsd(host.settings, host.transports)
                },
                "health": None,
                "alive": {"path": ALIVE_PATH, "seconds": _silence(settings)},
                **({"reloads": _TAKEN_UP} if _is_reloaded(host) else {}),
                **({} if listeners(host) else {"stable": _UNHEARD}),
            }
        )
    return services


def _is_reloaded(host: Host) -> bool:
    """Whether Telegraf may be reloaded: that it was is seen at the sockets on which it listens, and
    what it has in memory would be lost where that does not come to its end."""
    settings = host.settings
    return settings.telegraf_reload and settings.telegraf_buffer == "disk" and bool(listeners(host))


def _silence(settings: Settings) -> int:
    """After how many seconds without a sign of life Telegraf hangs: it gathers, waits for the next
    flush and its jitter, and a host may be busy."""
    return 3 * seconds(settings.telegraf_interval) + 30


def _web_service(
    role: str,
    name: str,
    address: str,
    port: int,
    health: str,
    tls: dict[str, str | None] | None = None,
) -> dict[str, Any]:
    """A service that answers over HTTP, the path that says whether it is well, and its TLS."""
    url = local_url(address, port, "https" if tls else "http")
    return {
        "role": role,
        "name": name,
        "listen": [f"tcp:{address}:{port}"],
        "settings": {f"tcp:{address}:{port}": f"{role}_port"},
        "health": f"{url}/{health}",
        **({"tls": tls} if tls else {}),
    }


def _state(host: Host, site: Site) -> list[dict[str, Any]]:
    settings, roles = host.settings, wanted_roles(host)
    state: list[dict[str, Any]] = []
    tls, begin = site.tls, scheme(site.tls.mode)
    if "influxdb" in roles:
        entry: dict[str, Any] = {
            "role": "influxdb",
            "engine": settings.influxdb_engine,
            "url": local_url(settings.influxdb_address, settings.influxdb_port, begin),
            "username": ADMIN,
            "retention_seconds": site.retention_seconds,
            "interval_seconds": int(site.interval.removesuffix("s")),
        }
        workers = [worker.name for worker in site.workers]
        grafana = host.name if "grafana" in roles else None
        if settings.influxdb_engine == 2:
            entry |= {
                "organization": settings.influxdb_organization,
                "bucket": settings.influxdb_database,
                **tokens(workers, grafana),
            }
        else:
            entry |= {
                "database": settings.influxdb_database,
                "retention_policy": "provision",
                **users(workers, grafana),
            }
        if tls.on:
            entry["tls"] = tls.trust(tls.influxdb)
        state.append(entry)
    if "grafana" in roles:
        state.append(
            {
                "role": "grafana",
                "url": local_url(settings.grafana_address, settings.grafana_port, begin),
                "username": ADMIN,
                "secret": "grafana_admin_password",
                "key": "grafana_secret_key",
                "environment": GRAFANA_ENVIRONMENT,
                "configuration": GRAFANA_CONFIGURATION,
                "given": list(site.given_secrets),
                "alerting": alert_state(site),
                **({"tls": tls.trust(tls.grafana)} if tls.on else {}),
            }
        )
    return state


def every_listener(host: Host) -> list[listening.Listener]:
    """All that a worker listens on for its applications."""
    return listening.listeners(host.settings, host.transports, host.pushgateway)


def listeners(host: Host) -> list[tuple[str, str, int]]:
    """Where statsd is listened for: (udp or tcp, address, port)."""
    sockets = statsd(host.settings, host.transports)
    return [(each.protocol, each.address, each.port) for each in sockets]


def pushgateway_url(host: Host) -> str:
    """Where a worker's Pushgateway is reached on the worker itself."""
    return local_url(host.settings.pushgateway_address, host.settings.pushgateway_port)
