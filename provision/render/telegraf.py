"""What Telegraf's templates are told of a host's catalogs: which bucket or name goes where."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from provision.applications import Target
from provision.catalog.buckets import Pattern, parse_pattern
from provision.catalog.model import (
    EXPORTED,
    TOTALS_TAG,
    UNDOCUMENTED,
    VALUE,
    Catalog,
    Ignored,
    Input,
    MetricType,
)
from provision.catalog.series import LINES, LINES_TAG, TOTALS, with_totals
from provision.render.manifest import listeners, pushgateway_url
from provision.render.targets import STATSD_PATH
from provision.site.model import Host, Site
from provision.tls.model import normal_name
from provision.values import bracketed, seconds

# The part of statsd.conf that says which bucket is stored where.
DOCUMENTED_TEMPLATE = "telegraf/etc/telegraf/telegraf.d/documented.star.j2"
# What `provision verify` sends, and where it is stored.
PROBE_BUCKET, PROBE_MEASUREMENT = "provision.probe", "provision_probe"
# A scraped value is a float, a counter of statsd is not: one measurement cannot hold both.
PROBE_NAME = PROBE_PUSHED = "provision_probe_pushed"
MOST_SCRAPE_SECONDS = 5
# How many bytes of statsd packets the kernel keeps while Telegraf is busy: bench/statsd.py says
# what comes of less. It counts 768 for a small packet, so these are 10,000 of them.
RECEIVE_BUFFER = 8 << 20
# What Telegraf always gathers of itself, and what is always in it (README of inputs.internal).
ALIVE_MEASUREMENT, ALIVE_FIELD = "internal_agent", "metrics_gathered"
# Stands in the tag `host` of what no client said it of.
NOBODY = ":"


@dataclass(frozen=True)
class Documented:
    """Where a documented bucket is stored: its marked segments, and the tags and fields it has."""

    measurement: str
    segments: tuple[str, ...]
    tags: dict[str, str]
    fields: tuple[str, ...]


@dataclass(frozen=True)
class IgnoredNames:
    """Names that are dropped: whole ones, and what others begin or end with."""

    names: tuple[str, ...]
    beginnings: tuple[str, ...]
    ends: tuple[str, ...]


def telegraf_values(path: str, host: Host) -> dict[str, Any]:
    """What the template of a file in telegraf.d/ takes beside what all templates do."""
    if path == STATSD_PATH:
        catalogs = host.catalogs_of(Input.STATSD)
        return {
            "apps": [catalog.app for catalog in catalogs],
            "listeners": [
                (transport, f"{bracketed(address)}:{port}")
                for transport, address, port in listeners(host)
            ],
            "percentiles": percentiles(catalogs),
            "receive_buffer": RECEIVE_BUFFER,
            "totals": totals_of(catalogs),
            "suffix": TOTALS,
            "totals_tag": TOTALS_TAG,
            "lines_tag": LINES_TAG,
            "lines": LINES,
            "undocumented": UNDOCUMENTED,
            "reserved": EXPORTED,
            "nobody": NOBODY,
        }
    if path.endswith("/prometheus.conf"):
        catalogs = host.catalogs_of(Input.PROMETHEUS)
        return {
            "apps": [catalog.app for catalog in catalogs],
            "targets": [*host.targets, *pushgateways(host)],
            "timeout": f"{scrape_seconds(host)}s",
            "documented": documented_names(catalogs),
            "ignored": ignored_names(each for catalog in catalogs for each in catalog.ignored),
            "undocumented": UNDOCUMENTED,
            "reserved": EXPORTED,
            "nobody": NOBODY,
        }
    if path.endswith("/host.conf"):
        kept = gathered(host.catalogs_of(Input.TELEGRAF))
        own = {name: fields for name, fields in kept.items() if name.startswith("internal_")}
        # That Telegraf is at work is told by this one, whatever is documented.
        names = sorted({ALIVE_MEASUREMENT, *own})
        fields = sorted({ALIVE_FIELD, *itertools.chain(*own.values())})
        if host.settings.telegraf_host_fields == "all":
            # Of nstat there are some hundred, which the kernel counts since its start.
            kept = {name: f if name == "nstat" else ["*"] for name, f in kept.items()}
            names = fields = ["*"]
        return {
            "kept": kept,
            "own": names,
            "own_fields": fields,
            "alive_measurement": ALIVE_MEASUREMENT,
        }
    if path.endswith("-packets.conf"):
        return {"receive_buffer": RECEIVE_BUFFER}
    return {}


def gathered(catalogs: Sequence[Catalog]) -> dict[str, list[str]]:
    """The documented fields of each measurement of Telegraf's own plugins."""
    found: dict[str, set[str]] = {}
    for catalog in catalogs:
        for metric in catalog.metrics:
            found.setdefault(catalog.measurement(metric), set()).update(catalog.fields(metric))
    return {measurement: sorted(fields) for measurement, fields in sorted(found.items())}


def percentiles(catalogs: Sequence[Catalog]) -> list[float]:
    """The percentiles that any timer keeps: Telegraf works them out for all of them."""
    found = {
        float(value)
        for catalog in catalogs
        for metric in catalog.metrics
        if metric.type is MetricType.TIMER
        for value in metric.percentiles
    }
    return sorted(found)


def totals_of(catalogs: Sequence[Catalog]) -> list[tuple[str, list[str], list[str]]]:
    """(measurement, fields that are added up, fields of which the highest is kept) of totals."""
    found = []
    for catalog in catalogs:
        for metric, kept in with_totals(catalog):
            sums = [field for field, way in kept.items() if way == "sum"]
            highest = [field for field in kept if field not in sums]
            found.append((catalog.measurement(metric), sums, highest))
    return found


def documented_buckets(catalogs: Sequence[Catalog]) -> list[tuple[str, list[Documented]]]:
    """For each of Telegraf's metric types its documented buckets, more specific ones first."""
    probe = parse_pattern(PROBE_BUCKET, ())
    found: dict[str, list[tuple[Any, Documented]]] = {
        MetricType.COUNTER: [(probe.specificity, _documented(PROBE_MEASUREMENT, probe, (VALUE,)))]
    }
    for catalog in catalogs:
        for metric in catalog.metrics:
            for pattern in catalog.patterns(metric):
                row = _documented(catalog.measurement(metric), pattern, catalog.fields(metric))
                found.setdefault(metric.type.telegraf, []).append((pattern.specificity, row))
    return [(kind, [row for _, row in sorted(found[kind], key=_first)]) for kind in sorted(found)]


def documented_names(catalogs: Sequence[Catalog]) -> list[tuple[str, str, str, bool]]:
    """(name, measurement, type, whether it is a former name) of each Prometheus metric."""
    return [
        *(
            (name, catalog.measurement(metric), metric.type.telegraf, name != metric.name)
            for catalog in catalogs
            for metric in catalog.metrics
            for name in (metric.name, *(former.name for former in metric.formerly))
        ),
        (PROBE_NAME, PROBE_PUSHED, "gauge", False),
    ]


def ignored_names(entries: Iterable[Ignored]) -> IgnoredNames:
    """Names with `*` as what the processor looks for."""
    names = dict.fromkeys(entry.name for entry in entries)
    return IgnoredNames(
        tuple(name for name in names if "*" not in name),
        tuple(name[:-1] for name in names if name.endswith("*")),
        tuple(name[1:] for name in names if name.startswith("*")),
    )


def pushgateways(host: Host) -> list[Target]:
    """The Pushgateway of a host, if applications push to it; its metrics say whose they are."""
    if not host.pushgateway:
        return []
    return [Target("", f"{pushgateway_url(host)}/metrics", ())]


def scrape_seconds(host: Host) -> int:
    """For how long Telegraf waits for what it scrapes: less than until it does so again."""
    return min(MOST_SCRAPE_SECONDS, seconds(host.settings.telegraf_interval))


def own_influxdb(site: Site, host: Host) -> tuple[str, ...]:
    """The URLs of what a host scrapes of the site's own InfluxDB, over TLS."""
    if site.external:
        return ()
    tls, port = site.tls, site.monitor.settings.influxdb_port
    found = []
    for url in (target.url for target in host.targets if tls.on):
        parts = urlsplit(url)
        ours = normal_name(parts.hostname or "") in tls.names and parts.port == port
        found += [url] if ours and parts.scheme == "https" else []
    return tuple(found)


def _documented(measurement: str, pattern: Pattern, fields: tuple[str, ...]) -> Documented:
    segments = tuple(str(segment) for segment in pattern.segments)
    return Documented(measurement, segments, dict(pattern.fixed), fields)


def _first(row: tuple[Any, Documented]) -> Any:
    return row[0]
