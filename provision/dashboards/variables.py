"""The variables of dashboards: what asks for their choices, and queries with choices put in.

`$timeFilter`, `$__interval` and `$__interval_ms` are Grafana's (Grafana documentation, InfluxDB
query editor); expand() puts values in their place so that a panel's query can be asked without
Grafana.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from provision.catalog.model import GROUP_BY, NONE, TOTALS_TAG, Catalog, Input
from provision.catalog.series import LINES_TAG, TOTALS, with_totals
from provision.dashboards.influxql import identifier, where

# What the variable GROUP_BY begins with: a line for each combination of tags would be thousands for
# a hundred hosts.
GROUPED = ("host",)
# Its choice of one line of all: no tag is called so.
UNDIVIDED = f"({NONE})"
# What a measurement's name ends with: nothing, or where the choices let it, that of totals.
TOTALS_CHOSEN = f"${{{TOTALS_TAG}:raw}}"


def grouped(catalog: Catalog) -> bool:
    """Whether an application's graphs are divided by what is chosen.

    A host has few disks and networks, which say nothing when they are added up.
    """
    return catalog.input is not Input.TELEGRAF


def group_tags(catalog: Catalog) -> tuple[str, ...]:
    """The tags that an application's graphs may be divided by, the host first; none, if fixed."""
    if not grouped(catalog):
        return ()
    found = dict.fromkeys(_told_apart(catalog))
    variables = [tag for tag in variable_tags(catalog) if tag in found]
    return ("host", *dict.fromkeys((*variables, *found)))


def _told_apart(catalog: Catalog) -> Iterator[str]:
    """The tags of an application's metrics that have several values."""
    for metric in catalog.metrics:
        for tag in catalog.tags(metric):
            if len(metric.labels.get(tag) or ()) != 1:
                yield tag


def variable_tags(catalog: Catalog) -> tuple[str, ...]:
    """The tags of an application that a dashboard lets choose by, beside the host."""
    return (*catalog.placeholders, *(("instance",) if catalog.input is Input.PROMETHEUS else ()))


def either(values: Sequence[str]) -> str:
    """What Grafana makes of a variable's chosen values as `:regex`.

    Source: Grafana documentation, Variable syntax, Advanced variable format options.
    """
    escaped = [re.sub(r"([\\^$*+?.()|\[\]{}/])", r"\\\1", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def tag_values(catalog: Catalog, tag: str, chained: Sequence[str]) -> str:
    """The values that a tag has in an application's measurements, under the variables before it."""
    condition = f" WHERE {where(chained)}" if chained else ""
    return (
        f"SHOW TAG VALUES FROM {measurements_of(catalog)} WITH KEY = {identifier(tag)}{condition}"
    )


def totals_query(catalog: Catalog) -> str | None:
    """What asks whether graphs may ask hosts' totals; None where none are kept.

    It finds the end of their names, or nothing where a tag is chosen or divided by that they do not
    have: what a regular expression of `.*` takes is no tag at all, too.
    """
    kept = [catalog.measurement(metric) for metric, _ in with_totals(catalog)]
    if not kept:
        return None
    chosen = where(("host", *variable_tags(catalog)))
    return (
        f"SHOW TAG VALUES FROM /^({'|'.join(map(re.escape, kept))}){TOTALS}$/ "
        f"WITH KEY = {identifier(TOTALS_TAG)} WHERE {chosen} "
        f"AND {identifier(LINES_TAG)} =~ /(^|,)${{{GROUP_BY}:csv}}(,|$)/"
    )


def measurements_of(catalog: Catalog) -> str:
    """What FROM says of all that an application stores."""
    if catalog.input is Input.TELEGRAF:
        names = dict.fromkeys(catalog.measurement(metric) for metric in catalog.metrics)
        return f"/^({'|'.join(map(re.escape, names))})$/"
    return f"/^{re.escape(catalog.stem)}_/"


def expand(query: str, *, start: int, end: int, interval: int, values: Mapping[str, str]) -> str:
    """A query with Grafana's variables put in: times and interval in milliseconds.

    values are regular expressions by variable; one that is not named matches everything, but for
    GROUP_BY.
    """
    query = query.replace("$timeFilter", f"time >= {start}ms AND time <= {end}ms")
    query = query.replace("$__interval_ms", str(interval)).replace("$__interval", f"{interval}ms")
    return expand_variables(query, values, end)


def expand_variables(query: str, values: Mapping[str, str], end: int) -> str:
    """A query with the dashboard's variables put in, and Grafana's own left to Grafana.

    ${__to}, in ms, is one that only Grafana's web page puts in. Hosts' totals are asked where a
    value says so (TOTALS).
    """
    query = query.replace("${__to}", str(end))
    query = query.replace(TOTALS_CHOSEN, values.get(TOTALS_TAG, ""))
    values = {GROUP_BY: either(GROUPED), **values}
    return re.sub(r"\$\{(\w+):regex\}", lambda match: values.get(match[1], ".*"), query)
