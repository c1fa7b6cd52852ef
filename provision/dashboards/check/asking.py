"""Rules of queries: InfluxQL that asks for the time and the hosts that were chosen, and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from provision.catalog.messages import shown
from provision.dashboards.check.choosing import HOST
from provision.dashboards.check.subject import Found, Rule, Subject

# Grafana's variables for the time that is looked at.
_TIMES = frozenset({"timeFilter", "__timeFilter", "__to", "__from"})
_PERCENTILE = re.compile(r"(\d+(\.\d+)?_percentile|p\d+|median|stddev)")
# What of several percentiles is one of them still.
_ONE_OF_THEM = frozenset({"max", "min", "last", "first", "top", "bottom", "distinct"})
_AVERAGES = frozenset({"mean", "median", "sum", "mode", "moving_average", "percentile", "integral"})
_NOT_FILLED = frozenset({"", "none", "null"})


def _query_readable(subject: Subject) -> Iterator[Found]:
    """What is no InfluxQL fails in InfluxDB as well, or cannot be checked."""
    for question in subject.questions:
        if question.problem:
            what = f"query {question.target.called} is no InfluxQL: {shown(question.problem)}"
            yield Found(what, "write it as SELECT ... FROM ... WHERE ...", question.panel)


def _query_quoted(subject: Subject) -> Iterator[Found]:
    """A name without quotes works until it has a dash, or is a word of the language."""
    for question in subject.questions:
        names = dict.fromkeys(name for select in question.every for name in select.bare)
        if names:
            what = f"query {question.target.called}: {', '.join(list(names)[:5])} without quotes"
            yield Found(what, 'write names as "name"', question.panel)


def _query_time(subject: Subject) -> Iterator[Found]:
    """A query without the chosen time reads all that was ever stored, or shows another time."""
    for question in subject.questions:
        if question.selects and not question.variables & _TIMES and not question.about_silence:
            yield Found(
                f"query {question.target.called} does not ask for the chosen time",
                "add $timeFilter, or a window that ends at ${__to}ms, to its WHERE",
                question.panel,
            )


def _query_host(subject: Subject) -> Iterator[Found]:
    """A panel that does not follow the choice of hosts shows others than it says."""
    for question in subject.questions:
        if question.selects and HOST not in question.variables:
            yield Found(
                f"query {question.target.called} does not follow the variable {HOST}",
                f'add "{HOST}" =~ /^${{{HOST}:regex}}$/ to its WHERE',
                question.panel,
            )


def _query_interval(subject: Subject) -> Iterator[Found]:
    """A fixed interval is too many points for a month, and too few for a minute."""
    for question in subject.questions:
        if not question.panel.graph or not question.selects:
            continue
        intervals = [each for select in question.every for each in select.intervals]
        remedy = "let its GROUP BY have time($__interval)"
        if not intervals:
            what = f"query {question.target.called} draws points of no interval"
            yield Found(what, remedy, question.panel)
        for interval in dict.fromkeys(intervals):
            if not interval.startswith(("$", "[")):
                what = f"query {question.target.called} has a fixed interval of {shown(interval)}"
                yield Found(what, remedy, question.panel)


def _query_filled(subject: Subject) -> Iterator[Found]:
    """A value that nobody sent looks like one that somebody did."""
    for question in subject.questions:
        for select in question.every:
            # Where nothing came, its number is 0.
            counted = select.fill == "0" and all(
                asked.functions[-1:] == ("count",) for asked in select.asked()
            )
            if select.intervals and select.fill not in _NOT_FILLED and not counted:
                what = f"query {question.target.called} makes values up: fill({select.fill[:40]})"
                yield Found(what, "write fill(none) or fill(null)", question.panel)


def _gap_open(subject: Subject) -> Iterator[Found]:
    """A line through a time in which nothing came says that something did."""
    for panel in subject.dashboard.panels:
        if not panel.graph:
            continue
        if panel.spans_nulls:
            yield Found("it draws lines through gaps", "set custom.spanNulls to false", panel)
        # Only a null ends a line, and with fill(none) there is none in between.
        fills = {select.fill for question in subject.of(panel) for select in question.selects}
        if panel.draw_style == "line" and "none" in fills and not panel.inserts_nulls:
            yield Found(
                "it joins points with a line, however long nothing came between them: fill(none)",
                "set custom.insertNulls (in ms), draw points or bars, or write fill(null)",
                panel,
            )


def _percentile_averaged(subject: Subject) -> Iterator[Found]:
    """The mean of percentiles is no percentile of anything."""
    for question in subject.questions:
        for asked in question.asked:
            wrong = [each for each in asked.functions if each not in _ONE_OF_THEM]
            if wrong and _PERCENTILE.fullmatch(asked.field):
                what = f'query {question.target.called}: {wrong[0]}("{asked.field}")'
                yield Found(what, f'write max("{asked.field}")', question.panel)


def _timer_mean(subject: Subject) -> Iterator[Found]:
    """A mean of means counts an interval of one event like one of a thousand."""
    for question in subject.questions:
        for asked in question.asked:
            wrong = [each for each in asked.functions if each in _AVERAGES]
            if wrong and asked.field == "mean":
                what = f'query {question.target.called}: {wrong[0]}("mean")'
                yield Found(what, 'write sum("sum") / sum("count")', question.panel)


GENERAL: Mapping[str, Rule] = {
    "query-readable": _query_readable,
    "query-quoted": _query_quoted,
    "query-time": _query_time,
    "query-host": _query_host,
    "query-interval": _query_interval,
    "query-filled": _query_filled,
    "gap-open": _gap_open,
    "percentile-averaged": _percentile_averaged,
    "timer-mean": _timer_mean,
}
