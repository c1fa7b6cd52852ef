"""Whether each host writes the totals that dashboards ask in the place of its series."""

from __future__ import annotations

from collections.abc import Iterator

from provision.catalog.model import Catalog, Metric
from provision.catalog.series import TOTALS, totals
from provision.dashboards.influxql import identifier
from provision.influx import Answer, InfluxDB
from provision.site import Site
from provision.verify.arrival import HOST
from provision.verify.findings import Area, Finding, Status

# How many intervals a total may be behind what it is of.
LATE = 3


def totals_seen(database: InfluxDB, site: Site, since: int, interval: int) -> list[Finding]:
    """The hosts of which a total is not as new as its series, since a time (ms since 1970).

    interval is Telegraf's, in seconds. Graphs of all hosts leave such a host out.
    """
    kept = list(_with_totals(site))
    if not kept:
        return []
    names = [
        f"{catalog.measurement(metric)}{ending}"
        for catalog, metric in kept
        for ending in ("", TOTALS)
    ]
    fields = [next(iter(totals(*each))) for each in kept for _ in range(2)]
    statements = [
        f"SELECT last({identifier(field)}) AS seen FROM {identifier(name)} "
        f"WHERE time >= {since}ms GROUP BY {identifier(HOST)}"
        for name, field in zip(names, fields, strict=True)
    ]
    answers = iter(database.ask(statements))
    found: list[Finding] = []
    for name in names[1::2]:
        of_series, of_totals = next(answers), next(answers)
        if error := of_series.error or of_totals.error:
            found.append(Finding(Status.FAILED, Area.METRIC, "", name, error))
            continue
        found += _late(name, _times(of_series), _times(of_totals), LATE * interval * 1000)
    return found


def _late(
    name: str, series: dict[str, int], totals_: dict[str, int], most: int
) -> Iterator[Finding]:
    late = sorted(host for host, time in series.items() if time - totals_.get(host, 0) > most)
    for host in late:
        what = "its total is not stored, so graphs of all hosts leave it out: provision up"
        yield Finding(Status.WARNING, Area.METRIC, host, name, what)
    if series and not late:
        yield Finding(Status.OK, Area.METRIC, "", name, "the totals are as new as the series")


def _with_totals(site: Site) -> Iterator[tuple[Catalog, Metric]]:
    for catalog in site.catalogs:
        for metric in catalog.metrics:
            if totals(catalog, metric):
                yield catalog, metric


def _times(answer: Answer) -> dict[str, int]:
    return {each.tags.get(HOST, ""): int(each.rows[0]["time"]) for each in answer.series}
