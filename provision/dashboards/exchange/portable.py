"""Dashboards as files: such as any Grafana can import, and such as a backup keeps."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from provision.dashboards.exchange.plan import OURS
from provision.errors import ProvisionError
from provision.grafana import Stored
from provision.secrets import replace_file

# Datasources that every Grafana has.
_BUILT_IN = frozenset({"grafana", "-- Grafana --", "-- Mixed --", "-- Dashboard --"})


def portable(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    """A dashboard that asks for its datasources when it is imported.

    Source: Grafana documentation, Dashboard JSON model, `__inputs` of an export.
    """
    made: dict[str, Any] = copy.deepcopy(dict(dashboard))
    names: dict[str, str] = {}
    inputs: list[dict[str, str]] = []
    for holder, key, kind in _references(made):
        uid = holder[key]
        if uid not in names:
            word = re.sub(r"[^A-Z0-9]+", "_", kind.upper())
            number = sum(each["pluginId"] == kind for each in inputs) + 1
            names[uid] = f"DS_{word}" + (f"_{number}" if number > 1 else "")
            inputs.append(
                {
                    "name": names[uid],
                    "label": "InfluxDB" if kind == "influxdb" else kind,
                    "description": "",
                    "type": "datasource",
                    "pluginId": kind,
                    "pluginName": "InfluxDB" if kind == "influxdb" else kind,
                }
            )
        holder[key] = f"${{{names[uid]}}}"
    for current in _choices(made):
        current["text"] = current["value"]
    made.pop("version", None)
    return {"__inputs": inputs, **made, "id": None} if inputs else {**made, "id": None}


def resolved(dashboard: Mapping[str, Any], datasource: str) -> dict[str, Any]:
    """A dashboard from a file, with an InfluxDB's uid where it asks for one.

    Raises ProvisionError where it asks for anything else.
    """
    made: dict[str, Any] = copy.deepcopy(dict(dashboard))
    inputs = made.pop("__inputs", None) or []
    for name in ("__requires", "__elements"):
        made.pop(name, None)
    others = [str(each.get("name")) for each in inputs if each.get("pluginId") != "influxdb"]
    if others:
        raise ProvisionError(
            f"dashboard {made.get('title', '')!r} asks for more than an InfluxDB: "
            + ", ".join(others),
            remedy="import it in the browser, where each can be chosen",
        )
    names = {f"${{{each['name']}}}" for each in inputs}
    for holder, key in _texts(made):
        if holder[key] in names:
            holder[key] = datasource
    return made


def _references(value: Any) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Where a datasource is named by its uid: the holder, its key, the kind of datasource."""
    if isinstance(value, dict):
        datasource = value.get("datasource")
        if isinstance(datasource, dict) and _concrete(datasource.get("uid")):
            yield datasource, "uid", str(datasource.get("type") or "unknown")
        current = value.get("current") if value.get("type") == "datasource" else None
        if isinstance(current, dict) and _concrete(current.get("value")):
            yield current, "value", str(value.get("query") or "unknown")
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from _references(inner)


def _choices(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The chosen values of variables that are datasources."""
    for variable in (dashboard.get("templating") or {}).get("list") or ():
        if variable.get("type") == "datasource" and (variable.get("current") or {}).get("value"):
            yield variable["current"]


def _concrete(uid: object) -> bool:
    return isinstance(uid, str) and bool(uid) and not uid.startswith("$") and uid not in _BUILT_IN


def _texts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every text in a value, as its holder and its key."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(inner, str):
            yield value, key
        elif isinstance(inner, dict | list):
            yield from _texts(inner)


def read_dashboard(path: Path) -> dict[str, Any]:
    """A dashboard from a file, as exported here or by Grafana itself. Raises ProvisionError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProvisionError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ProvisionError(f"{path}: not JSON: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("dashboard"), dict):
        content = content["dashboard"]
    if not isinstance(content, dict) or not isinstance(content.get("panels"), list):
        raise ProvisionError(
            f"{path}: not a dashboard in Grafana's classic model (it has no list of panels)"
        )
    if not content.get("uid") or not content.get("title"):
        raise ProvisionError(f"{path}: a dashboard without a uid or a title")
    return content


def file_name(uid: str) -> str:
    """What the file of a dashboard is called: the application, or its uid."""
    return f"{plain(uid.removeprefix(OURS))}.json"


def plain(text: str) -> str:
    """A text as a part of a file's name, whatever is in it."""
    return re.sub(r"[^\w.-]+", "_", text).lstrip(".") or "_"


def keep(stored: Stored, directory: Path, url: str) -> Path:
    """Write a backup of a dashboard as Grafana has it, mode 0600, and give its path.

    Raises ProvisionError where that fails: nothing may be replaced then.
    """
    parts = urlsplit(url)
    host = plain(f"{parts.netloc}{parts.path.rstrip('/')}")
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    path = directory / host / f"{plain(stored.uid)}-v{stored.version}-{time}.json"
    text = json.dumps(stored.dashboard, indent=2, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, text)
    except OSError as error:
        raise ProvisionError(
            f"{path}: the backup cannot be written ({error.strerror}), so dashboard"
            f" {stored.title!r} at {url} is left as it is",
            remedy="--backups DIR names a directory that can be written to",
        ) from error
    return path
