"""How many series a host writes of a metric, and the totals that are kept beside very many.

InfluxDB's time goes with the series that a question touches: of an application with hundreds of
them on each host, what a graph says of whole hosts is asked of one series for each host, which
Telegraf adds up as it writes (templates/telegraf/).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping

from provision.catalog.model import (
    NONE,
    OF_MEAN,
    VALUE,
    Catalog,
    Input,
    Metric,
    MetricType,
    percentile,
)

# From so many series of a host on, its total is kept as well.
MANY = 50
# What a measurement of totals is called behind that of the series. A colon is in no other's name:
# Prometheus keeps it for what is derived, too (Prometheus documentation, Recording rules).
TOTALS = ":by_host"
# Beside TOTALS_TAG, which says the name above, each total has a tag with what a graph may be
# grouped by that asks for it, as it stands between commas: one line of all, or one for each host.
LINES_TAG, LINES = "totals_by", f"{NONE},host"


def series(catalog: Catalog, metric: Metric, given: Collection[str] = ()) -> int:
    """How many series one host is expected to write of a metric, its totals left aside.

    Of tags that are given each has one value.
    """
    return _product(catalog, metric, [tag for tag in catalog.placeholders if tag not in given])


def together(catalog: Catalog, numbers: Iterable[tuple[Metric, int]]) -> int:
    """How many series metrics have that have so many each.

    What one plugin of Telegraf's tells of one thing are fields of one series.
    """
    found: dict[tuple[str, frozenset[str]], int] = {}
    for metric, number in numbers:
        what = (catalog.measurement(metric), frozenset(catalog.tags(metric)))
        found[what] = max(found.get(what, 0), number)
    return sum(found.values())


def _product(catalog: Catalog, metric: Metric, placeholders: Iterable[str]) -> int:
    """How many combinations of values a metric's tags have that are such placeholders."""
    numbers = [
        len(metric.labels.get(tag) or ()) or catalog.placeholders[tag].number
        for tag in catalog.tags(metric)
        if tag in placeholders
    ]
    return math.prod(numbers)


def totals(catalog: Catalog, metric: Metric) -> Mapping[str, str]:
    """The fields of which a host's total is kept, each with what becomes of its series: sum or max.

    None where there are few series, and none of what does not add up: levels, counts since a start,
    and what is stored under former names as well.
    """
    if catalog.input is not Input.STATSD or metric.formerly:
        return {}
    # What a site or a host sets is left aside: dashboards and all hosts come to the same.
    documented = catalog.placeholders.keys() - dict(catalog.setting_values)
    if _product(catalog, metric, documented) < MANY:
        return {}
    if metric.type is MetricType.COUNTER:
        return {VALUE: "sum"}
    if metric.type is not MetricType.TIMER:
        return {}
    # The mean of all events is in their sum and count; percentiles cannot be added.
    mean = dict.fromkeys((field.value for field in OF_MEAN) if metric.has_mean else (), "sum")
    return {**mean, **dict.fromkeys(map(percentile, metric.percentiles), "max")}


def with_totals(catalog: Catalog) -> Iterator[tuple[Metric, Mapping[str, str]]]:
    """The metrics of which hosts' totals are kept, with their fields as totals() gives them."""
    for metric in catalog.metrics:
        if kept := totals(catalog, metric):
            yield metric, kept
