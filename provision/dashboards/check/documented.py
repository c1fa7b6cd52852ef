"""Rules that hold a dashboard against its catalog: all metrics, each as what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from provision.catalog.messages import shown
from provision.catalog.model import Catalog, Input, Metric, MetricType
from provision.catalog.units import TIMES, Unit, grafana_unit
from provision.dashboards.check.model import GRAPH, STAT, Panel
from provision.dashboards.check.subject import Found, Rule, Showing, Subject
from provision.dashboards.variables import variable_tags

# Panels whose numbers are those of their queries, in one unit; a table has one for each column.
ONE_UNIT = frozenset({GRAPH, STAT, "gauge", "bargauge"})
# Grafana's other names of what is the same quantity (its value formats).
_SAME_UNIT: tuple[frozenset[str], ...] = (
    frozenset({"short", "none", "locale"}),
    frozenset({"cps", "ops", "reqps", "rps", "wps", "iops", "eps"}),
    frozenset({"bytes", "decbytes"}),
    frozenset({"Bps", "binBps"}),
    frozenset({"bits", "decbits"}),
    frozenset({"bps", "binbps"}),
    frozenset({"s", "dtdurations", "clocks"}),
    frozenset({"ms", "dtdurationms", "clockms"}),
)
_RATES = frozenset({"non_negative_derivative", "non_negative_difference"})
_CHANGES = _RATES | {"derivative", "difference"}
_NO_LEVELS = _CHANGES | {"integral", "cumulative_sum", "count", "elapsed"}


def _metric_shown(subject: Subject) -> Iterator[Found]:
    """What is documented and on no graph is not looked at; on two, they are compared in vain."""
    for metric in subject.known.metrics:
        graphs = [e for e in subject.shown if e.metric is metric and e.question.panel.graph]
        # How many events there were is another question than how long they took.
        times = [each for each in graphs if not each.of_events]
        numbers = {each.question.number for each in times or graphs}
        name = f"{metric.name} ({metric.type})"
        if not numbers:
            yield Found(
                f"{name} is on no graph",
                "add one, or name it in an exclusion with the reason",
                metric=metric.name,
            )
        elif len(numbers) > 1:
            titles = [shown(subject.dashboard.panels[n].title) for n in sorted(numbers)]
            what = f"{name} is on {len(numbers)} graphs: {', '.join(titles[:5])}"
            yield Found(what, "keep one of them", metric=metric.name)


def _metric_known(subject: Subject) -> Iterator[Found]:
    """A measurement that the application does not document stays empty."""
    catalog = subject.known
    if catalog.input is Input.TELEGRAF:
        return
    known = {m for metric in catalog.metrics for m in catalog.measurements(metric)}
    for question in subject.questions:
        names = {m for select in question.every for m in select.measurements}
        for name in sorted(names - known):
            if name.startswith(f"{catalog.stem}_"):
                what = f"query {question.target.called}: {shown(name)} is not documented"
                yield Found(what, "ask for a measurement of the catalog", question.panel)


def _query_chosen(subject: Subject) -> Iterator[Found]:
    """A choice at the top that a panel does not follow makes it show something else."""
    variables = {"host", *variable_tags(subject.known)}
    for each in subject.shown:
        wanted = [t for t in ("host", *subject.known.tags(each.metric)) if t in variables]
        missing = [tag for tag in wanted if tag not in each.question.variables]
        if missing and missing != ["host"] and not each.question.about_silence:
            yield Found(
                f"query {each.question.target.called} does not follow {', '.join(missing)}",
                f'add "{missing[-1]}" =~ /^${{{missing[-1]}:regex}}$/ to its WHERE',
                each.question.panel,
                each.metric.name,
            )


def _counter_rate(subject: Subject) -> Iterator[Found]:
    """A count says something a second; one since the start falls to zero with each restart."""
    for each in _of(subject, MetricType.COUNTER):
        functions = each.asked.functions
        what = f"query {each.question.target.called}: {_written(each)}"
        if subject.known.cumulative:
            rates = [index for index, name in enumerate(functions) if name in _RATES]
            remedy = f'write non_negative_derivative(last("{each.asked.field}"), 1s)'
            if not rates:
                what += " is no rate of a count since the start"
            elif "sum" in functions[: rates[0]]:
                what += " sums before it looks for restarts"
            else:
                continue
        else:
            remedy = f'write sum("{each.asked.field}") * 1000 / $__interval_ms'
            if functions[:1] != ("sum",) or _CHANGES & set(functions):
                what += " is no sum of what came"
            elif each.question.panel.graph and "__interval_ms" not in each.question.variables:
                what += " is no rate a second"
            else:
                continue
            if not each.question.panel.graph:
                remedy = f'write sum("{each.asked.field}")'
        yield Found(what, remedy, each.question.panel, each.metric.name)


def _gauge_level(subject: Subject) -> Iterator[Found]:
    """A gauge is repeated: its values of an interval do not add up, and have no rate."""
    for each in (*_of(subject, MetricType.GAUGE), *_of(subject, MetricType.SET)):
        functions = each.asked.functions
        if each.of_silence:
            continue
        if functions[:1] == ("sum",) or _NO_LEVELS & set(functions):
            yield Found(
                f"query {each.question.target.called}: {_written(each)} is no level",
                f'write last("{each.asked.field}"), and sums of several hosts around it',
                each.question.panel,
                each.metric.name,
            )


def _unit_meant(subject: Subject) -> Iterator[Found]:
    """Seconds that are shown as milliseconds are wrong by a thousand."""
    for panel, each in _numbers(subject):
        metric = each.metric
        wanted = _unit(panel, each)
        unit = panel.unit
        for override in panel.overrides:
            if (override.matcher, override.option) == ("byFrameRefID", each.question.target.ref):
                unit = override.unit or unit
        same = next((units for units in _SAME_UNIT if wanted in units), {wanted})
        if unit and unit not in same:
            yield Found(
                f"its unit is {shown(unit)}, that of {metric.name} {wanted}",
                f"set the unit to {wanted}, or give the metric a panel of its own",
                panel,
                metric.name,
            )


def _description_meant(subject: Subject) -> Iterator[Found]:
    """The document says what a metric means and what to do: the panel has it in the same words."""
    for panel, each in _numbers(subject):
        missing = [
            what
            for what, text in _told(subject.known, each.metric)
            if text not in _plain(panel.description)
        ]
        if missing and panel.description.strip():
            yield Found(
                f"its description lacks, of {each.metric.name}, {' and '.join(missing)}",
                "take it from the catalog (provision dashboards generate does)",
                panel,
                each.metric.name,
            )


def _unit(panel: Panel, each: Showing) -> str:
    """Grafana's unit of what a panel shows of a metric."""
    metric = each.metric
    if each.of_silence or each.of_events:
        rate = _RATES & set(each.asked.functions) or "__interval_ms" in each.question.variables
        return grafana_unit(Unit.COUNT, per_second=bool(rate and panel.graph))
    if metric.type is not MetricType.COUNTER or not panel.graph:
        return grafana_unit(metric.unit)
    # Seconds of a second are a share of it.
    share = metric.unit in TIMES
    return grafana_unit(Unit.RATIO) if share else grafana_unit(metric.unit, per_second=True)


def _told(catalog: Catalog, metric: Metric) -> Iterator[tuple[str, str]]:
    yield "the meaning", _plain(metric.description)
    yield "the documented name", _plain(catalog.bucket(metric))
    if metric.condition:
        yield "the advice", _plain(metric.condition.advice)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _of(subject: Subject, kind: MetricType) -> list[Showing]:
    # Whether anything comes at all is neither a rate nor a level.
    shown = [each for each in subject.shown if not each.question.about_silence]
    return [each for each in shown if each.metric.type is kind]


def _numbers(subject: Subject) -> Iterator[tuple[Panel, Showing]]:
    for panel in subject.dashboard.panels:
        if panel.type in ONE_UNIT:
            for each in subject.on(panel):
                yield panel, each


def _written(each: Showing) -> str:
    """A field in its functions, as a query has them."""
    text = f'"{each.asked.field}"'
    for function in each.asked.functions:
        text = f"{function}({text})"
    return shown(text).strip("'")


WITH_CATALOG: Mapping[str, Rule] = {
    "metric-shown": _metric_shown,
    "metric-known": _metric_known,
    "query-chosen": _query_chosen,
    "counter-rate": _counter_rate,
    "gauge-level": _gauge_level,
    "unit-meant": _unit_meant,
    "description-meant": _description_meant,
}
