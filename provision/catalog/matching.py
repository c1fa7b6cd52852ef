"""Rules about what a bucket could be taken for: MATCHING in one catalog, TOGETHER on one host.

As in provision.catalog.rules, each has a name and, in its docstring, the reason why.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provision.catalog.buckets import Kind, Pattern, Segment, overlap
from provision.catalog.model import Catalog, Input, Metric, MetricType
from provision.catalog.series import series
from provision.catalog.subject import Found, Rule, Subject, names, whole

# One metric of one host; a database with more than some hundred thousand series in all gets slow.
MOST_SERIES = 10_000

_OWN_BEGINNING = "let one of them begin with a segment that the other has not"
# Where a placeholder before it takes what one of them begins with.
_OWN_END = "let one of them end with segments that the other cannot end with"
Shared = Callable[[Sequence[Catalog]], Iterator[str]]


@dataclass(frozen=True)
class _Row:
    """A pattern that buckets of a metric follow, and the metric's index in its file."""

    catalog: Catalog
    index: int
    metric: Metric
    pattern: Pattern


def _series_bounded(subject: Subject) -> Found:
    """Tags with very many values make InfluxDB slow for everyone."""
    for index, metric in subject.metrics:
        number = series(subject.catalog, metric)
        if number > MOST_SERIES:
            yield (
                ("metrics", index),
                f"makes some {number:,} series a host, more than {MOST_SERIES:,}: "
                "a tag of it varies too much",
            )


def _bucket_other(subject: Subject) -> Found:
    """A bucket that the matching gives to another metric never arrives where it is looked for."""
    told = set()
    for one, other in _pairs(_rows(subject)):
        first, second = sorted((one, other), key=lambda row: row.pattern.specificity)
        if first.index == second.index or (first.index, second.index) in told:
            continue
        if not overlap(one.pattern, other.pattern) or not _nested(one.pattern, other.pattern):
            continue
        taken = (b for b in _samples(second) if first.pattern.match(b) is not None)
        if bucket := next(taken, None):
            told.add((first.index, second.index))
            what = f"{bucket} would be taken for {first.metric.name}"
            yield ("metrics", second.index, "name"), what


def _bucket_apart(subject: Subject) -> Found:
    """A bucket that follows two patterns, neither the more specific one, can be either metric."""
    told = set()
    for one, other in _pairs(_rows(subject)):
        early, late = sorted((one, other), key=lambda row: row.index)
        if (early.index, late.index) in told:
            continue
        bucket = overlap(one.pattern, other.pattern)
        if bucket and not _nested(one.pattern, other.pattern):
            told.add((early.index, late.index))
            name = "by another of its names" if early is late else early.metric.name
            taken = (late.pattern.match(bucket) or {}).items()
            here = [f"<{tag}> is {value}" for tag, value in taken if "." in value]
            what = f"{bucket} could be {name} as well"
            what += f" (here {' and '.join(here)})" if here else ""
            remedy = _OWN_END if here else _OWN_BEGINNING
            yield ("metrics", late.index, "name"), f"{what}: {remedy}"


def _rows(subject: Subject) -> Iterator[_Row]:
    if subject.catalog.input is Input.STATSD:
        for index, metric in subject.metrics:
            for pattern in subject.catalog.patterns(metric):
                yield _Row(subject.catalog, index, metric, pattern)


def _pairs(rows: Iterable[_Row]) -> Iterator[tuple[_Row, _Row]]:
    """The pairs of one type whose buckets could be the same, the earlier one first."""
    earlier: dict[str, tuple[_Ends, _Ends]] = defaultdict(lambda: (_Ends(), _Ends()))
    for row in rows:
        segments = row.pattern.segments
        ends = [
            (known, _fixed(way))
            for known, way in zip(earlier[row.metric.type], (segments, segments[::-1]), strict=True)
        ]
        # Most differ at one of their ends, some at both.
        for other in min((known.alike(end) for known, end in ends), key=len):
            yield other, row
        for known, end in ends:
            known.add(end, row)


def _fixed(segments: Iterable[Segment]) -> tuple[str, ...]:
    """The texts before the first placeholder."""
    return tuple(s.text for s in itertools.takewhile(lambda s: s.kind is Kind.FIXED, segments))


class _Ends:
    """Rows by one end of their patterns: those of which none goes on otherwise."""

    def __init__(self) -> None:
        self._ending: dict[tuple[str, ...], list[_Row]] = defaultdict(list)
        self._going_on: dict[tuple[str, ...], list[_Row]] = defaultdict(list)

    def add(self, end: tuple[str, ...], row: _Row) -> None:
        self._ending[end].append(row)
        for length in range(len(end)):
            self._going_on[end[:length]].append(row)

    def alike(self, end: tuple[str, ...]) -> list[_Row]:
        """Those whose end is the beginning of this one, or begins with it."""
        shorter = (self._ending.get(end[:length], ()) for length in range(len(end) + 1))
        return [*itertools.chain(*shorter), *self._going_on.get(end, ())]


def _nested(one: Pattern, other: Pattern) -> bool:
    """Whether every bucket of one is one of the other, but not the other way round."""
    return one.within(other) != other.within(one)


def _samples(row: _Row) -> Iterator[str]:
    """Buckets of a pattern: its samples' first values, then each other value of one of them."""
    tags = [s.text for s in row.pattern.segments if s.kind is not Kind.FIXED]
    samples = {tag: row.catalog.samples(row.metric, tag) for tag in tags}
    first = {tag: values[0] for tag, values in samples.items()}
    yield row.pattern.fill(first)
    for tag, values in samples.items():
        for value in values[1:]:
            yield row.pattern.fill(first | {tag: value})


def _app_once(catalogs: Sequence[Catalog]) -> Iterator[str]:
    """Of two catalogs of one application it is not said which one counts."""
    apps = [catalog.app for catalog in catalogs]
    for app in dict.fromkeys(apps):
        if apps.count(app) > 1:
            yield f"{app} has {apps.count(app)} catalogs"


def _measurement_shared(catalogs: Sequence[Catalog]) -> Iterator[str]:
    """What two applications store in one place is neither's."""
    stored: dict[str, list[tuple[Catalog, str]]] = defaultdict(list)
    told = set()
    for catalog in catalogs:
        for metric in catalog.metrics:
            for measurement in catalog.measurements(metric):
                for other, field in stored[measurement]:
                    # Two of Telegraf's plugins can have fields of one measurement.
                    plugins = catalog.input is other.input is Input.TELEGRAF
                    apart = plugins and field != catalog.field(metric)
                    if other is not catalog and not apart:
                        told.add((other.app, catalog.app, measurement))
                stored[measurement].append((catalog, catalog.field(metric)))
    for one, another, measurement in sorted(told):
        yield f"{one} and {another} are both stored as {measurement}"


def _name_shared(catalogs: Sequence[Catalog]) -> Iterator[str]:
    """Of a scraped metric nothing but its name says which application's it is."""
    known: dict[str, Catalog] = {}
    for catalog in catalogs:
        if catalog.input is Input.PROMETHEUS:
            for index, metric in enumerate(catalog.metrics):
                for name in _come_as(index, metric):
                    other = known.setdefault(name, catalog)
                    if other is not catalog:
                        yield f"{other.app} and {catalog.app} both document {name}"


def _come_as(index: int, metric: Metric) -> Iterator[str]:
    """The names under which a scraped metric comes: a timer by its parts as well."""
    parts = ("", "_sum", "_count", "_bucket") if metric.type is MetricType.TIMER else ("",)
    for _, name in names(index, metric):
        yield from (f"{name}{part}" for part in parts)


def _bucket_shared(catalogs: Sequence[Catalog]) -> Iterator[str]:
    """A bucket that could be of two applications is taken for the wrong one."""
    rows = itertools.chain(*(_rows(whole(catalog)) for catalog in catalogs))
    for one, other in _pairs(rows):
        if one.catalog is not other.catalog and (bucket := overlap(one.pattern, other.pattern)):
            yield (
                f"{bucket} could be {one.metric.name} of {one.catalog.app} "
                f"or {other.metric.name} of {other.catalog.app}"
            )


def _variable_shared(catalogs: Sequence[Catalog]) -> Iterator[str]:
    """An inventory's variable can be a setting of one application only."""
    known: dict[str, Catalog] = {}
    for catalog in catalogs:
        for variable in sorted(catalog.variables):
            other = known.setdefault(variable, catalog)
            if other is not catalog:
                yield f"{other.app} and {catalog.app} both have the variable {variable}"


def _setting_apart(catalogs: Sequence[Catalog]) -> Iterator[str]:
    """The values that a site gives to settings can make one application's buckets alike."""
    for catalog in catalogs:
        for rule in MATCHING.values() if catalog.settings else ():
            for _, what in rule(whole(catalog)):
                yield f"{catalog.app}: {what}"


MATCHING: Mapping[str, Rule] = {
    "series-bounded": _series_bounded,
    "bucket-other": _bucket_other,
    "bucket-apart": _bucket_apart,
}
TOGETHER: Mapping[str, Shared] = {
    "app-once": _app_once,
    "measurement-shared": _measurement_shared,
    "name-shared": _name_shared,
    "bucket-shared": _bucket_shared,
    "variable-shared": _variable_shared,
    "setting-apart": _setting_apart,
}
