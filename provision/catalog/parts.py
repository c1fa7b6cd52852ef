"""The parts of a catalog: frozen, typed values, and the rules that each alone must keep."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from provision.catalog.units import Unit
from provision.catalog.vocabulary import (
    DISTINCT,
    OF_MEAN,
    UNIQUE,
    Duration,
    Line,
    MetricType,
    Name,
    NameWithStar,
    Number,
    Percentile,
    Port,
    Severity,
    Signal,
    Text,
    TimerField,
    Together,
    UrlPath,
    Values,
)


def tell(problems: Iterable[str]) -> None:
    """Raise ValueError with all that is wrong, at once."""
    if told := "; ".join(problems):
        raise ValueError(told)


class Part(BaseModel):
    """What has its documented keys and no others, and never changes."""

    # Only the whole catalog is validated by itself: what is built of its parts stands in that.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Condition(Part):
    """When to worry: above or below a value (a counter: its increase in 5 minutes; a timer: the
    mean), or when nothing comes.
    """

    above: Number | None = None
    """Worry when the value is greater than this."""
    below: Number | None = None
    """Worry when the value is smaller than this."""
    silent: Duration | None = None
    """Worry when nothing came for so long, of a metric that is always sent."""
    pending: Duration = "0s"
    """For how long that must hold before anybody is told."""
    severity: Severity
    """How soon a person should look."""
    advice: Text
    """What that person should do."""

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if [self.above, self.below, self.silent].count(None) != 2:
            raise ValueError("a condition has one of above, below and silent")
        return self

    @property
    def worst(self) -> Together | None:
        """Which of several values it is about; None where silence is what to worry about."""
        if self.bound is None:
            return None
        return Together.MAX if self.above is not None else Together.MIN

    @property
    def bound(self) -> float | None:
        """The value that is not to be passed; None where silence is what to worry about."""
        return self.above if self.above is not None else self.below


class Placeholder(Part):
    """A varying part of a bucket, or a label; its name is the tag that holds the value."""

    description: Text
    """What the value is."""
    values: Values | None = None
    """All documented values, which closes the list; another that comes is reported."""
    dotted: StrictBool = False
    """Whether the value spans any number of segments, as a host name does."""
    setting: StrictBool = False
    """Whether the site says the values, in the variable `<app>_<placeholder>`; values are the
    defaults. It may have several segments."""
    examples: Values | None = None
    """Values to try of an open placeholder."""
    expected: Annotated[int, Field(ge=1, strict=True)] | None = None
    """How many values of an open placeholder one host is expected to send."""

    @model_validator(mode="after")
    def _closed_or_open(self) -> Self:
        problems = []
        if self.setting and self.values is None:
            problems.append("a setting of the site needs values: those that it has by default")
        if self.values is not None and self.dotted:
            problems.append("a closed list of values cannot be dotted: leave out one of the two")
        if self.values is not None and self.expected is not None:
            problems.append("a closed list has as many values as it has: leave out expected")
        if self.values is not None and self.examples is not None:
            problems.append("a closed list is its own examples: leave out examples")
        tell(problems)
        return self

    def samples(self) -> tuple[str, ...]:
        """Values to try: every one of a closed list, else the examples."""
        return self.values or self.examples or ()

    @property
    def number(self) -> int:
        """How many values to expect."""
        return self.expected or max(len(self.samples()), 1)


class Former(Part):
    """A name that a metric had before: values under it are kept as this metric's."""

    name: Line
    """The name after the catalog's prefix, as it was documented."""
    measurement: Name | None = None
    """Where the values were stored, if not where the name alone says."""


class Metric(Part):
    """One documented (name, type) pair."""

    name: Line
    """The bucket after the catalog's prefix; a Prometheus metric's name; or a Telegraf plugin's
    measurement and field, as cpu.usage_active."""
    type: MetricType
    """counter, gauge, timer (of Prometheus a histogram or a summary, by its whole name) or set."""
    unit: Unit
    """The unit of one recorded value: count, bytes, bits, one of time, percent or ratio."""
    title: Line
    """What a panel is called."""
    description: Text
    """What it means, as documented."""
    measurement: Name | None = None
    """Where it is stored, less the application's name; by default the name's fixed segments,
    joined by `_`."""
    labels: dict[Name, Values | None] = Field(default_factory=dict)
    """Labels (tags of a Telegraf plugin) that it has: placeholders' names, with the values that
    this metric has of them if not all."""
    percentiles: Annotated[
        tuple[Percentile, ...], Field(max_length=20, json_schema_extra=UNIQUE), DISTINCT
    ] = (50, 95, 99)
    """Which percentiles of a timer are kept (statsd)."""
    fields: Annotated[tuple[TimerField, ...], Field(json_schema_extra=UNIQUE), DISTINCT] = tuple(
        TimerField
    )
    """Which of a timer's other fields are kept; with prometheus sum and count."""
    always: StrictBool = False
    """Whether a running application always sends it, so that its absence is a fault."""
    condition: Condition | None = None
    """When to worry."""
    signal: Signal | None = None
    """What it says of the application; by default what its type and condition say."""
    together: Together | None = None
    """What several series of a gauge or set are in one line or number: their sum, max, min or mean;
    by default the sum, of shares and times the max, and with a bound the worst."""
    family: Line | None = None
    """The title of a panel that it shares with others, which are read together."""
    deprecated: Text | None = None
    """Why it goes away, and what takes its place; its absence is no fault."""
    formerly: tuple[Former, ...] = Field(default=(), max_length=100)
    """Names that it had before; queries cover them as well."""

    @model_validator(mode="after")
    def _only_timers(self) -> Self:
        timer = self.type is MetricType.TIMER
        given = [] if timer else sorted({"percentiles", "fields"} & self.model_fields_set)
        problems = [f"only a timer has {name}: this is a {self.type}" for name in given]
        if timer and not (self.percentiles or self.fields):
            problems.append("nothing is kept of this timer: give fields, percentiles or both")
        if self.together and (timer or self.type is MetricType.COUNTER):
            problems.append(f"only a gauge or a set has together: this is a {self.type}")
        tell(problems)
        return self

    @property
    def says(self) -> Signal:
        """What it says of the application, where the catalog names it and where it does not."""
        if self.signal:
            return self.signal
        if self.type is MetricType.TIMER:
            return Signal.LATENCY
        if self.type is MetricType.GAUGE:
            return Signal.SATURATION
        # What should not be more is an error, what should not be less is wanted.
        wrong = self.condition is not None and self.condition.above is not None
        return Signal.ERRORS if wrong else Signal.TRAFFIC

    @property
    def has_mean(self) -> bool:
        """Whether a timer's mean of any time can be worked out of what is stored."""
        return self.type is MetricType.TIMER and {*OF_MEAN} <= {*self.fields}

    @property
    def default_measurement(self) -> str:
        """The fixed segments of the name, joined: `protocol.<version>.used` is `protocol_used`."""
        return fixed_name(self.name)


def fixed_name(name: str) -> str:
    """A name's fixed segments, joined by `_`, in lower case."""
    fixed = [part for part in name.split(".") if not part.startswith("<")]
    return re.sub(r"[^a-z0-9]+", "_", "_".join(fixed).lower()).strip("_")


class Ignored(Part):
    """What a client library adds of itself: known, and kept out."""

    name: NameWithStar
    """A Prometheus metric's name; `*` at its beginning or end stands for anything."""
    reason: Text
    """Whose it is, and why nobody needs it."""


class Scrape(Part):
    """Where a Prometheus application documents that its metrics can be fetched."""

    port: Port
    """The TCP port."""
    path: UrlPath = "/metrics"
    """The path of the URL."""
