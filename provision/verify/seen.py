"""What a running fleet has sent: each documented metric, when last, and with which values.

All hosts are asked about in one query a metric, all queries in few requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provision.catalog.model import Catalog, Metric
from provision.dashboards.influxql import identifier, source
from provision.influx import Answer, InfluxDB
from provision.site.model import Host, Site
from provision.traffic import has
from provision.verify.arrival import HOST
from provision.verify.findings import Area, Finding, Status

HOUR = 3_600_000
# What Telegraf tells of where it listens for statsd (inputs.statsd).
_OF_LISTENERS = "internal_statsd."
# Telegraf's own count of what is lost, since its start (inputs.internal).
LOSSES = (
    (
        "internal_agent",
        "metrics_dropped",
        "metrics dropped, the buffer was full or they were refused",
    ),
    ("internal_agent", "metrics_rejected", "metrics refused by InfluxDB"),
    ("internal_statsd", "udp_packets_dropped", "statsd packets dropped, Telegraf was too slow"),
)


def name_of(catalog: Catalog, metric: Metric) -> str:
    """What a finding calls a metric."""
    return f"{catalog.bucket(metric)} ({metric.type})"


def metrics_seen(
    database: InfluxDB, site: Site, fresh: int, ago: Callable[[int], str]
) -> list[Finding]:
    """For every documented metric of every host: when it was last seen.

    One that is always sent must have been seen since fresh (ms since 1970); ago words a time.
    """
    found: list[Finding] = []
    for asked in _last_seen(database, site, fresh):
        name = name_of(asked.catalog, asked.metric)
        if asked.error:
            found.append(Finding(Status.FAILED, Area.METRIC, "", name, asked.error))
            continue
        for host in asked.hosts:
            time = asked.times.get(host.name)
            found.append(_seen(host, asked.metric, name, time, fresh, ago))
    return found


@dataclass
class _Asked:
    """A documented metric, the hosts that have it, and when each last sent it (ms since 1970)."""

    catalog: Catalog
    metric: Metric
    hosts: Sequence[Host]
    times: Mapping[str, int]
    error: str | None = None

    @property
    def late(self) -> bool:
        """Whether it is not known yet of each host."""
        return self.error is None and not {host.name for host in self.hosts} <= self.times.keys()


def _last_seen(database: InfluxDB, site: Site, fresh: int) -> list[_Asked]:
    """When every metric was last seen, by host.

    What is seen lately needs no look at the hour before, and what is seen in that hour none at all
    that is stored, which of a hundred hosts takes InfluxDB ten seconds.
    """
    every = [
        _Asked(catalog, metric, _hosts_with(site, catalog, metric), {})
        for catalog, metric in _documented(site.catalogs)
    ]
    for since in (fresh, fresh - HOUR, None):
        late = [each for each in every if each.late]
        answers = _last(database, [(each.catalog, each.metric) for each in late], since)
        for each, answer in zip(late, answers, strict=True):
            each.times, each.error = times(answer), answer.error
    return every


def _last(
    database: InfluxDB, documented: Sequence[tuple[Catalog, Metric]], since: int | None
) -> list[Answer]:
    """When each metric was last seen, by host, since a time (ms since 1970) or ever."""
    statements = [
        last_seen(catalog.field(metric), catalog.measurements(metric), since)
        for catalog, metric in documented
    ]
    return database.ask(statements)


def last_seen(field: str, measurements: Sequence[str], since: int | None) -> str:
    """What asks when a field last came from each host, since a time (ms since 1970) or ever."""
    condition = "" if since is None else f" WHERE time >= {since}ms"
    return (
        f"SELECT last({identifier(field)}) AS seen FROM "
        f"{source(measurements)}{condition} GROUP BY {identifier(HOST)}"
    )


def times(answer: Answer) -> dict[str, int]:
    """Times in ms since 1970, by host: the last of all measurements that it may be in."""
    last: dict[str, int] = {}
    for series in answer.series:
        host = series.tags.get(HOST, "")
        last[host] = max(last.get(host, 0), int(series.rows[0]["time"]))
    return last


def _seen(
    host: Host, metric: Metric, name: str, time: int | None, fresh: int, ago: Callable[[int], str]
) -> Finding:
    missing = metric.always and (time is None or time < fresh)
    detail = "never seen" if time is None else f"last seen {ago(time)}"
    if missing:
        detail += ", though it is always sent"
    status = Status.FAILED if missing else Status.UNSEEN if time is None else Status.OK
    if status is Status.UNSEEN and metric.deprecated:
        status, detail = Status.OK, "never seen; it is deprecated"
    return Finding(status, Area.METRIC, host.name, name, detail)


def values_seen(database: InfluxDB, site: Site, start: int) -> list[Finding]:
    """Values in no closed list, and documented ones that never came, since a time (ms)."""
    asked = [
        (catalog, metric, tag)
        for catalog, metric in _documented(site.catalogs)
        for tag in catalog.tags(metric)
        if tag in catalog.placeholders and catalog.placeholders[tag].values is not None
    ]
    statements = [
        f"SELECT count({identifier(catalog.field(metric))}) FROM "
        f"{source(catalog.measurements(metric))} "
        f"WHERE time >= {start}ms GROUP BY {identifier(tag)}, {identifier(HOST)}"
        for catalog, metric, tag in asked
    ]
    found: list[Finding] = []
    answers = database.ask(statements)
    for (catalog, metric, tag), answer in zip(asked, answers, strict=True):
        name = name_of(catalog, metric)
        if answer.error:
            found.append(Finding(Status.FAILED, Area.VALUE, "", name, answer.error))
            continue
        documented = set(catalog.samples(metric, tag))
        seen = {(s.tags.get(tag, ""), s.tags.get(HOST, "")) for s in answer.series}
        if not seen:
            continue  # nothing can be said of the values of what never came
        # What is pushed may not say it at all.
        strays = sorted((v, host) for v, host in seen if v and v not in documented)
        for value, host in strays:
            detail = f"{tag} {value!r} is in no list: {', '.join(sorted(documented))}"
            found.append(Finding(Status.WARNING, Area.VALUE, host, name, detail))
        never = sorted(documented - {value for value, _ in seen})
        if never:
            detail = f"{tag} never was {', '.join(never)}"
            found.append(Finding(Status.UNSEEN, Area.VALUE, "", name, detail))
        elif not strays:
            found.append(Finding(Status.OK, Area.VALUE, "", name, f"{tag} is as documented"))
    return found


def losses(database: InfluxDB, site: Site, start: int) -> list[Finding]:
    """What Telegraf on each worker says it lost since it was started."""
    statements = [
        f"SELECT last({identifier(field)}) AS lost FROM {identifier(measurement)} "
        f"WHERE time >= {start}ms GROUP BY {identifier(HOST)}"
        for measurement, field, _ in LOSSES
    ]
    found: list[Finding] = []
    workers = {host.name for host in site.workers}
    for (measurement, field, what), answer in zip(LOSSES, database.ask(statements), strict=True):
        name = f"{measurement}.{field}"
        if answer.error:
            found.append(Finding(Status.FAILED, Area.PIPELINE, "", name, answer.error))
        for series in answer.series:
            host, lost = series.tags.get(HOST, ""), int(series.rows[0]["lost"])
            if host in workers:
                status = Status.WARNING if lost else Status.OK
                detail = f"{lost} {what}" if lost else "none since Telegraf's start"
                found.append(Finding(status, Area.PIPELINE, host, name, detail))
    return found


def _documented(catalogs: Sequence[Catalog]) -> Iterator[tuple[Catalog, Metric]]:
    return ((catalog, metric) for catalog in catalogs for metric in catalog.metrics)


def _hosts_with(site: Site, catalog: Catalog, metric: Metric) -> list[Host]:
    """The workers that send a metric, as documented."""
    return [
        host
        for host in site.workers
        for each in host.applications
        # Of what is scraped, not each target has all.
        if each.catalog.app == catalog.app and any(has(metric, of) for of in each.sources)
        # Telegraf listens where an application sends to it.
        if host.transports or not metric.name.startswith(_OF_LISTENERS)
    ]
