"""A dashboard of Grafana's classic model, as far as the rules look at it: frozen, typed values.

Source: Grafana documentation, Dashboard JSON model; grafana-foundation-sdk, models of Grafana 11.6.
"""

from __future__ import annotations

from dataclasses import dataclass

from provision.catalog.subject import KeyPath

GRAPH = "timeseries"
STAT = "stat"
# Panels that show something else than the answer to a query.
WITHOUT_QUERY = frozenset(
    {"row", "text", "dashlist", "alertlist", "annolist", "news", "welcome", "gettingstarted"}
)
# Datasources that every Grafana has: its own annotations, several in one panel, another panel.
OWN_STORE = "-- Grafana --"
GRAFANAS_OWN = frozenset({OWN_STORE, "grafana", "-- Mixed --", "-- Dashboard --"})


@dataclass(frozen=True)
class Place:
    """Where a panel stands on the grid."""

    x: float
    y: float
    w: float
    h: float

    def overlaps(self, other: Place) -> bool:
        """Whether two panels take the same cell."""
        across = self.x < other.x + other.w and other.x < self.x + self.w
        return across and self.y < other.y + other.h and other.y < self.y + self.h


@dataclass(frozen=True)
class Step:
    """A threshold: the colour from a value on; the base has none."""

    colour: str
    value: float | None


@dataclass(frozen=True)
class Target:
    """One query of a panel; source is the uid of its datasource, where it has one of its own.

    number is its position among the panel's queries, from 1.
    """

    ref: str
    source: str | None
    text: str
    number: int

    @property
    def called(self) -> str:
        """What to call it: by its refId, or by its position where it has none."""
        return self.ref if self.ref.strip() else f"{self.number} (without refId)"


@dataclass(frozen=True)
class Override:
    """What is otherwise for some fields: which (a matcher and its option), the unit, thresholds."""

    matcher: str
    option: str
    unit: str | None
    steps: tuple[Step, ...] | None


@dataclass(frozen=True)
class Link:
    """A link of a dashboard, of a panel, or of its data."""

    title: str
    type: str
    url: str
    keeps_time: bool
    keeps_variables: bool


@dataclass(frozen=True)
class Panel:
    """A panel or a row; path is where it stands in the file, row the number of its row.

    collapsed says that it stands inside that row, which has a grid of its own then.
    """

    path: KeyPath
    id: int | None
    type: str
    title: str
    description: str
    source: str | None
    place: Place | None
    unit: str
    steps: tuple[Step, ...]
    threshold_mode: str
    threshold_line: str
    draw_style: str
    spans_nulls: bool
    inserts_nulls: bool
    targets: tuple[Target, ...]
    overrides: tuple[Override, ...]
    links: tuple[Link, ...]
    library: bool
    row: int
    collapsed: bool

    @property
    def graph(self) -> bool:
        """Whether it draws values over time."""
        return self.type == GRAPH

    @property
    def asks(self) -> bool:
        """Whether it shows the answers to queries that stand in this file."""
        return self.type not in WITHOUT_QUERY and not self.library


@dataclass(frozen=True)
class Variable:
    """A choice at the top."""

    name: str
    type: str
    query: str
    source: str | None
    multi: bool
    all: bool
    refresh: int | None
    hidden: bool


@dataclass(frozen=True)
class Annotation:
    """Events over the graphs; words are its name, tags and query."""

    name: str
    source: str | None
    built_in: bool
    enabled: bool
    words: str


@dataclass(frozen=True)
class Dashboard:
    """All of it; panels are those of collapsed rows as well, and the rows themselves."""

    uid: str
    has_id: bool
    title: str
    tags: tuple[str, ...]
    since: str
    until: str
    refresh: str
    variables: tuple[Variable, ...]
    annotations: tuple[Annotation, ...]
    links: tuple[Link, ...]
    panels: tuple[Panel, ...]
