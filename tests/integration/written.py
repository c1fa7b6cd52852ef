"""Series as Telegraf stores them, of everything that catalogs document, at known times.

All values differ, so that a number tells which points it was made of. Between the times that are
asked for there are gaps, counts since the start that start anew, a host that is gone and one that
is new, tags that no catalog knows, and points before and after.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from provision.catalog.model import Catalog, Input, Metric, MetricType, Transport
from provision.catalog.units import Unit

W1, W2 = "w1.example.com", "w2.example.com"
# A name that an expression for the first one must not take.
GONE, NEW = "w1.example.com.old", "w1-example-com"
HOSTILE = "it's a|b, c=(d) $x.*/é"
# Telegraf's interval, in ms; the points of a series are this far apart, but for its gaps.
STEP = 10_000
# From a minute before the times that are asked for to a minute after.
FIRST, LAST = -6, 66
# Which of them a host's points are.
LIVES = {W1: (FIRST, LAST), W2: (FIRST, LAST), GONE: (FIRST, 20), NEW: (50, LAST)}
UPGRADED = 33

# The points of hosts that report or do not, by how many seconds ago they came.
AGES: Mapping[str, Sequence[int]] = {
    "steady": range(5, 700, 10),
    "once": [2],
    "a-while-ago": [150],
    "hardly": [270],
    "hardly-in-7-minutes": [390],
    "silent": range(425, 900, 10),
    "silent-for-hours": [20 * 3600],
    "silent-for-a-day": [86_000],
    "gone": [25 * 3600],
}
DAY = 86_400_000

Value = int | float
Tags = tuple[tuple[str, str], ...]


@dataclass
class Written:
    """One series: its points by time in ms since 1970, each with its fields.

    first is the time of the point that is number 0.
    """

    measurement: str
    tags: Mapping[str, str]
    first: int
    points: dict[int, dict[str, Value]] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Its points in line protocol, times in ms.

        Source: InfluxDB 1.x documentation, line protocol reference, Special characters.
        """
        key = "".join(f",{_escaped(n)}={_escaped(v)}" for n, v in sorted(self.tags.items()))
        for time, fields in self.points.items():
            values = ",".join(f"{_escaped(n)}={_literal(v)}" for n, v in fields.items())
            yield f"{_escaped(self.measurement)}{key} {values} {time}"


def _escaped(text: str) -> str:
    return "".join(f"\\{character}" if character in " ,=" else character for character in text)


def _literal(value: Value) -> str:
    return f"{value}i" if isinstance(value, int) else repr(value)


def written(catalogs: Iterable[Catalog], base: int) -> list[Written]:
    """All series of catalogs; base is the time, in ms, of the point that is number 0."""
    made: dict[tuple[str, Tags], Written] = {}
    serial = itertools.count(1)
    for catalog in catalogs:
        for metric in catalog.metrics:
            for measurement, tags, alive in _series(catalog, metric):
                key = (measurement, tuple(sorted(tags.items())))
                # No two series have points at one time: which is the last is never a question.
                new = Written(measurement, tags, base + len(made) * 37 % 9001)
                series = made.setdefault(key, new)
                for number, fields in _numbers(catalog, metric, serial, alive).items():
                    time = series.first + number * STEP
                    series.points.setdefault(time, {}).update(fields)
    return list(made.values())


def silences(catalogs: Iterable[Catalog], now: int) -> list[Written]:
    """What says whether a host is there, of hosts that are and others; now is in ms."""
    made = []
    for catalog, metric in [(each, metric) for each in catalogs for metric in each.metrics]:
        if metric.condition and metric.condition.silent:
            name, *old = catalog.measurements(metric)
            value: Value = 7 if _is_whole(catalog, metric) else 7.5
            for host, ages in AGES.items():
                points = {now - age * 1000: {catalog.field(metric): value} for age in ages}
                made.append(Written(name, {"host": host}, now, points))
            # Whoever reports under a new name is not silent because there is an old one.
            points = {now - DAY // 2: {catalog.field(metric): value}}
            made += [Written(each, {"host": "steady"}, now, points) for each in old]
    return made


def values_of(catalog: Catalog, metric: Metric, tag: str) -> tuple[str, ...]:
    """Two values of a tag, or the one that it can have."""
    if tag in catalog.placeholders:
        known = (metric.labels.get(tag) or catalog.placeholders[tag].samples())[:2]
        closed = bool(metric.labels.get(tag) or catalog.placeholders[tag].values)
        if len(known) == 2 or (closed and not catalog.placeholders[tag].setting):
            return known
        return (*known, HOSTILE)
    return {"instance": ("a:8000", "b:8000"), "job": ("application",)}[tag]


def _series(catalog: Catalog, metric: Metric) -> Iterator[tuple[str, dict[str, str], range]]:
    """Where a metric's series are, with their tags and the numbers of their points."""
    names = catalog.tags(metric)
    choices = [
        dict(zip(names, choice, strict=True))
        for choice in itertools.product(*(values_of(catalog, metric, name) for name in names))
    ]
    for host, (first, last) in LIVES.items():
        for choice in choices if host in (W1, W2) else choices[:1]:
            alive = range(first, last + 1)
            tags = {"host": host, **choice, **_own(catalog, metric)}
            if catalog.app == "pipeline" and host == W1:
                # What Telegraf tells of itself has its version among the tags.
                yield _place(catalog, metric, tags | {"version": "1.38"}, range(first, UPGRADED))
                yield _place(catalog, metric, tags | {"version": "1.39"}, range(UPGRADED, last + 1))
            else:
                yield _place(catalog, metric, tags, alive)
        if host == W1:
            tags = {"host": host, **choices[0], **_own(catalog, metric)}
            yield from _further(catalog, metric, tags)


def _own(catalog: Catalog, metric: Metric) -> dict[str, str]:
    """The tags that our processors add."""
    if catalog.input is Input.TELEGRAF:
        return {}
    own = {"metric_type": metric.type.telegraf}
    return own | ({"transport": "tcp"} if catalog.transport is Transport.TCP else {})


def _place(
    catalog: Catalog, metric: Metric, tags: dict[str, str], alive: range
) -> tuple[str, dict[str, str], range]:
    return catalog.measurement(metric), tags, alive


def _further(
    catalog: Catalog, metric: Metric, tags: dict[str, str]
) -> Iterator[tuple[str, dict[str, str], range]]:
    """Series that are the same to a catalog: the other transport, a client's own tags, the past."""
    everywhere = range(FIRST, LAST + 1)
    if catalog.input is Input.STATSD:
        other = {name: value for name, value in tags.items() if name != "transport"}
        if "transport" not in tags:
            other["transport"] = "tcp"
        yield _place(catalog, metric, other, everywhere)
    if catalog.input is not Input.TELEGRAF:
        yield _place(catalog, metric, tags | {"shard": "2"}, everywhere)
    for former in metric.formerly:
        yield _place(catalog, metric, tags | {"former_name": former.name}, everywhere)
    for old in catalog.measurements(metric)[1:]:
        yield old, tags, range(FIRST, 45)


def _numbers(
    catalog: Catalog, metric: Metric, serial: Iterator[int], alive: range
) -> dict[int, dict[str, Value]]:
    """A series' fields, by the number of the point."""
    own = next(serial)
    gap = range(10 + own % 5, 19 + own % 5)
    there = [number for number in alive if number not in gap]
    if metric.type is MetricType.TIMER and not catalog.cumulative:
        there = [number for number in there if (number * 7 + own) % 3]
        return _times(catalog, metric, own, there, serial)
    name = catalog.field(metric)
    if metric.type not in {MetricType.COUNTER, MetricType.TIMER}:
        part = 0 if _is_whole(catalog, metric) else 0.5
        return {n: {name: _unique(own, n) + part} for n in there}
    if not catalog.cumulative:
        return {n: {name: _unique(own, n)} for n in there if (n * 7 + own) % 3}
    # One starts anew behind a gap, the next between two points, early or late.
    restart = (gap.stop, 22 + own % 7, 41 + own % 7)[own % 3]
    if metric.type is MetricType.TIMER:
        return _histogram(own, there, restart)
    return {n: {name: value} for n, value in _counts(catalog, own, there, restart).items()}


def _is_whole(catalog: Catalog, metric: Metric) -> bool:
    """Whether Telegraf writes a level as an integer."""
    plugins = catalog.input is Input.TELEGRAF and metric.unit in {Unit.BYTES, Unit.SECONDS}
    return plugins or metric.type is MetricType.SET


def _unique(own: int, number: int) -> int:
    """A number that no other point has, and that neither rises nor falls all the time."""
    return own * 100 + number * 37 % 97 + 1


def _counts(
    catalog: Catalog, own: int, there: Sequence[int], restart: int
) -> dict[int, int | float]:
    """A count since the start."""
    made: dict[int, Value] = {}
    total, again = own * 1_000_000, False
    for number in there:
        if number >= restart and not again:
            total, again = 0, True
        total += _unique(own, number)
        made[number] = total if catalog.input is Input.TELEGRAF else float(total)
    return made


def _histogram(own: int, there: Sequence[int], restart: int) -> dict[int, dict[str, Value]]:
    """A sum and a count of times since the start; in some intervals there is none.

    Of some a new process has counted more, of shorter times, before it is first asked.
    """
    made: dict[int, dict[str, Value]] = {}
    total, count, again = own * 1_000_000.0, own * 1000.0, False
    for number in there:
        if number >= restart and not again:
            total, count, again = 0.0, count + 3 if own % 2 else 0.0, True
        if (number * 7 + own) % 4:
            total += _unique(own, number) + 0.5
            count += (number + own) % 4 + 1
        made[number] = {"sum": total, "count": count}
    return made


def _times(
    catalog: Catalog, metric: Metric, own: int, there: Sequence[int], serial: Iterator[int]
) -> dict[int, dict[str, Value]]:
    """A timer's fields: of a whole number of times their sum, and others that have no relation."""
    others = {name: next(serial) for name in catalog.fields(metric) if name != "count"}
    made: dict[int, dict[str, Value]] = {}
    for n in there:
        made[n] = {name: _unique(each, n) + 0.5 for name, each in others.items()}
        if "count" in catalog.fields(metric):
            made[n]["count"] = (n + own) % 4 + 1
    return made
