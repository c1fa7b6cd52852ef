"""Rules of thresholds: what a panel colours is what an alert would tell of."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provision.catalog.messages import shown
from provision.catalog.model import Condition, Metric, MetricType, Severity
from provision.catalog.units import TIMES, seconds_in
from provision.dashboards.check.documented import ONE_UNIT
from provision.dashboards.check.model import Panel, Step
from provision.dashboards.check.subject import Found, Rule, Showing, Subject
from provision.dashboards.queries import WINDOW

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
    bound: float
    steps: tuple[Step, ...]

    @property
    def met(self) -> bool:
        """Whether one step is where the alert begins.

        Grafana colours from a step on: just above a bound is as right as the bound. Above 0 it is
        right alone: what counts nothing is well.
        """
        values = [step.value for step in self.steps if step.value is not None]
        if len(values) != 1 or (self.condition.above == 0 and values[0] <= 0):
            return False
        return math.isclose(values[0], self.bound, rel_tol=1e-3, abs_tol=2e-6)


def _threshold_equal(subject: Subject) -> Iterator[Found]:
    """Two bounds for one thing: the colour says yes and the alert no."""
    for panel in _coloured(subject):
        watched = _watched(subject, panel)
        for each in watched:
            if each.met:
                continue
            values = [step.value for step in each.steps if step.value is not None]
            there = ", ".join(f"{value:g}" for value in values) or "none"
            wanted = f"{'just above ' if each.condition.above == 0 else ''}{each.bound:.6g}"
            yield Found(
                f"its thresholds are {there}, that of {each.metric.name} is {wanted}",
                f"set one step, of {wanted}, or give the metric a panel of its own",
                panel,
                each.metric.name,
            )
        if watched and panel.threshold_mode not in {"", "absolute"}:
            what = f"its thresholds are of the mode {shown(panel.threshold_mode)}"
            yield Found(what, "set the mode to absolute", panel)
        silence = any(each.of_silence for each in subject.on(panel))
        if (
            subject.on(panel)
            and not (watched or silence)
            and any(s.value is not None for s in panel.steps)
        ):
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
        _Watched(
            panel,
            each.metric,
            condition,
            condition.bound * _scale(panel, each),
            _steps(panel, each),
        )
        for each in subject.on(panel)
        if (condition := each.metric.condition)
        and condition.bound is not None
        # Of a timer the bound is one of its times.
        and not each.of_events
    ]


def _scale(panel: Panel, each: Showing) -> float:
    """What one of a condition's numbers is on a panel: a graph shows what a counter is a second."""
    metric = each.metric
    if metric.type is not MetricType.COUNTER or not panel.graph:
        return 1
    return 1 / WINDOW / (seconds_in(metric.unit) if metric.unit in TIMES else 1)


def _steps(panel: Panel, each: Showing) -> tuple[Step, ...]:
    """The thresholds of the panel, or what it has for the answers of this query alone."""
    for override in panel.overrides:
        ours = (override.matcher, override.option) == ("byFrameRefID", each.question.target.ref)
        if ours and override.steps is not None:
            return override.steps
    return panel.steps


def _shadeless(colour: str) -> str:
    match = _SHADE.fullmatch(colour)
    return match[4] if match else colour


WITH_CATALOG: Mapping[str, Rule] = {
    "threshold-equal": _threshold_equal,
    "threshold-line": _threshold_line,
    "threshold-colour": _threshold_colour,
}
