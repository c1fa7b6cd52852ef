"""Series to feed to an alert rule, with what is expected of each: by kind of metric."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from provision.alerts.rules import AlertRule, build_rules
from provision.catalog.model import Catalog, Input, Metric, MetricType, TimerField
from provision.influx import Answer

FIRING, FINE, ABSENT = "firing", "fine", "absent"
_ESCAPES = str.maketrans({character: f"\\{character}" for character in " ,="})


@dataclass(frozen=True)
class Fed:
    """A host's points: (seconds ago, value), and what its alert is then.

    more are further series of the host, each with tags of its own.
    """

    state: str
    points: Sequence[tuple[int, float]]
    more: Mapping[tuple[tuple[str, str], ...], Sequence[tuple[int, float]]] = field(
        default_factory=dict
    )


def rules_of(catalog: Catalog) -> list[tuple[Metric, AlertRule]]:
    """The metrics that have a condition, with their rules."""
    metrics = [metric for metric in catalog.metrics if metric.condition]
    return list(zip(metrics, build_rules([catalog]), strict=True))


def expected(catalog: Catalog, metric: Metric) -> dict[str, Fed]:
    """The series that every rule of this kind is to be tried with, by the host's name."""
    condition = metric.condition
    assert condition
    if condition.silent is not None:
        return _silence()
    bound = condition.bound
    assert bound is not None
    above = condition.above is not None
    bad, good = (bound + 1, bound - 1) if above else (bound - 1, bound + 1)
    # Of a timer whose sum and count are not kept, no mean of all events can be worked out.
    if metric.type is MetricType.TIMER and {TimerField.SUM, TimerField.COUNT} <= {*metric.fields}:
        return _times(bad, good)
    if metric.type is not MetricType.COUNTER:
        return _levels(bound, bad, good)
    if catalog.input is Input.STATSD:
        return _sparse(bound, bad, good, above=above)
    return _counts(bound, bad)


def _silence() -> dict[str, Fed]:
    steady = [(age, 1000 - age) for age in range(600, 0, -10)]
    return {
        "alive": Fed(FINE, steady),
        # In whichever second of whichever interval it is asked: one point is enough.
        "new": Fed(FINE, [(1, 1)]),
        "last-seen-before-the-bound": Fed(FINE, [(age, 1) for age in range(900, 280, -10)]),
        "silent": Fed(FIRING, [(age, 1) for age in range(900, 300, -10)]),
        "silent-for-hours": Fed(FIRING, [(20 * 3600, 1)]),
        "gone-for-a-day": Fed(ABSENT, [(25 * 3600, 1)]),
    }


def _times(bad: float, good: float) -> dict[str, Fed]:
    return {
        "bad": Fed(FIRING, [(100, bad), (10, bad)]),
        "good": Fed(FINE, [(100, good), (10, good)]),
        "at-the-bound-altogether": Fed(FINE, [(100, good), (10, bad)]),
        "good-again": Fed(FINE, [(400, bad), (10, good)]),
        "long-ago": Fed(ABSENT, [(400, bad)]),
    }


def _levels(bound: float, bad: float, good: float) -> dict[str, Fed]:
    return {
        "bad": Fed(FIRING, [(100, good), (10, bad)]),
        "good": Fed(FINE, [(100, good), (10, good)]),
        "at-the-bound": Fed(FINE, [(10, bound)]),
        "good-again": Fed(FINE, [(100, bad), (10, good)]),
        "long-ago": Fed(ABSENT, [(400, bad)]),
    }


def _sparse(bound: float, bad: float, good: float, *, above: bool) -> dict[str, Fed]:
    found = {
        "at-the-bound": Fed(FINE, [(200, bound)]),
        "good": Fed(FINE, [(200, max(good, 0))]),
        # Nothing is sent while nothing happens: that is zero.
        "none-of-late": Fed(FINE if above else FIRING, [(400, bad), (310, good)]),
    }
    if bad >= 0:
        found["bad"] = Fed(FIRING, [(200, bad)])
    if above:
        found["in-two-parts"] = Fed(FIRING, [(250, bound), (20, 1)])
    return found


def _counts(bound: float, bad: float) -> dict[str, Fed]:
    other = (("former_name", "an_old_one"),)
    return {
        "bad": Fed(FIRING, [(200, 50), (100, 50), (20, 50 + bad)]),
        "good": Fed(FINE, [(200, 50), (100, 50), (20, 50)]),
        "at-the-bound": Fed(FINE, [(200, 50), (20, 50 + bound)]),
        "started-anew": Fed(FINE, [(200, 9e6), (100, 9e6), (50, 0), (20, 0)]),
        "started-anew-and-bad": Fed(FIRING, [(200, 9e6), (50, 0), (20, bad)]),
        "grew-long-ago": Fed(FINE, [(400, 1), (290, 50), (20, 50)]),
        # Two series of one alert are never taken for one that jumps between them.
        "two": Fed(FINE, [(200, 7), (100, 7)], {other: [(150, 5000), (50, 5000)]}),
        "two-and-bad": Fed(FIRING, [(200, 7), (100, 7)], {other: [(150, 50), (50, 50 + bad)]}),
    }


def lines(
    catalog: Catalog, metric: Metric, host: str, fed: Fed, *, tags: Mapping[str, str] | None = None
) -> list[str]:
    """The points of a host in line protocol, as Telegraf writes them; times are of now."""
    now = int(time.time())
    own = dict.fromkeys(catalog.tags(metric), "x") | dict(tags or {})
    made = []
    for more, points in {(): fed.points, **fed.more}.items():
        every = {"host": host, **own, **dict(more)}
        keys = "".join(f",{name}={text.translate(_ESCAPES)}" for name, text in every.items())
        for age, value in points:
            fields = _fields(catalog, metric, value)
            made.append(f"{catalog.measurement(metric)}{keys} {fields} {now - age}")
    return made


def _fields(catalog: Catalog, metric: Metric, value: float) -> str:
    if metric.type is MetricType.TIMER:
        times = {"sum": value * 4, "count": 4, "mean": value}
        kept = {name: given for name, given in times.items() if name in catalog.fields(metric)}
        return ",".join(f"{name}={given}" for name, given in kept.items())
    whole = metric.type is MetricType.COUNTER or metric.name == "system.uptime"
    return f"{catalog.field(metric)}={f'{int(value)}i' if whole else float(value)}"


def states(rule: AlertRule, answer: Answer) -> dict[tuple[tuple[str, str], ...], str]:
    """The chain as Grafana evaluates it: reduce to the last value, hold it against the bound."""
    assert answer.error is None, answer.error
    found: dict[tuple[tuple[str, str], ...], str] = {}
    for series in answer.series:
        (name,) = [column for column in series.rows[-1] if column != "time"]
        value = series.rows[-1][name]
        labels = tuple(sorted(series.tags.items()))
        assert labels not in found, "Grafana takes no two series with the same labels"
        passed = value > rule.bound if rule.above else value < rule.bound
        found[labels] = FIRING if passed else FINE
    return found


def asked(rule: AlertRule) -> str:
    """The rule's query with Grafana's macro filled in as Grafana does it."""
    now = int(time.time() * 1000)
    span = f"time >= {now - rule.span * 1000}ms and time <= {now}ms"
    return rule.query.replace("$timeFilter", span)


def by_host(
    found: Mapping[tuple[tuple[str, str], ...], str], hosts: Iterable[str]
) -> dict[str, str]:
    """The states of some hosts, by name."""
    seen = {dict(labels)["host"]: state for labels, state in found.items()}
    return {host: seen.get(host, ABSENT) for host in hosts}
