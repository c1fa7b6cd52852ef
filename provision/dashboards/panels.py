"""The panels of a metric: a number for now, coloured as its alert, and a graph with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from provision.catalog.model import (
    FORMER_NAME,
    Catalog,
    Input,
    Metric,
    MetricType,
    Severity,
    Signal,
    TimerField,
    Together,
    percentile,
)
from provision.catalog.reference import worry
from provision.catalog.units import TIMES, Unit, grafana_unit, seconds_in
from provision.dashboards.layout import identity
from provision.dashboards.model import (
    GRAPH,
    NEUTRAL,
    NUMBER,
    OK,
    Kind,
    Link,
    Panel,
    Query,
    Step,
    Style,
)
from provision.dashboards.queries import (
    WINDOW,
    asked_by_graph,
    counted,
    highest,
    level,
    mean_of_counts,
    mean_time,
    now,
    rate_of_counts,
    rate_of_deltas,
    reports,
)
from provision.dashboards.variables import grouped
from provision.values import seconds

COLOURS = {Severity.INFO: "blue", Severity.WARNING: "orange", Severity.CRITICAL: "red"}
# A threshold counts from its value on, a condition above it: nothing that counts is in between.
JUST_ABOVE = 1e-6
# A table with a row for each series, and its last value.
SERIES_TO_ROWS: Mapping[str, Any] = {
    "id": "reduce",
    "options": {"reducers": ["lastNotNull"], "mode": "seriesToRows"},
}
# What a line is called that has no name of its own nor values of tags.
_OF_ALL = "All"
_WORDS = {
    Together.SUM: "sum",
    Together.MAX: "highest",
    Together.MIN: "lowest",
    Together.MEAN: "mean",
}
_MOST = {Unit.PERCENT: 100.0, Unit.RATIO: 1.0}


def graph(catalog: Catalog, metrics: Sequence[Metric]) -> Panel:
    """The graph of a metric, or of several that are read together."""
    first = metrics[0]
    title = first.family or first.title
    divided = grouped(catalog)
    # Where there are former names, the one line of all has a label that may be empty.
    titled = len(metrics) > 1 or (divided and first.formerly)
    asked = [
        (text, _plain(f"{metric.title} {name}" if titled else name).strip())
        for metric in metrics
        for text, name in _asked(catalog, metric)
    ]
    queries = tuple(
        Query(reference(i), text, name or _OF_ALL) for i, (text, name) in enumerate(asked)
    )
    return Panel(
        id=graph_id(first),
        kind=Kind.GRAPH,
        size=GRAPH,
        title=title,
        description="\n\n".join(
            [*(describe(catalog, metric) for metric in metrics), *_line_is(catalog, first)]
        ),
        unit=graph_unit(first),
        queries=queries,
        metrics=tuple(metrics),
        steps=steps(first, scale(first)),
        style=_style(catalog, first),
        nothing="none in this time" if sparse(catalog, first) else None,
        overrides=tuple(_names(queries, [name for _, name in asked])) if divided else (),
        links=(
            Link(
                "Host ${__field.labels.host}",
                "/d/provision-host?${__url_time_range}&${datasource:queryparam}"
                "&var-host=${__field.labels.host}",
            ),
        ),
    )


def events(catalog: Catalog, metric: Metric) -> Panel:
    """How many times a histogram counts in a second: no counter beside it says so."""
    asked, name = asked_by_graph(catalog, metric), _told_apart(catalog, metric)
    if grouped(catalog) and metric.formerly:
        name = f"{metric.title} {name}".strip()
    query = Query("A", rate_of_counts(asked, TimerField.COUNT), _plain(name) or _OF_ALL)
    return replace(
        graph(catalog, [metric]),
        id=identity("events", metric.name),
        title=f"{metric.title} per second",
        unit=grafana_unit(Unit.COUNT, per_second=True),
        queries=(query,),
        steps=(Step(NEUTRAL),),
        style=Style(),
        overrides=tuple(_names([query], [_plain(name)])) if grouped(catalog) else (),
    )


def number(catalog: Catalog, metric: Metric, chosen: Sequence[str]) -> Panel:
    """What a metric is now, as one number over all series: the worst, where it has a condition."""
    if silent(metric):
        return silent_hosts(catalog, metric)
    counter = metric.type is MetricType.COUNTER
    # Each measurement gives a series, and under former names there are several.
    renamed = len(catalog.measurements(metric)) > 1
    return Panel(
        id=identity("now", metric.name, metric.type),
        kind=Kind.STAT,
        size=NUMBER,
        title=metric.title,
        description=f"{_number_is(catalog, metric)}\n\n{describe(catalog, metric)}",
        unit=grafana_unit(metric.unit),
        queries=(Query("A", now(catalog, metric, _over(metric), chosen), metric.title),),
        metrics=(metric,),
        steps=steps(metric),
        # Where no event came, there were none.
        nothing="0" if counter and catalog.input is Input.STATSD else None,
        calculation=function(metric) if renamed else "lastNotNull",
        transformations=(SERIES_TO_ROWS,) if renamed else (),
        links=(_to_graph(catalog, metric),),
    )


def silent_hosts(catalog: Catalog, metric: Metric) -> Panel:
    """How many of the hosts that were seen in the last day say nothing now.

    The series of all hosts become rows, those that still report are left out, the rest is counted.
    """
    window = round(seconds(silent(metric) or "0s"))
    last = "Last *"
    return Panel(
        id=identity("silent", metric.name),
        kind=Kind.STAT,
        size=NUMBER,
        title="Silent hosts",
        description=f"Hosts of the last day from which nothing came in the last {silent(metric)}."
        f"\n\n{describe(catalog, metric)}",
        unit=grafana_unit(Unit.COUNT),
        queries=(Query("A", reports(catalog, metric, window), "$tag_host"),),
        metrics=(metric,),
        steps=(Step(OK), Step(COLOURS[Severity.CRITICAL], 1)),
        nothing="0",
        calculation="count",
        transformations=(
            SERIES_TO_ROWS,
            {
                "id": "filterByValue",
                "options": {
                    "type": "include",
                    "match": "all",
                    "filters": [
                        {"fieldName": last, "config": {"id": "lower", "options": {"value": 1}}}
                    ],
                },
            },
        ),
        links=(_to_graph(catalog, metric),),
    )


def silent(metric: Metric) -> str | None:
    """How long nothing may come of a metric, where its condition is about that."""
    return metric.condition.silent if metric.condition else None


def graph_id(metric: Metric) -> int:
    """The id that the graph of a metric has, if no other has it before."""
    return identity("graph", metric.family or f"{metric.name} {metric.type}")


def function(metric: Metric) -> Together:
    """How the series of a metric become one number: the worst of them, where it has a bound."""
    worst = metric.condition.worst if metric.condition else None
    return worst or _together(metric)


def _together(metric: Metric) -> Together:
    """What several series are in one line, as the catalog has it."""
    if metric.together:
        return metric.together
    if metric.condition and metric.condition.worst:
        return metric.condition.worst
    # Shares and times of several series have no sum; what a counter counted has one.
    level = metric.type is not MetricType.COUNTER
    shares = metric.unit in _MOST or (level and metric.unit in TIMES)
    return Together.MAX if shares else Together.SUM


def _over(metric: Metric) -> Together:
    """What becomes of all series in a number: of times that nobody judges, the mean of all."""
    return Together.MEAN if metric.has_mean and not metric.condition else function(metric)


def steps(metric: Metric, scale: float = 1) -> tuple[Step, ...]:
    """The colours of a metric's condition: green is fine, the severity's own colour is not.

    scale is what one of the condition's numbers is on the panel.
    """
    condition = metric.condition
    if condition is None or condition.bound is None:
        return (Step(NEUTRAL),)
    bad, bound = COLOURS[condition.severity], condition.bound * scale
    if condition.above is None:
        return Step(bad), Step(OK, bound)
    return Step(OK), Step(bad, bound + JUST_ABOVE * max(abs(bound), 1))


def scale(metric: Metric) -> float:
    """What one of a condition's numbers is on a graph, which shows of a counter a second's."""
    return 1 / WINDOW / _per_second(metric) if metric.type is MetricType.COUNTER else 1


def graph_unit(metric: Metric) -> str:
    """Grafana's unit of a graph: of a counter a second's; time in a second is a share."""
    if metric.type is MetricType.COUNTER:
        if metric.unit in TIMES:
            return grafana_unit(Unit.RATIO)
        return grafana_unit(metric.unit, per_second=True)
    return grafana_unit(metric.unit)


def _per_second(metric: Metric) -> float:
    """How much of a counter's unit a second has, where it counts time."""
    return seconds_in(metric.unit) if metric.unit in TIMES else 1.0


def _line_is(catalog: Catalog, metric: Metric) -> list[str]:
    """What a line is where it may be of several series, and does not go without saying.

    A rate is their sum, and what an alert judges is each by itself. A level is what its number is;
    so is a timer of which neither percentiles nor the mean are kept.
    """
    if not grouped(catalog):
        return []
    if metric.type is MetricType.COUNTER:
        of_each = "The dashed line is of each series: choose All in Group by to see them."
        return [of_each] if metric.condition else []
    if metric.type is MetricType.TIMER and (metric.percentiles or metric.has_mean):
        return []
    return [f"A line of several series is their {_WORDS[_together(metric)]}."]


def _names(queries: Sequence[Query], names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """What the lines of queries are called: a name, and the values of what they are grouped by.

    One line of all has no labels: it is found by what Grafana makes of their values, called by its
    name alone, and leads to no host. 9 leaves standing what it knows no value of; later ones put
    nothing in its place, and take the alias for a name that is empty. Source: Grafana
    documentation, Configure standard options, Display name, and Configure field overrides.
    """
    for query, name in zip(queries, names, strict=True):
        by_labels = f"{name} ${{__field.labels.__values}}".strip()
        yield override("byFrameRefID", query.ref, ("displayName", by_labels))
        for made in (by_labels, f"{name} " if name else query.alias):
            yield override("byName", made, ("displayName", query.alias), ("links", []))


def override(by: str, option: str, *properties: tuple[str, Any]) -> Mapping[str, Any]:
    """What is otherwise for the fields that one of Grafana's matchers finds, as it writes it."""
    return {
        "matcher": {"id": by, "options": option},
        "properties": [{"id": name, "value": value} for name, value in properties],
    }


def _asked(catalog: Catalog, metric: Metric) -> list[tuple[str, str]]:
    """What a graph asks of a metric, each with what its series are called.

    Where they are grouped by what is chosen, their labels are named by _names().
    """
    asked, name = asked_by_graph(catalog, metric), _told_apart(catalog, metric)
    field = catalog.field(metric)
    if metric.type is MetricType.TIMER:
        texts = [(highest(asked, percentile(p)), f"p{p:g} {name}") for p in metric.percentiles]
        if metric.has_mean:
            mean = mean_of_counts if counted(catalog, metric) else mean_time
            texts.append((mean(asked), f"mean {name}"))
        # Of its fields the catalog may keep only such as say little by themselves.
        return texts or [(level(asked, field, _together(metric)), f"{field} {name}")]
    if metric.type is not MetricType.COUNTER:
        return [(level(asked, field, _together(metric)), name)]
    if catalog.cumulative:
        share = _per_second(metric)
        return [(rate_of_counts(asked, field, "" if share == 1 else f" / {share:.0f}"), name)]
    return [(rate_of_deltas(asked, field), name)]


def _told_apart(catalog: Catalog, metric: Metric) -> str:
    """The tags in a line's name, where _names() does not name them."""
    if grouped(catalog):
        return ""
    # A label that has one value tells nothing apart.
    tags = [tag for tag in catalog.tags(metric) if len(metric.labels.get(tag) or ()) != 1]
    former = [FORMER_NAME] if metric.formerly else []
    return " ".join(f"$tag_{tag}" for tag in ("host", *tags, *former))


def reference(index: int) -> str:
    """The refId of a query: A to Z, then A1 and so on."""
    round_, letter = divmod(index, 26)
    return chr(ord("A") + letter) + (str(round_) if round_ else "")


def _style(catalog: Catalog, metric: Metric) -> Style:
    """Errors are red bars on top of each other, everything else a line for each series."""
    errors = metric.says is Signal.ERRORS
    counter = metric.type is MetricType.COUNTER
    colour = COLOURS[metric.condition.severity] if metric.condition else "red"
    return Style(
        sparse=sparse(catalog, metric),
        stacked=errors and counter and not metric.family,
        line=metric.condition is not None and not silent(metric),
        colour=colour if errors and not metric.family else None,
        most=_MOST.get(metric.unit),
    )


def sparse(catalog: Catalog, metric: Metric) -> bool:
    """Whether nothing is stored of it while nothing happens."""
    return catalog.input is Input.STATSD and metric.type is not MetricType.GAUGE


def _to_graph(catalog: Catalog, metric: Metric) -> Link:
    return Link(
        f"Graph of {_plain(metric.family or metric.title)}",
        f"/d/{dashboard_uid(catalog)}?${{__url_time_range}}&${{__all_variables}}"
        f"&viewPanel={graph_id(metric)}",
    )


def dashboard_uid(catalog: Catalog) -> str:
    """The uid of an application's dashboard; Grafana takes 40 characters."""
    return f"provision-{catalog.app}"[:40]


def _number_is(catalog: Catalog, metric: Metric) -> str:
    """What the one number is."""
    what = "Last value"
    if metric.type is MetricType.COUNTER:
        what = "Increase in the last 5 minutes"
    elif metric.has_mean:
        what = "Mean of the last 5 minutes"
    over = _over(metric)
    # A timer's mean is of all its events already.
    if over is Together.SUM or (metric.type is MetricType.TIMER and over is Together.MEAN):
        return f"{what}, all series together."
    return f"{what}, the {_WORDS[over]} of all series."


def describe(catalog: Catalog, metric: Metric) -> str:
    """What a panel says of its metric: meaning, bucket as documented, type, when to worry."""
    kind = {Input.STATSD: "Bucket", Input.PROMETHEUS: "Metric", Input.TELEGRAF: "Field"}
    name = f"{kind[catalog.input]}: `{catalog.bucket(metric)}` ({metric.type})."
    parts = [metric.description, name]
    if metric.deprecated:
        parts.append(f"Deprecated: {metric.deprecated}")
    if condition := metric.condition:
        when = worry(catalog, metric, condition)
        parts.append(f"To worry about ({condition.severity}) when {when}. {condition.advice}")
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    """A name of series in which Grafana finds no variable but its `$tag_…`."""
    return re.sub(r"\$(?!tag_)|\[\[", " ", text)
