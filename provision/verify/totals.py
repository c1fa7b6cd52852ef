"""Whether each host writes the totals that dashboards ask in the place of its series."""

from __future__ import annotations

from collections.abc import Iterator

from provision.catalog.series import TOTALS, with_totals
from provision.influx import InfluxDB
from provision.site.model import Site
from provision.verify.findings import Area, Finding, Status
from provision.verify.seen import last_seen, times

# How many intervals a total may be behind what it is of.
LATE = 3


def totals_seen(database: InfluxDB, site: Site, since: int, interval: int) -> list[Finding]:
    """The hosts of which a total is not as new as its series, since a time (ms since 1970).

    interval is Telegraf's, in seconds. Graphs of all hosts leave such a host out.
    """
    kept = [
        (catalog.measurement(metric), next(iter(fields)))
        for catalog in site.catalogs
        for metric, fields in with_totals(catalog)
    ]
    if not kept:
        return []
    answers = database.ask(
        [last_seen(field, [name + end], since) for end in ("", TOTALS) for name, field in kept]
    )
    of_series, of_totals = answers[: len(kept)], answers[len(kept) :]
    found: list[Finding] = []
    for (measurement, _), series, total in zip(kept, of_series, of_totals, strict=True):
        name = measurement + TOTALS
        if error := series.error or total.error:
            found.append(Finding(Status.FAILED, Area.METRIC, "", name, error))
        else:
            found += _late(name, times(series), times(total), LATE * interval * 1000)
    return found


def _late(name: str, series: dict[str, int], total: dict[str, int], most: int) -> Iterator[Finding]:
    late = sorted(host for host, time in series.items() if time - total.get(host, 0) > most)
    for host in late:
        what = "its total is not stored, so graphs of all hosts leave it out: provision up"
        yield Finding(Status.WARNING, Area.METRIC, host, name, what)
    if series and not late:
        yield Finding(Status.OK, Area.METRIC, "", name, "the totals are as new as the series")
