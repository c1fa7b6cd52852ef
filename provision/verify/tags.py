"""Tags that no catalog knows, by which series differ that panels take for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from provision.catalog.model import RESERVED_TAGS, Catalog, Metric
from provision.dashboards.influxql import identifier, source
from provision.errors import ProvisionError
from provision.influx import Answer, InfluxDB
from provision.site.model import Site
from provision.verify.arrival import HOST
from provision.verify.findings import Area, Finding, Status
from provision.verify.seen import name_of

# So many values of such a tag are told.
MOST_VALUES = 5
# Of so many series of a metric it is seen whether such a tag tells them apart: one that has very
# many values does so among the first.
MOST_SERIES = 2000
REMEDY = "panels show one of them: document it, or send it no more"


@dataclass(frozen=True)
class _Stored:
    """Where a metric is stored, and the tags that are documented of it."""

    catalog: Catalog
    metric: Metric
    measurements: tuple[str, ...]
    tags: tuple[str, ...]


def tags_seen(database: InfluxDB, site: Site, start: int) -> list[Finding]:
    """The hosts of which series differ in an undocumented tag alone, since a time (ms since 1970).

    A tag with one value, or one that goes with a documented tag, hides nothing.
    """
    stored = _stored(site.catalogs)
    (answer,) = database.ask(
        [f"SHOW TAG KEYS FROM {source([n for s in stored for n in s.measurements])}"]
    )
    if answer.error:
        return [Finding(Status.FAILED, Area.UNDOCUMENTED, "", "tags", answer.error)]
    there = {series.name: {row["tagKey"] for row in series.rows} for series in answer.series}
    found: list[Finding] = []
    strange: list[tuple[_Stored, list[str]]] = []
    for each in stored:
        stored_tags = set().union(*(there.get(name, ()) for name in each.measurements))
        if unknown := stored_tags - {*RESERVED_TAGS, *each.tags}:
            strange.append((each, sorted(unknown)))
    statements = [
        f"SELECT count({identifier(each.catalog.field(each.metric))}) FROM "
        f"{source(each.measurements)} WHERE time >= {start}ms GROUP BY "
        f"{', '.join(identifier(tag) for tag in (HOST, *each.tags, *tags))} SLIMIT {MOST_SERIES}"
        for each, tags in strange
    ]
    try:
        answers = database.ask(statements)
    except ProvisionError as error:  # all else is known by then
        return [Finding(Status.FAILED, Area.UNDOCUMENTED, "", "tags", error.message)]
    for (each, tags), answer in zip(strange, answers, strict=True):
        if answer.error:
            found.append(_of(each, Status.FAILED, "", answer.error))
        found += _differing(each, tags, answer)
    return found


def _stored(catalogs: Sequence[Catalog]) -> list[_Stored]:
    """Each place once: what one plugin of Telegraf's tells is in one."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], _Stored] = {}
    for catalog in catalogs:
        for metric in catalog.metrics:
            where = (catalog.measurements(metric), catalog.tags(metric))
            found.setdefault(where, _Stored(catalog, metric, *where))
    return list(found.values())


def _differing(each: _Stored, strange: Sequence[str], answer: Answer) -> Iterator[Finding]:
    for tag in strange:
        values: dict[tuple[str, ...], set[str]] = {}
        for series in answer.series:
            values.setdefault(_documented(each, series.tags), set()).add(series.tags.get(tag, ""))
        by_host: dict[str, set[str]] = {}
        for (host, *_), of in values.items():
            if len(of) > 1:
                by_host.setdefault(host, set()).update(of)
        for host, of in sorted(by_host.items()):
            few = [value or "none" for value in sorted(of)[:MOST_VALUES]]
            more = [f"{len(of) - MOST_VALUES} more"] if len(of) > MOST_VALUES else []
            detail = f"tag {tag!r} is in no catalog ({', '.join(few + more)}); {REMEDY}"
            yield _of(each, Status.WARNING, host, detail)


def _documented(each: _Stored, tags: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(tags.get(tag, "") for tag in (HOST, *each.tags))


def _of(each: _Stored, status: Status, host: str, detail: str) -> Finding:
    return Finding(status, Area.UNDOCUMENTED, host, name_of(each.catalog, each.metric), detail)
