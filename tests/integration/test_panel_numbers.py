"""The numbers of every panel, on real InfluxDB, held against what was written."""

from __future__ import annotations

import itertools
import math
import re
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from provision.catalog.load import load_catalogs
from provision.catalog.model import GROUP_BY, Catalog, Metric
from provision.dashboards.fleet import OVERVIEW, all_dashboards
from provision.dashboards.model import Kind, Panel, Query
from provision.dashboards.variables import UNDIVIDED, either, expand, group_tags
from provision.influx import Answer, InfluxDB, Series
from tests.integration.programs import Database
from tests.integration.reckoned import Asking, Key, Reckoner, Rows
from tests.integration.uncommon import UNCOMMON
from tests.integration.written import DAY, STEP, W1, W2, Written, silences, values_of, written

CATALOGS: tuple[Catalog, ...] = (*load_catalogs().values(), *UNCOMMON)
BUILT = all_dashboards(CATALOGS)


@dataclass
class Data:
    """A database with all that is written, and the times that are asked for."""

    base: int
    series: Sequence[Written]
    reader: InfluxDB

    def reckoner(self, dashboard: str, metric: Metric) -> Reckoner:
        known = next(each for each in CATALOGS if any(metric is m for m in each.metrics))
        variables = [variable.name for variable in BUILT[dashboard].variables]
        return Reckoner(known, metric, self.series, variables, bool(group_tags(known)))

    def ask(self, asking: Asking, queries: Sequence[str]) -> list[Answer]:
        values = {name: either(chosen) for name, chosen in asking.choice.items()}
        values[GROUP_BY] = either(asking.by)
        times = {"start": asking.start, "end": asking.end, "interval": asking.interval}
        return self.reader.ask([expand(each, values=values, **times) for each in queries])


@pytest.fixture(scope="module")
def data(database: Database) -> Iterator[Data]:
    """Three hours ago: what is written with the tests of silence is of other times."""
    base = (int(time.time()) // 3600 - 3) * 3_600_000
    series = [*written(CATALOGS, base), *silences(CATALOGS, int(time.time() * 1000))]
    lines = [line for each in series for line in each.lines()]
    for first in range(0, len(lines), 10_000):
        database.write(*lines[first : first + 10_000], precision="ms")
    reader = database.reader()
    yield Data(base, series, reader)
    reader.close()


def everything(dashboard: str, base: int) -> Asking:
    return Asking(base + 7_000, base + 607_000, 3 * STEP, {})


def one_host(dashboard: str, base: int) -> Asking:
    """One host, in other times: its intervals are those in which Telegraf writes."""
    return Asking(base + 30_000, base + 590_000, STEP, {"host": (W1,)})


def one_of_each(dashboard: str, base: int) -> Asking:
    """Two hosts, and of each further variable the second value."""
    chosen: dict[str, Sequence[str]] = {"host": (W1, W2)}
    metrics = [
        (each, metric) for each in CATALOGS for metric in each.metrics if each.app == dashboard
    ]
    for name in [variable.name for variable in BUILT[dashboard].variables[1:]]:
        possible = [values_of(each, m, name) for each, m in metrics if name in each.tags(m)]
        common = [value for value in possible[0] if all(value in values for values in possible)]
        chosen[name] = common[-1:]
    return Asking(base, base + 600_000, 6 * STEP, chosen, BUILT[dashboard].groups or ("host",))


def by_all_but_the_host(dashboard: str, base: int) -> Asking:
    """Lines of all hosts together; of an application without further tags, there is one line."""
    by = BUILT[dashboard].groups[1:] or ("nothing",)
    return Asking(base + 7_000, base + 607_000, 3 * STEP, {}, by)


def in_total(dashboard: str, base: int) -> Asking:
    """One line of all that there is."""
    return Asking(base + 7_000, base + 607_000, 3 * STEP, {}, (UNDIVIDED,))


CHOICES = [everything, one_host, one_of_each, by_all_but_the_host, in_total]


def lines(answer: Answer) -> dict[Key, Rows]:
    """The series of an answer, in its order, each with its one column."""
    assert answer.error is None, answer.error
    found: dict[Key, Rows] = {}
    for each in answer.series:
        key = (each.name, tuple(sorted(each.tags.items())))
        assert key not in found
        found[key] = {row["time"]: value(row) for row in each.rows}
        assert len(found[key]) == len(each.rows)
    return found


def value(row: Mapping[str, Any]) -> float | None:
    ((_, found),) = [(name, found) for name, found in row.items() if name != "time"]
    return None if found is None else float(found)


def same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def assert_same_lines(found: dict[Key, Rows], wanted: dict[Key, Rows], what: str) -> None:
    """The very same series and points, in the order of measurements and tags."""
    assert found.keys() == wanted.keys(), what
    for key, rows in wanted.items():
        assert list(found[key]) == list(rows), (what, key)
        wrong = {t: (found[key][t], v) for t, v in rows.items() if not same(found[key][t], v)}
        assert not wrong, (what, key, wrong)
    assert list(found) == sorted(found), what


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("name", BUILT)
def test_a_graph_shows_what_was_written(data: Data, name: str, choice: Any) -> None:
    asking = choice(name, data.base)
    panels = [panel for panel in BUILT[name].panels if panel.kind is Kind.GRAPH]
    answers = iter(data.ask(asking, [query.text for panel in panels for query in panel.queries]))
    for panel in panels:
        reckoners = [data.reckoner(name, metric) for metric in panel.metrics]
        events = panel.title.endswith(" per second")
        each = (known.events(asking) if events else known.graph(asking) for known in reckoners)
        names: Counter[tuple[str, str]] = Counter()
        for query, wanted in zip(panel.queries, itertools.chain(*each), strict=True):
            # Of several metrics, not each has every value of a choice.
            assert wanted or choice is one_of_each, f"{panel.title}: nothing was written"
            answer = next(answers)
            assert_same_lines(lines(answer), wanted, f"{panel.title} {query.ref}")
            names.update((each.name, legend(panel, query, each)) for each in answer.series)
            by = asking.by if BUILT[name].groups else ("host",)
            for each in answer.series:
                told = [each.tags[tag] for tag in by if tag in each.tags]
                assert all(value in legend(panel, query, each) for value in told)
        assert set(names.values()) <= {1}, "two lines of one name"


def legend(panel: Panel, query: Query, series: Series) -> str:
    """What Grafana calls a line.

    Source: Grafana documentation, InfluxDB query editor, Alias patterns; Configure standard
    options, Display name (the values of labels are in their order, with commas between them).
    """
    labels = "${__field.labels.__values}"
    for override in panel.overrides:
        if override["matcher"] == {"id": "byFrameRefID", "options": query.ref}:
            name: str = override["properties"][0]["value"]
            if series.tags:
                return name.replace(labels, ", ".join(sorted(series.tags.values())))
            (alone,) = [o for o in panel.overrides if o["matcher"]["options"] == name]
            called: str = alone["properties"][0]["value"]
            return called
    return re.sub(r"\$tag_(\w+)", lambda match: series.tags[match[1]], query.alias).strip()


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("name", BUILT)
def test_a_number_is_that_of_the_last_five_minutes(data: Data, name: str, choice: Any) -> None:
    asking = choice(name, data.base)
    panels = [panel for panel in BUILT[name].panels if panel.kind is Kind.STAT and panel.metrics]
    panels = [panel for panel in panels if panel.title != "Silent hosts"]
    answers = data.ask(asking, [query.text for panel in panels for query in panel.queries])
    for panel, answer in zip(panels, answers, strict=True):
        (metric,) = panel.metrics
        wanted = data.reckoner(name, metric).number(asking)
        if wanted is None and choice is one_of_each:
            assert lines(answer) == {}, panel.title
            continue
        assert wanted is not None, f"{panel.title}: nothing was written"
        assert same(shown(panel, answer), wanted), (panel.title, answer, wanted)


def shown(panel: Panel, answer: Answer) -> float | None:
    """The one number of a panel: as many as there are series, unless they are reduced to one."""
    values = [value for rows in lines(answer).values() for value in rows.values()]
    if panel.calculation == "lastNotNull":
        (found,) = values
        return found
    assert [each["id"] for each in panel.transformations] == ["reduce"]
    known = [each for each in values if each is not None]
    return {"max": max(known), "min": min(known), "sum": sum(known)}[panel.calculation]


@pytest.mark.parametrize("choice", CHOICES)
def test_the_hosts_that_report_are_counted(data: Data, choice: Any) -> None:
    asking = choice(OVERVIEW, data.base)
    (panel,) = [panel for panel in BUILT[OVERVIEW].panels if panel.title == "Hosts reporting"]
    (answer,) = data.ask(asking, [query.text for query in panel.queries])
    reporting = data.reckoner(OVERVIEW, metric_of("host", "system.uptime")).by_host(asking)
    assert shown(panel, answer) == len(reporting) == {one_host: 1, one_of_each: 2}.get(choice, 3)


def metric_of(app: str, name: str) -> Metric:
    return next(m for each in CATALOGS for m in each.metrics if (each.app, m.name) == (app, name))


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("name", [OVERVIEW, "pipeline"])
def test_the_table_of_reports_has_the_last_of_each_host(data: Data, name: str, choice: Any) -> None:
    asking = choice(name, data.base)
    (panel,) = [p for p in BUILT[name].panels if p.title == "Last report of each host"]
    (answer,) = data.ask(asking, [query.text for query in panel.queries])
    wanted = data.reckoner(name, metric_of("host", "system.uptime")).last_reports(asking)
    found = {
        series.tags["host"]: (row["time"], row["uptime"])
        for series in answer.series
        for row in series.rows
    }
    assert found == wanted


@pytest.mark.parametrize("choice", CHOICES)
def test_the_table_of_hosts_has_the_worst_of_each(data: Data, choice: Any) -> None:
    asking = choice(OVERVIEW, data.base)
    (panel,) = [panel for panel in BUILT[OVERVIEW].panels if panel.title == "Hosts"]
    answers = data.ask(asking, [query.text for query in panel.queries])
    columns = [
        metric_of(app, name)
        for app, name in (
            ("host", "cpu.usage_active"),
            ("host", "mem.used_percent"),
            ("host", "disk.used_percent"),
            ("host", "disk.inodes_used_percent"),
            ("host", "system.uptime"),
            ("pipeline", "internal_agent.metrics_dropped"),
            ("pipeline", "internal_agent.metrics_rejected"),
            ("pipeline", "internal_statsd.udp_packets_dropped"),
        )
    ]
    for query, answer, metric in zip(panel.queries, answers, columns, strict=True):
        wanted = data.reckoner(OVERVIEW, metric).by_host(asking)
        found = {series.tags["host"]: series.rows for series in answer.series}
        assert wanted
        assert {host: len(rows) for host, rows in found.items()} == dict.fromkeys(wanted, 1)
        for host, rows in found.items():
            assert same(rows[0][query.ref], wanted[host]), (metric.name, host)


def test_a_host_is_silent_whose_last_point_is_old_and_no_other(data: Data) -> None:
    """At any moment, wherever an interval of the clock begins."""
    panels = [
        (name, panel)
        for name, dashboard in BUILT.items()
        for panel in dashboard.panels
        if panel.title == "Silent hosts"
    ]
    assert Counter(name for name, _ in panels) == {"host": 1, "zoo": 1, "watch": 1, OVERVIEW: 3}
    for attempt in range(10):
        time.sleep(0.013 * attempt)
        choice = {"host": ("steady", "silent")} if attempt == 5 else {}
        before = int(time.time() * 1000)
        queries = [query.text for _, panel in panels for query in panel.queries]
        answers = data.ask(Asking(0, before, 1, choice), queries)
        after = int(time.time() * 1000) + 1
        for (name, panel), answer in zip(panels, answers, strict=True):
            (metric,) = panel.metrics
            points = data.reckoner(name, metric).times_by_host()
            assert_silent(panel, answer, points, (before, after), choice.get("host", points))


def assert_silent(
    panel: Panel,
    answer: Answer,
    points: Mapping[str, Sequence[int]],
    asked: tuple[int, int],
    hosts: Collection[str],
) -> None:
    """Each host of the last day once, with a number that is 0 where nothing came of late.

    points are when they reported; asked is before and after the question.
    """
    (metric,) = panel.metrics
    assert metric.condition
    window = {"5m": 300_000, "7m": 420_000}[str(metric.condition.silent)]
    found = {series.tags["host"]: value(series.rows[-1]) for series in answer.series}
    assert len(found) == len(answer.series)
    seen = {host for host, times in points.items() if max(times) > asked[0] - DAY}
    assert found.keys() == seen & set(hosts)
    for host, count in found.items():
        fewest, most = (sum(t > moment - window for t in points[host]) for moment in asked[::-1])
        assert count is not None
        assert fewest <= count <= most, host
    silent = {host for host, count in found.items() if not count}
    assert silent >= {"silent", "silent-for-hours", "silent-for-a-day"} & set(hosts)
    assert not silent & {"steady", "once", "a-while-ago"}


def test_where_nothing_was_written_nothing_is_shown(data: Data) -> None:
    asking = Asking(data.base, data.base + 600_000, STEP, {"host": ("nobody",)})
    queries = [q.text for each in BUILT.values() for panel in each.panels for q in panel.queries]
    assert {(answer.series, answer.error) for answer in data.ask(asking, queries)} == {((), None)}
