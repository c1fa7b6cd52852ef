"""The services of a site, as clients: asked with the rights and secrets that the site has."""

from __future__ import annotations

from provision.credentials import READER, fingerprint
from provision.errors import ProvisionError
from provision.fleet import Fleet
from provision.grafana import Grafana
from provision.influx import InfluxDB
from provision.secrets import load_secrets

ADMIN = "admin"


def reader(fleet: Fleet) -> InfluxDB:
    """The database, asked with the rights that Grafana has: it may only read."""
    site = fleet.site
    settings = site.monitor.settings
    secret = _secret(fleet, site.read_secret)
    if settings.influxdb_engine == 2:
        return InfluxDB(site.influxdb_url, settings.influxdb_database, token=secret)
    return InfluxDB(
        site.influxdb_url,
        settings.influxdb_database,
        username=f"{READER}-{fingerprint(secret)}",
        password=secret,
    )


def viewer(fleet: Fleet) -> Grafana:
    """Grafana, asked as its admin."""
    return Grafana(fleet.site.grafana_url, ADMIN, admin_password(fleet))


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
