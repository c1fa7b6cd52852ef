"""What a catalog holds: frozen, typed values, and the rules that one metric alone must keep.

Rules between metrics, and between catalogs, are in provision.catalog.lint.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, model_validator

from provision.catalog.buckets import Pattern, parse_pattern
from provision.catalog.units import Unit

NAME = r"^[a-z][a-z0-9_]*$"
APP_NAME = r"^[a-z][a-z0-9-]*$"
# Prometheus' data model, Metric names; a colon is for recording rules alone.
PROMETHEUS_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# A Telegraf plugin's measurement and field, as `cpu.usage_active`.
TELEGRAF_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
# Telegraf and the processor in templates/telegraf set these tags themselves.
RESERVED_TAGS = frozenset(
    {"host", "metric_type", "transport", "bucket", "app", "time", "url", "instance", "job"}
)
# What Prometheus and the Pushgateway tell processes of one application apart by.
TARGET_LABELS = ("instance", "job")
UNDOCUMENTED = "undocumented"
VALUE = "value"

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Name = Annotated[str, StringConstraints(pattern=NAME)]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, ignored_types=(cached_property,), use_attribute_docstrings=True
    )


class Input(StrEnum):
    """How an application's metrics come to Telegraf."""

    STATSD = "statsd"
    PROMETHEUS = "prometheus"
    TELEGRAF = "telegraf"


class Transport(StrEnum):
    """What statsd lines are sent over."""

    UDP = "udp"
    TCP = "tcp"


class MetricType(StrEnum):
    """What a metric is, by the names that statsd and Prometheus document."""

    COUNTER = "counter"
    GAUGE = "gauge"
    TIMER = "timer"
    SET = "set"

    @property
    def telegraf(self) -> str:
        """Telegraf's value of the tag `metric_type`.

        Source: plugins/inputs/statsd/README.md of Telegraf 1.39.
        """
        return "timing" if self is MetricType.TIMER else self.value


class TimerField(StrEnum):
    """What Telegraf works out of the times of one interval, beside percentiles.

    Source: plugins/inputs/statsd/README.md of Telegraf 1.39, Measurements.
    """

    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    MEDIAN = "median"
    STDDEV = "stddev"
    LOWER = "lower"
    UPPER = "upper"


class Severity(StrEnum):
    """How soon a person should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Condition(_Model):
    """When to worry: above or below a value (a counter: its increase in 5 minutes)."""

    above: FiniteFloat | None = None
    """Worry when the value is greater than this."""
    below: FiniteFloat | None = None
    """Worry when the value is smaller than this."""
    severity: Severity
    """How soon a person should look."""
    advice: Text
    """What that person should do."""

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("a condition has one of above and below")
        return self

    @property
    def bound(self) -> float:
        """The value that is not to be passed."""
        bound = self.above if self.above is not None else self.below
        assert bound is not None
        return bound


class Placeholder(_Model):
    """A varying part of a bucket, or a label; its name is the tag that holds the value."""

    description: Text
    """What the value is."""
    values: tuple[str, ...] | None = Field(default=None, min_length=1)
    """All documented values, which closes the list; another that comes is reported."""
    dotted: bool = False
    """Whether the value spans any number of segments, as a host name does."""
    setting: bool = False
    """Whether the site says the values, in the variable `<app>_<placeholder>`; values are the
    defaults. It may have several segments."""
    examples: tuple[str, ...] = ()
    """Values to try of an open placeholder."""
    expected: int | None = Field(default=None, ge=1)
    """How many values of an open placeholder one host is expected to send."""

    @model_validator(mode="after")
    def _closed_or_open(self) -> Self:
        if self.values is not None and self.dotted:
            raise ValueError("a closed list of values cannot be dotted: leave out one of the two")
        if self.setting and not self.values:
            raise ValueError("a setting of the site needs values: those that it has by default")
        if self.values is not None and self.expected is not None:
            raise ValueError("a closed list has as many values as it has: leave out expected")
        return self

    def samples(self) -> tuple[str, ...]:
        """Values to try: every one of a closed list, else the examples."""
        return self.values or self.examples

    @property
    def number(self) -> int:
        """How many values to expect."""
        return self.expected or max(len(self.samples()), 1)


class Former(_Model):
    """A name that a metric had before: values under it are kept as this metric's."""

    name: Text
    """The name after the catalog's prefix, as it was documented."""
    measurement: Name | None = None
    """Where the values were stored, if not where the name alone says."""


class Metric(_Model):
    """One documented (name, type) pair."""

    name: Text
    """The bucket after the catalog's prefix; a Prometheus metric's name; or a Telegraf plugin's
    measurement and field, as cpu.usage_active."""
    type: MetricType
    """counter, gauge, timer or set."""
    unit: Unit
    """Of one recorded value."""
    title: Text
    """What a panel is called."""
    description: Text
    """What it means, as documented."""
    measurement: Name | None = None
    """Where it is stored, less the application's name; by default the name's fixed segments,
    joined by `_`."""
    labels: dict[Name, tuple[str, ...] | None] = {}
    """Labels (tags of a Telegraf plugin) that it has: placeholders' names, with the values that
    this metric has of them if not all."""
    percentiles: tuple[Annotated[float, Field(gt=0, lt=100)], ...] = (50, 95, 99)
    """Which percentiles of a timer are kept."""
    fields: tuple[TimerField, ...] = tuple(TimerField)
    """Which of a timer's other fields are kept."""
    always: bool = False
    """Whether a running application always sends it, so that its absence is a fault."""
    condition: Condition | None = None
    """When to worry."""
    deprecated: Text | None = None
    """Why it goes away, and what takes its place; its absence is no fault."""
    formerly: tuple[Former, ...] = ()
    """Names that it had before; queries cover them as well."""

    @model_validator(mode="after")
    def _only_timers(self) -> Self:
        if self.type is not MetricType.TIMER:
            for name in ("percentiles", "fields"):
                if name in self.model_fields_set:
                    raise ValueError(f"only a timer has {name}: this is a {self.type}")
        return self

    @property
    def default_measurement(self) -> str:
        """The fixed segments of the name, joined: `protocol.<version>.used` is `protocol_used`."""
        return fixed_name(self.name)


def fixed_name(name: str) -> str:
    """A name's fixed segments, joined by `_`, in lower case."""
    fixed = [part for part in name.split(".") if not part.startswith("<")]
    return re.sub(r"[^a-z0-9]+", "_", "_".join(fixed).lower()).strip("_")


class Ignored(_Model):
    """What a client library adds of itself: known, and kept out."""

    name: Annotated[str, StringConstraints(pattern=r"^(\*[a-zA-Z0-9_:]+|[a-zA-Z0-9_:]+\*?)$")]
    """A Prometheus metric's name; `*` at its beginning or end stands for anything."""
    reason: Text
    """Whose it is, and why nobody needs it."""


class Scrape(_Model):
    """Where a Prometheus application documents that its metrics can be fetched."""

    port: Annotated[int, Field(ge=1, le=65535)]
    """The TCP port."""
    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]*$")] = "/metrics"
    """The path of the URL."""


class Catalog(_Model):
    """All that one application documents."""

    app: Annotated[str, StringConstraints(pattern=APP_NAME)]
    """The application, as the inventory's `apps` names it."""
    title: Text
    """Its name for people."""
    description: Text
    """What sends these metrics, and where to."""
    source: Text
    """The document that the catalog is from."""
    input: Input = Input.STATSD
    """How the metrics come: statsd, prometheus, or a plugin of Telegraf's own."""
    transport: Transport = Transport.UDP
    """What statsd lines are sent over."""
    prefix: Text | None = None
    """What all buckets begin with (statsd)."""
    scrape: Scrape | None = None
    """Where the metrics are fetched (prometheus)."""
    ignored: tuple[Ignored, ...] = ()
    """What comes beside the documented metrics and is not stored (prometheus)."""
    placeholders: dict[Name, Placeholder] = {}
    """The varying parts of buckets, and labels."""
    metrics: tuple[Metric, ...] = Field(min_length=1)
    """The documented (name, type) pairs."""

    @model_validator(mode="after")
    def _fits_input(self) -> Self:
        if self.input is Input.STATSD and self.prefix is None:
            raise ValueError("buckets of statsd begin with a prefix: add prefix")
        if self.input is not Input.STATSD:
            for name in ("prefix", "transport"):
                if name in self.model_fields_set:
                    raise ValueError(f"{name} is for statsd: leave it out with {self.input}")
        if (self.input is Input.PROMETHEUS) != (self.scrape is not None):
            raise ValueError("scrape goes with input: prometheus, and nothing else")
        if self.ignored and self.input is not Input.PROMETHEUS:
            raise ValueError("ignored goes with input: prometheus")
        return self

    @property
    def stem(self) -> str:
        """The application's name as measurements and variables have it."""
        return self.app.replace("-", "_")

    @property
    def cumulative(self) -> bool:
        """Whether counters are counts since the start, as those of statsd are not."""
        return self.input is not Input.STATSD

    @property
    def settings(self) -> dict[str, str]:
        """The placeholders that the site says, by the variables that it says them in."""
        return {
            f"{self.stem}_{name}": name
            for name, placeholder in self.placeholders.items()
            if placeholder.setting
        }

    @property
    def setting_values(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The values of the settings, by placeholder."""
        return tuple((n, p.values or ()) for n, p in self.placeholders.items() if p.setting)

    def with_settings(self, values: Mapping[str, Sequence[str]]) -> Catalog:
        """This catalog with the values that a site gives to settings, by placeholder."""
        changed = {
            name: placeholder.model_copy(update={"values": tuple(values[name])})
            if name in values
            else placeholder
            for name, placeholder in self.placeholders.items()
        }
        return self.model_copy(update={"placeholders": changed})

    def measurement(self, metric: Metric) -> str:
        """Where a metric is stored: `<app>_<metric>`, one measurement for all hosts."""
        if self.input is Input.TELEGRAF:
            return metric.name.partition(".")[0]
        return self._measurement(metric.measurement or metric.default_measurement)

    def measurements(self, metric: Metric) -> tuple[str, ...]:
        """Where a metric is stored, and where it was under its former names."""
        former = [self._measurement(f.measurement or fixed_name(f.name)) for f in metric.formerly]
        return tuple(dict.fromkeys([self.measurement(metric), *former]))

    def _measurement(self, name: str) -> str:
        # A Prometheus metric's name has its application's in it already.
        return f"{self.stem}_{name.removeprefix(f'{self.stem}_')}"

    def field(self, metric: Metric) -> str:
        """The field that holds a metric's value; of a timer, that of its mean."""
        if self.input is Input.TELEGRAF:
            return metric.name.partition(".")[2]
        return TimerField.MEAN.value if metric.type is MetricType.TIMER else VALUE

    def fields(self, metric: Metric) -> tuple[str, ...]:
        """All fields that are stored of a metric."""
        if metric.type is MetricType.TIMER:
            return (*(f.value for f in metric.fields), *map(percentile, metric.percentiles))
        return (self.field(metric),)

    def bucket(self, metric: Metric) -> str:
        """The whole documented bucket, placeholders in angle brackets; or the metric's name."""
        return self._bucket(metric.name)

    def _bucket(self, name: str) -> str:
        return f"{self.prefix}.{name}" if self.input is Input.STATSD else name

    def pattern(self, metric: Metric) -> Pattern:
        """The documented bucket of statsd, parsed.

        Raises ValueError where the bucket is not one (see provision.catalog.buckets).
        """
        return self.parsed(metric.name)

    def parsed(self, name: str) -> Pattern:
        """The bucket of a documented or former name, parsed as pattern() does."""
        dotted = {n for n, placeholder in self.placeholders.items() if placeholder.dotted}
        settings = {n for n, placeholder in self.placeholders.items() if placeholder.setting}
        return parse_pattern(self._bucket(name), dotted, settings)

    def patterns(self, metric: Metric) -> tuple[Pattern, ...]:
        """What a metric's buckets look like on a site, former names included.

        The values of settings are fixed in them.
        """
        settings = dict(self.setting_values)
        found = []
        for name in (metric.name, *(former.name for former in metric.formerly)):
            pattern = self.parsed(name)
            used = [n for n in pattern.placeholders if n in settings]
            found += [
                pattern.fix(dict(zip(used, choice, strict=True)))
                for choice in itertools.product(*(settings[n] for n in used))
            ]
        return tuple(found)

    def tags(self, metric: Metric) -> tuple[str, ...]:
        """The names of the placeholders in a metric's bucket, or of its labels, in their order.

        What is scraped has the labels of its target beside those documented.
        """
        if self.input is Input.STATSD:
            return self.pattern(metric).placeholders
        return (*metric.labels, *(TARGET_LABELS if self.input is Input.PROMETHEUS else ()))

    def samples(self, metric: Metric, tag: str) -> tuple[str, ...]:
        """Values of a tag of a metric to try."""
        return metric.labels.get(tag) or self.placeholders[tag].samples()


def percentile(value: float) -> str:
    """Telegraf's name of a percentile's field: `95_percentile`, `99.9_percentile`."""
    return f"{value:g}_percentile"
