"""What an application would send: every metric, with values that tell them apart."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from provision.catalog.model import Catalog, Metric, MetricType


@dataclass(frozen=True)
class Sample:
    """One series that is sent: its metric, placeholders' values, statsd lines, and what must
    arrive.

    expected is by InfluxQL function of the stored field: the sum of a counter, the last of a gauge.
    """

    catalog: Catalog
    metric: Metric
    tags: Mapping[str, str]
    lines: tuple[str, ...]
    function: str
    expected: float

    @property
    def measurement(self) -> str:
        """Where it is stored."""
        return self.catalog.measurement(self.metric)


def documented_traffic(catalogs: Iterable[Catalog]) -> list[Sample]:
    """Samples of everything that catalogs document: all values of closed lists, examples of open
    ones.

    No two series have the same values, so a value that arrives in another's place is seen.
    """
    made: list[Sample] = []
    for catalog in catalogs:
        for metric in catalog.metrics:
            for tags in _choices(catalog, metric):
                made.append(_sample(catalog, metric, tags, 101 + len(made)))
    return made


def _choices(catalog: Catalog, metric: Metric) -> Iterator[dict[str, str]]:
    names = catalog.tags(metric)
    values = [catalog.placeholders[name].samples() for name in names]
    for combination in itertools.product(*values):
        yield dict(zip(names, combination, strict=True))


def _sample(catalog: Catalog, metric: Metric, tags: Mapping[str, str], number: int) -> Sample:
    bucket = catalog.pattern(metric).fill(tags)
    if metric.type is MetricType.COUNTER:
        counts = (f"{bucket}:{number}|c", f"{bucket}:7|c", f"{bucket}:1|c|@0.5")
        return Sample(catalog, metric, tags, counts, "sum", number + 7 + 2)
    # Absolute, then relative, then relative again: the order of the updates counts.
    levels = (f"{bucket}:9|g", f"{bucket}:{number}|g", f"{bucket}:+5|g", f"{bucket}:-2|g")
    return Sample(catalog, metric, tags, levels, "last", number + 3)
