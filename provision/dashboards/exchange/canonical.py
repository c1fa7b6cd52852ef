"""A dashboard less what only Grafana's own handling of it adds: what two of them are compared by.

The browser writes every default out when it saves, and migrates old models to newer ones. None of
that is a change by a person. Source: what Grafana 9 to 13 save, and the Dashboard JSON model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from provision.catalog.model import GROUP_BY, TOTALS_TAG

# What Grafana counts or works out, and what only an export has.
_GRAFANAS_OWN = frozenset(
    {"id", "version", "iteration", "schemaVersion", "revision", "style", "gnetId", "pluginVersion"}
    | {"__inputs", "__requires", "__elements"}
)
# Values that say what is so without them, by key or by parent.key; beside these: null, "", [], {}
# and, where a key is not listed, false.
_DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "editable": (True,),
    "graphTooltip": (0,),
    "fiscalYearStartMonth": (0,),
    "timezone": ("", "browser"),
    "hide": (0, False),
    "sort": (0,),
    "skipUrlSync": (False,),
    "allowCustomValue": (True,),
    "repeatDirection": ("h",),
    "resultFormat": ("time_series",),
    "tooltip.sort": ("none",),
    "tooltip.mode": ("single",),
    "legend.displayMode": ("list",),
    "legend.placement": ("bottom",),
    "legend.showLegend": (True,),
    "thresholds.mode": ("absolute",),
    "thresholdsStyle.mode": ("off",),
    "stacking.mode": ("none",),
    "stacking.group": ("A",),
    "scaleDistribution.type": ("linear",),
    "lineStyle.fill": ("solid",),
    "custom.axisColorMode": ("text",),
    "custom.axisPlacement": ("auto",),
    "custom.barAlignment": (0,),
    "custom.barWidthFactor": (0.6,),
    "custom.drawStyle": ("line",),
    "custom.fillOpacity": (0,),
    "custom.gradientMode": ("none",),
    "custom.lineInterpolation": ("linear",),
    "custom.lineWidth": (1,),
    "custom.pointSize": (5,),
    "custom.showPoints": ("auto",),
}
# What the editor of InfluxQL keeps beside a query that is written as text.
_BESIDE_RAW = frozenset(
    ["groupBy", "orderByTime", "policy", "select", "tags", "measurement", "limit", "slimit", "tz"]
)


def canonical(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    """What a dashboard says: panels in one list, each with the title of its row under `row`."""
    rest = {k: v for k, v in dashboard.items() if k not in {"panels", "templating", "annotations"}}
    told: dict[str, Any] = _bare(rest)
    panels = [_panel(panel, row) for panel, row in _in_rows(_dicts(dashboard, "panels"))]
    told["panels"] = sorted(panels, key=_place)
    variables = _dicts(dashboard.get("templating"), "list")
    told["templating"] = [_variable(variable) for variable in variables]
    annotations = _dicts(dashboard.get("annotations"), "list")
    told["annotations"] = [_bare(each) for each in annotations if not each.get("builtIn")]
    return {key: value for key, value in told.items() if value}


def fingerprint(dashboard: Mapping[str, Any]) -> str:
    """A text of 32 digits for a dashboard as it was generated, to the letter."""
    rest = {k: v for k, v in dashboard.items() if k not in {"id", "version"}}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two dashboards say the same."""
    return canonical(one) == canonical(other)


def _dicts(value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _in_rows(panels: Iterable[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
    """All panels with the title of their row: those of one that is folded up stand within it."""
    found: list[tuple[dict[str, Any], str]] = []
    row = ""
    for panel in panels:
        if panel.get("type") == "row":
            row = str(panel.get("title") or "")
            found.append(({k: v for k, v in panel.items() if k != "panels"}, ""))
            found += [(each, row) for each in _dicts(panel, "panels")]
        else:
            found.append((panel, row))
    return found


def _place(panel: Mapping[str, Any]) -> tuple[float, float]:
    place = panel.get("gridPos") or {}
    return place.get("y") or 0, place.get("x") or 0


def _panel(panel: Mapping[str, Any], row: str) -> dict[str, Any]:
    targets = [_target(target, panel) for target in _dicts(panel, "targets")]
    rest = {k: v for k, v in panel.items() if k not in {"targets", "gridPos", "id"}}
    told: dict[str, Any] = _bare(rest)
    steps = told.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {}).get("steps")
    if steps and steps[0].get("value") == 0:  # 12 and later write the lowest so
        del steps[0]["value"]
    kept = {"id": panel.get("id"), "gridPos": panel.get("gridPos"), "row": row, "targets": targets}
    return {**told, **{key: value for key, value in kept.items() if value}}


def _target(target: Mapping[str, Any], panel: Mapping[str, Any]) -> dict[str, Any]:
    dropped = set(_BESIDE_RAW) if target.get("rawQuery") else set()
    if target.get("datasource") == panel.get("datasource"):
        dropped.add("datasource")
    told: dict[str, Any] = _bare({k: v for k, v in target.items() if k not in dropped})
    return told


def _variable(variable: Mapping[str, Any]) -> dict[str, Any]:
    told = {k: v for k, v in variable.items() if k not in {"definition", "current", "options"}}
    if isinstance(told.get("query"), Mapping):  # newer editors keep one with a name
        told["query"] = told["query"].get("query", told["query"])
    if variable.get("type") not in {"query", "datasource", "custom"}:  # their query says it all
        told["options"] = variable.get("options")
    bare: dict[str, Any] = _bare(told)
    # What it opens with follows from how many hosts a site has, and what they write.
    if variable.get("name") in {GROUP_BY, TOTALS_TAG}:
        return bare
    current = variable.get("current")
    value = current.get("value") if isinstance(current, Mapping) else None
    values = value if isinstance(value, list) else [value]
    chosen = [each for each in values if each not in (None, "", "$__all")]
    return {**bare, **({"current": chosen} if chosen else {})}


def _bare(value: Any, parent: str = "") -> Any:
    """A value without what says nothing."""
    if isinstance(value, list):
        return [_bare(each, parent) for each in value]
    if not isinstance(value, Mapping):
        return value
    told = {}
    for key, inner in value.items():
        if key in _GRAFANAS_OWN:
            continue
        bare = _bare(inner, key)
        if not _says_nothing(bare, key, parent):
            told[key] = bare
    return told


def _says_nothing(value: Any, key: str, parent: str) -> bool:
    if value is None or (isinstance(value, str | list | dict) and not value):
        return True
    defaults = _DEFAULTS.get(f"{parent}.{key}", _DEFAULTS.get(key, (False,)))
    return any(value == default and type(value) is type(default) for default in defaults)
