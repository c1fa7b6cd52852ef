"""The InfluxQL of panels and variables, named by what it means.

InfluxQL is what InfluxDB 1, 2 and 3 all speak. `$timeFilter`, `$__interval` and `$__interval_ms`
are Grafana's (Grafana documentation, InfluxDB query editor); expand() puts values in their place so
that a panel's query can be asked without Grafana.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from provision.catalog.model import Catalog

_IDENTIFIER = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def identifier(name: str) -> str:
    """A quoted InfluxQL identifier."""
    return f'"{name.translate(_IDENTIFIER)}"'


def where(tags: Sequence[str]) -> str:
    """The condition that follows the dashboard's variables: each is a choice of tag values."""
    return " AND ".join([f"{identifier(tag)} =~ /^${{{tag}:regex}}$/" for tag in tags])


def rate_of_deltas(measurement: str, tags: Sequence[str], by: Sequence[str]) -> str:
    """A statsd counter as a rate a second: each point is what came since the one before.

    Nothing is written while nothing happens, and nothing is drawn there.
    """
    return (
        f'SELECT sum("value") * 1000 / $__interval_ms FROM {identifier(measurement)} '
        f"WHERE {_filter(tags)} GROUP BY time($__interval){_by(by)} fill(none)"
    )


def level(measurement: str, tags: Sequence[str], by: Sequence[str]) -> str:
    """A gauge: its last value in each interval."""
    return (
        f'SELECT last("value") FROM {identifier(measurement)} '
        f"WHERE {_filter(tags)} GROUP BY time($__interval){_by(by)} fill(none)"
    )


def tag_values(catalog: Catalog, tag: str, chained: Sequence[str]) -> str:
    """The values that a tag has in an application's measurements, under the variables before it."""
    stem = re.escape(catalog.app.replace("-", "_"))
    condition = f" WHERE {where(chained)}" if chained else ""
    return f"SHOW TAG VALUES FROM /^{stem}_/ WITH KEY = {identifier(tag)}{condition}"


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


def _filter(tags: Sequence[str]) -> str:
    return f"{where(tags)} AND $timeFilter" if tags else "$timeFilter"


def _by(tags: Sequence[str]) -> str:
    return "".join(f", {identifier(tag)}" for tag in tags)
