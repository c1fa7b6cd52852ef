"""A dashboard, laid out: what the templates of Grafana's classic model write down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from provision.catalog.model import Metric

OK, NEUTRAL = "green", "text"


class Kind(StrEnum):
    """A panel's type, as Grafana calls its plugin."""

    STAT = "stat"
    GRAPH = "timeseries"
    TABLE = "table"
    ALERTS = "alertlist"


@dataclass(frozen=True)
class Position:
    """Where a panel stands on the grid of 24 columns."""

    x: int
    y: int
    w: int
    h: int

    @property
    def grid(self) -> dict[str, int]:
        """As Grafana's gridPos has it."""
        return {"x": self.x, "y": self.y, "w": self.w, "h": self.h}


@dataclass(frozen=True)
class Size:
    """How many panels of a kind stand beside each other at most, and how high they are."""

    across: int
    height: int


# At 1280 pixels half the width has room for the names of series, a sixth for one number.
NUMBER, GRAPH, HALF, WHOLE = Size(6, 4), Size(2, 8), Size(2, 9), Size(1, 9)


@dataclass(frozen=True)
class Query:
    """One query of a panel, and what its series are called; format is Grafana's resultFormat."""

    ref: str
    text: str
    alias: str
    format: str = "time_series"


@dataclass(frozen=True)
class Step:
    """From this value on (None: from the least) a number has this colour."""

    colour: str
    value: float | None = None


@dataclass(frozen=True)
class Style:
    """How a graph is drawn.

    sparse says that points stand alone: statsd's counters and timers, where often nothing comes.
    colour is that of all series, where it means something; None gives each its own.
    """

    sparse: bool = False
    stacked: bool = False
    line: bool = False
    colour: str | None = None
    most: float | None = None


@dataclass(frozen=True)
class Link:
    """A link of a panel or a series to another dashboard, which keeps the time and variables."""

    title: str
    url: str


@dataclass(frozen=True)
class Panel:
    """One panel: what it shows of which metrics, in which unit, and the queries that ask for it.

    overrides and transformations are Grafana's own, as they are written.
    """

    id: int
    kind: Kind
    size: Size
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    metrics: tuple[Metric, ...]
    steps: tuple[Step, ...] = (Step(OK),)
    style: Style = Style()
    nothing: str | None = None
    calculation: str = "lastNotNull"
    links: tuple[Link, ...] = ()
    overrides: Sequence[Mapping[str, Any]] = ()
    transformations: Sequence[Mapping[str, Any]] = ()
    position: Position = Position(0, 0, 0, 0)


@dataclass(frozen=True)
class Row:
    """A heading and the panels below it, which a collapsed one keeps to itself."""

    id: int
    position: Position
    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True)
class Variable:
    """A choice at the top of the dashboard: the values of a tag."""

    name: str
    label: str
    query: str


@dataclass(frozen=True)
class Dashboard:
    """A dashboard, laid out. deploys are the tags of the annotations that tell of deploys.

    groups are the tags by which the lines of its graphs may be divided. totals_query asks
    whether hosts' totals are asked in the place of all series.
    """

    uid: str
    title: str
    description: str
    tags: tuple[str, ...]
    deploys: tuple[str, ...]
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    groups: tuple[str, ...] = ()
    totals_query: str | None = None

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The panels of all rows."""
        return tuple(panel for row in self.rows for panel in row.panels)
