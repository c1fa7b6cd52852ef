"""The InfluxQL of a target that was made by clicking in Grafana's query editor.

Source: Grafana, public/app/plugins/datasource/influxdb, query_part.ts and influx_query_model.ts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provision.dashboards.influxql import identifier, text

_REGEX = ("=~", "!~")


def built_query(raw: Mapping[str, Any]) -> str:
    """The query that Grafana makes of the editor's parts; parts of wrong types are left out."""
    columns = [_column(parts) for parts in _list(raw.get("select"))]
    query = f"SELECT {', '.join(columns)} FROM {_measurement(raw)}"
    conditions = " ".join(
        _condition(index, tag)
        for index, tag in enumerate(_list(raw.get("tags")))
        if isinstance(tag, dict)
    )
    query += f" WHERE ({conditions}) AND $timeFilter" if conditions else " WHERE $timeFilter"
    groups, fill = [], ""
    for part in _list(raw.get("groupBy")):
        kind, first = _part(part)
        if kind == "fill":
            fill = f" fill({first})"
        elif kind:
            groups.append(f"time({first})" if kind == "time" else identifier(first))
    return query + (f" GROUP BY {', '.join(groups)}" if groups else "") + fill


def _measurement(raw: Mapping[str, Any]) -> str:
    name = str(raw.get("measurement") or "")
    name = name if name.startswith("/") and name.endswith("/") else identifier(name)
    policy = raw.get("policy")
    return f"{identifier(str(policy))}.{name}" if policy and policy != "default" else name


def _column(parts: object) -> str:
    made = ""
    for part in _list(parts):
        kind, first = _part(part)
        if kind in {"field", "tag"}:
            made = first if first == "*" else identifier(first)
        elif kind == "math":
            made += first
        elif kind == "alias":
            made += f" AS {identifier(first)}"
        elif kind:
            made = f"{kind}({made}{', ' + first if first else ''})"
    return made


def _part(part: object) -> tuple[str, str]:
    if not isinstance(part, dict):
        return "", ""
    params = _list(part.get("params"))
    return str(part.get("type") or ""), str(params[0]) if params else ""


def _condition(index: int, tag: Mapping[str, Any]) -> str:
    value = str(tag.get("value") or "")
    regex = value.startswith("/") and value.endswith("/")
    operator = str(tag.get("operator") or ("=~" if regex else "="))
    joined = f"{tag.get('condition') or 'AND'} " if index else ""
    value = value if regex or operator in _REGEX else text(value)
    return f"{joined}{identifier(str(tag.get('key') or ''))} {operator} {value}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
