"""The rules of catalogs: each has a name and, in its docstring, a reason.

Rules for one catalog are in FORMS, RULES and MATCHING; what goes wrong between the catalogs of one
host is told by lint_together.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provision.catalog.buckets import DOTTED_VALUE, FIXED_SEGMENT, Pattern, classify, overlap
from provision.catalog.model import (
    PROMETHEUS_NAME,
    RESERVED_TAGS,
    TELEGRAF_NAME,
    UNDOCUMENTED,
    Catalog,
    Input,
    Metric,
    MetricType,
)
from provision.catalog.units import TIMES, Unit

# One metric of one host; a database with more than some hundred thousand series in all gets slow.
MOST_SERIES = 10_000
RESERVED_APPS = frozenset({"provision", UNDOCUMENTED})

_Path = tuple[str | int, ...]
_Found = Iterator[tuple[_Path, str]]
_Rule = Callable[[Catalog], _Found]


@dataclass(frozen=True)
class Finding:
    """A rule's name, where it is broken (a key path) and how."""

    rule: str
    path: _Path
    message: str


def lint(catalog: Catalog) -> list[Finding]:
    """All findings in a catalog, in the order of FORMS, RULES and MATCHING."""
    # Each group of rules reads what the one before it has found to be in order.
    for rules in (FORMS, RULES, MATCHING):
        if found := _findings(rules, catalog):
            return found
    return []


def _findings(rules: Mapping[str, _Rule], catalog: Catalog) -> list[Finding]:
    return [Finding(name, *found) for name, rule in rules.items() for found in rule(catalog)]


def lint_together(catalogs: Sequence[Catalog]) -> list[str]:
    """What goes wrong between the catalogs of one host.

    No bucket may follow patterns of two catalogs, no name be documented in two, and no two metrics
    be stored in one measurement's field.
    """
    found = []
    stored: dict[tuple[str, str], Catalog] = {}
    names: dict[str, Catalog] = {}
    for catalog in catalogs:
        for metric in catalog.metrics:
            for measurement in catalog.measurements(metric):
                other = stored.setdefault((measurement, catalog.field(metric)), catalog)
                if other is not catalog:
                    found.append(f"{other.app} and {catalog.app} are both stored as {measurement}")
            if catalog.input is Input.PROMETHEUS:
                other = names.setdefault(metric.name, catalog)
                if other is not catalog:
                    found.append(f"{other.app} and {catalog.app} both document {metric.name}")
    statsd = [(c, metric) for c in catalogs if c.input is Input.STATSD for metric in c.metrics]
    for (one, first), (other, second) in itertools.combinations(statsd, 2):
        if one is not other and first.type is second.type:
            bucket = _both(one, first, other, second)
            if bucket:
                found.append(
                    f"{bucket} could be {first.name} of {one.app} or {second.name} of {other.app}"
                )
    return found


def series(catalog: Catalog, metric: Metric) -> int:
    """How many series one host is expected to write of a metric."""
    numbers = [
        len(metric.labels.get(tag) or ()) or catalog.placeholders[tag].number
        for tag in catalog.tags(metric)
        if tag in catalog.placeholders
    ]
    return math.prod(numbers)


def _both(catalog: Catalog, metric: Metric, other: Catalog, another: Metric) -> str | None:
    """A bucket that follows patterns of two metrics, neither of which is the more specific one."""
    for mine in catalog.patterns(metric):
        for theirs in other.patterns(another):
            bucket = overlap(mine, theirs)
            if bucket and catalog is not other:
                return bucket
            if bucket and not (_within(mine, theirs) or _within(theirs, mine)):
                return bucket
    return None


def _within(narrow: Pattern, wide: Pattern) -> bool:
    """Whether every bucket of one pattern follows another that has fewer fixed segments."""
    return narrow != wide and all(wide.match(bucket) is not None for bucket in narrow.shapes())


def _bucket_form(catalog: Catalog) -> _Found:
    """Segments are separated by dots; statsd and Telegraf keep only some characters."""
    if catalog.input is Input.STATSD:
        for index, metric in enumerate(catalog.metrics):
            for place, name in _names(index, metric):
                try:
                    catalog.parsed(name)
                except ValueError as error:
                    yield place, str(error)


def _prometheus_name(catalog: Catalog) -> _Found:
    """A name of another form cannot come from a Prometheus client."""
    if catalog.input is Input.PROMETHEUS:
        for index, metric in enumerate(catalog.metrics):
            for place, name in _names(index, metric):
                if not PROMETHEUS_NAME.fullmatch(name):
                    yield place, f"{name!r} is not the name of a Prometheus metric"


def _telegraf_name(catalog: Catalog) -> _Found:
    """A plugin's metric is a measurement and a field."""
    if catalog.input is Input.TELEGRAF:
        for index, metric in enumerate(catalog.metrics):
            if not TELEGRAF_NAME.fullmatch(metric.name):
                yield ("metrics", index, "name"), f"{metric.name!r}: not measurement.field"
            if metric.formerly or metric.measurement:
                yield ("metrics", index), "a plugin's metric has the name that Telegraf gives it"


def _names(index: int, metric: Metric) -> Iterator[tuple[_Path, str]]:
    yield ("metrics", index, "name"), metric.name
    for number, former in enumerate(metric.formerly):
        yield ("metrics", index, "formerly", number, "name"), former.name


def _app_reserved(catalog: Catalog) -> _Found:
    """What provision itself stores, no application may."""
    if catalog.app in RESERVED_APPS:
        yield ("app",), f"{catalog.app!r} is taken: provision stores things of its own there"


def _label_used(catalog: Catalog) -> _Found:
    """The varying parts of a statsd bucket stand in its name."""
    for index, metric in enumerate(catalog.metrics):
        if metric.labels and catalog.input is Input.STATSD:
            yield ("metrics", index, "labels"), "a statsd bucket has no labels"


def _label_values(catalog: Catalog) -> _Found:
    """A metric can have some of a label's documented values, but no others."""
    for index, metric in enumerate(catalog.metrics):
        for name, values in metric.labels.items():
            known = catalog.placeholders[name].values if name in catalog.placeholders else None
            for value in values or ():
                if known is not None and value not in known:
                    yield ("metrics", index, "labels", name), f"{value!r} is not one of its values"


def _placeholder_declared(catalog: Catalog) -> _Found:
    """What a placeholder is, and what it can be, must be said."""
    for index, metric in enumerate(catalog.metrics):
        for name in _used(catalog, metric):
            if name not in catalog.placeholders:
                yield ("metrics", index, "name"), f"placeholder <{name}> is not declared"


def _placeholder_used(catalog: Catalog) -> _Found:
    """One that is in no bucket was meant to be in one."""
    used = {name for metric in catalog.metrics for name in _used(catalog, metric)}
    for name in catalog.placeholders:
        if name not in used:
            yield ("placeholders", name), f"placeholder <{name}> is in no bucket"


def _used(catalog: Catalog, metric: Metric) -> tuple[str, ...]:
    if catalog.input is not Input.STATSD:
        return tuple(metric.labels)
    former = [name for each in metric.formerly for name in catalog.parsed(each.name).placeholders]
    return (*catalog.tags(metric), *former)


def _placeholder_reserved(catalog: Catalog) -> _Found:
    """Telegraf's own tags would be overwritten, and with them where a value comes from."""
    for name in catalog.placeholders:
        if name in RESERVED_TAGS:
            yield ("placeholders", name), f"{name!r} is a tag that Telegraf sets itself"


def _placeholder_samples(catalog: Catalog) -> _Found:
    """What cannot be tried cannot be proven."""
    for name, placeholder in catalog.placeholders.items():
        if not placeholder.samples():
            yield ("placeholders", name), "an open placeholder needs at least one of examples"


def _placeholder_values(catalog: Catalog) -> _Found:
    """A value that cannot stand where the placeholder does can never come."""
    if catalog.input is not Input.STATSD:
        return
    for name, placeholder in catalog.placeholders.items():
        form = DOTTED_VALUE if placeholder.dotted or placeholder.setting else FIXED_SEGMENT
        for value in placeholder.samples():
            if not form.fullmatch(value):
                yield ("placeholders", name), f"{value!r} cannot stand in a bucket at <{name}>"


def _placeholder_expected(catalog: Catalog) -> _Found:
    """Each value of a tag makes a series: how many there will be must be thought of."""
    for name, placeholder in catalog.placeholders.items():
        if placeholder.values is None and placeholder.expected is None:
            yield (
                ("placeholders", name),
                "an open placeholder needs `expected`: how many values one host sends",
            )


def _setting_statsd(catalog: Catalog) -> _Found:
    """What a site sets of a scraped application are its targets."""
    for name, placeholder in catalog.placeholders.items():
        if placeholder.setting and catalog.input is not Input.STATSD:
            yield ("placeholders", name, "setting"), f"only with input: {Input.STATSD}"


def _series_bounded(catalog: Catalog) -> _Found:
    """Tags with very many values make InfluxDB slow for everyone."""
    for index, metric in enumerate(catalog.metrics):
        number = series(catalog, metric)
        if number > MOST_SERIES:
            yield (
                ("metrics", index),
                f"makes some {number:,} series a host, more than {MOST_SERIES:,}: "
                "a tag of it varies too much",
            )


def _name_fixed(catalog: Catalog) -> _Found:
    """A name without a fixed segment would take every bucket, and have no measurement."""
    for index, metric in enumerate(catalog.metrics):
        if not metric.default_measurement:
            yield ("metrics", index, "name"), "a name needs at least one fixed segment"


def _metric_once(catalog: Catalog) -> _Found:
    """Two texts about one thing part ways."""
    seen: set[tuple[str, str]] = set()
    for index, metric in enumerate(catalog.metrics):
        for place, name in _names(index, metric):
            if (name, metric.type) in seen:
                yield place[:2], f"{metric.type} {name} is documented twice"
            seen.add((name, metric.type))


def _measurement_once(catalog: Catalog) -> _Found:
    """One measurement a metric: InfluxDB keeps one field type, a query finds one thing."""
    seen: dict[tuple[str, str], int] = {}
    for index, metric in enumerate(catalog.metrics):
        for measurement in catalog.measurements(metric):
            # Fields of one measurement are metrics of their own only where Telegraf names them.
            field = catalog.field(metric) if catalog.input is Input.TELEGRAF else ""
            first = seen.setdefault((measurement, field), index)
            if first != index:
                yield (
                    ("metrics", index),
                    f"measurement {measurement} is that of metrics[{first}] as well: "
                    "give one of them a `measurement` of its own",
                )


def _measurement_reserved(catalog: Catalog) -> _Found:
    """A measurement of this name is not the metric's own."""
    for index, metric in enumerate(catalog.metrics):
        if catalog.measurement(metric) == UNDOCUMENTED:
            yield ("metrics", index), f"{UNDOCUMENTED} holds what is in no catalog"


def _type_input(catalog: Catalog) -> _Found:
    """Only statsd sends times and the members of sets one by one."""
    for index, metric in enumerate(catalog.metrics):
        if catalog.input is not Input.STATSD and metric.type in {MetricType.TIMER, MetricType.SET}:
            yield ("metrics", index, "type"), f"there is no {metric.type} with {catalog.input}"


def _type_unit(catalog: Catalog) -> _Found:
    """A rate of percent, or a time in bytes, is a mistake in one of the two."""
    for index, metric in enumerate(catalog.metrics):
        where = ("metrics", index, "unit")
        countable = {Unit.COUNT, Unit.BYTES, Unit.BITS}
        if catalog.cumulative:
            countable |= TIMES
        if metric.type is MetricType.COUNTER and metric.unit not in countable:
            yield where, f"a counter counts things or bytes: {metric.unit}"
        if metric.type is MetricType.TIMER and metric.unit not in TIMES:
            yield where, f"a timer measures time: {metric.unit}"
        if metric.type is MetricType.SET and metric.unit is not Unit.COUNT:
            yield where, f"a set counts its members: {metric.unit}"


def _bucket_other(catalog: Catalog) -> _Found:
    """A bucket that the matching gives to another metric never arrives where it is looked for."""
    if catalog.input is not Input.STATSD:
        return
    for index, metric in enumerate(catalog.metrics):
        patterns = [
            (pattern, other)
            for other in catalog.metrics
            if other.type is metric.type
            for pattern in catalog.patterns(other)
        ]
        values = {tag: catalog.samples(metric, tag)[0] for tag in catalog.tags(metric)}
        for pattern in catalog.patterns(metric):
            bucket = pattern.fill(values)
            taken = classify(bucket, patterns)
            if taken and taken[0] is not metric:
                yield ("metrics", index, "name"), f"{bucket} would be taken for {taken[0].name}"
                break


def _bucket_apart(catalog: Catalog) -> _Found:
    """A bucket that follows two patterns, neither the more specific one, can be either metric."""
    if catalog.input is not Input.STATSD:
        return
    for index, metric in enumerate(catalog.metrics):
        for other in catalog.metrics[:index]:
            if metric.type is other.type and metric.name != other.name:
                bucket = _both(catalog, metric, catalog, other)
                if bucket:
                    yield ("metrics", index, "name"), f"{bucket} could be {other.name} as well"


def _ignored_documented(catalog: Catalog) -> _Found:
    """What is documented is wanted."""
    for index, entry in enumerate(catalog.ignored):
        form = re.compile(re.escape(entry.name).replace(r"\*", ".*"))
        for metric in catalog.metrics:
            if form.fullmatch(metric.name):
                yield ("ignored", index, "name"), f"{entry.name} is {metric.name} as well"


def _condition_reachable(catalog: Catalog) -> _Found:
    """A condition that can never be met warns of nothing."""
    for index, metric in enumerate(catalog.metrics):
        condition = metric.condition
        most = {Unit.PERCENT: 100, Unit.RATIO: 1}.get(metric.unit)
        if condition and condition.above is not None and most and condition.above >= most:
            where = ("metrics", index, "condition", "above")
            yield where, f"{metric.unit} is never above {condition.above:g}"
        positive = metric.type is not MetricType.GAUGE
        if condition and condition.below is not None and condition.below <= 0 and positive:
            where = ("metrics", index, "condition", "below")
            yield where, f"a {metric.type} is never below {condition.below:g}"


def _deprecated_expected(catalog: Catalog) -> _Found:
    """What goes away is not always there."""
    for index, metric in enumerate(catalog.metrics):
        if metric.deprecated and metric.always:
            yield ("metrics", index, "always"), "it is deprecated: leave out always"


FORMS: dict[str, _Rule] = {
    "bucket-form": _bucket_form,
    "prometheus-name": _prometheus_name,
    "telegraf-name": _telegraf_name,
}
RULES: dict[str, _Rule] = {
    "app-reserved": _app_reserved,
    "placeholder-declared": _placeholder_declared,
    "placeholder-used": _placeholder_used,
    "placeholder-reserved": _placeholder_reserved,
    "placeholder-samples": _placeholder_samples,
    "placeholder-values": _placeholder_values,
    "placeholder-expected": _placeholder_expected,
    "setting-statsd": _setting_statsd,
    "label-used": _label_used,
    "label-values": _label_values,
    "name-fixed": _name_fixed,
    "metric-once": _metric_once,
    "measurement-once": _measurement_once,
    "measurement-reserved": _measurement_reserved,
    "type-input": _type_input,
    "type-unit": _type_unit,
    "condition-reachable": _condition_reachable,
    "deprecated-expected": _deprecated_expected,
    "ignored-documented": _ignored_documented,
}
MATCHING: dict[str, _Rule] = {
    "series-bounded": _series_bounded,
    "bucket-other": _bucket_other,
    "bucket-apart": _bucket_apart,
}
