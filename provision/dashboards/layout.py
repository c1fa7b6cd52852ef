"""Where panels stand: rows below each other, and what identifies them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from provision.dashboards.model import Panel, Position, Row

COLUMNS = 24


@dataclass(frozen=True)
class Heading:
    """A row before it has a place."""

    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


def lay_out(headings: Sequence[Heading]) -> tuple[Row, ...]:
    """The rows that have panels, below each other, with ids that are nobody else's."""
    rows: list[Row] = []
    taken: set[int] = set()
    y = 0
    for heading in headings:
        if not heading.panels:
            continue
        place = Position(0, y, COLUMNS, 1)
        y += 1
        placed, below = _place(heading.panels, y)
        unique = tuple(replace(panel, id=_free(panel.id, taken)) for panel in placed)
        row_id = _free(identity("row", heading.title), taken)
        rows.append(Row(row_id, place, heading.title, unique, heading.collapsed))
        # What is collapsed takes no room until it is opened, and Grafana then makes room.
        y = y if heading.collapsed else below
    return tuple(rows)


def identity(*words: str) -> int:
    """An id for a panel: the same as long as what it is about is called the same."""
    return int(hashlib.sha256("\0".join(words).encode()).hexdigest()[:7], 16)


def _free(wanted: int, taken: set[int]) -> int:
    while wanted in taken:
        wanted += 1
    taken.add(wanted)
    return wanted


def _place(panels: Sequence[Panel], y: int) -> tuple[list[Panel], int]:
    """Panels beside and below each other from y on, and the first y below them."""
    placed: list[Panel] = []
    left = list(panels)
    while left:
        size = left[0].size
        alike = next((i for i, panel in enumerate(left) if panel.size != size), len(left))
        for line in _lines(left[:alike], size.across):
            width, spare = divmod(COLUMNS, len(line))
            x = 0
            for index, panel in enumerate(line):
                w = width + (index < spare)
                placed.append(replace(panel, position=Position(x, y, w, size.height)))
                x += w
            y += size.height
        left = left[alike:]
    return placed, y


def _lines(panels: Sequence[Panel], most: int) -> list[Sequence[Panel]]:
    """As few lines as it takes, of lengths that differ by at most one, the longer ones first."""
    number = -(-len(panels) // most)
    length, longer = divmod(len(panels), number)
    lines = []
    start = 0
    for index in range(number):
        end = start + length + (index < longer)
        lines.append(panels[start:end])
        start = end
    return lines
