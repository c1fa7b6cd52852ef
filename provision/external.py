"""An InfluxDB that others run: whether it is there, has the database, and lets us in."""

from __future__ import annotations

from collections.abc import Mapping

from provision.errors import ProvisionError
from provision.influx import InfluxDB
from provision.site import Site


def assert_usable(site: Site, secrets: Mapping[str, str]) -> None:
    """Ask it, from here, before anything changes; nothing is written to it.

    Raises ProvisionError where it cannot be reached, has no such database, or grants too little.
    """
    external, settings = site.external, site.monitor.settings
    if external is None:
        return
    engine, database = settings.influxdb_engine, settings.influxdb_database
    where = f"InfluxDB at {site.influxdb_url}, database {database}"
    name = site.write_secret(site.monitor)
    writer = _login(site, external.writer, secrets[name])
    if why := writer.refusal_to_write(engine, settings.influxdb_organization):
        raise ProvisionError(
            f"{where}: Telegraf could not write to it ({why})",
            remedy=f"let {_whose(name, external.writer)} write to it",
        )
    if not settings.grafana_enabled:
        return
    reader = _login(site, external.reader, secrets[site.read_secret])
    try:
        why = reader.ask(["SHOW MEASUREMENTS LIMIT 1"])[0].error
    except ProvisionError as error:
        why = error.message
    if why:
        mapping = ", and with a DBRP mapping for the bucket" if engine == 2 else ""
        whose = _whose(site.read_secret, external.reader)
        raise ProvisionError(
            f"{where}: Grafana could not read from it ({why})",
            remedy=f"let {whose} read from it{mapping}",
        )


def _whose(secret: str, user: str | None) -> str:
    return f"the user {user} (its password is {secret})" if user else f"the token {secret}"


def _login(site: Site, user: str | None, secret: str) -> InfluxDB:
    database = site.monitor.settings.influxdb_database
    if site.monitor.settings.influxdb_engine == 2:
        return InfluxDB(site.influxdb_url, database, token=secret)
    return InfluxDB(site.influxdb_url, database, username=user, password=secret)
