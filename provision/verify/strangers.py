"""Buckets and names that Telegraf found in no catalog of its host, and what is wrong with each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from provision.catalog.buckets import Kind, Pattern, Segment, overlap
from provision.catalog.model import UNDOCUMENTED, Catalog, Input, MetricType
from provision.dashboards.influxql import identifier
from provision.errors import ProvisionError
from provision.influx import InfluxDB
from provision.site.model import Site
from provision.verify.arrival import HOST
from provision.verify.findings import Area, Finding, Status

# So many undocumented buckets of a host are told, and how many more there are.
MOST_STRANGERS = 20
NOWHERE = "in no catalog"
# What the tag `metric_type` says, in the words of catalogs. Of a Prometheus metric without a type
# the catalog says it; so one that is documented and comes as that is of many numbers.
_IN_WORDS = {
    **{kind.telegraf: kind.value for kind in MetricType},
    "untyped": "histogram or summary",
}


@dataclass(frozen=True)
class Stranger:
    """A bucket or name of no catalog, the host that it was seen on, and Telegraf's type of it."""

    bucket: str
    host: str
    kind: str


def undocumented(database: InfluxDB, start: int) -> list[Stranger]:
    """The buckets and names of no catalog that were seen since a time (ms since 1970).

    Raises ProvisionError where InfluxDB does not say.
    """
    (answer,) = database.ask(
        [
            f'SELECT count("value"), count("count") FROM {identifier(UNDOCUMENTED)} '
            f'WHERE time >= {start}ms GROUP BY "bucket", {identifier(HOST)}, "metric_type"'
        ]
    )
    if answer.error:
        raise ProvisionError(f"InfluxDB at {database.url}: {answer.error}")
    found = {
        Stranger(s.tags.get("bucket", ""), s.tags.get(HOST, ""), s.tags.get("metric_type", ""))
        for s in answer.series
    }
    return sorted(found, key=lambda each: (each.bucket, each.host, each.kind))


def strangers_seen(
    database: InfluxDB, site: Site, start: int, known: Sequence[Catalog] = ()
) -> list[Finding]:
    """The same, as findings; of a host that sends very many the first, and how many more.

    known are all catalogs that there are, those of no host too.
    """
    by_host: dict[str, list[Stranger]] = {}
    for each in undocumented(database, start):
        by_host.setdefault(each.host, []).append(each)
    catalogs = {host.name: host.catalogs for host in site.workers}
    names = _kept_names()
    found: list[Finding] = []
    for host, strangers in by_host.items():
        own = catalogs.get(host, ())
        apps = {catalog.app for catalog in own}
        mine = [names(catalog) for catalog in own]
        others = [names(catalog) for catalog in known if catalog.app not in apps]
        more = len(strangers) - MOST_STRANGERS
        told = [(each.bucket, cause(each, mine, others)) for each in strangers[:MOST_STRANGERS]]
        found += [
            Finding(Status.WARNING, Area.UNDOCUMENTED, host, bucket, detail)
            # A bucket may come as several types.
            for bucket, detail in dict.fromkeys(told)
        ]
        if more > 0:
            found.append(Finding(Status.WARNING, Area.UNDOCUMENTED, host, f"{more} more", NOWHERE))
    return found


@dataclass(frozen=True)
class Names:
    """The names that a catalog documents, former ones included, and the type of each."""

    app: str
    exact: tuple[tuple[str, MetricType], ...] = ()
    patterns: tuple[tuple[Pattern, MetricType], ...] = ()

    def types(self, bucket: str) -> list[MetricType]:
        """As what a bucket or name is documented."""
        found = [kind for name, kind in self.exact if name == bucket]
        return found + [k for pattern, k in self.patterns if pattern.match(bucket) is not None]


def names_of(catalog: Catalog) -> Names:
    """The names of a catalog; of Telegraf's own plugins none is ever undocumented."""
    if catalog.input is Input.TELEGRAF:
        return Names(catalog.app)
    if catalog.input is Input.PROMETHEUS:
        exact = (
            (name, metric.type)
            for metric in catalog.metrics
            for name in (metric.name, *(former.name for former in metric.formerly))
        )
        return Names(catalog.app, exact=tuple(exact))
    patterns = (
        (pattern, metric.type) for metric in catalog.metrics for pattern in catalog.patterns(metric)
    )
    return Names(catalog.app, patterns=tuple(patterns))


def _kept_names() -> Callable[[Catalog], Names]:
    """The same, once for all hosts that have a catalog with the same settings."""
    kept: dict[object, Names] = {}

    def names(catalog: Catalog) -> Names:
        key = (catalog.app, catalog.setting_values)
        if key not in kept:
            kept[key] = names_of(catalog)
        return kept[key]

    return names


def cause(stranger: Stranger, own: Sequence[Names], others: Sequence[Names]) -> str:
    """Why a bucket is undocumented on its host, as far as its name and type say.

    own are the names of the host's applications, others those of all other catalogs.
    """
    for names, here in ((own, True), (others, False)):
        documented = [
            (each.app, kind)
            for each in names
            for kind in dict.fromkeys(each.types(stranger.bucket))
        ]
        if documented:
            return _documented(stranger.kind, documented, here=here)
    return _nearly(stranger, own) or NOWHERE


def _documented(came: str, documented: Sequence[tuple[str, MetricType]], *, here: bool) -> str:
    """What is told of a bucket that is documented as these types of these applications."""
    # What says no type of itself is taken for what a catalog says, where the host has that.
    fits = came == "untyped" and not here
    rightly = [(app, kind) for app, kind in documented if fits or kind.telegraf == came]
    said = rightly or documented
    apps = list(dict.fromkeys(app for app, _ in said))
    what = f"documented as {_joined(kind.value for _, kind in said)} of {_joined(apps)}"
    if not here:
        what += f", which {'is' if len(apps) == 1 else 'are'} not among this host's apps"
    elif rightly:
        return f"{what}, and came when Telegraf did not know it: `provision up` if it comes again"
    if came == "untyped" and {kind for _, kind in said} == {MetricType.TIMER}:
        return f"came without its sum and its count, and is {what}"
    return what if rightly else f"came as {_IN_WORDS.get(came, came)}, and is {what}"


def _nearly(stranger: Stranger, own: Iterable[Names]) -> str:
    """What is told of a bucket that has more segments than its one pattern takes; or nothing."""
    parts = stranger.bucket.split(".")
    if "" in parts:
        return ""
    sent = Pattern(tuple(Segment(Kind.FIXED, part) for part in parts))
    found = {
        str(pattern): pattern
        for names in own
        for pattern, kind in names.patterns
        if kind.telegraf == stranger.kind
        and len(pattern.segments) < len(parts)
        and overlap(_widened(pattern, _narrow(pattern)), sent)
    }
    if len(found) != 1:
        return ""
    ((text, pattern),) = found.items()
    narrow = _narrow(pattern)
    by_one = [name for name in narrow if overlap(_widened(pattern, [name]), sent)]
    several = by_one or narrow
    which = _joined(f"<{name}>" for name in several)
    takes = "takes one segment" if len(several) == 1 else "take one segment each"
    # A bucket can have one that is dotted.
    remedy = ""
    if by_one and not any(segment.kind is Kind.DOTTED for segment in pattern.segments):
        which_one = "" if len(several) == 1 else " in one of them"
        remedy = f" (dotted: true for several{which_one})"
    return f"nearly {text}, of which {which} {takes}{remedy}"


def _narrow(pattern: Pattern) -> list[str]:
    """The placeholders that take one segment."""
    return [segment.text for segment in pattern.segments if segment.kind is Kind.ONE]


def _widened(pattern: Pattern, names: Sequence[str]) -> Pattern:
    """The pattern as if placeholders of one segment were dotted."""
    return replace(pattern, segments=tuple(_as_dotted(pattern.segments, names)))


def _as_dotted(segments: Iterable[Segment], names: Sequence[str]) -> Iterator[Segment]:
    for segment in segments:
        wide = segment.kind is Kind.ONE and segment.text in names
        yield Segment(Kind.DOTTED, segment.text) if wide else segment


def _joined(words: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(words))
