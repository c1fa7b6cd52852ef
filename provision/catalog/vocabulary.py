"""The words of a catalog: closed vocabularies, and the forms of texts, numbers and lists."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, StringConstraints

NAME = r"^[a-z][a-z0-9_]*$"
APP_NAME = r"^[a-z][a-z0-9-]*$"
URL_PATH = r"^/[A-Za-z0-9._~/-]*$"
WITH_STAR = r"^(\*[a-zA-Z0-9_:]+|[a-zA-Z0-9_:]+\*?)$"
TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"
DURATION = r"^([0-9]+[smhdw])+$"
LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\s*$"
IN_WORDS = {
    NAME: "small letters, digits and _, a letter first",
    APP_NAME: "small letters, digits and -, a letter first",
    URL_PATH: "a path such as /metrics",
    WITH_STAR: "a metric's name, or one that begins or ends with *",
    TEXT: "text without control characters",
    DURATION: "numbers, each with s, m, h, d or w, such as 5m",
    LINE: "one line of text, without control characters",
}
# InfluxDB and statsd take more; no name that a person thought of comes near it.
MOST_CHARACTERS = 300
# A dashboard's uid has 40 characters, `provision-` among them (Grafana, Dashboard JSON model).
MOST_APP_CHARACTERS = 30
MOST_VALUES = 1000

Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=10_000,
        pattern=TEXT,
    ),
]
Line = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=MOST_CHARACTERS,
        pattern=LINE,
    ),
]
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=MOST_CHARACTERS)]
AppName = Annotated[str, StringConstraints(pattern=APP_NAME, max_length=MOST_APP_CHARACTERS)]
UrlPath = Annotated[str, StringConstraints(pattern=URL_PATH, max_length=MOST_CHARACTERS)]
NameWithStar = Annotated[str, StringConstraints(pattern=WITH_STAR, max_length=MOST_CHARACTERS)]
Duration = Annotated[str, StringConstraints(pattern=DURATION, max_length=20)]
# A text, or a yes, is no number: pydantic would take it for one, an editor with the schema not.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Percentile = Annotated[float, Field(gt=0, lt=100, strict=True)]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]

_Item = TypeVar("_Item")


def _distinct(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """The values, or ValueError where one stands there twice."""
    twice = {value for value in values if values.count(value) > 1}
    if twice:
        raise ValueError(f"the same twice: {', '.join(sorted(map(str, twice)))}")
    return values


DISTINCT = AfterValidator(_distinct)
UNIQUE = {"uniqueItems": True}
Values = Annotated[
    tuple[Line, ...],
    Field(min_length=1, max_length=MOST_VALUES, json_schema_extra=UNIQUE),
    DISTINCT,
]


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


#: What a timer's mean of any time is made of; of a histogram or a summary nothing else is kept.
OF_MEAN = (TimerField.SUM, TimerField.COUNT)


class Together(StrEnum):
    """What several series of a level are, taken together; as InfluxQL calls it."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"
    MEAN = "mean"


class Signal(StrEnum):
    """What a metric says of an application: the four golden signals, and what explains them.

    Source: Site Reliability Engineering, chapter 6, Monitoring Distributed Systems.
    """

    TRAFFIC = "traffic"
    ERRORS = "errors"
    LATENCY = "latency"
    SATURATION = "saturation"
    DETAIL = "detail"


class Severity(StrEnum):
    """How soon a person should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
