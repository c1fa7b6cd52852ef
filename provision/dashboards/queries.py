"""The InfluxQL of panels and variables, named by what it means.

InfluxQL is what InfluxDB 1, 2 and 3 all speak. `$timeFilter`, `$__interval` and `$__interval_ms`
are Grafana's (Grafana documentation, InfluxDB query editor); expand() puts values in their place so
that a panel's query can be asked without Grafana.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provision.catalog.model import FORMER_NAME, Catalog, Input, Metric

_IDENTIFIER = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_TEXT = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n"})


@dataclass(frozen=True)
class Asked:
    """What a query is about: where it is stored, the tags that are chosen by, those that divide."""

    measurements: tuple[str, ...]
    chosen: tuple[str, ...]
    by: tuple[str, ...]

    @property
    def source(self) -> str:
        """The FROM clause: former names of a metric are asked as well."""
        return source(self.measurements)

    @property
    def condition(self) -> str:
        """The WHERE clause."""
        return f"{where(self.chosen)} AND $timeFilter" if self.chosen else "$timeFilter"

    @property
    def groups(self) -> str:
        """The GROUP BY clause: in Grafana's intervals, a series for each combination of tags."""
        return "time($__interval)" + "".join(f", {identifier(tag)}" for tag in self.by)


def asked_of(catalog: Catalog, metric: Metric) -> Asked:
    """A metric, chosen by all of the dashboard's variables that it has, a series for each."""
    tags = ("host", *catalog.tags(metric))
    variables = {"host", *variable_tags(catalog)}
    chosen = tuple(tag for tag in tags if tag in variables)
    # What came under a former name is a series of its own.
    by = (*tags, FORMER_NAME) if metric.formerly else tags
    return Asked(catalog.measurements(metric), chosen, by)


def variable_tags(catalog: Catalog) -> tuple[str, ...]:
    """The tags of an application that a dashboard lets choose by, beside the host."""
    return (*catalog.placeholders, *(("instance",) if catalog.input is Input.PROMETHEUS else ()))


def source(measurements: Sequence[str]) -> str:
    """What FROM says of some measurements."""
    return ", ".join(map(identifier, measurements))


def identifier(name: str) -> str:
    """A quoted InfluxQL identifier."""
    return f'"{name.translate(_IDENTIFIER)}"'


def text(value: str) -> str:
    """A quoted InfluxQL string."""
    return f"'{value.translate(_TEXT)}'"


def where(tags: Sequence[str]) -> str:
    """The condition that follows the dashboard's variables: each is a choice of tag values."""
    return " AND ".join([f"{identifier(tag)} =~ /^${{{tag}:regex}}$/" for tag in tags])


def rate_of_deltas(asked: Asked, field: str) -> str:
    """A statsd counter as a rate a second: each point is what came since the one before.

    Nothing is written while nothing happens, and nothing is drawn there.
    """
    return (
        f"SELECT sum({identifier(field)}) * 1000 / $__interval_ms FROM {asked.source} "
        f"WHERE {asked.condition} GROUP BY {asked.groups} fill(none)"
    )


def rate_of_counts(asked: Asked, field: str) -> str:
    """A count since the start as a rate a second; where it starts anew nothing is drawn."""
    return (
        f"SELECT non_negative_derivative(last({identifier(field)}), 1s) FROM {asked.source} "
        f"WHERE {asked.condition} GROUP BY {asked.groups} fill(none)"
    )


def level(asked: Asked, field: str) -> str:
    """A gauge: its last value in each interval."""
    return _each_interval("last", asked, field)


def highest(asked: Asked, field: str) -> str:
    """A percentile: the highest in each interval, since percentiles cannot be averaged."""
    return _each_interval("max", asked, field)


def _each_interval(function: str, asked: Asked, field: str) -> str:
    return (
        f"SELECT {function}({identifier(field)}) FROM {asked.source} "
        f"WHERE {asked.condition} GROUP BY {asked.groups} fill(none)"
    )


def mean_time(asked: Asked) -> str:
    """A timer's mean: all times over all events, not a mean of means."""
    return (
        f'SELECT sum("sum") / sum("count") FROM {asked.source} '
        f"WHERE {asked.condition} GROUP BY {asked.groups} fill(none)"
    )


def tag_values(catalog: Catalog, tag: str, chained: Sequence[str]) -> str:
    """The values that a tag has in an application's measurements, under the variables before it."""
    condition = f" WHERE {where(chained)}" if chained else ""
    return (
        f"SHOW TAG VALUES FROM {measurements_of(catalog)} WITH KEY = {identifier(tag)}{condition}"
    )


def measurements_of(catalog: Catalog) -> str:
    """What FROM says of all that an application stores."""
    if catalog.input is Input.TELEGRAF:
        names = dict.fromkeys(catalog.measurement(metric) for metric in catalog.metrics)
        return f"/^({'|'.join(map(re.escape, names))})$/"
    return f"/^{re.escape(catalog.stem)}_/"


def expand(query: str, *, start: int, end: int, interval: int, values: Mapping[str, str]) -> str:
    """A query with Grafana's variables put in: times and interval in milliseconds.

    values are regular expressions by variable; a variable that is not named matches everything.
    """
    query = query.replace("$timeFilter", f"time >= {start}ms AND time <= {end}ms")
    query = query.replace("$__interval_ms", str(interval)).replace("$__interval", f"{interval}ms")
    return expand_variables(query, values)


def expand_variables(query: str, values: Mapping[str, str]) -> str:
    """A query with the dashboard's variables put in, and Grafana's own left to Grafana."""
    return re.sub(r"\$\{(\w+):regex\}", lambda match: values.get(match[1], ".*"), query)
