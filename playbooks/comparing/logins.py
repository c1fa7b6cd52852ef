"""With what a rendered Telegraf logs in to InfluxDB, to be tried before it is put in place."""

from __future__ import annotations

import base64
import re
import tomllib
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}|@\{\w+:(\w+)\}")
#: By plugin of [[outputs.…]]: the path that is written to, and its query by keys of the plugin.
_WRITES = {
    "influxdb": ("/write", {"db": "database"}),
    "influxdb_v2": ("/api/v2/write", {"org": "organization", "bucket": "bucket"}),
}


#: Where Telegraf writes, and where that was said before it had a file of its own.
FORMER = "/etc/telegraf/telegraf.conf"
CONFIGURATION = "/etc/telegraf/telegraf.d/output.conf"


class _Unknown(Exception):
    """A text has a variable that the environment lacks."""


def logins(
    configuration: str,
    environment: Mapping[str, str],
    credentials: Mapping[str, str],
    files: Mapping[str, str] | None = None,
) -> list[dict[str, str]]:
    """Each login of an output.conf, its variables filled in from environment, and its references
    to a secret store from credentials.

    Gives {"server": URL as it is configured, "url": that of a write, "authorization": header, and
    "ca": the authorities that are trusted, unless those are the system's}; files are the texts of
    what is placed. What can't be read is left out, for Telegraf's own check tells more of it.
    """
    try:
        outputs = tomllib.loads(configuration).get("outputs", {})
    except tomllib.TOMLDecodeError:
        return []
    found: list[dict[str, str]] = []
    for plugin in _WRITES:
        for output in outputs.get(plugin, ()):
            try:
                ca = (files or {}).get(str(output.get("tls_ca")))
                found += [
                    {**login, **({"ca": ca} if ca else {})}
                    for login in _logins(plugin, _filled(output, environment, credentials))
                ]
            except _Unknown:
                continue
    return found


def turns_to_tls(before: str, after: str) -> bool:
    """Whether an output.conf writes over HTTP now, and with another shall over TLS alone."""
    old, new = _servers(before), _servers(after)
    return (
        any(each.startswith("http://") for each in old)
        and bool(new)
        and all(each.startswith("https://") for each in new)
    )


def _servers(configuration: str) -> list[str]:
    try:
        outputs = tomllib.loads(configuration).get("outputs", {})
    except tomllib.TOMLDecodeError:
        return []
    return [
        str(server)
        for plugin in _WRITES
        for output in outputs.get(plugin, ())
        for server in output.get("urls", ())
    ]


def _filled(value: Any, environment: Mapping[str, str], credentials: Mapping[str, str]) -> Any:
    def fill(match: re.Match[str]) -> str:
        try:
            return environment[match[1]] if match[1] else credentials[match[2]]
        except KeyError:
            raise _Unknown from None

    if isinstance(value, str):
        return _VARIABLE.sub(fill, value)
    if isinstance(value, list):
        return [_filled(each, environment, credentials) for each in value]
    if isinstance(value, dict):
        return {key: _filled(each, environment, credentials) for key, each in value.items()}
    return value


def _logins(plugin: str, output: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    authorization = _authorization(output)
    path, keys = _WRITES[plugin]
    query = urllib.parse.urlencode({name: output.get(key, "") for name, key in keys.items()})
    for server in output.get("urls", ()):
        if authorization and server.startswith(("http://", "https://")):
            url = f"{server.rstrip('/')}{path}?{query}"
            yield {"server": server, "url": url, "authorization": authorization}


def _authorization(output: Mapping[str, Any]) -> str:
    headers = output.get("http_headers", {})
    if "Authorization" in headers:
        return str(headers["Authorization"])
    if output.get("token"):
        return f"Token {output['token']}"
    if output.get("username"):
        pair = f"{output['username']}:{output.get('password', '')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()
    return ""
