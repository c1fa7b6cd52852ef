"""What a rule looks at, and what it gives back."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from provision.catalog.model import Catalog, Metric, MetricType, TimerField
from provision.catalog.subject import KeyPath
from provision.dashboards.check.influxql import Asked, Select, parse
from provision.dashboards.check.model import Dashboard, Panel, Target
from provision.dashboards.check.tokens import variables

EXPRESSION = "__expr__"
OWN_TAG = "provision"


@dataclass(frozen=True)
class Found:
    """What is wrong, what to do, and where: in a panel, or with a documented metric."""

    what: str
    remedy: str
    panel: Panel | None = None
    metric: str | None = None


@dataclass(frozen=True)
class Question:
    """A query of a panel, read; number is the panel's among all. problem: why it cannot be."""

    number: int
    panel: Panel
    target: Target
    selects: tuple[Select, ...]
    problem: str | None

    @property
    def every(self) -> Iterator[Select]:
        """All SELECTs, those inside others too."""
        for select in self.selects:
            yield from select.every()

    @property
    def asked(self) -> list[Asked]:
        """All fields that are asked for."""
        return [asked for select in self.selects for asked in select.asked()]

    @property
    def variables(self) -> set[str]:
        """The variables in it."""
        return variables(self.target.text)

    @property
    def about_silence(self) -> bool:
        """Whether it counts what came until now, and has zero for whoever was there before."""
        text = self.target.text
        return all(re.search(part, text) for part in (r"\)\s*\*\s*0\.0\b", r"\bnow\(\)\s*-"))


@dataclass(frozen=True)
class Showing:
    """A documented metric in a query of a panel."""

    metric: Metric
    asked: Asked
    question: Question

    @property
    def of_silence(self) -> bool:
        """Whether a number is about what does not come: it is one of hosts, not of values."""
        condition = self.metric.condition
        silent = condition is not None and condition.silent is not None
        return silent and not self.question.panel.graph

    @property
    def of_events(self) -> bool:
        """Whether of a timer nothing but the number of its events is asked."""
        fields = {asked.field for asked in self.question.asked}
        return self.metric.type is MetricType.TIMER and fields == {TimerField.COUNT}


@dataclass(frozen=True)
class Subject:
    """A dashboard, its queries, and the catalog of its application where that is known."""

    dashboard: Dashboard
    questions: tuple[Question, ...]
    catalog: Catalog | None = None
    shown: tuple[Showing, ...] = ()

    @property
    def known(self) -> Catalog:
        """The catalog, for the rules that are asked only where there is one."""
        assert self.catalog is not None
        return self.catalog

    def on(self, panel: Panel) -> list[Showing]:
        """The documented metrics on a panel, each once."""
        return list(self._shown_on.get(panel.path, {}).values())

    def of(self, panel: Panel) -> list[Question]:
        """The queries of a panel."""
        return self._asked_on.get(panel.path, [])

    @functools.cached_property
    def _shown_on(self) -> dict[KeyPath, dict[int, Showing]]:
        found: dict[KeyPath, dict[int, Showing]] = {}
        for each in self.shown:
            found.setdefault(each.question.panel.path, {}).setdefault(id(each.metric), each)
        return found

    @functools.cached_property
    def _asked_on(self) -> dict[KeyPath, list[Question]]:
        found: dict[KeyPath, list[Question]] = {}
        for each in self.questions:
            found.setdefault(each.panel.path, []).append(each)
        return found


Rule = Callable[[Subject], Iterator[Found]]


def subject_of(dashboard: Dashboard, catalog: Catalog | None = None) -> Subject:
    """A dashboard with its queries read, and the metrics of the catalog that they show."""
    questions = tuple(
        question
        for number, panel in enumerate(dashboard.panels)
        if panel.asks
        for question in _questions(number, panel)
    )
    shown = tuple(_shown(catalog, questions)) if catalog else ()
    return Subject(dashboard, questions, catalog, shown)


def _questions(number: int, panel: Panel) -> Iterator[Question]:
    for target in panel.targets:
        if not target.text.strip() or target.source == EXPRESSION:
            continue
        if target.text.lstrip()[:5].upper() == "SHOW ":
            yield Question(number, panel, target, (), None)
            continue
        try:
            yield Question(number, panel, target, tuple(parse(target.text)), None)
        except ValueError as error:
            yield Question(number, panel, target, (), str(error))


def _shown(catalog: Catalog, questions: Sequence[Question]) -> Iterator[Showing]:
    by_field = {
        (measurement, field): metric
        for metric in catalog.metrics
        for measurement in catalog.measurements(metric)
        for field in catalog.fields(metric)
    }
    for question in questions:
        for asked in question.asked:
            metrics = [
                by_field[measurement, asked.field]
                for measurement in asked.measurements
                if (measurement, asked.field) in by_field
            ]
            for metric in {id(metric): metric for metric in metrics}.values():
                yield Showing(metric, asked, question)
