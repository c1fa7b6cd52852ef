"""What a hundred hosts cost InfluxDB, how quickly dashboards load, and how quickly it is verified.

Series as the real Telegraf lays them out, in the documented layout and in ours, each in both
engines. Thirty days at 10 s would be sixteen thousand million values. Written are the last
hour at 10 s, which dashboards show as they open, and the thirty days before at a step of three
hours, so that there are as many shards. What a value takes on disk is measured on the former alone.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.layouts import KINDS, Row, rows, storable
from bench.measuring import Figure, tell
from bench.programs import influxd_program, telegraf_program
from bench.sites import APPS, name_of, site
from bench.store import DAY, HOSTS, STEP, Store, points, server
from provision.catalog.model import GROUP_BY, TOTALS_TAG
from provision.catalog.series import TOTALS
from provision.commands.verify import stored
from provision.dashboards.fleet import all_dashboards
from provision.dashboards.influxql import identifier
from provision.dashboards.render import POINTS
from provision.dashboards.variables import UNDIVIDED, either, expand, group_tags
from provision.site.model import Site
from provision.verify.findings import Area
from provision.verify.panels import INTERVAL

DENSE = 3600
SPARSE = 3 * 3600
RUNS = 3
# What half of a screen is wide: a graph of which nothing is said has a point for each pixel.
PIXELS = 1000
# How many requests a browser has under way at one server (HTTP/1.1).
AT_ONCE = 6
ABOUT = (
    f"{HOSTS} hosts with four applications; {DENSE // 3600} h at {STEP} s, 30 days at"
    f" {SPARSE // 3600} h; all queries of a dashboard, {AT_ONCE} at a time"
)


def ours(made: Site, *, folded: bool = True) -> dict[str, list[str]]:
    """The queries of each dashboard, which Grafana asks with all variables on All.

    Without what is folded up they are those that it asks as a dashboard opens.
    """
    return {
        name: [
            query.text
            for row in dashboard.rows
            if folded or not row.collapsed
            for panel in row.panels
            for query in panel.queries
        ]
        for name, dashboard in all_dashboards(made.catalogs).items()
    }


def documented(layout: Sequence[Row]) -> dict[str, list[str]]:
    """What a person asks who has a measurement for each bucket: a query for each, by host."""
    queries: dict[str, dict[str, str]] = {}
    for row in layout:
        field = next((n for n, _ in row.fields if n == "mean"), row.fields[0][0])
        queries.setdefault(row.app, {})[row.measurement] = (
            f"SELECT mean({identifier(field)}) FROM {identifier(row.measurement)}"  # noqa: S608
            ' WHERE $timeFilter GROUP BY time($__interval), "host" fill(null)'
        )
    return {app: list(each.values()) for app, each in queries.items()}


def load(
    store: Store,
    queries: Sequence[str],
    span: int,
    end: int,
    most: int,
    values: Mapping[str, str],
) -> float:
    """Seconds until all queries of a dashboard that shows so many seconds are answered.

    The answers are taken and not read: to draw them is the browser's work, on a machine of its own.

    most is how many points a line may have. values are those of variables that are not on All;
    graphs are divided by the host where nothing else is said.
    """
    made = [
        expand(
            query,
            start=(end - span) * 1000,
            end=end * 1000,
            # As a graph of ours asks; one that says nothing has as many points as pixels.
            interval=max(INTERVAL, span * 1000 // most),
            values=values,
        )
        for query in queries
    ]
    started = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(store.load, made))
    return time.perf_counter() - started


def main() -> None:
    """Both layouts in both engines."""
    figures: list[Figure] = []
    details: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = site(folder, hosts=HOSTS)
        telegraf = telegraf_program(folder)
        layouts = {kind: rows(kind, telegraf) for kind in KINDS}
        for engine in (1, 2):
            binary = influxd_program(engine, folder)
            for kind, every in layouts.items():
                layout = storable(every)
                asked = ours(made) if kind == "ours" else documented(layout)
                with server(engine, binary) as store:
                    title = f"InfluxDB {engine}, {kind}"
                    found, detail = measure(store, title, layout, asked, made)
                figures += found
                refused = len(every) - len(layout)
                about = {"engine": engine, "layout": kind, "refused_series": refused}
                details.append({**about, **detail})
                tell("storage", figures, ABOUT, rows=details)


def measure(
    store: Store, title: str, layout: Sequence[Row], asked: dict[str, list[str]], made: Site
) -> tuple[list[Figure], dict[str, object]]:
    """Fill a server with one layout, and ask what its dashboards ask."""
    end = int(time.time()) // STEP * STEP
    mine = title.endswith("ours")
    across = POINTS if mine else PIXELS
    values = sum(len(row.fields) for row in layout)

    def figure(what: str, unit: str, *runs: float, most: float | None = None) -> Figure:
        return Figure(f"{title}: {what}", runs=list(runs), unit=unit, most=most)

    before, started = store.settle(), time.perf_counter()
    lines = store.write(points(layout, range(end - DENSE, end, STEP)))
    seconds = time.perf_counter() - started
    size = store.settle() - before
    store.write(points(layout, range(end - 30 * DAY, end - DENSE, SPARSE)))
    store.settle()
    store.restart()

    def loads(
        span: int,
        most: int,
        times: int,
        values: Mapping[str, str],
        asked: Mapping[str, list[str]] = asked,
    ) -> dict[str, list[float]]:
        return {
            app: [load(store, queries, span, end, most, values) for _ in range(times)]
            for app, queries in asked.items()
            if queries
        }

    def slowest(what: str, runs: Mapping[str, list[float]], most: float | None = None) -> Figure:
        detail.update({f"{app}, {what}": each for app, each in runs.items()})
        app = max(runs, key=lambda name: statistics.median(runs[name]))
        return figure(f"slowest dashboard ({app}), {what}", "s", *runs[app], most=most)

    # As a dashboard of so many hosts opens.
    opened = {GROUP_BY: either([UNDIVIDED]), TOTALS_TAG: TOTALS}
    cold = loads(3600, across, 1, opened)
    each = lines * values / len(layout)
    found = [
        figure("series", "", len(layout) * HOSTS),
        figure("values a point of time", "", values * HOSTS),
        figure("bytes a value", "B", round(size / each, 2)),
    ]
    detail: dict[str, object] = {
        "measurements": len({row.measurement for row in layout}),
        "queries": {app: len(queries) for app, queries in asked.items()},
        "values_written_each_second": each / seconds,
    }
    for span, what, most, times, chosen in _times(made, opened, mine=mine):
        bar = 1.0 if mine and span == 3600 else None
        found.append(slowest(what, loads(span, most, times, chosen), bar))
    if mine:
        runs = loads(3600, across, RUNS, opened, ours(made, folded=False))
        found.append(slowest("1 h, as it opens", runs, 1.0))
        found.append(figure("all that verify asks", "s", *_verified(store, made), most=5.0))
    found.append(
        figure(
            "slowest dashboard, 1 h, server just started",
            "s",
            max(max(runs) for runs in cold.values()),
        )
    )
    return found, detail


def _times(
    made: Site, opened: Mapping[str, str], *, mine: bool
) -> list[tuple[int, str, int, int, Mapping[str, str]]]:
    """What is looked at: seconds, what they are called, points of a line, runs, and the choice."""
    lines, across = (", one line of all", POINTS) if mine else ("", PIXELS)
    found = [
        (3600, f"1 h{lines}", across, RUNS, opened),
        (DAY, f"24 h{lines}", across, 1, opened),
        (30 * DAY, f"30 days{lines}", across, 1, opened),
    ]
    if not mine:
        return [*found, (3600, f"1 h in {POINTS} points", POINTS, RUNS, {})]
    return [
        *found,
        (3600, "1 h, a line for each host", across, RUNS, {TOTALS_TAG: TOTALS}),
        # Divided so, no totals are asked.
        (3600, "1 h, a line for each other tag", across, RUNS, {GROUP_BY: either(_others(made))}),
        (
            3600,
            "1 h, one host chosen",
            across,
            RUNS,
            {TOTALS_TAG: TOTALS, "host": either([name_of(0)])},
        ),
    ]


def _others(made: Site) -> list[str]:
    """All that graphs may be divided by, but the host."""
    return sorted({tag for each in made.catalogs for tag in group_tags(each)} - {"host"})


def _verified(store: Store, made: Site) -> list[float]:
    """How long verify takes to hold what is stored against the catalogs, several times."""
    runs = []
    documented = sum(len(each.metrics) for each in made.catalogs if each.app in APPS)
    for _ in range(RUNS):
        started = time.perf_counter()
        found = stored(store.reader(), made, deadline=0, window=3600)
        runs.append(time.perf_counter() - started)
        seen = sum(f.area is Area.METRIC and f.detail.startswith("last seen") for f in found)
        if seen != documented * HOSTS:
            raise RuntimeError(f"verify saw {seen} metrics of hosts, and {documented * HOSTS} are")
    return runs
