"""What a file that differs is about: how many lines, which dashboard, which alert rules.

Nothing here raises for a text that is not what it should be: its file is then all that is told.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from comparing.differences import Difference
from comparing.effects import polled
from comparing.manifest import Manifest
from comparing.wanted import Wanted

_DASHBOARD = ".json"
_ALERTING = "/provisioning/alerting/"
#: Faster by far where libyaml is there.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: How many panels a reason names.
_TOLD = 3


def contents(
    manifest: Manifest,
    found: Sequence[Difference],
    wanted: Sequence[Wanted],
    old: Mapping[str, str],
) -> dict[str, dict[str, Any]]:
    """What differs in files: {"lines": {path: [come, go]}, "inside": {path: [differences]}}.

    old is the text of files on the host. Of a file with secrets nothing is told.
    """
    new = {each.file.path: each for each in wanted}
    lines, within = {}, {}
    for each in found:
        if each.kind not in ("file", "absent"):
            continue
        file = new.get(each.name)
        if file and (file.file.secret or file.content is None):
            continue
        before = old.get(each.name, "")
        after = (file.content or b"").decode("utf-8", "replace") if file else ""
        if before != after:
            lines[each.name] = line_count(before, after)
            within[each.name] = [entry.as_dict() for entry in inside(manifest, each, before, after)]
    return {"lines": lines, "inside": {path: told for path, told in within.items() if told}}


def secret_files(manifest: Manifest, wanted: Sequence[Wanted]) -> list[dict[str, Any]]:
    """Which secrets are in which file, and which services read it at their start: names alone."""
    still = polled({each.file.role for each in wanted if each.secrets}, {})
    return [
        {
            "path": each.file.path,
            "role": each.file.role,
            "names": list(each.secrets),
            "services": [
                service.name
                for service in manifest.services_of(each.file.role)
                if not re.search(still.get(each.file.role, "^$"), each.file.path)
            ],
        }
        for each in wanted
        if each.secrets
    ]


def line_count(before: str, after: str) -> tuple[int, int]:
    """How many lines come and how many go."""
    if not before or not after:
        return len(after.splitlines()), len(before.splitlines())
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))
    added = sum(line.startswith("+") for line in lines[2:])
    return added, sum(line.startswith("-") for line in lines[2:])


def inside(manifest: Manifest, difference: Difference, before: str, after: str) -> list[Difference]:
    """What of Grafana's differs in a file, by the names that people know; nothing for others."""
    if difference.role != "grafana" or difference.kind not in ("file", "absent"):
        return []
    if _ALERTING in difference.name:
        return list(_alerting(difference, _yaml(before), _yaml(after)))
    ours = (entry.path for entry in manifest.directories if entry.exclusive)
    if difference.name.endswith(_DASHBOARD) and difference.name.startswith(tuple(ours)):
        return _dashboard(difference, _json(before), _json(after))
    return []


def _dashboard(difference: Difference, before: Any, after: Any) -> list[Difference]:
    title = (after or before).get("title")
    if not title:
        return []
    why = difference.why
    if before and after:
        why = "; ".join(_compared(_panels(before), _panels(after))) or "its settings differ"
    return [
        Difference(difference.role, "dashboard", str(title), difference.action, why),
    ]


def _compared(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Iterator[str]:
    """What of the panels comes, changes and goes, in words."""
    both = [key for key in after if key in before]
    for word, keys, of in (
        ("new", [key for key in after if key not in before], after),
        ("changed", [key for key in both if before[key] != after[key]], after),
        ("gone", [key for key in before if key not in after], before),
    ):
        if keys:
            # A number and a graph of one metric have one title.
            titles = (str(of[key].get("title") or "(no title)") for key in keys)
            names = list(dict.fromkeys(titles))
            more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
            what = "panel" if len(names) == 1 else "panels"
            yield f"{what} {word}: {', '.join(names[:_TOLD])}{more}"


def _panels(dashboard: Mapping[str, Any]) -> dict[Any, dict[str, Any]]:
    """The panels by id, those in rows too, without the place where they stand."""
    found: dict[Any, dict[str, Any]] = {}
    for panel in dashboard.get("panels") or ():
        if isinstance(panel, dict):
            inner = panel.get("panels") or ()
            for each in (panel, *(each for each in inner if isinstance(each, dict))):
                shown = {k: v for k, v in each.items() if k not in ("gridPos", "panels")}
                found[each.get("id", each.get("title"))] = shown
    return found


def _alerting(
    difference: Difference, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Difference]:
    for kind, of in (("alert rule", _rules), ("contact point", _contacts), ("policy", _policies)):
        old, new = of(before), of(after)
        for key in [*new, *(key for key in old if key not in new)]:
            if old.get(key) == new.get(key):
                continue
            action = "create" if key not in old else "change" if key in new else "remove"
            name = str((new.get(key) or old[key]).get("title") or key)
            why = {"create": "it is missing", "remove": "no catalog has it any more"}
            if kind != "alert rule":
                why["remove"] = "the inventory has it no more"
            told = why.get(action, "its definition differs")
            yield Difference(difference.role, kind, name, action, told)


def _rules(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The rules by uid, each with what its group says."""
    found = {}
    for group in _mappings(document.get("groups")):
        common = {key: value for key, value in group.items() if key != "rules"}
        for rule in _mappings(group.get("rules")):
            found[str(rule.get("uid"))] = {**rule, "group": common}
    return found


def _contacts(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    entries = _mappings(document.get("contactPoints"))
    return {str(entry.get("name")): entry for entry in entries}


def _policies(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    entries = _mappings(document.get("policies"))
    return {f"of notifications for {entry.get('receiver')}": entry for entry in entries}


def _mappings(value: Any) -> Sequence[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _yaml(text: str) -> dict[str, Any]:
    try:
        value = yaml.load(text, Loader=_LOADER)  # noqa: S506 - it is a safe one
    except yaml.YAMLError:
        return {}
    return value if isinstance(value, dict) else {}
