"""The units a catalog may name, and what Grafana calls them.

Grafana's identifiers are those of its value formats (packages/grafana-data,
valueFormats/categories).
"""

from __future__ import annotations

from enum import StrEnum


class Unit(StrEnum):
    """The unit of one recorded value; a counter's rate is that unit a second."""

    COUNT = "count"
    BYTES = "bytes"
    BITS = "bits"
    NANOSECONDS = "nanoseconds"
    MICROSECONDS = "microseconds"
    MILLISECONDS = "milliseconds"
    SECONDS = "seconds"
    PERCENT = "percent"
    RATIO = "ratio"


_PER_SECOND = {
    Unit.NANOSECONDS: 1e9,
    Unit.MICROSECONDS: 1e6,
    Unit.MILLISECONDS: 1e3,
    Unit.SECONDS: 1.0,
}
TIMES = frozenset(_PER_SECOND)
_LEVEL = {
    Unit.COUNT: "short",
    Unit.BYTES: "bytes",
    Unit.BITS: "bits",
    Unit.NANOSECONDS: "ns",
    Unit.MICROSECONDS: "µs",
    Unit.MILLISECONDS: "ms",
    Unit.SECONDS: "s",
    Unit.PERCENT: "percent",
    Unit.RATIO: "percentunit",
}
_RATE = {Unit.COUNT: "cps", Unit.BYTES: "Bps", Unit.BITS: "bps"}


def grafana_unit(unit: Unit, *, per_second: bool = False) -> str:
    """Grafana's identifier of a unit, or of that unit a second; `short` where it has none."""
    return _RATE.get(unit, "short") if per_second else _LEVEL[unit]


def seconds_in(unit: Unit) -> float:
    """How many of a unit of time make a second. Raises KeyError for another unit."""
    return _PER_SECOND[unit]
