"""A catalog: all that an application documents, and where each metric of it is stored.

Its parts are in provision.catalog.parts; rules between metrics, and between catalogs, in
provision.catalog.lint.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from pydantic import Field, model_validator

from provision.catalog.buckets import Pattern, parse_pattern
from provision.catalog.parts import Condition as Condition
from provision.catalog.parts import Former as Former
from provision.catalog.parts import Ignored as Ignored
from provision.catalog.parts import Metric as Metric
from provision.catalog.parts import Part, fixed_name, tell
from provision.catalog.parts import Placeholder as Placeholder
from provision.catalog.parts import Scrape as Scrape
from provision.catalog.vocabulary import OF_MEAN as OF_MEAN
from provision.catalog.vocabulary import AppName, Line, Name, Text
from provision.catalog.vocabulary import Input as Input
from provision.catalog.vocabulary import MetricType as MetricType
from provision.catalog.vocabulary import Severity as Severity
from provision.catalog.vocabulary import Signal as Signal
from provision.catalog.vocabulary import TimerField as TimerField
from provision.catalog.vocabulary import Together as Together
from provision.catalog.vocabulary import Transport as Transport

# Prometheus' data model, Metric names; a colon is for recording rules alone.
PROMETHEUS_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# A Telegraf plugin's measurement and field, as `cpu.usage_active`.
TELEGRAF_NAME = re.compile(r"[a-z][a-z0-9_]*\.[A-Za-z][A-Za-z0-9_]*")
# Telegraf and the processor in templates/telegraf set these tags themselves.
FORMER_NAME = "former_name"
RESERVED_TAGS = frozenset(
    {
        *("host", "metric_type", "transport", "bucket", "app", "time", "url"),
        *("instance", "job", FORMER_NAME),
    }
)
# Tags that a client cannot give, and which are kept as exported_*: the first are Telegraf's and the
# processors' own, the others InfluxDB's (Line protocol reference, Naming restrictions).
EXPORTED = (
    *("bucket", FORMER_NAME, "host", "metric_type", "transport", "url"),
    *("_field", "_measurement", "time"),
)
# What every alert is labelled with (templates/grafana/, alerting): of a series with such a tag
# Grafana takes the alert's, and series that differ in nothing else are one alert (Grafana
# documentation, Alert rules, Labels).
ALERT_LABELS = frozenset({"alertname", "grafana_folder", "provision", "severity"})
# Variables that dashboards have beside those of tags: the datasource, the tags by which the lines
# of graphs are divided (or none), and whether hosts' totals are asked (provision.catalog.series).
GROUP_BY, NONE = "group_by", "none"
TOTALS_TAG = "totals"
RESERVED_VARIABLES = frozenset({"datasource", GROUP_BY, NONE, TOTALS_TAG})
# What Prometheus and the Pushgateway tell processes of one application apart by.
TARGET_LABELS = ("instance", "job")
UNDOCUMENTED = "undocumented"
VALUE = "value"
# The keys that a catalog has with one kind of input alone.
ONLY_WITH: Mapping[Input, tuple[str, ...]] = {
    Input.STATSD: ("prefix", "transport"),
    Input.PROMETHEUS: ("scrape", "ignored"),
}


def input_forgotten(keys: Collection[str]) -> bool:
    """Whether a catalog with these keys is of Prometheus, and only does not say so."""
    return "scrape" in keys and not {"input", "prefix"} & {*keys}


class Catalog(Part):
    """All that one application documents."""

    app: AppName
    """The application, as the inventory's `apps` names it."""
    title: Line
    """Its name for people."""
    description: Text
    """What sends these metrics, and where to."""
    source: Line
    """The document that the catalog is from."""
    input: Input = Input.STATSD
    """How the metrics come: statsd, prometheus, or a plugin of Telegraf's own."""
    transport: Transport = Transport.UDP
    """What statsd lines are sent over."""
    prefix: Line | None = None
    """What all buckets begin with (statsd)."""
    scrape: Scrape | None = None
    """Where the metrics are fetched (prometheus)."""
    ignored: tuple[Ignored, ...] = Field(default=(), max_length=1000)
    """What comes beside the documented metrics and is not stored (prometheus)."""
    placeholders: dict[Name, Placeholder] = Field(default_factory=dict)
    """The varying parts of buckets, and labels."""
    metrics: tuple[Metric, ...] = Field(min_length=1, max_length=5000)
    """The documented (name, type) pairs."""

    @model_validator(mode="before")
    @classmethod
    def _known_since_a_start(cls, given: Any) -> Any:
        """Of times that were added up since a start their sum and count are all that is kept."""
        if not isinstance(given, Mapping) or given.get("input") != Input.PROMETHEUS:
            return given
        metrics = given.get("metrics")
        if not isinstance(metrics, Sequence) or isinstance(metrics, str):
            return given
        known = {"fields": list(OF_MEAN), "percentiles": []}
        made = [
            {**known, **metric}
            if isinstance(metric, Mapping) and metric.get("type") == MetricType.TIMER
            else metric
            for metric in metrics
        ]
        return {**given, "metrics": made}

    @model_validator(mode="after")
    def _fits_input(self) -> Self:
        if input_forgotten(self.model_fields_set):
            raise ValueError(f"scrape is of prometheus: add input: {Input.PROMETHEUS}")
        problems = []
        if self.input is Input.STATSD and self.prefix is None:
            problems.append("buckets of statsd begin with a prefix: add prefix")
        if self.input is Input.PROMETHEUS and self.scrape is None:
            problems.append("what is scraped is scraped somewhere: add scrape, with its port")
        problems += [
            f"{name} is for {wanted}: leave it out with input: {self.input}"
            for wanted, names in ONLY_WITH.items()
            for name in names
            if name in self.model_fields_set and self.input is not wanted
        ]
        tell(problems)
        return self

    @property
    def stem(self) -> str:
        """The application's name as measurements and variables have it."""
        return self.app.replace("-", "_")

    @property
    def cumulative(self) -> bool:
        """Whether counters and timers count since the start, as those of statsd do not."""
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
    def targets(self) -> str:
        """The variable of an inventory that says where it is scraped."""
        return f"{self.stem}_targets"

    @property
    def pushgateway(self) -> str:
        """The variable of an inventory that says whether it is pushed to the Pushgateway."""
        return f"{self.stem}_pushgateway"

    @property
    def variables(self) -> frozenset[str]:
        """The variables that an inventory may set for the application."""
        scraped = {self.targets, self.pushgateway} if self.input is Input.PROMETHEUS else set()
        return frozenset({*self.settings, *scraped})

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
        """The field that holds a metric's value; of a timer its mean, or the first that is kept."""
        if self.input is Input.TELEGRAF:
            return metric.name.partition(".")[2]
        if metric.type is MetricType.TIMER:
            fields = self.fields(metric)
            return TimerField.MEAN.value if TimerField.MEAN in fields else fields[0]
        return VALUE

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
        return self.parse(self._bucket(name))

    def parse(self, bucket: str) -> Pattern:
        """A bucket, or the beginning of one, with this catalog's placeholders in it."""
        dotted = {n for n, placeholder in self.placeholders.items() if placeholder.dotted}
        settings = {n for n, placeholder in self.placeholders.items() if placeholder.setting}
        return parse_pattern(bucket, dotted, settings)

    def patterns(self, metric: Metric) -> tuple[Pattern, ...]:
        """What a metric's buckets look like on a site, former names included.

        The values of settings are fixed in them, and so is a former name: under both names a metric
        is two series, which would otherwise take each other's place.
        """
        settings = dict(self.setting_values)
        found = []
        for name in (metric.name, *(former.name for former in metric.formerly)):
            pattern = self.parsed(name)
            used = [n for n in pattern.placeholders if n in settings]
            if name != metric.name:
                pattern = replace(pattern, fixed=((FORMER_NAME, name),))
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
    """Telegraf's name of a percentile's field: `95_percentile`, `99.9_percentile`.

    Source: plugins/inputs/statsd/statsd.go of Telegraf 1.39, which writes the shortest form.
    """
    return f"{float(value)!r}".removesuffix(".0") + "_percentile"
