"""Plain JSON into the values of model: what has the wrong type is named by its key path."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from provision.catalog.messages import shown
from provision.catalog.subject import KeyPath
from provision.dashboards.check.builder import built_query
from provision.dashboards.check.model import (
    Annotation,
    Dashboard,
    Link,
    Override,
    Panel,
    Place,
    Step,
    Target,
    Variable,
)

# How a dashboard's `hide` says that a variable is not shown.
HIDDEN = 2


@dataclass
class Shape:
    """Takes values out of JSON; those of a wrong type are left out, and told."""

    faults: list[tuple[KeyPath, str]] = field(default_factory=list)

    def keys(self, value: Any, *path: str | int) -> dict[str, Any]:
        """An object; null is an empty one, as for Grafana."""
        return self._of(dict, "keys with values are needed", value, path) or {}

    def items(self, value: Any, *path: str | int) -> list[Any]:
        """A list."""
        return self._of(list, "a list is needed", value, path) or []

    def text(self, value: Any, *path: str | int) -> str:
        """A text."""
        return self._of(str, "a text is needed", value, path) or ""

    def flag(self, value: Any, *path: str | int) -> bool:
        """True or false."""
        return bool(self._of(bool, "true or false is needed", value, path))

    def number(self, value: Any, *path: str | int) -> float | None:
        """A finite number."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.faults.append((path, f"a number is needed, not {shown(value)}"))
            return None
        if not abs(value) < 1e300:
            self.faults.append((path, "a finite number is needed"))
            return None
        return float(value)

    def whole(self, value: Any, *path: str | int) -> int | None:
        """A whole number."""
        number = self.number(value, *path)
        if number is not None and number != math.floor(number):
            self.faults.append((path, f"a whole number is needed, not {shown(value)}"))
            return None
        return None if number is None else int(number)

    def _of(self, kind: type, wanted: str, value: Any, path: KeyPath) -> Any:
        if value is None or isinstance(value, kind):
            return value
        self.faults.append((path, f"{wanted}, not {shown(value)}"))
        return None


def read_dashboard(raw: dict[str, Any], shape: Shape) -> Dashboard:
    """The values of a dashboard; the shape has what was wrong."""
    time = shape.keys(raw.get("time"), "time")
    refresh = raw.get("refresh")  # false where it is off
    variables = shape.items(
        shape.keys(raw.get("templating"), "templating").get("list"), "templating", "list"
    )
    annotations = shape.items(
        shape.keys(raw.get("annotations"), "annotations").get("list"), "annotations", "list"
    )
    links = shape.items(raw.get("links"), "links")
    tags = shape.items(raw.get("tags"), "tags")
    return Dashboard(
        uid=shape.text(raw.get("uid"), "uid"),
        has_id=raw.get("id") is not None,
        title=shape.text(raw.get("title"), "title"),
        tags=tuple(shape.text(tag, "tags", i) for i, tag in enumerate(tags)),
        since=shape.text(time.get("from"), "time", "from"),
        until=shape.text(time.get("to"), "time", "to"),
        refresh="" if refresh is False else shape.text(refresh, "refresh"),
        variables=tuple(
            _variable(each, shape, "templating", "list", i) for i, each in enumerate(variables)
        ),
        annotations=tuple(
            _annotation(each, shape, "annotations", "list", i) for i, each in enumerate(annotations)
        ),
        links=tuple(_link(each, shape, "links", i) for i, each in enumerate(links)),
        panels=_panels(raw, shape),
    )


def _panels(raw: dict[str, Any], shape: Shape) -> tuple[Panel, ...]:
    """All panels in their order, each with the number of its row."""
    found: list[Panel] = []
    row = 0
    for index, each in enumerate(shape.items(raw.get("panels"), "panels")):
        path: KeyPath = ("panels", index)
        panel = shape.keys(each, *path)
        row += panel.get("type") == "row"
        found.append(_panel(panel, shape, path, row, collapsed=False))
        if panel.get("type") == "row":
            inside = shape.items(panel.get("panels"), *path, "panels")
            for number, nested in enumerate(inside):
                place = (*path, "panels", number)
                found.append(_panel(nested, shape, place, row, collapsed=True))
    return tuple(found)


def _panel(value: Any, shape: Shape, path: KeyPath, row: int, *, collapsed: bool) -> Panel:
    raw = shape.keys(value, *path)
    config = shape.keys(raw.get("fieldConfig"), *path, "fieldConfig")
    where = (*path, "fieldConfig", "defaults")
    defaults = shape.keys(config.get("defaults"), *where)
    custom = shape.keys(defaults.get("custom"), *where, "custom")
    thresholds = shape.keys(defaults.get("thresholds"), *where, "thresholds")
    style = shape.keys(custom.get("thresholdsStyle"), *where, "custom", "thresholdsStyle")
    overrides = shape.items(config.get("overrides"), *path, "fieldConfig", "overrides")
    targets = shape.items(raw.get("targets"), *path, "targets")
    links = _links(raw.get("links"), shape, (*path, "links"))
    links += _links(defaults.get("links"), shape, (*where, "links"))
    read = []
    for index, each in enumerate(overrides):
        place = (*path, "fieldConfig", "overrides", index)
        override, more = _override(each, shape, place)
        read.append(override)
        links += more
    return Panel(
        path=path,
        id=shape.whole(raw.get("id"), *path, "id"),
        type=shape.text(raw.get("type"), *path, "type"),
        title=shape.text(raw.get("title"), *path, "title"),
        description=shape.text(raw.get("description"), *path, "description"),
        source=_source(raw, shape, path),
        place=_place(raw.get("gridPos"), shape, (*path, "gridPos")),
        unit=shape.text(defaults.get("unit"), *where, "unit"),
        steps=_steps(thresholds, shape, (*where, "thresholds")),
        threshold_mode=shape.text(thresholds.get("mode"), *where, "thresholds", "mode"),
        threshold_line=shape.text(style.get("mode"), *where, "custom", "thresholdsStyle", "mode"),
        draw_style=shape.text(custom.get("drawStyle"), *where, "custom", "drawStyle") or "line",
        spans_nulls=custom.get("spanNulls") not in (None, False),
        inserts_nulls=custom.get("insertNulls") not in (None, False),
        targets=tuple(
            _target(each, shape, (*path, "targets"), i) for i, each in enumerate(targets)
        ),
        overrides=tuple(read),
        links=links,
        library=raw.get("libraryPanel") is not None,
        row=row,
        collapsed=collapsed,
    )


def _place(value: Any, shape: Shape, path: KeyPath) -> Place | None:
    raw = shape.keys(value, *path)
    sides = [shape.number(raw.get(side), *path, side) for side in ("x", "y", "w", "h")]
    x, y, w, h = sides
    if x is None or y is None or w is None or h is None:
        return None
    return Place(x, y, w, h)


def _source(raw: dict[str, Any], shape: Shape, path: KeyPath) -> str | None:
    """The uid of a datasource; before Grafana 8.3 it was its name, as a text."""
    value = raw.get("datasource")
    if value is None or isinstance(value, str):
        return value
    uid = shape.keys(value, *path, "datasource").get("uid")
    return None if uid is None else shape.text(uid, *path, "datasource", "uid")


def _steps(value: Any, shape: Shape, path: KeyPath) -> tuple[Step, ...]:
    steps = shape.items(shape.keys(value, *path).get("steps"), *path, "steps")
    found = []
    for index, each in enumerate(steps):
        place = (*path, "steps", index)
        step = shape.keys(each, *place)
        colour = shape.text(step.get("color"), *place, "color")
        found.append(Step(colour, shape.number(step.get("value"), *place, "value")))
    return tuple(found)


def _override(value: Any, shape: Shape, path: KeyPath) -> tuple[Override, tuple[Link, ...]]:
    raw = shape.keys(value, *path)
    matcher = shape.keys(raw.get("matcher"), *path, "matcher")
    unit, steps = None, None
    links: tuple[Link, ...] = ()
    properties = shape.items(raw.get("properties"), *path, "properties")
    for index, each in enumerate(properties):
        place = (*path, "properties", index)
        name = shape.text(shape.keys(each, *place).get("id"), *place, "id")
        content = each.get("value") if isinstance(each, dict) else None
        if name == "unit":
            unit = shape.text(content, *place, "value")
        elif name == "thresholds":
            steps = _steps(content, shape, (*place, "value"))
        elif name == "links":
            links += _links(content, shape, (*place, "value"))
    option = matcher.get("options")
    text = option if isinstance(option, str) else ""
    return Override(shape.text(matcher.get("id"), *path, "matcher", "id"), text, unit, steps), links


def _target(value: Any, shape: Shape, every: KeyPath, index: int) -> Target:
    path = (*every, index)
    raw = shape.keys(value, *path)
    text = shape.text(raw.get("query"), *path, "query")
    # What Grafana's editor made by clicking is a query as well.
    if not raw.get("rawQuery") and "measurement" in raw:
        text = built_query(raw)
    ref = shape.text(raw.get("refId"), *path, "refId")
    return Target(ref, _source(raw, shape, path), text, index + 1)


def _variable(value: Any, shape: Shape, *path: str | int) -> Variable:
    raw = shape.keys(value, *path)
    query = raw.get("query")
    if isinstance(query, dict):
        query = query.get("query")
    return Variable(
        name=shape.text(raw.get("name"), *path, "name"),
        type=shape.text(raw.get("type"), *path, "type"),
        query=shape.text(query, *path, "query"),
        source=_source(raw, shape, path),
        multi=shape.flag(raw.get("multi"), *path, "multi"),
        all=shape.flag(raw.get("includeAll"), *path, "includeAll"),
        hidden=shape.whole(raw.get("hide"), *path, "hide") == HIDDEN,
        # Before Grafana 5 true and false.
        refresh=shape.whole(int(raw["refresh"]), *path, "refresh")
        if isinstance(raw.get("refresh"), bool)
        else shape.whole(raw.get("refresh"), *path, "refresh"),
    )


def _annotation(value: Any, shape: Shape, *path: str | int) -> Annotation:
    raw = shape.keys(value, *path)
    target = shape.keys(raw.get("target"), *path, "target")
    words = [raw.get("name"), raw.get("query"), target.get("query")]
    for tags in (raw.get("tags"), target.get("tags")):
        words += tags if isinstance(tags, list) else [tags]
    return Annotation(
        name=shape.text(raw.get("name"), *path, "name"),
        source=_source(raw, shape, path),
        built_in=bool(raw.get("builtIn")),
        enabled=raw.get("enable") is not False,
        words=" ".join(word for word in words if isinstance(word, str)),
    )


def _links(value: Any, shape: Shape, path: KeyPath) -> tuple[Link, ...]:
    found = shape.items(value, *path)
    return tuple(_link(each, shape, *path, index) for index, each in enumerate(found))


def _link(value: Any, shape: Shape, *path: str | int) -> Link:
    raw = shape.keys(value, *path)
    return Link(
        title=shape.text(raw.get("title"), *path, "title"),
        type=shape.text(raw.get("type"), *path, "type"),
        url=shape.text(raw.get("url"), *path, "url"),
        keeps_time=shape.flag(raw.get("keepTime"), *path, "keepTime"),
        keeps_variables=shape.flag(raw.get("includeVars"), *path, "includeVars"),
    )
