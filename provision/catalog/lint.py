"""The rules between the metrics of a catalog: each has a name and a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from provision.catalog.buckets import FIXED_SEGMENT, classify
from provision.catalog.model import RESERVED_TAGS, Catalog
from provision.catalog.units import Unit

DOTTED_VALUE = re.compile(rf"{FIXED_SEGMENT.pattern}(\.{FIXED_SEGMENT.pattern})*")

_Rule = Callable[[Catalog], Iterator[tuple[tuple[str | int, ...], str]]]


@dataclass(frozen=True)
class Finding:
    """A rule's name, where it is broken (a key path) and how."""

    rule: str
    path: tuple[str | int, ...]
    message: str


def lint(catalog: Catalog) -> list[Finding]:
    """All findings in a catalog, in the order of RULES."""
    malformed = [Finding("bucket-form", *found) for found in _bucket_form(catalog)]
    if malformed:  # the other rules read the parsed buckets
        return malformed
    return [
        Finding(name, path, message)
        for name, rule in RULES.items()
        for path, message in rule(catalog)
    ]


def lint_together(catalogs: Sequence[Catalog]) -> list[str]:
    """What goes wrong between the catalogs of one host.

    A bucket made of one catalog's own samples must be taken for that metric, and no two metrics may
    be stored in one measurement.
    """
    found = []
    stored: dict[str, Catalog] = {}
    for catalog in catalogs:
        for metric in catalog.metrics:
            measurement = catalog.measurement(metric)
            other = stored.setdefault(measurement, catalog)
            if other is not catalog:
                found.append(f"{other.app} and {catalog.app} are both stored as {measurement}")
            patterns = [
                (another.pattern(candidate), (another, candidate))
                for another in catalogs
                for candidate in another.metrics
                if candidate.type is metric.type
            ]
            values = {tag: catalog.placeholders[tag].samples()[0] for tag in catalog.tags(metric)}
            bucket = catalog.pattern(metric).fill(values)
            taken = classify(bucket, patterns)
            if taken and taken[0] != (catalog, metric):
                found.append(
                    f"{bucket} of {catalog.app} would be taken for {taken[0][1].name} "
                    f"of {taken[0][0].app}"
                )
    return found


def _bucket_form(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, metric in enumerate(catalog.metrics):
        try:
            catalog.pattern(metric)
        except ValueError as error:
            yield ("metrics", index, "name"), str(error)


def _placeholder_declared(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, metric in enumerate(catalog.metrics):
        for name in catalog.tags(metric):
            if name not in catalog.placeholders:
                yield ("metrics", index, "name"), f"placeholder <{name}> is not declared"


def _placeholder_used(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    used = {name for metric in catalog.metrics for name in catalog.tags(metric)}
    for name in catalog.placeholders:
        if name not in used:
            yield ("placeholders", name), f"placeholder <{name}> is in no bucket"


def _placeholder_reserved(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name in catalog.placeholders:
        if name in RESERVED_TAGS:
            yield ("placeholders", name), f"{name!r} is a tag that Telegraf sets itself"


def _placeholder_samples(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name, placeholder in catalog.placeholders.items():
        if not placeholder.samples():
            yield ("placeholders", name), "an open placeholder needs at least one of examples"


def _placeholder_values(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name, placeholder in catalog.placeholders.items():
        form = DOTTED_VALUE if placeholder.dotted else FIXED_SEGMENT
        for value in placeholder.samples():
            if not form.fullmatch(value):
                yield ("placeholders", name), f"{value!r} cannot stand in a bucket at <{name}>"


def _name_fixed(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """A name without a fixed segment would take every bucket, and have no measurement."""
    for index, metric in enumerate(catalog.metrics):
        if not metric.default_measurement:
            yield ("metrics", index, "name"), "a name needs at least one fixed segment"


def _metric_once(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    seen: set[tuple[str, str]] = set()
    for index, metric in enumerate(catalog.metrics):
        if (metric.name, metric.type) in seen:
            yield ("metrics", index), f"{metric.type} {metric.name} is documented twice"
        seen.add((metric.name, metric.type))


def _measurement_once(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """One measurement a metric: InfluxDB keeps one field type, a query finds one thing."""
    seen: dict[str, int] = {}
    for index, metric in enumerate(catalog.metrics):
        measurement = catalog.measurement(metric)
        if measurement in seen:
            yield (
                ("metrics", index),
                f"measurement {measurement} is that of metrics[{seen[measurement]}] as well: "
                "give one of them a `measurement` of its own",
            )
        seen.setdefault(measurement, index)


def _type_unit(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, metric in enumerate(catalog.metrics):
        if metric.type == "counter" and metric.unit not in {Unit.COUNT, Unit.BYTES}:
            yield ("metrics", index, "unit"), f"a counter counts things or bytes: {metric.unit}"


RULES: dict[str, _Rule] = {
    "placeholder-declared": _placeholder_declared,
    "placeholder-used": _placeholder_used,
    "placeholder-reserved": _placeholder_reserved,
    "placeholder-samples": _placeholder_samples,
    "placeholder-values": _placeholder_values,
    "name-fixed": _name_fixed,
    "metric-once": _metric_once,
    "measurement-once": _measurement_once,
    "type-unit": _type_unit,
}
