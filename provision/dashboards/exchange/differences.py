"""What differs between two dashboards, in words for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from provision.dashboards.exchange.canonical import canonical

_MISSING = object()
_SHORT = 100


@dataclass(frozen=True)
class Difference:
    """One difference: of what (`panel 'Sessions'`, `dashboard`), and what it is."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return asdict(self)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """What is otherwise in new than in old; nothing where both say the same."""
    before, after = canonical(old), canonical(new)
    told = [Difference("dashboard", what) for what in _of_dashboard(before, after)]
    for kind, part, name in (
        ("variable", "templating", "name"),
        ("link", "links", "title"),
        ("annotation", "annotations", "name"),
    ):
        told += _named(kind, before.get(part, []), after.get(part, []), name)
    told += _of_panels(before.get("panels", []), after.get("panels", []))
    if not told and before != after:
        told.append(Difference("dashboard", "parts in another order"))
    return told


def _of_dashboard(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    parts = {"templating", "links", "annotations", "panels"}
    yield from _changes(
        {k: v for k, v in before.items() if k not in parts},
        {k: v for k, v in after.items() if k not in parts},
    )


def _named(
    kind: str, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], key: str
) -> Iterator[Difference]:
    """Differences of a list whose items have names."""
    old, new = _by_name(before, key), _by_name(after, key)
    for name in [*old, *(each for each in new if each not in old)]:
        where = f"{kind} {name!r}"
        if name not in new:
            yield Difference(where, "removed")
        elif name not in old:
            yield Difference(where, "added")
        else:
            for what in _changes(old[name], new[name]):
                yield Difference(where, what)
    if sorted(old) == sorted(new) and list(old) != list(new):
        yield Difference("dashboard", f"{kind}s in another order")


def _by_name(items: Sequence[Mapping[str, Any]], key: str) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for item in items:
        name, number = str(item.get(key, "")), 2
        while name in found:
            name, number = f"{item.get(key, '')} ({number})", number + 1
        found[name] = item
    return found


def _of_panels(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Iterator[Difference]:
    pairs = _pairs(before, after)
    gone = [each for i, each in enumerate(before) if i not in {old for old, _ in pairs}]
    come = [each for i, each in enumerate(after) if i not in {new for _, new in pairs}]
    for panel in gone:
        yield Difference(_name(panel), "removed")
    for panel in come:
        yield Difference(_name(panel), "added")
    moved = _out_of_order(before, after, pairs)
    shifted = numbered = 0
    explained = bool(gone or come or moved)
    for i, j in pairs:
        old, new = before[i], after[j]
        where = _name(old)
        for what in _of_panel(old, new):
            yield Difference(where, what)
        place, now = old.get("gridPos") or {}, new.get("gridPos") or {}
        if old.get("row") != new.get("row"):
            yield Difference(where, f"moved to {_row(new)}")
        elif (i, j) in moved:
            yield Difference(where, "moved")
        sizes = [f"{each.get('w')}x{each.get('h')}" for each in (place, now)]
        if sizes[0] != sizes[1]:
            explained = True
            yield Difference(where, f"size {sizes[0]} → {sizes[1]}")
        shifted += place != now
        numbered += old.get("id") != new.get("id")
    if shifted and not explained:
        yield Difference("dashboard", f"{_panels(shifted)} in another place")
    if numbered:
        yield Difference("dashboard", f"{_panels(numbered)} with another number (id)")


def _of_panel(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What is otherwise in a panel, its place aside."""
    apart = {"targets", "gridPos", "id", "row"}
    yield from _changes(
        {k: v for k, v in old.items() if k not in apart},
        {k: v for k, v in new.items() if k not in apart},
    )
    before = {str(t.get("refId", "?")): t for t in old.get("targets", ())}
    after = {str(t.get("refId", "?")): t for t in new.get("targets", ())}
    for ref in sorted({*before, *after}):
        if ref not in after:
            yield f"query {ref} removed: {_text(before[ref])}"
        elif ref not in before:
            yield f"query {ref} added: {_text(after[ref])}"
        elif before[ref] != after[ref]:
            if _text(before[ref]) != _text(after[ref]):
                was, now = _text(before[ref]), _text(after[ref])
                yield f"query {ref} changed:\n  - {was}\n  + {now}"
            rest = [{k: v for k, v in t[ref].items() if k != "query"} for t in (before, after)]
            for what in _changes(*rest):
                yield f"query {ref}: {what}"


def _text(target: Mapping[str, Any]) -> str:
    """A query as one reads it."""
    return " ".join(
        str(target.get("query") or target.get("expr") or "(not written as text)").split()
    )


def _pairs(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> list[tuple[int, int]]:
    """Which panel is which: by number and title, by title, by queries, by number and meaning."""
    pairs: list[tuple[int, int]] = []
    left, right = list(range(len(before))), list(range(len(after)))

    def take(alike: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]) -> None:
        for i in list(left):
            for j in right:
                same_kind = (before[i].get("type") == "row") == (after[j].get("type") == "row")
                if same_kind and alike(before[i], after[j]):
                    pairs.append((i, j))
                    left.remove(i)
                    right.remove(j)
                    break

    take(lambda a, b: a.get("id") == b.get("id") and a.get("title") == b.get("title"))
    take(lambda a, b: a.get("title") == b.get("title") and a.get("row") == b.get("row"))
    take(lambda a, b: bool(a.get("title")) and a.get("title") == b.get("title"))
    take(lambda a, b: bool(a.get("targets")) and a.get("targets") == b.get("targets"))
    take(
        lambda a, b: (
            a.get("id") == b.get("id")
            and (a.get("type") == "row" or a.get("description") == b.get("description"))
        )
    )
    return sorted(pairs)


def _out_of_order(
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    pairs: Sequence[tuple[int, int]],
) -> set[tuple[int, int]]:
    """The fewest panels that would have to be moved for both to be in one order."""

    first, second = _reading(before), _reading(after)
    ordered = sorted(pairs, key=lambda pair: first[pair[0]])
    places = [second[j] for _, j in ordered]
    # The longest run that ascends: what is not in it has been moved.
    lengths: list[tuple[int, int]] = []
    for i, place in enumerate(places):
        best = max(((lengths[k][0], k) for k in range(i) if places[k] <= place), default=(0, -1))
        lengths.append((best[0] + 1, best[1]))
    kept: set[int] = set()
    at = max(range(len(places)), key=lambda i: lengths[i][0], default=-1)
    while at >= 0:
        kept.add(at)
        at = lengths[at][1]
    return {pair for i, pair in enumerate(ordered) if i not in kept}


def _reading(panels: Sequence[Mapping[str, Any]]) -> list[tuple[int, int, int]]:
    """Where one comes upon each panel: in its row, whatever place it has there while collapsed."""
    rows = {each.get("title"): _place(each)[0] for each in panels if each.get("type") == "row"}
    places = []
    for panel in panels:
        y, x = _place(panel)
        heading = panel.get("type") == "row"
        row = y if heading else rows.get(panel.get("row"), -1)
        places.append((row, -1 if heading else y, x))
    return places


def _place(panel: Mapping[str, Any]) -> tuple[int, int]:
    place = panel.get("gridPos") or {}
    return int(place.get("y") or 0), int(place.get("x") or 0)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Each value that is otherwise, called as people call it."""
    for path in _paths(old, new):
        was, now = _at(old, path), _at(new, path)
        if path[-1] == "steps":
            yield f"thresholds {_thresholds(was)} → {_thresholds(now)}"
            continue
        if path[-1] == "query":
            yield f"query changed:\n  - {_one_line(was)}\n  + {_one_line(now)}"
            continue
        name = _CALLED.get(path[-1], ".".join(path)) if len(path) < 4 else ".".join(path)
        if any(isinstance(each, list) and _nested(each) for each in (was, now)):
            what = "added" if was is _MISSING else "removed" if now is _MISSING else "changed"
            yield f"{name} {what}"
        else:
            yield f"{name} {_shown(was)} → {_shown(now)}"


# What a value is called, where its last key is no word for people.
_CALLED = {
    "unit": "unit",
    "type": "kind",
    "current": "chosen value",
    "includeAll": "choice of all",
    "multi": "choice of several",
    "refresh": "refresh",
}


def _paths(old: Any, new: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(each for each in new if each not in old)]:
            yield from _paths(old.get(key, _MISSING), new.get(key, _MISSING), (*path, str(key)))
    elif path:
        nested = next((each for each in (old, new) if isinstance(each, Mapping)), None)
        if nested and _MISSING in (old, new):
            for key in nested:
                sides = [
                    side.get(key, _MISSING) if isinstance(side, Mapping) else _MISSING
                    for side in (old, new)
                ]
                yield from _paths(sides[0], sides[1], (*path, str(key)))
        else:
            yield path


def _at(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        value = value.get(key, _MISSING) if isinstance(value, Mapping) else _MISSING
    return value


def _one_line(value: Any) -> str:
    return "(none)" if value is _MISSING else " ".join(str(value).split())


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "(not set)"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if isinstance(value, str):
        text = " ".join(value.split())
        return repr(text if len(text) <= _SHORT else f"{text[:_SHORT]}…")
    return str(value)


def _nested(value: Sequence[Any]) -> bool:
    return any(isinstance(each, list | Mapping) for each in value)


def _thresholds(steps: Any) -> str:
    """Such as green, red from 80."""
    if not isinstance(steps, list):
        return "(none)"
    parts = [
        f"{step.get('color', '?')}" + (f" from {step['value']:g}" if "value" in step else "")
        for step in steps
        if isinstance(step, Mapping)
    ]
    return f"({', '.join(parts)})"


def _name(panel: Mapping[str, Any]) -> str:
    return f"{'row' if panel.get('type') == 'row' else 'panel'} {panel.get('title', '')!r}"


def _row(panel: Mapping[str, Any]) -> str:
    return f"row {panel['row']!r}" if panel.get("row") else "the top, in no row"


def _panels(count: int) -> str:
    return f"{count} panel{'' if count == 1 else 's'}"
