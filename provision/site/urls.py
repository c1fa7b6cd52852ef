"""Where the services of a site are reached, and how they are known there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provision.errors import InvalidInput, Problem
from provision.inventory import InventoryHost
from provision.site.model import Host
from provision.tls.model import FILES, OFF, Given, Tls, host_of, normal_name, scheme
from provision.values import bracketed, local_address


def address_of(entry: InventoryHost) -> str:
    """Where a host is reached, as the inventory has it."""
    return str(entry.variables.get("ansible_host") or entry.name)


def grafana_url(monitor: Host, entry: InventoryHost) -> str:
    """Where Grafana is reached: the setting, or the monitoring host's address."""
    if monitor.settings.grafana_url:
        return monitor.settings.grafana_url.rstrip("/")
    begin = scheme(monitor.settings.tls)
    return f"{begin}://{bracketed(address_of(entry))}:{monitor.settings.grafana_port}"


def influxdb_url(monitor: Host, entry: InventoryHost, hosts: Sequence[Host], file: str) -> str:
    """Where workers reach InfluxDB: the setting, or the monitoring host's address."""
    if monitor.settings.external:
        return monitor.settings.external.url
    if monitor.settings.influxdb_url:
        return monitor.settings.influxdb_url.rstrip("/")
    address = address_of(entry)
    local = address in {"localhost", "127.0.0.1", "::1"} or (
        entry.variables.get("ansible_connection") == "local"
    )
    if local and any(host.worker and not host.monitor for host in hosts):
        raise InvalidInput(
            [
                Problem(
                    file,
                    "influxdb_url",
                    f"workers cannot reach InfluxDB at {address}",
                    "set influxdb_url to the address that they do reach it at",
                    host=monitor.name,
                )
            ]
        )
    begin = scheme(monitor.settings.tls)
    return f"{begin}://{bracketed(address)}:{monitor.settings.influxdb_port}"


def tls(
    monitor: Host, entry: InventoryHost, influxdb_url: str, grafana_url: str, directory: Path
) -> Tls:
    """How the services are known; the certificates are read or made later (provision.tls)."""
    settings = monitor.settings
    if settings.tls == OFF:
        return Tls()
    influxdb = "" if settings.external else host_of(influxdb_url)
    grafana = host_of(grafana_url)
    local = [local_address(each) for each in (settings.influxdb_address, settings.grafana_address)]
    every = (monitor.name, address_of(entry), influxdb, grafana, *local)
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
