"""Which datasource dashboards ask: chosen from those that a Grafana has, or described anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provision.dashboards.render import DATASOURCE_UID
from provision.errors import ProvisionError
from provision.settings import Settings

NAME = "InfluxDB (provision)"


@dataclass(frozen=True)
class Wanted:
    """An InfluxDB that is to become a datasource: with a token (2.x) or a user's password (1.x)."""

    url: str
    database: str
    token: str | None = field(default=None, repr=False)
    username: str = "grafana"
    password: str | None = field(default=None, repr=False)


def language(datasource: Mapping[str, Any]) -> str | None:
    """What an InfluxDB datasource is asked in: InfluxQL, Flux or SQL; None for any other kind."""
    if datasource.get("type") != "influxdb":
        return None
    return str((datasource.get("jsonData") or {}).get("version") or "InfluxQL")


def choose(known: Sequence[Mapping[str, Any]], wanted: str | None, url: str) -> Mapping[str, Any]:
    """The datasource of a uid or name, or the only one that speaks InfluxQL.

    Raises ProvisionError with the choices where that is none or not one.
    """
    usable = [each for each in known if language(each) == "InfluxQL"]
    if wanted is None:
        if len(usable) == 1:
            return usable[0]
        found = "several datasources" if usable else "no datasource"
        raise ProvisionError(
            f"Grafana at {url} has {found} of InfluxDB with InfluxQL"
            + (f": {_listed(usable)}" if usable else ""),
            remedy="choose one with --datasource"
            if usable
            else "--create-datasource makes one; it takes --influxdb-url and --database",
        )
    named = [each for each in known if each.get("uid") == wanted]
    named = named or [each for each in known if each.get("name") == wanted]
    if not named:
        raise ProvisionError(
            f"Grafana at {url} has no datasource {wanted!r} that you may see",
            remedy=f"it has {_listed(usable)}" if usable else "--create-datasource makes one",
        )
    spoken = language(named[0])
    if spoken != "InfluxQL":
        raise ProvisionError(
            f"datasource {wanted!r} of Grafana at {url} is asked in {spoken}"
            if spoken
            else f"datasource {wanted!r} of Grafana at {url} is no InfluxDB"
            f" but {named[0].get('type')}",
            remedy="these dashboards ask in InfluxQL, which every InfluxDB speaks: "
            + (
                f"choose {_listed(usable)}"
                if usable
                else "--create-datasource makes such a datasource beside it"
            ),
        )
    return named[0]


def described(wanted: Wanted) -> dict[str, Any]:
    """A datasource as Grafana's API takes it; what provision.yaml.j2 says of ours."""
    json_data: dict[str, Any] = {
        "dbName": wanted.database,
        "httpMode": "GET",
        "timeInterval": Settings().telegraf_interval,
    }
    body: dict[str, Any] = {
        "name": NAME,
        "uid": DATASOURCE_UID,
        "type": "influxdb",
        "access": "proxy",
        "isDefault": False,
        "url": wanted.url,
        # Grafana up to 9 reads this one, later ones dbName.
        "database": wanted.database,
        "jsonData": json_data,
    }
    if wanted.token:
        json_data["httpHeaderName1"] = "Authorization"
        body["secureJsonData"] = {"httpHeaderValue1": f"Token {wanted.token}"}
    else:
        body["user"] = wanted.username
        body["secureJsonData"] = {"password": wanted.password or ""}
    return body


def existing(
    known: Sequence[Mapping[str, Any]], wanted: Wanted, url: str
) -> Mapping[str, Any] | None:
    """The datasource of ours, where it was made before; None where it is to be made.

    Raises ProvisionError where another one stands in its place: that is not touched.
    """
    for each in known:
        if each.get("uid") != DATASOURCE_UID and each.get("name") != NAME:
            continue
        database = (each.get("jsonData") or {}).get("dbName") or each.get("database")
        address = str(each.get("url") or "").rstrip("/")
        # Who is only told what the browser is sees a path of Grafana's own.
        same_place = address in ("", wanted.url.rstrip("/")) or address.startswith("/")
        same_database = database in (None, "", wanted.database)
        if language(each) == "InfluxQL" and same_database and same_place:
            return each
        raise ProvisionError(
            f"Grafana at {url} has a datasource {each.get('name')!r} (uid {each.get('uid')}) that"
            f" is not for database {wanted.database!r} at {wanted.url}; it is left as it is",
            remedy=f"--datasource {each.get('uid')} takes it as it is; else rename or remove it",
        )
    return None


def _listed(datasources: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{each.get('name')!r} (uid {each.get('uid')})" for each in datasources)
