"""A dashboard's file: what is no JSON, or no dashboard of the classic model, is said plainly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.catalog.document import written
from provision.catalog.messages import shown
from provision.dashboards.check.model import Dashboard
from provision.dashboards.check.shape import Shape, read_dashboard

# A hundred times a large dashboard: more is a mistake or an attack.
MOST_BYTES = 10_000_000
MOST_TOLD = 200
_NEWER = "export it in the classic model: Export, Classic, in Grafana's dialogue"


@dataclass(frozen=True)
class Unreadable:
    """Why a file, or a place in it, cannot be read, and what to do."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Document:
    """A file: the JSON of the dashboard in it, its values, and what is wrong with its form."""

    path: Path
    raw: dict[str, Any] | None
    dashboard: Dashboard | None
    faults: tuple[Unreadable, ...]


class _Twice(ValueError):
    """A key that stands twice in one object."""


def read_document(path: Path) -> Document:
    """Read a file; whatever is wrong with its form is among the faults."""
    value, fault = _json(path)
    if fault is None:
        value, fault = _classic(value)
    if fault is not None:
        return Document(path, None, None, (fault,))
    try:
        shape = Shape()
        dashboard = read_dashboard(value, shape)
    except RecursionError:
        return Document(path, None, None, (_TOO_DEEP,))
    if shape.faults:
        faults = [
            Unreadable(
                f"{written(place)}: {what}", "write what Grafana's dashboard model has there"
            )
            for place, what in shape.faults[:MOST_TOLD]
        ]
        if len(shape.faults) > MOST_TOLD:
            more = f"and {len(shape.faults) - MOST_TOLD:,} more of this kind"
            faults.append(Unreadable(more, "mend the first ones"))
        return Document(path, value, None, tuple(faults))
    return Document(path, value, dashboard, ())


_TOO_DEEP = Unreadable("nested too deeply", "no dashboard needs that: export it again")


def _json(path: Path) -> tuple[Any, Unreadable | None]:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        what = getattr(error, "strerror", None) or str(error)
        return None, Unreadable(what, "name the file of a dashboard")
    if len(data) > MOST_BYTES:
        what = f"more than the {MOST_BYTES:,} bytes that a dashboard may have"
        return None, Unreadable(what, "split it into several dashboards")
    try:
        text = data.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number), None
    except RecursionError:
        return None, _TOO_DEEP
    except UnicodeDecodeError:
        return None, Unreadable("not UTF-8", "save the file as UTF-8")
    except _Twice as error:
        return None, Unreadable(str(error), "keep one of the two")
    except json.JSONDecodeError as error:
        what = f"not JSON: line {error.lineno}: {error.msg}"
        return None, Unreadable(what, "export the dashboard from Grafana again")
    except ValueError as error:  # a number of thousands of digits, NaN
        return None, Unreadable(f"not JSON: {error}"[:200], "write an ordinary number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Twice(f"the key {shown(twice)} stands twice in one object")
    return made


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _classic(value: Any) -> tuple[Any, Unreadable | None]:
    """The classic model, out of the answer of Grafana's API if it is in one."""
    if not isinstance(value, dict):
        return None, Unreadable(
            f"no dashboard: {shown(value)}", "name a file with a dashboard's JSON model"
        )
    if isinstance(value.get("dashboard"), dict) and "panels" not in value:
        value = value["dashboard"]
    if newer := _newer(value):
        return None, Unreadable(f"a dashboard of the schema {newer}, not of the classic", _NEWER)
    if value.get("rows") and not value.get("panels"):
        what = "a dashboard of a Grafana before version 5, with rows instead of panels"
        return None, Unreadable(what, "import it, and export it again")
    if not {"panels", "title"} & value.keys():
        what = "no dashboard: it has neither a title nor panels"
        return None, Unreadable(what, "name a file with a dashboard's JSON model")
    return value, None


def _newer(value: dict[str, Any]) -> str | None:
    """What the newer schemas have and the classic has not (Grafana documentation, schema v2)."""
    version = value.get("apiVersion")
    spec = value.get("spec")
    if isinstance(version, str) and isinstance(spec, dict):
        return shown(version)
    if "elements" in value and "layout" in value:
        return "v2"
    return None
