"""What applications would send: every documented metric, with values that tell them apart."""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from provision.applications import Application, Target
from provision.catalog.model import (
    OF_MEAN,
    VALUE,
    Catalog,
    Input,
    Metric,
    MetricType,
    TimerField,
    Transport,
    percentile,
)

TIMES = 20
# A client that pushes says who it is by its grouping key (Pushgateway, README, URL).
JOB, INSTANCE = "application", "client"


@dataclass(frozen=True)
class Expected:
    """What InfluxDB must have: an InfluxQL function of a field, and its value (None: any)."""

    function: str
    field: str
    value: float | None


@dataclass(frozen=True)
class Sample:
    """One series: its metric, its tags, what is sent for it, and what must arrive.

    packets are datagrams of statsd lines, or lines of Prometheus' text format: one, or those of a
    timer's sum and count; of Telegraf's own plugins, which nobody sends, there are none.
    """

    catalog: Catalog
    metric: Metric
    tags: Mapping[str, str]
    packets: tuple[str, ...]
    expected: tuple[Expected, ...]

    @property
    def measurement(self) -> str:
        """Where it is stored."""
        return self.catalog.measurement(self.metric)


@dataclass(frozen=True)
class Page:
    """What one process shows to Prometheus, or pushes: its samples, and where.

    url is the target that is fetched, or the path of the Pushgateway that is pushed to; begins
    whether its process has shown nothing before.
    """

    url: str
    samples: tuple[Sample, ...]
    others: tuple[str, ...]
    begins: bool = True

    @property
    def text(self) -> str:
        """The page in Prometheus' text format, with what client libraries add of themselves."""
        return self._written(lambda sample: sample.packets)

    @property
    def earlier(self) -> str:
        """The page before its timers have counted anything: a mean is of what was counted since.

        Of a process that goes on it is the page itself.
        """
        return self._written(_before) if self.begins else self.text

    def _written(self, lines_of: Callable[[Sample], Sequence[str]]) -> str:
        lines = []
        for sample in self.samples:
            metric = sample.metric
            kind = "summary" if metric.type is MetricType.TIMER else metric.type
            header = f"# TYPE {metric.name} {kind}"
            # The series of a metric follow each other.
            lines += [*([] if header in lines else [header]), *lines_of(sample)]
        for name in self.others:
            lines += [f"# TYPE {name} gauge", f"{name} 1"]
        return "\n".join(lines) + "\n"


def _before(sample: Sample) -> Sequence[str]:
    if sample.metric.type is not MetricType.TIMER:
        return sample.packets
    return [f"{line.rpartition(' ')[0]} 0" for line in sample.packets]


@dataclass(frozen=True)
class Traffic:
    """Everything that a host's applications send."""

    statsd: Mapping[Transport, tuple[Sample, ...]]
    scraped: tuple[Page, ...]
    pushed: tuple[Page, ...]
    gathered: tuple[Sample, ...]

    @property
    def samples(self) -> list[Sample]:
        """All series, however they come."""
        pages = [sample for page in (*self.scraped, *self.pushed) for sample in page.samples]
        return [*itertools.chain(*self.statsd.values()), *pages, *self.gathered]


def documented_traffic(applications: Iterable[Application]) -> Traffic:
    """Everything that applications document: all values of closed lists, examples of open ones.

    No two series have the same values, so a value that arrives in another's place is seen.
    """
    numbers = itertools.count(101)
    statsd: dict[Transport, list[Sample]] = {}
    scraped: list[Page] = []
    pushed: list[Page] = []
    gathered: list[Sample] = []
    for application in applications:
        catalog = application.catalog
        if catalog.input is Input.STATSD:
            made = statsd.setdefault(catalog.transport, [])
            for metric in catalog.metrics:
                made += [
                    _sent(catalog, metric, t, next(numbers)) for t in _choices(catalog, metric)
                ]
        elif catalog.input is Input.PROMETHEUS:
            scraped += [_page(catalog, target, numbers) for target in application.targets]
            if application.pushgateway:
                pushed += _pushes(catalog, numbers)
        else:
            gathered += [_gathered(catalog, metric) for metric in catalog.metrics if metric.always]
    lines = {transport: tuple(samples) for transport, samples in statsd.items()}
    return Traffic(lines, tuple(scraped), tuple(pushed), tuple(gathered))


def _choices(catalog: Catalog, metric: Metric) -> Iterator[dict[str, str]]:
    """All combinations of the tags' values."""
    names = catalog.tags(metric)
    values = [catalog.samples(metric, name) for name in names]
    for combination in itertools.product(*values):
        yield dict(zip(names, combination, strict=True))


def _sent(catalog: Catalog, metric: Metric, tags: Mapping[str, str], number: int) -> Sample:
    bucket = catalog.pattern(metric).fill(tags)
    made = {
        MetricType.COUNTER: _counter,
        MetricType.GAUGE: _gauge,
        MetricType.TIMER: _timer,
        MetricType.SET: _set,
    }[metric.type]
    packets, expected = made(metric, bucket, number)
    return Sample(catalog, metric, tags, packets, expected)


_Made = tuple[tuple[str, ...], tuple[Expected, ...]]


def _counter(metric: Metric, bucket: str, number: int) -> _Made:
    packets = (f"{bucket}:{number - 9}|c", f"{bucket}:7|c", f"{bucket}:1|c|@0.5")
    return packets, (Expected("sum", VALUE, number),)


def _gauge(metric: Metric, bucket: str, number: int) -> _Made:
    # Absolute, then relative, then relative again: the order of the updates counts.
    packets = (f"{bucket}:9|g", f"{bucket}:{number - 3}|g", f"{bucket}:+5|g", f"{bucket}:-2|g")
    return packets, (Expected("last", VALUE, number),)


def _timer(metric: Metric, bucket: str, number: int) -> _Made:
    """Times out of order, in one datagram: percentiles are those of one interval."""
    times = [number + 10 * (index * 7 % TIMES) for index in range(TIMES)]
    ordered = sorted(times)
    aggregates = {
        TimerField.COUNT: ("sum", float(len(times))),
        TimerField.SUM: ("sum", float(sum(times))),
        TimerField.MEAN: ("last", statistics.fmean(times)),
        TimerField.MEDIAN: ("last", statistics.median(times)),
        TimerField.STDDEV: ("last", statistics.pstdev(times)),
        TimerField.LOWER: ("min", float(ordered[0])),
        TimerField.UPPER: ("max", float(ordered[-1])),
    }
    expected = [
        Expected(function, field.value, value)
        for field, (function, value) in aggregates.items()
        if field in metric.fields
    ]
    # Which of the ordered times a percentile is: plugins/inputs/statsd/running_stats.go.
    expected += [
        Expected("max", percentile(p), ordered[min(int(TIMES * p / 100), TIMES - 1)])
        for p in metric.percentiles
    ]
    return ("\n".join(f"{bucket}:{time}|ms" for time in times),), tuple(expected)


def _set(metric: Metric, bucket: str, number: int) -> _Made:
    members = [f"m{index}" for index in range(number)]
    return ("\n".join(f"{bucket}:{m}|s" for m in (*members, *members[:5])),), (
        Expected("max", VALUE, number),
    )


def _page(catalog: Catalog, target: Target, numbers: Iterator[int]) -> Page:
    labels = dict(target.labels)
    samples = tuple(
        _shown(catalog, metric, labels, own, next(numbers))
        for metric in catalog.metrics
        if has(metric, labels)
        for own in _own_labels(catalog, metric, labels)
    )
    return Page(target.url, samples, _others(catalog))


def _pushes(catalog: Catalog, numbers: Iterator[int]) -> Iterator[Page]:
    """Clients that push: one, where there are labels that fit all metrics, or as many as it takes.

    Each has the first value of every label that its metrics can have.
    """
    left = list(catalog.metrics)
    for client in itertools.count(1):
        if not left:
            return
        key = {"job": JOB, "instance": f"{INSTANCE}-{client}", **_grouping(catalog, left)}
        samples = tuple(
            _shown(catalog, metric, key, {}, next(numbers)) for metric in left if has(metric, key)
        )
        left = [metric for metric in left if not has(metric, key)]
        path = "".join(f"/{quote(name)}/{quote(value, safe='')}" for name, value in key.items())
        yield Page(f"/metrics{path}", samples, _others(catalog))


def _grouping(catalog: Catalog, metrics: Sequence[Metric]) -> dict[str, str]:
    """Labels of a client: those that all of these metrics can have, or else the first of them."""
    key = {}
    for name in catalog.placeholders:
        possible = [catalog.samples(m, name) for m in metrics if name in m.labels]
        if possible:
            common = [value for value in possible[0] if all(value in each for each in possible)]
            key[name] = (common or list(possible[0]))[0]
    return key


def has(metric: Metric, labels: Mapping[str, str]) -> bool:
    """Whether a process with these labels has a metric, as documented."""
    return all(
        values is None or labels.get(name, values[0]) in values
        for name, values in metric.labels.items()
    )


def _own_labels(
    catalog: Catalog, metric: Metric, labels: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """All combinations of the labels that the page itself says: those that the target does not."""
    names = [name for name in metric.labels if name not in labels]
    values = [catalog.samples(metric, name) for name in names]
    for combination in itertools.product(*values):
        yield dict(zip(names, combination, strict=True))


def _shown(
    catalog: Catalog,
    metric: Metric,
    labels: Mapping[str, str],
    own: Mapping[str, str],
    number: int,
) -> Sample:
    said = {**labels, **own}
    tags = {name: said.get(name, "") for name in catalog.tags(metric)}
    # Backslashes and quotes are escaped in Prometheus' text format as they are in JSON.
    pairs = ",".join(f"{name}={json.dumps(own[name], ensure_ascii=False)}" for name in own)
    labelled = f"{{{pairs}}}" if pairs else ""
    shown = {metric.name: (VALUE, number)}
    if metric.type is MetricType.TIMER:
        parts = zip(OF_MEAN, (number, TIMES), strict=True)
        shown = {f"{metric.name}_{field}": (field.value, value) for field, value in parts}
    lines = tuple(f"{name}{labelled} {value}" for name, (_, value) in shown.items())
    expected = tuple(Expected("last", field, float(value)) for field, value in shown.values())
    return Sample(catalog, metric, tags, lines, expected)


def _others(catalog: Catalog) -> tuple[str, ...]:
    """A name for each kind that client libraries add."""
    return tuple(entry.name.replace("*", "x") for entry in catalog.ignored)


def _gathered(catalog: Catalog, metric: Metric) -> Sample:
    expected = (Expected("count", catalog.field(metric), None),)
    return Sample(catalog, metric, {}, (), expected)
