"""What a verification finds: one line each, the worst first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How bad a finding is; failed ones make the command end with 1."""

    FAILED = "failed"
    WARNING = "warning"
    UNSEEN = "not seen"
    OK = "ok"


class Area(StrEnum):
    """What a finding is about."""

    HOST = "host"
    PROBE = "probe"
    TARGET = "target"
    METRIC = "metric"
    VALUE = "value"
    UNDOCUMENTED = "undocumented"
    PIPELINE = "pipeline"
    PANEL = "panel"
    DATASOURCE = "datasource"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: its host (empty: all), what it is called, what was seen."""

    status: Status
    area: Area
    host: str
    name: str
    detail: str


_STATUSES, _AREAS = list(Status), list(Area)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By status, then by area, host and name."""
    return sorted(
        findings,
        key=lambda f: (_STATUSES.index(f.status), _AREAS.index(f.area), f.host, f.name, f.detail),
    )


def failed(findings: Iterable[Finding]) -> bool:
    """Whether any finding is a fault."""
    return any(finding.status is Status.FAILED for finding in findings)
