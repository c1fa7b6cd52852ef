"""What a catalog holds: frozen, typed values, and the rules that one metric alone must keep.

Rules between metrics, and between catalogs, are in provision.catalog.lint.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, model_validator

from provision.catalog.buckets import Pattern, parse_pattern
from provision.catalog.units import Unit

NAME = r"^[a-z][a-z0-9_]*$"
APP_NAME = r"^[a-z][a-z0-9-]*$"
# Telegraf and the processor in templates/telegraf set these tags themselves.
RESERVED_TAGS = frozenset({"host", "metric_type", "bucket", "app", "time"})
UNDOCUMENTED = "undocumented"

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class MetricType(StrEnum):
    """statsd's types, by the names that Telegraf gives them in the tag `metric_type`.

    Source: plugins/inputs/statsd/README.md of Telegraf 1.39.
    """

    COUNTER = "counter"
    GAUGE = "gauge"


class Severity(StrEnum):
    """How soon a person should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Condition(_Model):
    """When to worry: the metric is above a value (a counter: its sum in 5 minutes)."""

    above: FiniteFloat
    severity: Severity
    advice: Text


class Placeholder(_Model):
    """A varying part of a bucket; its name is the tag that holds the value.

    values closes the list; dotted lets the value span any number of segments (a host name).
    """

    description: Text
    values: tuple[str, ...] | None = Field(default=None, min_length=1)
    dotted: bool = False
    examples: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _closed_or_dotted(self) -> Self:
        if self.values is not None and self.dotted:
            raise ValueError("a closed list of values cannot be dotted: leave out one of the two")
        return self

    def samples(self) -> tuple[str, ...]:
        """Values to try: every one of a closed list, else the examples."""
        return self.values or self.examples


class Metric(_Model):
    """One documented (name, type) pair.

    name is the bucket after the catalog's prefix, as documented. measurement is where the values
    are stored, less the application's name; by default the name's fixed segments, joined by `_`.
    """

    name: Text
    type: MetricType
    unit: Unit
    title: Text
    description: Text
    measurement: Annotated[str, StringConstraints(pattern=NAME)] | None = None
    condition: Condition | None = None

    @property
    def default_measurement(self) -> str:
        """The fixed segments of the name, joined: `protocol.<version>.used` is `protocol_used`."""
        fixed = [part for part in self.name.split(".") if not part.startswith("<")]
        return re.sub(r"[^a-z0-9]+", "_", "_".join(fixed).lower()).strip("_")


class Catalog(_Model):
    """All that one application documents."""

    app: Annotated[str, StringConstraints(pattern=APP_NAME)]
    title: Text
    description: Text
    source: Text
    prefix: Text
    placeholders: dict[Annotated[str, StringConstraints(pattern=NAME)], Placeholder] = {}
    metrics: tuple[Metric, ...] = Field(min_length=1)

    def measurement(self, metric: Metric) -> str:
        """Where a metric is stored: `<app>_<metric>`, one measurement for all hosts."""
        stem = metric.measurement or metric.default_measurement
        return f"{self.app.replace('-', '_')}_{stem}"

    def bucket(self, metric: Metric) -> str:
        """The whole documented bucket, placeholders in angle brackets."""
        return f"{self.prefix}.{metric.name}"

    def pattern(self, metric: Metric) -> Pattern:
        """The documented bucket, parsed.

        Raises ValueError where the bucket is not one (see provision.catalog.buckets).
        """
        dotted = {name for name, placeholder in self.placeholders.items() if placeholder.dotted}
        return parse_pattern(self.bucket(metric), dotted)

    def tags(self, metric: Metric) -> tuple[str, ...]:
        """The names of the placeholders in a metric's bucket, in their order."""
        return self.pattern(metric).placeholders
