"""An InfluxDB that others run: how it is known, and whether it is there and lets us in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from provision.errors import Problem, ProvisionError
from provision.influx import InfluxDB
from provision.tls.model import Authorities

if TYPE_CHECKING:
    from provision.inventory import Inventory
    from provision.site.model import Host, Site

_CA = "influxdb.external.ca"


def contradictions(host: Host, file: str) -> list[Problem]:
    """What the inventory says of a monitoring host that contradicts it, or is missing."""
    external = host.settings.external
    if external is None:
        return []
    found = [
        Problem(file, name, f"{what}, and influxdb.external is set", remedy, host=host.name)
        for name, what, remedy in (
            ("influxdb_url", "InfluxDB has one address", "leave one of the two out"),
            (
                "influxdb_retention",
                "who runs InfluxDB sets how long it keeps points",
                "leave it out, and have it set there",
            ),
        )
        if getattr(host.settings, name) is not None and name in host.settings.model_fields_set
    ]
    missing = [name for name in ("writer", "reader") if getattr(external, name) is None]
    if host.settings.influxdb_engine == 1 and missing:
        what = f"no {' and no '.join(missing)}: InfluxDB 1 has users"
        remedy = "name the users that exist there, or set influxdb_engine to 2"
        found.append(Problem(file, "influxdb.external", what, remedy, host=host.name))
    if external.ca and external.url.startswith("http://"):
        what, remedy = "its url begins with http://", "let it begin with https://, or leave ca out"
        found.append(Problem(file, _CA, what, remedy, host=host.name))
    return found


def authorities_of(monitor: Host, inventory: Inventory) -> Authorities | None:
    """The authorities that it is known by, where the inventory names a file of them.

    Raises InvalidInput where they cannot be read.
    """
    external = monitor.settings.external
    if external is None or external.ca is None:
        return None
    from provision.tls.given import read_authorities

    path = inventory.directory / Path(external.ca).expanduser()
    return Authorities(path, read_authorities(path, _CA, inventory.read_bytes))


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
    writer = login(site, external.writer, secrets[name])
    try:
        why = writer.refusal_to_write(engine, settings.influxdb_organization)
    except ProvisionError as error:
        if "CERTIFICATE_VERIFY_FAILED" not in error.message:
            raise
        remedy = f"see that {_CA} names a file of the authorities that sign its certificate"
        raise ProvisionError(error.message, remedy=remedy) from error
    if why:
        raise ProvisionError(
            f"{where}: Telegraf could not write to it ({why})",
            remedy=_remedy(why, _whose(name, external.writer)),
        )
    if not settings.grafana_enabled:
        return
    reader = login(site, external.reader, secrets[site.read_secret])
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


def _remedy(why: str, whose: str) -> str:
    """What to do about a write that is refused, by the status that the answer begins with."""
    if why.startswith("404 "):
        return "see that influxdb_database is what it is called there, or have it made"
    if why.startswith("401 "):
        return f"see that influxdb.external.url is InfluxDB's own, and that it knows {whose}"
    return f"let {whose} write to it"


def _whose(secret: str, user: str | None) -> str:
    return f"the user {user} (its password is {secret})" if user else f"the token {secret}"


def login(site: Site, user: str | None, secret: str) -> InfluxDB:
    """It as seen by one of those that it lets in: of engine 1 a user, else who has the token."""
    database = site.monitor.settings.influxdb_database
    ca = site.authorities.file if site.authorities else None
    if site.monitor.settings.influxdb_engine == 2:
        return InfluxDB(site.influxdb_url, database, token=secret, ca_file=ca)
    return InfluxDB(site.influxdb_url, database, username=user, password=secret, ca_file=ca)
