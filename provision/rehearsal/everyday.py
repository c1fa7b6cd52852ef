"""What applications would send on an ordinary day: documented metrics with values that vary.

Where documented_traffic proves what arrives, this makes pictures of dashboards worth looking at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from provision.catalog.model import Metric, MetricType, Signal
from provision.catalog.units import Unit
from provision.traffic import Page, Sample, Traffic

# Of errors there are few, of what should never be fewer.
_ERRORS, _WATCHED = 0.1, 0.02
# How many times a timer is sent, and members of a set.
TIMES = 5


def an_interval(traffic: Traffic, random: Random, elapsed: float) -> Traffic:
    """What is sent in an interval, elapsed seconds after the beginning, to the same places."""
    return Traffic(
        statsd={
            transport: tuple(_sent(sample, random, elapsed) for sample in samples)
            for transport, samples in traffic.statsd.items()
        },
        scraped=tuple(_page(page, random, elapsed) for page in traffic.scraped),
        pushed=tuple(_page(page, random, elapsed) for page in traffic.pushed),
        gathered=traffic.gathered,
    )


def _sent(sample: Sample, random: Random, elapsed: float) -> Sample:
    metric = sample.metric
    bucket = sample.packets[0].partition(":")[0]
    if metric.type is MetricType.COUNTER:
        number = _events(metric, random)
        lines = [f"{bucket}:{number}|c"] if number else []
    elif metric.type is MetricType.GAUGE:
        lines = [f"{bucket}:{_level(sample, random, elapsed):.0f}|g"]
    elif metric.type is MetricType.TIMER:
        middle = math.log(_time(metric))
        lines = [f"{bucket}:{random.lognormvariate(middle, 0.6):.1f}|ms" for _ in range(TIMES)]
    else:
        lines = [f"{bucket}:m{random.randrange(40)}|s" for _ in range(TIMES)]
    return replace(sample, packets=tuple(lines))


def _page(page: Page, random: Random, elapsed: float) -> Page:
    samples = [
        replace(sample, packets=tuple(_shown(sample, random, elapsed))) for sample in page.samples
    ]
    return replace(page, samples=tuple(samples), begins=False)


def _shown(sample: Sample, random: Random, elapsed: float) -> Iterator[str]:
    metric = sample.metric
    rate = 3 + len(metric.name) % 7
    values = {
        MetricType.COUNTER: [rate * elapsed + random.random()],
        # The sum of all times, which swing, and how many there were.
        MetricType.TIMER: [_time(metric) * rate * _swung(elapsed), rate * elapsed],
    }.get(metric.type, [_level(sample, random, elapsed)])
    for packet, value in zip(sample.packets, values, strict=True):
        yield f"{packet.rpartition(' ')[0]} {value:.0f}"


def _time(metric: Metric) -> float:
    """What a time is, more or less, well within what is fine."""
    if metric.condition and metric.condition.above:
        return metric.condition.above / 3
    return 10 if metric.unit is Unit.SECONDS else 80


def _swung(elapsed: float) -> float:
    """What a number that swings around 1 is in all: the integral of 1 + sin(t / 100) / 3."""
    return elapsed + 100 / 3 * (1 - math.cos(elapsed / 100))


def _events(metric: Metric, random: Random) -> int:
    if metric.condition:
        return random.randint(1, 3) if random.random() < _WATCHED else 0
    if metric.says is Signal.ERRORS:
        return random.randint(1, 3) if random.random() < _ERRORS else 0
    return random.randint(5, 60)


def _level(sample: Sample, random: Random, elapsed: float) -> float:
    """A value that swings around one of its own, well within what is fine."""
    condition = sample.metric.condition
    bound = condition.bound if condition else None
    own = Random(f"{sample.metric.name} {sorted(sample.tags.items())}")  # noqa: S311 - no secret
    middle = own.uniform(0.2, 0.5) * bound if bound else own.uniform(50, 400)
    swing = math.sin(elapsed / 300 + own.uniform(0, 6))
    return middle * (1 + 0.3 * swing + random.uniform(-0.05, 0.05))
