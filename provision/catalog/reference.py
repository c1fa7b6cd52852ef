"""A catalog as a page of reference in Markdown, which an application can publish as it is.

Each metric has a heading of its own, to which alerts can lead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Template

from provision.catalog.model import (
    Catalog,
    Condition,
    Input,
    Metric,
    MetricType,
    TimerField,
    Transport,
)
from provision.catalog.series import TOTALS, series, totals
from provision.catalog.units import Unit
from provision.settings import Settings
from provision.templating import environment
from provision.values import seconds

TEMPLATE = "catalog/reference.md.j2"
_EXAMPLES = {
    MetricType.COUNTER: ("1", "c"),
    MetricType.GAUGE: ("42", "g"),
    MetricType.TIMER: ("320", "ms"),
    MetricType.SET: ("member-1", "s"),
}
# Source: plugins/inputs/statsd/README.md of Telegraf 1.39, Measurements.
_STORED = {
    MetricType.COUNTER: "the sum of what came in one interval",
    MetricType.GAUGE: "the last value",
    MetricType.TIMER: "the count, the sum, the mean and so on of the times of one interval",
    MetricType.SET: "the number of different members that came in one interval",
}
# Of what an application of Prometheus shows (Prometheus documentation, Metric types).
_SINCE_START = {
    MetricType.COUNTER: "the count since the start",
    MetricType.TIMER: "the sum and the count of all times since the start",
}
_TELEGRAF_ESCAPES = str.maketrans({character: f"\\{character}" for character in " ,="})


@dataclass(frozen=True)
class Entry:
    """What the page says of one metric."""

    metric: Metric
    anchor: str
    bucket: str
    measurement: str
    fields: tuple[str, ...]
    tags: tuple[str, ...]
    series: int
    totals: str | None
    description: tuple[str, ...]
    worry: str | None
    example: str

    @property
    def heading(self) -> str:
        """The heading's text, beside the name in it."""
        return f"({self.metric.type})"


def reference(catalog: Catalog) -> str:
    """The page, in GitHub Flavored Markdown."""
    settings = Settings()
    statsd = {
        Transport.UDP: ("telegraf_statsd_address", "telegraf_statsd_port"),
        Transport.TCP: ("telegraf_statsd_tcp_address", "telegraf_statsd_tcp_port"),
    }[catalog.transport]
    text = _template().render(
        catalog=catalog,
        paragraphs=paragraphs(catalog.description),
        entries=_entries(catalog),
        stored=_stored(catalog),
        statsd=statsd,
        listen=":".join(str(getattr(settings, name)) for name in statsd),
        settings=catalog.settings,
        variables=sorted(catalog.variables - set(catalog.settings), reverse=True),
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def _template() -> Template:
    return environment().get_template(TEMPLATE)


def anchor(catalog: Catalog, metric: Metric) -> str:
    """The anchor of a metric's heading on the page, without `#`: no two have the same.

    It is what GitHub makes of the heading, which is the documented name and the type; so it stays
    the same while they do.
    """
    return anchors(catalog)[metric.name, metric.type]


def paragraphs(text: str) -> tuple[str, ...]:
    """A text at its empty lines."""
    return tuple(part for part in re.split(r"\n\s*\n", text) if part.strip())


def slug(heading: str) -> str:
    """What GitHub makes of a heading's text before it looks for the same above (github-slugger)."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(catalog: Catalog) -> Mapping[tuple[str, MetricType], str]:
    """The anchors of all metrics of a catalog, by name and type."""
    taken = {slug(catalog.title)}
    found = {}
    for metric in catalog.metrics:
        first = slug(f"{metric.name} ({metric.type})")
        free = (text for text in _numbered(first) if text not in taken)
        found[metric.name, metric.type] = next(free)
        taken.add(found[metric.name, metric.type])
    return found


def _numbered(text: str) -> Iterator[str]:
    yield text
    number = 1
    while True:
        yield f"{text}-{number}"
        number += 1


def _entries(catalog: Catalog) -> list[Entry]:
    known = anchors(catalog)
    return [
        Entry(
            metric=metric,
            anchor=known[metric.name, metric.type],
            bucket=catalog.bucket(metric),
            measurement=catalog.measurement(metric),
            fields=catalog.fields(metric),
            tags=("host", *catalog.tags(metric)),
            series=series(catalog, metric),
            totals=f"{catalog.measurement(metric)}{TOTALS}" if totals(catalog, metric) else None,
            description=paragraphs(metric.description),
            worry=worry(catalog, metric, metric.condition) if metric.condition else None,
            example=example(catalog, metric),
        )
        for metric in catalog.metrics
    ]


def _stored(catalog: Catalog) -> list[tuple[MetricType, str]]:
    """What a point of each type of metric is, for the types that the catalog has."""
    texts = _STORED | (_SINCE_START if catalog.cumulative else {})
    types = {metric.type for metric in catalog.metrics}
    return [(each, texts[each]) for each in MetricType if each in types]


def worry(catalog: Catalog, metric: Metric, condition: Condition) -> str:
    """When to worry, as a sentence."""
    lasting = f" for {in_words(condition.pending)}" if seconds(condition.pending) else ""
    return f"{_worry(catalog, metric, condition)}{lasting}"


def _worry(catalog: Catalog, metric: Metric, condition: Condition) -> str:
    if condition.bound is None:
        return f"nothing of it came for {in_words(condition.silent or '')}"
    side = "above" if condition.above is not None else "below"
    bound = with_unit(condition.bound, metric.unit)
    if metric.type is MetricType.COUNTER:
        more = "more" if side == "above" else "less"
        return f"it increases by {more} than {bound} in 5 minutes"
    if metric.type is MetricType.TIMER:
        what = TimerField.MEAN if metric.has_mean else catalog.field(metric)
        return f"its {what} is {side} {bound}"
    return f"it is {side} {bound}"


def with_unit(value: float, unit: Unit) -> str:
    """A number with its unit, as people write it."""
    return number(value) if unit is Unit.COUNT else f"{number(value)} {unit}"


def in_words(duration: str) -> str:
    """A duration in the largest unit that it is a whole number of: 90m is 90 minutes."""
    length = seconds(duration)
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if length % size == 0 and length >= size:
            return f"{length // size} {name}" + ("s" if length != size else "")
    return "0 seconds"


def number(value: float) -> str:
    """A number as people write it, all of its digits."""
    return f"{int(value):,}" if value == int(value) else repr(value)


def example(catalog: Catalog, metric: Metric) -> str:
    """A line that sends a metric, or as it is fetched, or as Telegraf writes it."""
    value, mark = _EXAMPLES[metric.type]
    tags = {
        tag: catalog.samples(metric, tag)[0] for tag in catalog.tags(metric) if _own(catalog, tag)
    }
    if catalog.input is Input.STATSD:
        return f"{catalog.patterns(metric)[0].fill(tags)}:{value}|{mark}"
    if catalog.input is Input.PROMETHEUS:
        labels = ",".join(f'{name}="{_in_quotes(text)}"' for name, text in tags.items())
        part = f"_{TimerField.SUM}" if metric.type is MetricType.TIMER else ""
        return f"{metric.name}{part}{f'{{{labels}}}' if labels else ''} {value}"
    keys = "".join(f",{name}={text.translate(_TELEGRAF_ESCAPES)}" for name, text in tags.items())
    return f"{catalog.measurement(metric)}{keys} {catalog.field(metric)}={value}"


def _own(catalog: Catalog, tag: str) -> bool:
    """Whether a tag is the metric's, and not that of where it was fetched."""
    return tag in catalog.placeholders


def _in_quotes(text: str) -> str:
    """A label's value in Prometheus' text format."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
