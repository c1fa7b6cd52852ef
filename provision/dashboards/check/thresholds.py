"""Rules of thresholds: what a panel colours is what an alert would tell of."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provision.catalog.messages import shown
from provision.catalog.model import Condition, Metric, MetricType, Severity
from provision.dashboards.check.documented import ONE_UNIT
from provision.dashboards.check.model import Panel, Step
from provision.dashboards.check.subject import Found, Rule, Showing, Subject

# A condition of a counter is about its increase in 5 minutes (docs/catalogs.md, condition).
WINDOW_SECONDS = 300
WELL = "green"
COLOURS: Mapping[Severity, str] = {
    Severity.INFO: "blue",
    Severity.WARNING: "orange",
    Severity.CRITICAL: "red",
}
# Grafana's shades of a colour (its visualization palette).
_SHADE = re.compile(r"((super-|semi-)?(dark|light)-)?(\w+)")


@dataclass(frozen=True)
class _Watched:
    """A metric with a condition on a panel, and the thresholds that it has there."""

    panel: Panel
    metric: Metric
    condition: Condition
    steps: tuple[Step, ...]

    @property
    def bound(self) -> float:
        """The bound of the alert in the quantity that the panel shows."""
        rate = self.metric.type is MetricType.COUNTER and self.panel.graph
        return self.condition.bound / (WINDOW_SECONDS if rate else 1)


def _threshold_equal(subject: Subject) -> Iterator[Found]:
    """Two bounds for one thing: the colour says yes and the alert no."""
    for panel in _coloured(subject):
        watched = _watched(subject, panel)
        for each in watched:
            values = [step.value for step in each.steps if step.value is not None]
            if len(values) != 1 or not _equal(values[0], each.bound):
                there = ", ".join(f"{value:g}" for value in values) or "none"
                yield Found(
                    f"its thresholds are {there}, that of {each.metric.name} is {each.bound:.6g}",
                    f"set a step at {each.bound:.6g}, or give the metric a panel of its own",
                    panel,
                    each.metric.name,
                )
        if watched and panel.threshold_mode not in {"", "absolute"}:
            what = f"its thresholds are of the mode {shown(panel.threshold_mode)}"
            yield Found(what, "set the mode to absolute", panel)
        if subject.on(panel) and not watched and any(s.value is not None for s in panel.steps):
            yield Found(
                "it has a threshold that no alert has",
                "remove it, or give the metric a condition in the catalog",
                panel,
            )


def _threshold_line(subject: Subject) -> Iterator[Found]:
    """How near a graph is to its alert is seen by the line alone."""
    for panel in _coloured(subject):
        if panel.graph and _watched(subject, panel) and panel.threshold_line in {"", "off"}:
            what = "its threshold is not drawn"
            yield Found(what, "set custom.thresholdsStyle.mode to line or dashed", panel)


def _threshold_colour(subject: Subject) -> Iterator[Found]:
    """Green is well, orange a warning, red critical: on every panel, or on none."""
    for panel in _coloured(subject):
        for each in _watched(subject, panel):
            alert = COLOURS[each.condition.severity]
            wanted = [WELL, alert] if each.condition.above is not None else [alert, WELL]
            there = [step.colour for step in each.steps]
            if len(there) == len(wanted) and list(map(_shadeless, there)) != wanted:
                yield Found(
                    f"the colours of {each.metric.name} are {shown(', '.join(there))}",
                    f"let them be {wanted[0]}, and {wanted[1]} from the bound on",
                    panel,
                    each.metric.name,
                )


def _coloured(subject: Subject) -> Iterator[Panel]:
    return (panel for panel in subject.dashboard.panels if panel.type in ONE_UNIT)


def _watched(subject: Subject, panel: Panel) -> list[_Watched]:
    return [
        _Watched(panel, each.metric, each.metric.condition, _steps(panel, each))
        for each in subject.on(panel)
        if each.metric.condition
    ]


def _steps(panel: Panel, each: Showing) -> tuple[Step, ...]:
    """The thresholds of the panel, or what it has for the answers of this query alone."""
    for override in panel.overrides:
        ours = (override.matcher, override.option) == ("byFrameRefID", each.question.target.ref)
        if ours and override.steps is not None:
            return override.steps
    return panel.steps


def _equal(value: float, bound: float) -> bool:
    """Grafana colours from a step on: just above the bound is as right as the bound."""
    return math.isclose(value, bound, rel_tol=1e-3, abs_tol=1e-6)


def _shadeless(colour: str) -> str:
    match = _SHADE.fullmatch(colour)
    return match[4] if match else colour


WITH_CATALOG: Mapping[str, Rule] = {
    "threshold-equal": _threshold_equal,
    "threshold-line": _threshold_line,
    "threshold-colour": _threshold_colour,
}
