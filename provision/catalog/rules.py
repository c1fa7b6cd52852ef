"""The rules of one catalog: each has a name and, in its docstring, the reason why.

FORMS are about how names are written; RULES read the names, and see only metrics with good ones.
Those of what varies in names are in provision.catalog.varying.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from provision.catalog.buckets import Kind
from provision.catalog.model import (
    OF_MEAN,
    PROMETHEUS_NAME,
    TELEGRAF_NAME,
    UNDOCUMENTED,
    Condition,
    Input,
    Metric,
    MetricType,
)
from provision.catalog.parts import fixed_name
from provision.catalog.subject import Found, Rule, Subject, names
from provision.catalog.units import TIMES, Unit
from provision.catalog.varying import VARYING
from provision.settings import VARIABLES
from provision.values import seconds

RESERVED_APPS = frozenset({"provision", "overview", UNDOCUMENTED})
# What a histogram's parts are called behind its name (Prometheus documentation, Metric types).
_PART = re.compile("_(bucket|count|sum)$")
_KEPT = "of a histogram or a summary the sum and the count are kept"
# What provision sends and stores itself.
_OWN = re.compile(r"(provision[._]|undocumented$)")
# Ansible documentation, Special Variables: those that an application and a word could make.
_ANSIBLES = re.compile(
    r"ansible_.*|group_names|inventory_(dir|file|hostname|hostname_short)|play_(batch|hosts|name)"
    r"|playbook_dir|role_(name|names|path)"
)
SHORTEST_SILENCE, LONGEST_SILENCE = 60, 43_200
_MOST = {Unit.PERCENT: 100, Unit.RATIO: 1}


def _bucket_form(subject: Subject) -> Found:
    """Segments are separated by dots; statsd and Telegraf keep only some characters."""
    catalog = subject.catalog
    if catalog.input is not Input.STATSD or catalog.prefix is None:
        return
    try:
        catalog.parse(catalog.prefix)
    except ValueError as error:
        yield ("prefix",), str(error)
        return
    for index, metric in subject.metrics:
        for place, name in names(index, metric):
            try:
                catalog.parsed(name)
            except ValueError as error:
                yield place, str(error)


def _prometheus_name(subject: Subject) -> Found:
    """A name of another form cannot come from a Prometheus client."""
    if subject.catalog.input is Input.PROMETHEUS:
        for index, metric in subject.metrics:
            for place, name in names(index, metric):
                if not PROMETHEUS_NAME.fullmatch(name):
                    yield place, f"{name!r} is not the name of a Prometheus metric"


def _telegraf_name(subject: Subject) -> Found:
    """A plugin's metric is a measurement and a field, and Telegraf names both."""
    if subject.catalog.input is Input.TELEGRAF:
        for index, metric in subject.metrics:
            if not TELEGRAF_NAME.fullmatch(metric.name):
                yield ("metrics", index, "name"), f"{metric.name!r}: not measurement.field"
            for key in ("measurement", "formerly"):
                if getattr(metric, key):
                    what = f"leave out {key}: the metric has the name that Telegraf gives it"
                    yield ("metrics", index, key), what


def _app_reserved(subject: Subject) -> Found:
    """What provision itself stores, no application may."""
    app = subject.catalog.app
    if app in RESERVED_APPS:
        yield ("app",), f"{app!r} is taken: provision stores things of its own there"


def _variable_reserved(subject: Subject) -> Found:
    """An inventory's variable means one thing: a setting of the application, or something else."""
    for variable in sorted(subject.catalog.variables):
        if variable in VARIABLES or _ANSIBLES.fullmatch(variable):
            place: tuple[str, ...] = ("app",)
            if variable in subject.catalog.settings:
                place = ("placeholders", subject.catalog.settings[variable])
            yield place, f"its variable would be {variable}, which has a meaning already"


def _name_fixed(subject: Subject) -> Found:
    """A name without a fixed segment would take every bucket, and have no measurement."""
    for index, metric in subject.metrics:
        for place, name in names(index, metric):
            if not fixed_name(name):
                yield place, "a name needs at least one fixed segment, of letters or digits"


def _name_prefix(subject: Subject) -> Found:
    """A name stands behind the prefix: with the prefix in it, the bucket has that twice."""
    catalog = subject.catalog
    if catalog.input is not Input.STATSD or catalog.prefix is None:
        return
    segments = catalog.parse(catalog.prefix).segments
    fixed = [segment.text for segment in segments if segment.kind is Kind.FIXED]
    for index, metric in subject.metrics:
        # Not of former names: the past may have been such a mistake.
        parts = metric.name.split(".")
        if fixed and parts[: len(fixed)] == fixed and len(parts) > len(fixed):
            what = f"the bucket is {catalog.bucket(metric)}: leave the prefix out of the name"
            yield ("metrics", index, "name"), what


def _metric_once(subject: Subject) -> Found:
    """Two texts about one thing part ways."""
    seen: set[tuple[str, str]] = set()
    statsd = subject.catalog.input is Input.STATSD
    for index, metric in subject.metrics:
        for place, name in names(index, metric):
            # Only statsd says the type of each value, and so tells two of one name apart.
            key = (name, metric.type.value if statsd else "")
            if key in seen:
                yield place[:2], f"{metric.type} {name} is documented twice"
            seen.add(key)


def _measurement_once(subject: Subject) -> Found:
    """One measurement a metric: InfluxDB keeps one field type, a query finds one thing."""
    catalog = subject.catalog
    seen: dict[tuple[str, str], int] = {}
    for index, metric in subject.metrics:
        for measurement in catalog.measurements(metric):
            # Fields of one measurement are metrics of their own only where Telegraf names them.
            field = catalog.field(metric) if catalog.input is Input.TELEGRAF else ""
            first = seen.setdefault((measurement, field), index)
            if first != index:
                what = f"measurement {measurement} is that of metrics[{first}] as well"
                if catalog.input is not Input.TELEGRAF:
                    what += ": give one of them a `measurement` of its own"
                yield ("metrics", index), what


def _measurement_reserved(subject: Subject) -> Found:
    """What begins like provision's own buckets and measurements is taken for them."""
    for index, metric in subject.metrics:
        stored = subject.catalog.measurement(metric)
        for name in dict.fromkeys((stored, subject.catalog.bucket(metric))):
            if _OWN.match(name) and subject.catalog.app not in RESERVED_APPS:
                yield ("metrics", index, "name"), f"{name} is provision's own"


def _type_input(subject: Subject) -> Found:
    """Only statsd sends the members of sets, and no plugin of Telegraf's has timers."""
    inputs = {MetricType.SET: {Input.STATSD}, MetricType.TIMER: {Input.STATSD, Input.PROMETHEUS}}
    for index, metric in subject.metrics:
        if subject.catalog.input not in inputs.get(metric.type, Input):
            what = f"there is no {metric.type} with {subject.catalog.input}"
            yield ("metrics", index, "type"), what


def _histogram_parts(subject: Subject) -> Found:
    """Of a histogram and a summary the sum and the count are kept, as one timer or two counters."""
    if subject.catalog.input is not Input.PROMETHEUS:
        return
    timers = {
        name
        for index, metric in subject.metrics
        if metric.type is MetricType.TIMER
        for _, name in names(index, metric)
    }
    for index, metric in subject.metrics:
        timer = metric.type is MetricType.TIMER
        labels = sorted({"le", "quantile"} & metric.labels.keys())
        for place, name in names(index, metric):
            whole = _PART.sub("", name)
            at = ("metrics", index, "labels", labels[0]) if labels else place
            if labels or name.endswith("_bucket"):
                both = _both(whole, metric.unit)
                yield at, f"buckets and quantiles are not kept: document {both}"
            elif whole != name and (timer or whole in timers):
                yield at, f"the timer is {whole}: its sum and count are in that"
        if timer and {*metric.fields} != {*OF_MEAN}:
            yield ("metrics", index, "fields"), f"{_KEPT}: leave out fields"
        if timer and metric.percentiles:
            yield ("metrics", index, "percentiles"), f"{_KEPT}: leave out percentiles"


def _both(whole: str, unit: Unit) -> str:
    """How the sum and the count of a histogram are documented."""
    if unit in TIMES:
        return f"{whole} with type: {MetricType.TIMER}, which has its sum and its count"
    return f"{whole}_sum and {whole}_count as counters"


def _type_unit(subject: Subject) -> Found:
    """A rate of percent, or a time in bytes, is a mistake in one of the two."""
    countable = {Unit.COUNT, Unit.BYTES, Unit.BITS}
    if subject.catalog.cumulative:
        countable |= TIMES
    for index, metric in subject.metrics:
        where = ("metrics", index, "unit")
        if metric.type is MetricType.COUNTER and metric.unit not in countable:
            yield where, f"a counter counts things or bytes: {metric.unit}"
        if metric.type is MetricType.TIMER and metric.unit not in TIMES:
            what = f"a timer measures time: {metric.unit}"
            if subject.catalog.input is Input.PROMETHEUS:
                what += f": document {_both(_PART.sub('', metric.name), metric.unit)}"
            yield where, what
        if metric.type is MetricType.SET and metric.unit is not Unit.COUNT:
            yield where, f"a set counts its members: {metric.unit}"


def _condition_reachable(subject: Subject) -> Found:
    """A condition that can never be met warns of nothing, one that always is of everything."""
    for index, metric in subject.metrics:
        if metric.condition:
            for key, what in _unreachable(metric, metric.condition):
                yield ("metrics", index, "condition", key), what


def _unreachable(metric: Metric, condition: Condition) -> Iterator[tuple[str, str]]:
    bound = condition.bound
    if bound is None:
        return
    key = "below" if condition.above is None else "above"
    most = _MOST.get(metric.unit)
    # A counter is judged by its increase; times and numbers of things are never negative either.
    least = 0 if metric.type is not MetricType.GAUGE or most else None
    thing = metric.unit if metric.type is MetricType.GAUGE else f"a {metric.type}"
    if key == "above" and most is not None and bound >= most:
        yield key, f"{thing} is never above {bound:g}"
    if key == "below" and least is not None and bound <= least:
        yield key, f"{thing} is never below {bound:g}"
    if key == "above" and least is not None and bound < least:
        yield key, f"{thing} is always above {bound:g}"
    if key == "below" and most is not None and bound > most:
        yield key, f"{thing} is always below {bound:g}"


def _family_alike(subject: Subject) -> Found:
    """A panel has one unit and one way to read it, and an alert's line is about one metric."""
    families: dict[str, tuple[int, Metric]] = {}
    for index, metric in subject.metrics:
        if metric.family is None:
            continue
        where = ("metrics", index, "family")
        if metric.condition:
            yield where, "what has a condition has a panel of its own"
        first, other = families.setdefault(metric.family, (index, metric))
        for key, one, two in (
            ("type", metric.type, other.type),
            ("unit", metric.unit, other.unit),
            ("signal", metric.says, other.says),
            ("together", metric.together, other.together),
        ):
            if one is not two:
                told = [each or "not said" for each in (one, two)]
                yield where, f"its {key} is {told[0]}, that of metrics[{first}] is {told[1]}"


def _silence_told(subject: Subject) -> Found:
    """Silence tells something only where values always come, and end with their application."""
    for index, metric in subject.metrics:
        if not metric.condition or metric.condition.silent is None:
            continue
        place = ("metrics", index, "condition", "silent")
        repeated = subject.catalog.input is Input.STATSD and metric.type is MetricType.GAUGE
        if repeated:
            what = "Telegraf repeats a gauge of statsd after its application fell silent: "
            yield place, what + "put it on a counter or a timer that is `always` sent"
        elif not metric.always:
            what = "the metric is not `always` sent: add always: true, where an application that "
            yield place, what + "runs does that, or leave silent out"
        if not SHORTEST_SILENCE <= seconds(metric.condition.silent) <= LONGEST_SILENCE:
            yield place, "between 1m and 12h: a host that is gone for a day is forgotten"


def _deprecated_expected(subject: Subject) -> Found:
    """What goes away is not always there."""
    for index, metric in subject.metrics:
        if metric.deprecated and metric.always:
            yield ("metrics", index, "always"), "it is deprecated: leave out always"


def _ignored_documented(subject: Subject) -> Found:
    """What is documented is wanted."""
    for number, entry in enumerate(subject.catalog.ignored):
        form = re.compile(re.escape(entry.name).replace(r"\*", ".*"))
        for index, metric in subject.metrics:
            for _, name in names(index, metric):
                if form.fullmatch(name):
                    yield ("ignored", number, "name"), f"{entry.name} is {name} as well"


FORMS: Mapping[str, Rule] = {
    "bucket-form": _bucket_form,
    "prometheus-name": _prometheus_name,
    "telegraf-name": _telegraf_name,
}
RULES: Mapping[str, Rule] = {
    "app-reserved": _app_reserved,
    "variable-reserved": _variable_reserved,
    **VARYING,
    "name-fixed": _name_fixed,
    "name-prefix": _name_prefix,
    "metric-once": _metric_once,
    "measurement-once": _measurement_once,
    "measurement-reserved": _measurement_reserved,
    "type-input": _type_input,
    "histogram-parts": _histogram_parts,
    "type-unit": _type_unit,
    "condition-reachable": _condition_reachable,
    "family-alike": _family_alike,
    "silence-told": _silence_told,
    "deprecated-expected": _deprecated_expected,
    "ignored-documented": _ignored_documented,
}
