"""What was sent against what arrived: exact values, series by series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provision.catalog.model import Catalog, Input, Metric
from provision.dashboards.influxql import identifier, text
from provision.influx import Answer, InfluxDB
from provision.traffic import Sample

# The tag by which Telegraf says which host it runs on.
HOST = "host"


@dataclass(frozen=True)
class Sent:
    """A sample, and the host whose Telegraf it was for."""

    host: str
    sample: Sample


@dataclass(frozen=True)
class MetricOutcome:
    """What came of one documented (name, type) pair: series sent, series that arrived exactly."""

    catalog: Catalog
    metric: Metric
    sent: int
    arrived: int
    wrong: tuple[str, ...]

    @property
    def bucket(self) -> str:
        """The whole documented bucket."""
        return self.catalog.bucket(self.metric)

    @property
    def measurement(self) -> str:
        """Where it is stored."""
        return self.catalog.measurement(self.metric)

    @property
    def was_sent(self) -> bool:
        """Whether it was sent, and not gathered by Telegraf itself."""
        return self.catalog.input is not Input.TELEGRAF

    @property
    def ok(self) -> bool:
        """Whether every series arrived with the values that were sent."""
        return self.arrived == self.sent > 0 and not self.wrong


def check_metrics(database: InfluxDB, sent: Sequence[Sent], start: int) -> list[MetricOutcome]:
    """Hold what was sent since start (ms since 1970) against what InfluxDB has."""
    groups: dict[tuple[str, str, str], list[Sent]] = {}
    for item in sent:
        metric = item.sample.metric
        key = (item.sample.catalog.app, metric.name, metric.type.value)
        groups.setdefault(key, []).append(item)
    statements = [_statement(items[0].sample, start) for items in groups.values()]
    answers = database.ask(statements)
    return [judge(items, answer) for items, answer in zip(groups.values(), answers, strict=True)]


def _statement(sample: Sample, start: int) -> str:
    asked = ", ".join(
        f'{each.function}({identifier(each.field)}) AS "e{index}"'
        for index, each in enumerate(sample.expected)
    )
    by = ", ".join(identifier(tag) for tag in (HOST, *sample.tags))
    kind = ""
    if sample.catalog.input is not Input.TELEGRAF:
        kind = f' AND "metric_type" = {text(sample.metric.type.telegraf)}'
    return (
        f"SELECT {asked} FROM {identifier(sample.measurement)} "
        f"WHERE time >= {start}ms{kind} GROUP BY {by}"
    )


def judge(items: Sequence[Sent], answer: Answer) -> MetricOutcome:
    """What came of the samples of one metric, by InfluxDB's answer to what was asked of them."""
    first = items[0].sample
    names = (HOST, *first.tags)
    seen: Mapping[tuple[str, ...], Mapping[str, float | None]] = {
        tuple(series.tags.get(name, "") for name in names): series.rows[0]
        for series in answer.series
    }
    arrived, wrong = 0, [answer.error] if answer.error else []
    expected = set()
    for item in items:
        key = (item.host, *(item.sample.tags[name] for name in names[1:]))
        expected.add(key)
        faults = _faults(item.sample, seen.get(key))
        wrong += [f"{'/'.join(key)}: {fault}" for fault in faults]
        arrived += not faults
    wrong += [f"{'/'.join(key)}: not sent, but seen" for key in sorted(seen.keys() - expected)]
    return MetricOutcome(first.catalog, first.metric, len(items), arrived, tuple(wrong))


def _faults(sample: Sample, row: Mapping[str, float | None] | None) -> list[str]:
    if row is None:
        return ["never seen"]
    faults = []
    for index, each in enumerate(sample.expected):
        value = row.get(f"e{index}")
        name = "" if len(sample.expected) == 1 else f"{each.function} of {each.field}: "
        if value is None:
            faults.append(f"{name}never seen")
        elif each.value is not None and not math.isclose(value, each.value, abs_tol=1e-9):
            faults.append(f"{name}{value:g} instead of {each.value:g}")
    return faults
