"""The graph of a metric: a line for what is chosen, with its alert's bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provision.catalog.model import (
    FORMER_NAME,
    Catalog,
    Input,
    Metric,
    MetricType,
    Signal,
    TimerField,
    percentile,
)
from provision.catalog.units import TIMES, Unit, grafana_unit, seconds_in
from provision.dashboards.layout import identity
from provision.dashboards.model import GRAPH, NEUTRAL, Kind, Link, Panel, Query, Step, Style
from provision.dashboards.panels import (
    COLOURS,
    MOST,
    WORDS,
    describe,
    graph_id,
    override,
    plain,
    reference,
    silent,
    steps,
    together,
)
from provision.dashboards.queries import (
    WINDOW,
    asked_by_graph,
    counted,
    highest,
    level,
    mean_of_counts,
    mean_time,
    rate_of_counts,
    rate_of_deltas,
)
from provision.dashboards.variables import grouped

# What a line is called that has no name of its own nor values of tags.
_OF_ALL = "All"


def graph(catalog: Catalog, metrics: Sequence[Metric]) -> Panel:
    """The graph of a metric, or of several that are read together."""
    first = metrics[0]
    lines = [(metric, *line) for metric in metrics for line in _asked(catalog, metric)]
    return _of_lines(
        catalog,
        lines,
        id=graph_id(first),
        title=first.family or first.title,
        unit=graph_unit(first),
        steps=steps(first, scale(first)),
        style=_style(catalog, first),
    )


def events(catalog: Catalog, metric: Metric) -> Panel:
    """How many times a histogram counts in a second: no counter beside it says so."""
    rate = rate_of_counts(asked_by_graph(catalog, metric), TimerField.COUNT)
    return _of_lines(
        catalog,
        [(metric, rate, _told_apart(catalog, metric))],
        id=identity("events", metric.name),
        title=f"{metric.title} per second",
        unit=grafana_unit(Unit.COUNT, per_second=True),
        steps=(Step(NEUTRAL),),
        style=Style(),
    )


def _of_lines(catalog: Catalog, lines: Sequence[tuple[Metric, str, str]], **shown: Any) -> Panel:
    """A graph of lines, each of a metric, with what is asked and what its series are called."""
    metrics = tuple({(metric.name, metric.type): metric for metric, _, _ in lines}.values())
    first, divided = metrics[0], grouped(catalog)
    # Where there are former names, the one line of all has a label that may be empty.
    titled = len(metrics) > 1 or (divided and first.formerly)
    names = [
        plain(f"{metric.title} {name}" if titled else name).strip() for metric, _, name in lines
    ]
    queries = tuple(
        Query(reference(i), text, names[i] or _OF_ALL) for i, (_, text, _) in enumerate(lines)
    )
    return Panel(
        kind=Kind.GRAPH,
        size=GRAPH,
        description="\n\n".join(
            [*(describe(catalog, metric) for metric in metrics), *_line_is(catalog, first)]
        ),
        queries=queries,
        metrics=metrics,
        nothing="none in this time" if sparse(catalog, first) else None,
        overrides=tuple(_names(queries, names)) if divided else (),
        links=(
            Link(
                "Host ${__field.labels.host}",
                "/d/provision-host?${__url_time_range}&${datasource:queryparam}"
                "&var-host=${__field.labels.host}",
            ),
        ),
        **shown,
    )


def graph_unit(metric: Metric) -> str:
    """Grafana's unit of a graph: of a counter a second's; time in a second is a share."""
    if metric.type is MetricType.COUNTER:
        if metric.unit in TIMES:
            return grafana_unit(Unit.RATIO)
        return grafana_unit(metric.unit, per_second=True)
    return grafana_unit(metric.unit)


def scale(metric: Metric) -> float:
    """What one of a condition's numbers is on a graph, which shows of a counter a second's."""
    return 1 / WINDOW / _per_second(metric) if metric.type is MetricType.COUNTER else 1


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
    return [f"A line of several series is their {WORDS[together(metric)]}."]


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
        return texts or [(level(asked, field, together(metric)), f"{field} {name}")]
    if metric.type is not MetricType.COUNTER:
        return [(level(asked, field, together(metric)), name)]
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
        most=MOST.get(metric.unit),
    )


def sparse(catalog: Catalog, metric: Metric) -> bool:
    """Whether nothing is stored of it while nothing happens."""
    return catalog.input is Input.STATSD and metric.type is not MetricType.GAUGE
