"""The services of a site, as clients: asked with the rights and secrets that the site has."""

from __future__ import annotations

import ssl
from pathlib import Path

from provision.credentials import ADMIN, READER, fingerprint
from provision.errors import ProvisionError
from provision.external import login
from provision.fleet.model import Fleet
from provision.grafana import Grafana
from provision.influx import InfluxDB
from provision.secrets import load_secrets
from provision.tls.keeping import ca_file


def reader(fleet: Fleet) -> InfluxDB:
    """The database, asked with the rights that Grafana has: it may only read."""
    site = fleet.site
    settings = site.monitor.settings
    secret = _secret(fleet, site.read_secret)
    if site.external:
        return login(site, site.external.reader, secret)
    ca = ca_file(site.tls, fleet.secrets_file)
    if settings.influxdb_engine == 2:
        return InfluxDB(site.influxdb_url, settings.influxdb_database, token=secret, ca_file=ca)
    return InfluxDB(
        site.influxdb_url,
        settings.influxdb_database,
        username=f"{READER}-{fingerprint(secret)}",
        password=secret,
        ca_file=ca,
    )


def viewer(fleet: Fleet) -> Grafana:
    """Grafana, asked as its admin."""
    ca: Path | str | None = ca_file(fleet.site.tls, fleet.secrets_file)
    if ca is None and fleet.site.tls.on:
        # Or else Python's own list of authorities would count, in which no site's own can be.
        ca = ssl.get_default_verify_paths().cafile
    return Grafana(
        fleet.site.grafana_url, ADMIN, admin_password(fleet), verify=str(ca) if ca else True
    )


def admin_password(fleet: Fleet) -> str:
    """The password of Grafana's first user."""
    return _secret(fleet, "grafana_admin_password")


def _secret(fleet: Fleet, name: str) -> str:
    secrets = load_secrets(fleet.secrets_file, fleet.inventory.read_yaml)
    if name not in secrets:
        raise ProvisionError(
            f"{fleet.secrets_file}: no {name}",
            remedy="run `provision monitor-server` first, or put the secrets file back",
        )
    return secrets[name]
