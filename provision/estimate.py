"""What a site costs its InfluxDB: series, points, bytes and queries, from the catalogs alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from provision.applications import Application
from provision.catalog.model import Catalog, Metric
from provision.catalog.series import series, together, totals
from provision.dashboards.fleet import all_dashboards
from provision.site.model import Site
from provision.traffic import has
from provision.values import seconds

DAY = 86_400
# What a number takes on disk, its index included: measured with InfluxDB 1 on an hour of numbers
# that vary at random, which compress badly (bench/storage.py). Steady ones take about 3 (InfluxDB
# 1.8 documentation, Hardware sizing guidelines, Storage).
BYTES_A_POINT = 8.0
# A browser that shows a dashboard asks all its queries once in so many seconds (dashboards/).
REFRESH = 30


@dataclass(frozen=True)
class Size:
    """A machine with InfluxDB alone on it, and what it bears: points a second, and series."""

    cores: str
    memory: str
    points: int
    series: int


#: InfluxDB 1.8 documentation, Hardware sizing guidelines: InfluxDB OSS guidelines, and for the last
#: one Single node or cluster. Those of version 2 name no numbers.
SIZES = (
    Size("2 to 4", "2 to 4 GB", 5_000, 100_000),
    Size("4 to 6", "8 to 32 GB", 250_000, 1_000_000),
    Size("8 or more", "32 GB or more", 750_000, 10_000_000),
)


@dataclass(frozen=True)
class Load:
    """What an application makes of some hosts.

    points are values of a field that are written each second at most: what an application does not
    send in an interval is not written. queries are asked each second while one person looks at its
    dashboard as it opens, however many hosts there are.
    """

    app: str
    hosts: int
    series: int
    points: float
    queries: float

    def for_hosts(self, hosts: int) -> Load:
        """The same application on so many hosts, as on those that there are."""
        times = hosts / self.hosts
        return Load(self.app, hosts, round(self.series * times), self.points * times, self.queries)

    def bytes_a_day(self, each: float) -> float:
        """What a day of it takes on disk, of so many bytes a point."""
        return self.points * DAY * each


def size_for(found: Sequence[Load]) -> Size | None:
    """The smallest that bears all of these together; None if a single InfluxDB may not.

    Queries do not count: how many people look at dashboards is not known.
    """
    points, rows = sum(load.points for load in found), sum(load.series for load in found)
    fitting = (size for size in SIZES if points < size.points and rows < size.series)
    return next(fitting, None)


def loads(site: Site, only: Collection[str] | None = None) -> list[Load]:
    """One for each application of a site, by name; only of some of its hosts, if they are named."""
    queries = _queries(site.catalogs)
    hosts: dict[str, int] = {}
    rows: dict[str, int] = {}
    points: dict[str, float] = {}
    # Most hosts have the same applications, with the same settings.
    known: dict[object, tuple[int, int]] = {}
    for host in site.workers:
        if only is not None and host.name not in only:
            continue
        interval = seconds(host.settings.telegraf_interval)
        for each in host.applications:
            app = each.catalog.app
            hosts[app] = hosts.get(app, 0) + 1
            key = (app, each.catalog.setting_values, each.targets, each.pushgateway)
            if key not in known:
                known[key] = _of_one_host(each)
            number, written = known[key]
            rows[app] = rows.get(app, 0) + number
            points[app] = points.get(app, 0.0) + written / interval
    return [
        Load(app, hosts[app], rows[app], points[app], queries.get(app, 0) / REFRESH)
        for app in sorted(hosts)
    ]


def _of_one_host(application: Application) -> tuple[int, int]:
    """The series that a host has of an application, and the values of an interval."""
    rows: list[tuple[Metric, int]] = []
    values = 0
    catalog = application.catalog
    for metric in catalog.metrics:
        sources = [each for each in application.sources if has(metric, each)]
        number = sum(series(catalog, metric, each) for each in sources)
        kept = totals(catalog, metric)
        rows.append((metric, number + (1 if kept else 0)))
        values += number * len(catalog.fields(metric)) + len(kept)
    return together(catalog, rows), values


def _queries(catalogs: Sequence[Catalog]) -> dict[str, int]:
    return {
        # What is folded up is asked once somebody opens it.
        name: sum(
            len(panel.queries)
            for row in dashboard.rows
            if not row.collapsed
            for panel in row.panels
        )
        for name, dashboard in all_dashboards(catalogs).items()
    }
