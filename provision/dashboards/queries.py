"""The InfluxQL of panels, named by what it means, with Grafana's variables in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from provision.catalog.model import (
    FORMER_NAME,
    GROUP_BY,
    OF_MEAN,
    Catalog,
    Metric,
    MetricType,
    Together,
)
from provision.catalog.series import totals
from provision.dashboards.influxql import identifier, source, where
from provision.dashboards.variables import TOTALS_CHOSEN, grouped, variable_tags

# A counter's condition is about its increase in this time, in seconds.
WINDOW = 300
# The condition of what is so now: the last seconds of the dashboard's time.
RECENTLY = f"time > ${{__to}}ms - {WINDOW}s AND time <= ${{__to}}ms"
# A timer's mean, and that it has one, of what its fields grew by. A new process may have counted
# more than the one before, and have a lower sum: what one of them grew by makes no mean.
_MEAN, _COUNTED = 'sum("sum") / sum("count")', '"count" > 0 AND "sum" >= 0'
# How long ago a host may have been seen that is missed now; later it is taken for gone.
REMEMBERED = 86_400


@dataclass(frozen=True)
class Asked:
    """What a query is about: where it is stored, the tags that are chosen by, those that divide.

    grouped says that a graph is divided by those tags alone that its dashboard's variable names;
    totals that hosts' totals are kept, which a graph asks where the choices let it.
    """

    measurements: tuple[str, ...]
    chosen: tuple[str, ...]
    by: tuple[str, ...]
    grouped: bool = False
    totals: bool = False

    @property
    def source(self) -> str:
        """The FROM clause: former names of a metric are asked as well."""
        ending = TOTALS_CHOSEN if self.totals else ""
        return source([f"{name}{ending}" for name in self.measurements])

    @property
    def condition(self) -> str:
        """The WHERE clause."""
        return _among(self.chosen, "$timeFilter")

    @property
    def groups(self) -> str:
        """The GROUP BY clause of a graph: in Grafana's intervals, what each line is of.

        The tags are a regular expression, which may match none: where a tag is named that is not
        there, the sum of a subquery takes InfluxDB twice as long and more.
        """
        if not self.grouped:
            return self.series
        former = [identifier(FORMER_NAME)] if FORMER_NAME in self.by else []
        return ", ".join(["time($__interval)", f"/^${{{GROUP_BY}:regex}}$/", *former])

    @property
    def series(self) -> str:
        """The GROUP BY clause for a series of each combination of tags, in Grafana's intervals."""
        return ", ".join(["time($__interval)", *map(identifier, self.by)])


def asked_of(catalog: Catalog, metric: Metric) -> Asked:
    """A metric, chosen by all of the dashboard's variables that it has, a series for each."""
    tags = ("host", *catalog.tags(metric))
    variables = {"host", *variable_tags(catalog)}
    chosen = tuple(tag for tag in tags if tag in variables)
    # What came under a former name is a series of its own.
    by = (*tags, FORMER_NAME) if metric.formerly else tags
    return Asked(catalog.measurements(metric), chosen, by, grouped=grouped(catalog))


def asked_by_graph(catalog: Catalog, metric: Metric) -> Asked:
    """A metric as graphs ask for it: of hosts' totals, where they are kept and the choices let."""
    return replace(asked_of(catalog, metric), totals=bool(totals(catalog, metric)))


def rate_of_deltas(asked: Asked, field: str) -> str:
    """A statsd counter as a rate a second: each point is what came since the one before.

    Nothing is written while nothing happens, and nothing is drawn there.
    """
    return _each_interval(f"sum({identifier(field)}) * 1000 / $__interval_ms", asked)


def rate_of_counts(asked: Asked, field: str, factor: str = "") -> str:
    """A count since the start as a rate a second; where it starts anew nothing is drawn.

    Each series by itself, whatever other tags tell it from the next, and then their sum. A
    derivative leaves out what is empty, so it is laid into the intervals once more. factor is put
    behind the rate, as ` / 1000`.
    """
    return (
        f'SELECT sum("rate"){factor} FROM (SELECT non_negative_derivative('
        f'last({identifier(field)}), 1s) AS "rate" FROM {asked.source} '
        f"WHERE {asked.condition} GROUP BY time($__interval), *) "
        f"WHERE $timeFilter GROUP BY {asked.groups} fill(null)"
    )


def level(asked: Asked, field: str, over: str = "sum") -> str:
    """A gauge: over is what becomes of several series in a line, sum, max, min or mean.

    Of a sum the parts are each series' last value in the interval; the highest, lowest or mean is
    that of all values, which InfluxDB finds in a third of the time.
    """
    name = identifier(field)
    last = f"last({name})"
    if not asked.grouped:
        return _each_interval(last, asked)
    if over != "sum":
        return _each_interval(f"{over}({name})", asked)
    return (
        f"SELECT sum({name}) FROM (SELECT {last} AS {name} FROM {asked.source} "
        f"WHERE {asked.condition} GROUP BY {asked.series}) "
        f"WHERE $timeFilter GROUP BY {asked.groups} fill(null)"
    )


def highest(asked: Asked, field: str) -> str:
    """A percentile: the highest in each interval, since percentiles cannot be averaged."""
    return _each_interval(f"max({identifier(field)})", asked)


def mean_time(asked: Asked) -> str:
    """A timer's mean: all times over all events, not a mean of means."""
    return _each_interval(_MEAN, asked)


def mean_of_counts(asked: Asked) -> str:
    """The same of a sum and a count since the start: of what they grew by, each series by itself.

    Nothing is drawn where nothing was counted, which would be zero.
    """
    return (
        f"SELECT {_MEAN} FROM (SELECT {_grown('last({})')} FROM {asked.source} "
        f"WHERE {asked.condition} GROUP BY time($__interval), *) "
        f"WHERE $timeFilter AND {_COUNTED} GROUP BY {asked.groups} fill(null)"
    )


def _each_interval(what: str, asked: Asked) -> str:
    """What is asked of each interval: empty where nothing came, so that no line is drawn there."""
    return (
        f"SELECT {what} FROM {asked.source} "
        f"WHERE {asked.condition} GROUP BY {asked.groups} fill(null)"
    )


def judged(catalog: Catalog, metric: Metric, times: str, chosen: Sequence[str] = ()) -> str:
    """What a metric's condition is about, as "value", a series for each host and each of its tags.

    times is the condition of when: of a counter the increase in that time, of a timer the mean, of
    others the last value. chosen are the tags of which the dashboard's variables choose.
    """
    asked = asked_of(catalog, metric)
    by = ", ".join(map(identifier, asked.by))
    field = identifier(catalog.field(metric))
    condition = _among(chosen, times)
    if metric.type is MetricType.COUNTER and catalog.cumulative:
        # Where it starts anew, what was before is not taken off.
        return (
            f'SELECT sum("increase") AS "value" FROM (SELECT non_negative_difference({field}) '
            f'AS "increase" FROM {asked.source} WHERE {condition} GROUP BY *) '
            f"WHERE {times} GROUP BY {by}"
        )
    if counted(catalog, metric):
        return f"{_mean_in(asked.source, condition, times)} GROUP BY {by}"
    what = _of_all(catalog, metric) or f"last({field})"
    return f'SELECT {what} AS "value" FROM {asked.source} WHERE {condition} GROUP BY {by}'


def worst(catalog: Catalog, metric: Metric, times: str) -> str:
    """What is judged, of each series by itself, whatever tags tell it from the next.

    Of several that differ in what no catalog knows it is the one that is nearest to the bound or
    furthest over it: one of them is not to hide another. Numbers and graphs take the last of them,
    as it may be one that goes on under another tag, as a program that was upgraded does.
    """
    asked = asked_of(catalog, metric)
    counts = metric.type is MetricType.COUNTER and catalog.cumulative
    if _of_all(catalog, metric) or counts or counted(catalog, metric):
        return judged(catalog, metric, times)
    most = (metric.condition and metric.condition.worst) or Together.MAX
    return (
        f'SELECT {most}("value") AS "value" FROM (SELECT '
        f'last({identifier(catalog.field(metric))}) AS "value" FROM {asked.source} '
        f"WHERE {times} GROUP BY *) WHERE {times} GROUP BY {', '.join(map(identifier, asked.by))}"
    )


def counted(catalog: Catalog, metric: Metric) -> bool:
    """Whether a timer's mean is that of what its sum and count grew by."""
    return catalog.cumulative and metric.has_mean


def _mean_in(source: str, condition: str, times: str) -> str:
    """The mean of what a sum and a count since the start grew by in a time, as "value"."""
    return (
        f'SELECT {_MEAN} AS "value" FROM (SELECT {_grown("{}")} FROM {source} '
        f"WHERE {condition} GROUP BY *) WHERE {times} AND {_COUNTED}"
    )


def _grown(what: str) -> str:
    """How a sum and a count have changed; what is asked of a field has {} for it.

    Not by non_negative_difference(): of two that are asked together InfluxDB leaves one empty where
    the other has something, and loses the row after it when it holds that against a condition.
    """
    names = [identifier(field) for field in OF_MEAN]
    return ", ".join(f"difference({what.format(name)}) AS {name}" for name in names)


def _of_all(catalog: Catalog, metric: Metric) -> str | None:
    """What can be asked of several series as of one, if anything can."""
    if metric.type is MetricType.COUNTER and not catalog.cumulative:
        return f"sum({identifier(catalog.field(metric))})"
    if metric.has_mean and not catalog.cumulative:
        return _MEAN
    return None


def _among(chosen: Sequence[str], times: str) -> str:
    """The WHERE clause of what is chosen, in a time."""
    return f"{where(chosen)} AND {times}" if chosen else times


def now(catalog: Catalog, metric: Metric, function: str, chosen: Sequence[str]) -> str:
    """One number of a metric: max, min, sum or count of what is judged, over all its series.

    mean is that of all events, in one go and not of each series first, which takes InfluxDB more
    time for each; so is the sum of what came.
    """
    measured = source(catalog.measurements(metric))
    if function == "mean" and counted(catalog, metric):
        return _mean_in(measured, _among(chosen, RECENTLY), RECENTLY)
    what = _of_all(catalog, metric) if function in {"mean", "sum"} else None
    if what:
        return f'SELECT {what} AS "value" FROM {measured} WHERE {_among(chosen, RECENTLY)}'
    return _over_judged(catalog, metric, function, chosen, "value")


def now_by_host(
    catalog: Catalog, metric: Metric, function: str, chosen: Sequence[str], column: str
) -> str:
    """One number of a metric for each host, in a column of that name."""
    return f'{_over_judged(catalog, metric, function, chosen, column)} GROUP BY "host"'


def _over_judged(
    catalog: Catalog, metric: Metric, function: str, chosen: Sequence[str], column: str
) -> str:
    """One number over what is judged, with the time said once more.

    For a subquery InfluxDB opens each series in every shard of the outer query's time
    (InfluxDB's LocalShardMapper): where that is not said, in all thirty days.
    """
    return (
        f'SELECT {function}("value") AS {identifier(column)} '
        f"FROM ({judged(catalog, metric, RECENTLY, chosen)}) WHERE {RECENTLY}"
    )


def last_by_host(asked: Asked, field: str) -> str:
    """The last value of each host in the dashboard's time, and when it came."""
    return (
        f"SELECT last({identifier(field)}) AS {identifier(field)} FROM {asked.source} "
        f'WHERE {asked.condition} GROUP BY "host"'
    )


def reports(catalog: Catalog, metric: Metric, window: int) -> str:
    """How many points came in the last seconds, for each host that was seen in the last day.

    Former names are the past: who reports under one is stored under the new one.
    """
    field, source = identifier(catalog.field(metric)), identifier(catalog.measurement(metric))
    seen = f"time > now() - {REMEMBERED}s"
    return or_zero(f"count({field})", field, source, ("host",), window, seen, ["host"])


def or_zero(
    what: str,
    field: str,
    source: str,
    by: Sequence[str],
    window: int,
    seen: str,
    chosen: Sequence[str] = (),
) -> str:
    """What is asked of the last seconds, and zero for each series that was seen before.

    Where an interval of GROUP BY time() begins depends on the clock, whatever its offset; a union
    with zero for each series does not. seen is the condition of when one must have been seen.
    """
    lately = f"time > now() - {window}s"
    groups = ", ".join(map(identifier, by))
    return (
        f'SELECT sum("value") AS "value" FROM (SELECT last({field}) * 0.0 AS "value" '
        f"FROM {source} WHERE {_among(chosen, seen)} GROUP BY {groups}), "
        f'(SELECT {what} * 1.0 AS "value" FROM {source} '
        f"WHERE {_among(chosen, lately)} GROUP BY {groups}) WHERE {seen} GROUP BY {groups}"
    )
