"""What a rule of lint looks at, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from provision.catalog.model import Catalog, Input, Metric

KeyPath = tuple[str | int, ...]
# Where something is wrong, and what.
Found = Iterator[tuple[KeyPath, str]]


@dataclass(frozen=True)
class Subject:
    """A catalog, and those of its metrics that are in order so far.

    Each metric comes with the index that it has in the file. Where some were left out, whole is
    false: nothing can then be said of what no metric has.
    """

    catalog: Catalog
    metrics: tuple[tuple[int, Metric], ...]
    whole: bool = True


Rule = Callable[[Subject], Found]


def whole(catalog: Catalog) -> Subject:
    """All of a catalog."""
    return Subject(catalog, tuple(enumerate(catalog.metrics)))


def names(index: int, metric: Metric) -> Iterator[tuple[KeyPath, str]]:
    """A metric's name and its former ones, with their key paths."""
    yield ("metrics", index, "name"), metric.name
    for number, former in enumerate(metric.formerly):
        yield ("metrics", index, "formerly", number, "name"), former.name


def used(catalog: Catalog, metric: Metric) -> frozenset[str]:
    """The placeholders, or labels, of a metric whose names are in order."""
    if catalog.input is not Input.STATSD:
        return frozenset(metric.labels)
    every = (metric.name, *(former.name for former in metric.formerly))
    return frozenset(tag for name in every for tag in catalog.parsed(name).placeholders)
