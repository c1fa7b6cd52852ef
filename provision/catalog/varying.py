"""Rules about what varies in names: placeholders, a site's settings among them, and labels.

As in provision.catalog.rules, each has a name and, in its docstring, the reason why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from provision.catalog.buckets import DOTTED_VALUE, FIXED_SEGMENT
from provision.catalog.model import (
    ALERT_LABELS,
    EXPORTED,
    RESERVED_TAGS,
    RESERVED_VARIABLES,
    Catalog,
    Input,
)
from provision.catalog.subject import Found, Rule, Subject, names, used

MOST_PATTERNS = 10_000


def _placeholder_declared(subject: Subject) -> Found:
    """What a placeholder is, and what it can be, must be said."""
    catalog = subject.catalog
    prefix: tuple[str, ...] = ()
    if catalog.input is Input.STATSD and catalog.prefix is not None:
        prefix = catalog.parse(catalog.prefix).placeholders
    places: list[tuple[tuple[str | int, ...], str]] = [(("prefix",), name) for name in prefix]
    for index, metric in subject.metrics:
        if catalog.input is not Input.STATSD:
            places += [(("metrics", index, "labels", name), name) for name in metric.labels]
            continue
        for place, name in names(index, metric):
            tags = catalog.parsed(name).placeholders
            places += [(place, tag) for tag in tags if tag not in prefix]
    for place, name in places:
        if name not in catalog.placeholders:
            yield place, f"placeholder <{name}> is not declared: describe it under placeholders"


def _placeholder_used(subject: Subject) -> Found:
    """One that is in no bucket, and no label of any metric, was meant to be in one."""
    catalog = subject.catalog
    known = {name for _, metric in subject.metrics for name in used(catalog, metric)}
    for name in catalog.placeholders if subject.whole else ():
        if name not in known:
            yield ("placeholders", name), f"placeholder <{name}> is in no bucket and no labels"


def _placeholder_reserved(subject: Subject) -> Found:
    """Some names are others': Telegraf's own tags, words of dashboards, alerts' labels, fields."""
    catalog = subject.catalog
    fields = {
        name: metric.name
        for _, metric in subject.metrics
        for name in {*catalog.fields(metric)} & used(catalog, metric)
    }
    judged = {
        name: metric.name
        for _, metric in subject.metrics
        if metric.condition
        for name in ALERT_LABELS & used(catalog, metric)
    }
    for name in catalog.placeholders:
        remedy = _instead(catalog, name)
        if name in RESERVED_TAGS:
            what = f"{name!r} is a tag that Telegraf sets itself, or that targets have"
        elif name in RESERVED_VARIABLES:
            what = f"{name!r} is a word of every dashboard"
        elif name in fields:
            what = f"{name!r} is a field of {fields[name]} as well"
        elif name in judged:
            what = f"{name!r} is a label of every alert, and {judged[name]} has a condition"
            if catalog.input is not Input.STATSD:
                remedy = "leave one of the two out"
        else:
            continue
        yield ("placeholders", name), f"{what}: {remedy}"


def _instead(catalog: Catalog, name: str) -> str:
    """What to do about a placeholder whose name is reserved."""
    if catalog.input is Input.STATSD:
        # The name is the catalog's alone: no client sends it.
        return f"call it {'hostname' if name == 'host' else f'{catalog.stem}_{name}'}"
    if catalog.input is Input.PROMETHEUS and name in EXPORTED:
        return f"what is scraped with that label is stored as exported_{name}: call it so"
    return "leave it out"


def _placeholder_samples(subject: Subject) -> Found:
    """What cannot be tried cannot be proven."""
    for name, placeholder in subject.catalog.placeholders.items():
        if not placeholder.samples():
            yield ("placeholders", name), "an open placeholder needs at least one of examples"


def _placeholder_values(subject: Subject) -> Found:
    """A value that cannot stand where the placeholder does can never come."""
    for name, placeholder in subject.catalog.placeholders.items():
        key = "examples" if placeholder.values is None else "values"
        spans = placeholder.dotted or placeholder.setting
        form = DOTTED_VALUE if spans else FIXED_SEGMENT
        for number, value in enumerate(placeholder.samples()):
            place = ("placeholders", name, key, number)
            if subject.catalog.input is Input.STATSD:
                if not form.fullmatch(value):
                    what = f"{value!r} cannot stand in a bucket at <{name}>: "
                    yield place, what + _as_segments(value, closed=placeholder.values is not None)
            elif "$" in value or value.endswith("\\"):
                yield place, f"{value!r} cannot be the value of a tag: it has a $, or ends in \\"


def _as_segments(value: str, *, closed: bool) -> str:
    """What to do about a value of a placeholder that cannot stand in a bucket."""
    if not DOTTED_VALUE.fullmatch(value):
        return "a segment has letters, digits, _ and - alone"
    # A closed list is one of single segments.
    if closed:
        return "with dotted: true, and examples instead of values, it may have dots"
    return "with dotted: true it may have dots"


def _placeholder_expected(subject: Subject) -> Found:
    """Each value of a tag makes a series: how many there will be must be thought of."""
    for name, placeholder in subject.catalog.placeholders.items():
        if placeholder.values is None and placeholder.expected is None:
            yield (
                ("placeholders", name),
                "an open placeholder needs `expected`: how many values one host sends",
            )


def _setting_statsd(subject: Subject) -> Found:
    """Only buckets have segments; what a site sets of a scraped application are its targets."""
    for name, placeholder in subject.catalog.placeholders.items():
        for key in ("setting", "dotted"):
            if getattr(placeholder, key) and subject.catalog.input is not Input.STATSD:
                yield ("placeholders", name, key), f"only with input: {Input.STATSD}"


def _setting_few(subject: Subject) -> Found:
    """Each choice of the settings makes a pattern, and every bucket is held against all of them."""
    settings = subject.catalog.setting_values
    number = math.prod(len(values) for _, values in settings) * len(subject.metrics)
    if settings and number > MOST_PATTERNS:
        what = f"its values make {number:,} patterns, more than {MOST_PATTERNS:,}"
        for name, _ in settings:
            yield ("placeholders", name, "values"), what


def _label_used(subject: Subject) -> Found:
    """The varying parts of a statsd bucket stand in its name."""
    for index, metric in subject.metrics:
        if metric.labels and subject.catalog.input is Input.STATSD:
            yield ("metrics", index, "labels"), "a statsd bucket has no labels"


def _label_values(subject: Subject) -> Found:
    """A metric can have some of a label's documented values, but no others."""
    placeholders = subject.catalog.placeholders
    for index, metric in subject.metrics:
        for name, values in metric.labels.items():
            known = placeholders[name].values if name in placeholders else None
            for value in values or ():
                if known is not None and value not in known:
                    yield ("metrics", index, "labels", name), f"{value!r} is not one of its values"


VARYING: Mapping[str, Rule] = {
    "placeholder-declared": _placeholder_declared,
    "placeholder-used": _placeholder_used,
    "placeholder-reserved": _placeholder_reserved,
    "placeholder-samples": _placeholder_samples,
    "placeholder-values": _placeholder_values,
    "placeholder-expected": _placeholder_expected,
    "setting-statsd": _setting_statsd,
    "setting-few": _setting_few,
    "label-used": _label_used,
    "label-values": _label_values,
}
