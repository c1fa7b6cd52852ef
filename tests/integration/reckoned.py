"""What the panels should show, reckoned from what was written: no query is looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from provision.catalog.model import Catalog, Input, Metric, MetricType
from provision.catalog.units import Unit
from tests.integration.written import Tags, Value, Written

# What is so now is so in this time, in ms.
NOW = 300_000
SECONDS = {
    Unit.NANOSECONDS: 1e9,
    Unit.MICROSECONDS: 1e6,
    Unit.MILLISECONDS: 1e3,
    Unit.SECONDS: 1.0,
}
# A series of an answer is known by its measurement and tags.
Key = tuple[str, Tags]
Rows = dict[int, float | None]


@dataclass(frozen=True)
class Asking:
    """The time that a dashboard shows, in ms, what it is divided into, and what is chosen.

    choice are the chosen values by variable; one that is not there is on All. by are the tags that
    graphs are grouped by, where they are.
    """

    start: int
    end: int
    interval: int
    choice: Mapping[str, Sequence[str]]
    by: Sequence[str] = ("host",)

    def buckets(self) -> range:
        """When the intervals begin, which are those of the clock."""
        return range(self.start - self.start % self.interval, self.end + 1, self.interval)

    def bucket(self, time: int) -> int:
        """The beginning of the interval that a time is in."""
        return time - time % self.interval

    def spans(self, time: int) -> bool:
        """Whether the dashboard shows a time."""
        return self.start <= time <= self.end

    def lately(self, time: int) -> bool:
        """Whether a time is in the last five minutes."""
        return self.end - NOW < time <= self.end

    def takes(self, tags: Mapping[str, str], variables: Iterable[str]) -> bool:
        """Whether a series is chosen, by the variables that its metric has."""
        return all(
            tags.get(name, "") in self.choice[name] for name in variables if name in self.choice
        )


@dataclass(frozen=True)
class Reckoner:
    """A metric's numbers, as the variables of a dashboard choose them."""

    catalog: Catalog
    metric: Metric
    series: Sequence[Written]
    variables: Sequence[str]
    grouped: bool = False

    @property
    def tags(self) -> tuple[str, ...]:
        """What a metric's lines are told apart by."""
        own = ("host", *self.catalog.tags(self.metric))
        return (*own, "former_name") if self.metric.formerly else own

    def chosen(self, asking: Asking, by: Sequence[str] | None = None) -> dict[Key, list[Written]]:
        """The series that are told apart by tags; what no catalog knows is not told apart."""
        by = self.tags if by is None else by
        names = self.catalog.measurements(self.metric)
        own = [name for name in ("host", *self.catalog.tags(self.metric)) if name in self.variables]
        found: dict[Key, list[Written]] = defaultdict(list)
        for each in self.series:
            if each.measurement in names and asking.takes(each.tags, own):
                tags = tuple(sorted((name, each.tags.get(name, "")) for name in by))
                found[each.measurement, tags].append(each)
        return found

    def graph(self, asking: Asking) -> list[dict[Key, Rows]]:
        """The lines of each of a metric's queries in a graph, without those that have nothing."""
        if self.grouped and not self._adds_up:
            return [self._levels(asking)]
        if self.metric.type is MetricType.COUNTER and self.catalog.cumulative:
            field, share = self.catalog.field(self.metric), SECONDS.get(self.metric.unit, 1.0)
            return [self._lines(asking, lambda each: self._grown(each, asking, field, share))]
        if self.metric.type is MetricType.TIMER and self.catalog.cumulative:
            return [self._lines(asking, lambda each: _mean_grown(each, asking))]
        return [
            self._lines(asking, lambda each, of=of: _in_intervals(each, asking, of))  # type: ignore[misc]
            for of in self._measures(asking)
        ]

    def events(self, asking: Asking) -> list[dict[Key, Rows]]:
        """The lines of how many times a histogram counts in a second."""
        return [self._lines(asking, lambda each: self._grown(each, asking, "count", 1.0))]

    def _measures(self, asking: Asking) -> list[tuple[tuple[str, ...], Callable[..., float]]]:
        """Of each query the fields, and what becomes of an interval's points."""
        field = self.catalog.field(self.metric)
        if self.metric.type is MetricType.COUNTER:
            return [((field,), lambda points: sum(points) / (asking.interval / 1000))]
        if self.metric.type is not MetricType.TIMER:
            return [((field,), _last)]
        found: list[tuple[tuple[str, ...], Callable[..., float]]] = [
            ((f"{percentile:g}_percentile",), max) for percentile in self.metric.percentiles
        ]
        if self._mean:
            found.append((("sum", "count"), _mean))
        return found or [((field,), _last)]

    @property
    def _mean(self) -> bool:
        return {"sum", "count"} <= set(self.catalog.fields(self.metric))

    @property
    def _adds_up(self) -> bool:
        """Whether the points of several series can be taken together."""
        timer = self.metric.type is MetricType.TIMER and (self.metric.percentiles or self._mean)
        return self.metric.type is MetricType.COUNTER or bool(timer)

    def _by(self, asking: Asking) -> Sequence[str]:
        former = ("former_name",) if self.metric.formerly else ()
        if not self.grouped:
            return self.tags
        return (*(tag for tag in asking.by if tag in self.tags), *former)

    def _levels(self, asking: Asking) -> dict[Key, Rows]:
        """The last values of all series of a line as their sum, or the highest or lowest of all."""
        field, together = self.catalog.field(self.metric), self.together
        of = ((field,), _last if together is sum else together)
        found: dict[Key, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for (name, tags), each in self.chosen(asking).items():
            own = dict(tags)
            key = (name, tuple(sorted((tag, own.get(tag, "")) for tag in self._by(asking))))
            if together is fmean:  # of all values, and not of each series' own
                for time, value in _points(each, field, asking.spans):
                    found[key][asking.bucket(time)].append(value)
                continue
            for time, value in _in_intervals(each, asking, of).items():
                found[key][time].append(value)
        return {
            key: {t: together(line[t]) if t in line else None for t in asking.buckets()}
            for key, line in found.items()
        }

    def _lines(
        self, asking: Asking, of: Callable[[Sequence[Written]], dict[int, float]]
    ) -> dict[Key, Rows]:
        chosen = self.chosen(asking, self._by(asking))
        lines = {key: of(each) for key, each in chosen.items()}
        return {
            key: {time: line.get(time) for time in asking.buckets()}
            for key, line in lines.items()
            if line
        }

    def _grown(
        self, series: Sequence[Written], asking: Asking, field: str, share: float
    ) -> dict[int, float]:
        """How fast counts grow, by interval: each by itself, and then their sum."""
        found: dict[int, float] = defaultdict(float)
        for each in series:
            lasts: dict[int, Value] = {}
            for time, value in _points([each], field, asking.spans):
                lasts[asking.bucket(time)] = value
            for (before, old), (time, new) in pairwise(lasts.items()):
                if new >= old:
                    found[time] += (new - old) / ((time - before) / 1000) / share
        return found

    def each_now(self, asking: Asking) -> dict[Key, float]:
        """What each line is now: what its condition is about."""
        found = {key: self._now(each, asking) for key, each in self.chosen(asking).items()}
        return {key: value for key, value in found.items() if value is not None}

    def _now(self, series: Sequence[Written], asking: Asking) -> float | None:
        field = self.catalog.field(self.metric)
        points = [value for _, value in _points(series, field, asking.lately)]
        if self.metric.type is MetricType.TIMER and self.catalog.cumulative:
            both = [_both_grown(each, asking.lately, lambda time: time) for each in series]
            grown = [each for one in both for _, each in one]
            return _mean_of(grown) if grown else None
        if self.metric.type is MetricType.TIMER and self._mean:
            sums, counts = (
                [value for _, value in _points(series, name, asking.lately)]
                for name in ("sum", "count")
            )
            return sum(sums) / sum(counts) if counts else None
        if not points:
            return None
        if self.metric.type is not MetricType.COUNTER:
            return points[-1]
        if self.catalog.input is Input.STATSD:
            return sum(points)
        grown: list[float] = []
        for each in series:
            values = [value for _, value in _points([each], field, asking.lately)]
            grown += [new - old for old, new in pairwise(values) if new >= old]
        return sum(grown) if grown else None

    @property
    def together(self) -> Callable[[Iterable[float]], float]:
        """What several series are in one line."""
        words = {"sum": sum, "max": max, "min": min, "mean": fmean}
        return words[self.metric.together] if self.metric.together else self.worst

    @property
    def worst(self) -> Callable[[Iterable[float]], float]:
        """How the lines become one number."""
        condition = self.metric.condition
        if condition and condition.above is not None:
            return max
        if condition and condition.below is not None:
            return min
        if self.metric.together:
            return self.together
        shares, times = {Unit.PERCENT, Unit.RATIO}, {Unit.SECONDS, Unit.MILLISECONDS}
        level = self.metric.type is not MetricType.COUNTER
        return max if self.metric.unit in shares or (level and self.metric.unit in times) else sum

    def number(self, asking: Asking) -> float | None:
        """The one number of a panel."""
        values = self.each_now(asking).values()
        if self.metric.type is MetricType.TIMER and self._mean and not self.metric.condition:
            every = [each for series in self.chosen(asking).values() for each in series]
            return self._now(every, asking)
        return self.worst(values) if values else None

    def by_host(self, asking: Asking) -> dict[str, float]:
        """The one number of each host."""
        found: dict[str, list[float]] = defaultdict(list)
        for (_, tags), value in self.each_now(asking).items():
            found[dict(tags)["host"]].append(value)
        return {host: self.worst(values) for host, values in found.items()}

    def last_reports(self, asking: Asking) -> dict[str, tuple[int, float]]:
        """The last point of each host that the dashboard shows."""
        found = {}
        for (_, tags), each in self.chosen(asking).items():
            points = list(_points(each, self.catalog.field(self.metric), asking.spans))
            if points:
                found[dict(tags)["host"]] = points[-1]
        return found

    def times_by_host(self) -> dict[str, list[int]]:
        """When each host reported, under the name that the metric has now."""
        found: dict[str, list[int]] = defaultdict(list)
        for each in self.series:
            if each.measurement == self.catalog.measurement(self.metric):
                found[each.tags["host"]] += each.points
        return found


def _last(points: Sequence[float]) -> float:
    """What a level was at the end of an interval."""
    return points[-1]


def _points(
    series: Sequence[Written], field: str, wanted: Callable[[int], bool]
) -> list[tuple[int, Value]]:
    """The values of a field in some time, in their order."""
    return sorted(
        (time, fields[field])
        for each in series
        for time, fields in each.points.items()
        if field in fields and wanted(time)
    )


def _in_intervals(
    series: Sequence[Written],
    asking: Asking,
    of: tuple[tuple[str, ...], Callable[..., float]],
) -> dict[int, float]:
    """What becomes of the points of each interval that has any."""
    names, reckon = of
    found: dict[int, list[list[Value]]] = defaultdict(lambda: [[] for _ in names])
    for index, name in enumerate(names):
        for time, value in _points(series, name, asking.spans):
            found[asking.bucket(time)][index].append(value)
    return {bucket: reckon(*values) for bucket, values in found.items()}


def _both_grown(
    each: Written, wanted: Callable[[int], bool], when: Callable[[int], int]
) -> Iterator[tuple[int, tuple[float, float]]]:
    """By how much a series' sum and count have grown, with when, where something was counted."""
    lasts: dict[int, tuple[Value, Value]] = {}
    for time in sorted(each.points):
        if wanted(time):
            lasts[when(time)] = (each.points[time]["sum"], each.points[time]["count"])
    for (_, old), (time, new) in pairwise(lasts.items()):
        if new[1] > old[1] and new[0] >= old[0]:
            yield time, (new[0] - old[0], new[1] - old[1])


def _mean_grown(series: Sequence[Written], asking: Asking) -> dict[int, float]:
    """The mean of the times that were counted in each interval, of several series."""
    found: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for each in series:
        for time, grown in _both_grown(each, asking.spans, asking.bucket):
            found[time].append(grown)
    return {time: _mean_of(both) for time, both in found.items()}


def _mean_of(both: Sequence[tuple[float, float]]) -> float:
    return sum(sums for sums, _ in both) / sum(counts for _, counts in both)


def _mean(sums: Sequence[float], counts: Sequence[float]) -> float:
    return sum(sums) / sum(counts)
