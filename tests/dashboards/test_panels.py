from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from provision.catalog.model import Catalog, Condition, Former, Metric, Severity, TimerField
from provision.dashboards.build import build_dashboard, graph_ids
from provision.dashboards.model import NEUTRAL, Kind, Panel, Step
from provision.dashboards.panels import (
    describe,
    function,
    graph,
    graph_id,
    number,
    override,
    reference,
    steps,
)
from provision.dashboards.variables import group_tags
from tests.catalog.builders import METRIC, TIMER, above, catalog, scraped
from tests.hostile import HOSTILE

Catalogs = Mapping[str, Catalog]


def metric_of(catalog: Catalog, title: str) -> Metric:
    return next(metric for metric in catalog.metrics if metric.title == title)


def graph_of(catalog: Catalog, title: str) -> Panel:
    return graph(catalog, [metric_of(catalog, title)])


def names(panel: Panel) -> dict[str, str]:
    """What the lines of each query are called."""
    return {
        each["matcher"]["options"]: each["properties"][0]["value"]
        for each in panel.overrides
        if each["matcher"]["id"] == "byFrameRefID"
    }


def with_condition(metric: Metric, **condition: object) -> Metric:
    made = {"severity": "warning", "advice": "Look."} | condition
    return metric.model_copy(update={"condition": Condition.model_validate(made)})


def test_counters_are_rates_and_gauges_levels(realm: Catalog) -> None:
    started = graph_of(realm, "Sessions started")
    assert 'sum("value") * 1000 / $__interval_ms' in started.queries[0].text
    assert started.unit == "cps"
    online = graph_of(realm, "Sessions online")
    assert 'last("value")' in online.queries[0].text
    assert online.unit == "short"
    assert graph_of(realm, "Bytes sent since the start").unit == "bytes"


def test_counts_since_the_start_are_rates_too(catalogs: Catalogs) -> None:
    (hits,) = graph_of(catalogs["dataclay"], "Hits in memory").queries
    assert 'non_negative_derivative(last("value"), 1s)' in hits.text
    assert 'FROM "dataclay_inmemory_hits_total"' in hits.text
    assert graph_of(catalogs["host"], "Network received").unit == "Bps"


def test_time_in_a_second_is_a_share(catalogs: Catalogs) -> None:
    busy = graph_of(catalogs["host"], "Disk busy")  # milliseconds since the start
    assert busy.unit == "percentunit"
    assert 'sum("rate") / 1000 FROM' in busy.queries[0].text


def test_what_was_sent_as_timing_in_seconds_is_shown_in_seconds(catalogs: Catalogs) -> None:
    jobs = catalogs["tinybird-jobs"]
    assert graph_of(jobs, "Time from creation to end").unit == "s"
    assert graph_of(catalogs["django-clickhouse"], "Batch time").unit == "ms"


def test_a_timer_is_its_percentiles_and_the_mean_of_all_its_times(catalogs: Catalogs) -> None:
    panel = graph_of(catalogs["django-clickhouse"], "Step time")
    tags = "${__field.labels.__values}"
    assert list(names(panel).items()) == [
        ("A", f"p50 {tags}"),
        ("B", f"p95 {tags}"),
        ("C", f"p99 {tags}"),
        ("D", f"mean {tags}"),
    ]
    assert [query.text.split(" FROM ")[0] for query in panel.queries] == [
        'SELECT max("50_percentile")',
        'SELECT max("95_percentile")',
        'SELECT max("99_percentile")',
        'SELECT sum("sum") / sum("count")',
    ]


@pytest.mark.parametrize(
    ("percentiles", "fields", "asked"),
    [
        ((99.9,), (), ['max("99.9_percentile")']),
        ((), ("sum", "count"), ['sum("sum") / sum("count")']),
        ((), ("mean", "upper"), ['max("mean")']),
        ((), ("upper",), ['max("upper")']),
        ((50,), ("sum",), ['max("50_percentile")']),
    ],
)
def test_a_timer_of_which_little_is_kept_is_on_a_panel_too(
    catalogs: Catalogs,
    percentiles: tuple[float, ...],
    fields: tuple[TimerField, ...],
    asked: list[str],
) -> None:
    catalog = catalogs["django-clickhouse"]
    kept = metric_of(catalog, "Step time").model_copy(
        update={"percentiles": percentiles, "fields": tuple(map(TimerField, fields))}
    )
    queries = graph(catalog, [kept]).queries
    assert [q.text.removeprefix("SELECT ").split(" FROM ")[0] for q in queries] == asked


def test_a_histogram_is_the_mean_of_what_was_counted_in_each_interval() -> None:
    made = scraped(TIMER)
    (query,) = graph(made, made.metrics).queries
    assert query.text.startswith('SELECT sum("sum") / sum("count") FROM (SELECT non_negative_')
    assert 'WHERE $timeFilter AND "count" > 0 GROUP BY' in query.text
    panel = number(made, made.metrics[0], ["host"])
    assert panel.description.startswith("Mean of the last 5 minutes, all series together.")
    assert panel.unit == "ms"


def test_how_many_times_a_histogram_counts_is_a_rate_of_its_own() -> None:
    made = scraped(above(5, **TIMER))
    (timer,) = made.metrics
    dashboard = build_dashboard(made)
    rows = {row.title: [panel.title for panel in row.panels] for row in dashboard.rows}
    assert rows["Rate and errors"] == [f"{timer.title} per second"]
    assert rows["Duration"] == [timer.title]
    (rate,) = [each for each in dashboard.panels if each.title.endswith("per second")]
    assert 'non_negative_derivative(last("count"), 1s)' in rate.queries[0].text
    assert not rate.style.line, "the bound is one of times"
    assert graph_ids(dashboard) == {(timer.name, timer.type): graph_id(timer)}


def test_what_is_read_together_says_which_is_which(realm: Catalog) -> None:
    panel = graph(
        realm, [metric_of(realm, "Sessions started"), metric_of(realm, "Sessions terminated")]
    )
    assert panel.title == "Sessions"
    assert list(names(panel).values()) == [
        "Sessions started ${__field.labels.__values}",
        "Sessions terminated ${__field.labels.__values}",
    ]
    for metric in panel.metrics:
        assert metric.description in panel.description


def test_one_line_of_all_is_called_by_its_name_though_it_has_no_labels(catalogs: Catalogs) -> None:
    jobs = catalogs["tinybird-jobs"]
    metric = metric_of(jobs, "Jobs that failed")
    labels = "${__field.labels.__values}"
    for metrics, called in (
        ([metric], "All"),
        ([metric_of(jobs, "Jobs that succeeded"), metric], "Jobs that failed"),
        ([metric.model_copy(update={"formerly": (Former(name="older"),)})], "Jobs that failed"),
    ):
        panel = graph(jobs, metrics)
        query = panel.queries[-1]
        name = labels if called == "All" else f"{called} {labels}"
        # In this order: Grafana finds it by what the first makes of a line without labels.
        alone = (("displayName", called), ("links", []))
        assert panel.overrides[-3:] == (
            override("byFrameRefID", query.ref, ("displayName", name)),
            override("byName", name, *alone),
            override("byName", "All" if called == "All" else f"{called} ", *alone),
        )


def test_a_label_with_one_value_tells_nothing_apart(catalogs: Catalogs) -> None:
    panel = graph_of(catalogs["host"], "Processor in use")
    assert panel.queries[0].alias == "$tag_host"
    assert '"cpu"' in panel.queries[0].text.split("GROUP BY")[1]


@pytest.mark.parametrize("title", HOSTILE)
def test_no_title_names_a_variable_in_the_name_of_a_series(realm: Catalog, title: str) -> None:
    metric = realm.metrics[0].model_copy(update={"title": title})
    panel = graph(realm, [metric, metric])
    for query in panel.queries:
        own, _, labels = names(panel)[query.ref].rpartition("${")
        assert labels == "__field.labels.__values}"
        assert query.alias == (own.strip() or "All")
        assert "$" not in own and "[[" not in own


def test_the_line_of_a_graph_is_where_its_alert_is(realm: Catalog) -> None:
    counter, gauge = realm.metrics[0], metric_of(realm, "Sessions online")
    # A counter's condition is about five minutes, its graph about a second.
    panel = graph(realm, [with_condition(counter, above=30)])
    assert [step.colour for step in panel.steps] == ["green", "orange"]
    assert panel.steps[1].value == pytest.approx(0.1, abs=1e-5)
    assert panel.style.line
    assert graph(realm, [with_condition(gauge, above=30)]).steps[1].value == pytest.approx(30)
    assert not graph(realm, [gauge]).style.line


def test_the_number_of_a_counter_is_its_alert_s(realm: Catalog) -> None:
    panel = number(
        realm, with_condition(realm.metrics[0], above=30, severity="critical"), ("host",)
    )
    assert [step.colour for step in panel.steps] == ["green", "red"]
    # Thirty are fine, and thirty-one are not.
    assert 30 < (panel.steps[1].value or 0) < 30.001
    assert panel.nothing == "0"
    assert panel.queries[0].text.startswith('SELECT max("value")')


def test_what_is_below_its_bound_is_bad_and_what_is_not_is_fine(realm: Catalog) -> None:
    gauge = with_condition(metric_of(realm, "Sessions online"), below=5)
    assert steps(gauge) == (Step("orange"), Step("green", 5))
    assert number(realm, gauge, ()).queries[0].text.startswith('SELECT min("value")')


def test_none_is_fine_where_none_should_be(realm: Catalog) -> None:
    fine, bad = steps(with_condition(realm.metrics[0], above=0))
    assert fine.colour == "green"
    # Grafana takes the colour of a step from its value on, and the condition is above 0.
    assert bad.value is not None and 0 < bad.value < 0.001 and math.isfinite(bad.value)


def test_what_nobody_worries_about_has_no_colour(realm: Catalog) -> None:
    metric = metric_of(realm, "Sessions online")
    assert steps(metric) == (Step(NEUTRAL),)
    assert number(realm, metric, ()).queries[0].text.startswith('SELECT sum("value")')


def test_shares_and_times_are_not_added_up(catalogs: Catalogs) -> None:
    host, jobs = catalogs["host"], catalogs["tinybird-jobs"]
    (share,) = number(host, metric_of(host, "Swap in use"), ()).queries
    assert share.text.startswith('SELECT max("value")')
    timer = metric_of(jobs, "Time from start to end")
    (mean,) = number(jobs, timer, ()).queries
    assert mean.text.startswith('SELECT sum("sum") / sum("count") AS "value" FROM "tinybird_')
    (worst,) = number(jobs, with_condition(timer, above=30), ()).queries
    assert worst.text.startswith('SELECT max("value")')


def test_what_comes_is_added_up_in_one_go(realm: Catalog) -> None:
    metric = metric_of(realm, "Sessions started")
    (query,) = number(realm, metric, ()).queries
    assert query.text.startswith(
        'SELECT sum("value") AS "value" FROM "realm_session_started" WHERE'
    )
    (worst,) = number(realm, with_condition(metric, above=3), ()).queries
    assert worst.text.startswith('SELECT max("value")')


def test_silent_hosts_are_counted(catalogs: Catalogs) -> None:
    host = catalogs["host"]
    uptime = metric_of(host, "Up for")
    panel = number(host, uptime, ("host",))
    assert panel.title == "Silent hosts"
    assert panel.steps == (Step("green"), Step("red", 1))
    (query,) = panel.queries
    assert query.text.startswith('SELECT sum("value") AS "value" FROM (SELECT last("uptime") * 0.0')
    assert uptime.condition and uptime.condition.advice in panel.description


def test_a_number_is_one_whatever_the_metric_was_called(realm: Catalog) -> None:
    """A query gives a series for each measurement, and a panel would show as many numbers."""
    for title, calculation in (("Sessions online", "sum"), ("Authentications failed", "max")):
        metric = metric_of(realm, title)
        assert number(realm, metric, ()).calculation == "lastNotNull"
        renamed = metric.model_copy(update={"formerly": (Former(name="older"),)})
        panel = number(realm, renamed, ())
        assert panel.calculation == calculation
        assert [each["id"] for each in panel.transformations] == ["reduce"]
        kept = metric.model_copy(
            update={"formerly": (Former(name="older", measurement=metric.default_measurement),)}
        )
        assert number(realm, kept, ()).calculation == "lastNotNull"


def test_a_line_under_a_former_name_has_a_name_of_its_own(
    realm: Catalog, catalogs: Catalogs
) -> None:
    metric = metric_of(realm, "Sessions online")
    former = {"formerly": (Former(name="older"),)}
    for each, groups in (
        (metric, ["/^${group_by:regex}$/"]),
        (metric.model_copy(update=former), ["/^${group_by:regex}$/", '"former_name"']),
    ):
        (query,) = graph(realm, [each]).queries
        by = query.text.rpartition("GROUP BY ")[2].removesuffix(" fill(null)")
        assert by.split(", ") == ["time($__interval)", *groups]
    host = catalogs["host"]
    used = metric_of(host, "Memory in use")
    (query,) = graph(host, [used]).queries
    assert query.alias == "$tag_host"
    (query,) = graph(host, [used.model_copy(update=former)]).queries
    assert query.alias == "$tag_host $tag_former_name"


def test_a_graph_is_grouped_by_what_is_chosen(catalogs: Catalogs) -> None:
    django, host = catalogs["django-clickhouse"], catalogs["host"]
    assert group_tags(django) == ("host", "prefix", "model", "step", "operation")
    assert "instance" in group_tags(catalogs["dataclay"])
    queue = graph_of(django, "Queue")
    assert "A line of several series is their " in queue.description
    assert "A line of several" not in graph_of(django, "Step time").description
    timeouts = graph_of(django, "Lock timeouts").description
    assert timeouts.endswith(
        "The dashed line is of each series: choose All in Group by to see them."
    )
    assert "The dashed line" not in graph_of(django, "Rows inserted").description
    assert "A line of several" not in graph_of(host, "Swap in use").description
    assert group_tags(host) == ()
    for panel in build_dashboard(django).panels:
        if panel.kind is Kind.GRAPH:
            assert all("/^${group_by:regex}$/" in query.text for query in panel.queries)
    assert not [p for p in build_dashboard(host).panels if "group_by" in str(p.queries)]


@pytest.mark.parametrize(
    ("together", "word"), [("sum", "sum"), ("max", "highest"), ("min", "lowest"), ("mean", "mean")]
)
def test_a_catalog_says_what_several_series_of_a_level_are(together: str, word: str) -> None:
    speed = METRIC | {"type": "gauge", "together": together}
    made = catalog(speed)
    panel = graph(made, made.metrics)
    assert f"A line of several series is their {word}." in panel.description
    assert f'SELECT {together}("value")' in panel.queries[0].text
    top = number(made, made.metrics[0], ())
    assert f'SELECT {together}("value")' in top.queries[0].text
    assert ("all series together" if together == "sum" else f"the {word} of all") in top.description
    # A number with a bound is of the worst, in the colours of its alert.
    judged = catalog(speed | {"condition": {"above": 5, "severity": "info", "advice": "Look."}})
    assert f'SELECT {together}("value")' in graph(judged, judged.metrics).queries[0].text
    assert 'SELECT max("value")' in number(judged, judged.metrics[0], ()).queries[0].text


def test_what_has_no_tag_of_its_own_is_grouped_by_the_host_or_not_at_all() -> None:
    """A hundred hosts would be a hundred lines, whatever somebody chooses."""
    made = catalog()
    assert group_tags(made) == ("host",)
    (query,) = graph(made, made.metrics).queries
    assert "/^${group_by:regex}$/" in query.text


def test_of_a_timer_without_sum_and_count_the_last_value_is_shown(catalogs: Catalogs) -> None:
    jobs = catalogs["tinybird-jobs"]
    timer = metric_of(jobs, "Time from start to end")
    assert number(jobs, timer, ()).description.startswith("Mean of the last 5 minutes, ")
    brief = timer.model_copy(update={"fields": (TimerField.MEAN,)})
    assert number(jobs, brief, ()).description.startswith("Last value, the highest of all series.")


def test_errors_are_red_and_other_series_have_colours_of_their_own(realm: Catalog) -> None:
    assert graph_of(realm, "Authentications failed").style.colour == "orange"
    assert graph_of(realm, "Sessions online").style.colour is None
    critical = with_condition(realm.metrics[0], above=0, severity="critical")
    assert graph(realm, [critical]).style.colour == "red"


def test_a_panel_says_when_to_worry_and_what_goes_away(realm: Catalog) -> None:
    metric = realm.metrics[0].model_copy(
        update={
            "condition": Condition(below=2.5, severity=Severity.WARNING, advice="Look."),
            "deprecated": "See another.",
        }
    )
    text = describe(realm, metric)
    assert "when it increases by less than 2.5 in 5 minutes. Look." in text
    assert "Deprecated: See another." in text
    assert f"Bucket: `{realm.bucket(metric)}` ({metric.type})." in text


def test_former_names_of_a_metric_are_asked_as_well(realm: Catalog) -> None:
    metric = realm.metrics[0].model_copy(update={"formerly": (Former(name="session.begun"),)})
    for panel in (graph(realm, [metric]), number(realm, metric, ())):
        assert f'FROM "{realm.measurement(metric)}", "realm_session_begun" WHERE' in (
            panel.queries[0].text
        )


def test_only_points_that_stand_alone_are_drawn_as_points(catalogs: Catalogs) -> None:
    sparse = {
        (catalog.app, panel.metrics[0].type.value, panel.style.sparse)
        for catalog in catalogs.values()
        for panel in build_dashboard(catalog).panels
        if panel.kind is Kind.GRAPH
    }
    assert ("realm", "counter", True) in sparse
    assert ("realm", "gauge", False) in sparse
    assert ("django-clickhouse", "timer", True) in sparse
    assert ("dataclay", "counter", False) in sparse
    assert len(sparse) == len({(app, kind) for app, kind, _ in sparse})


def test_queries_beyond_the_alphabet_have_names_too() -> None:
    names = [reference(index) for index in range(60)]
    assert names[:2] == ["A", "B"] and names[26] == "A1" and names[52] == "A2"
    assert len(set(names)) == 60


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "gauge", "unit": "count"}, "sum"),
        ({"type": "gauge", "unit": "percent"}, "max"),
        # Two hundred queues that lag by a second do not lag by two hundred.
        ({"type": "gauge", "unit": "seconds"}, "max"),
        ({"type": "timer", "unit": "milliseconds"}, "max"),
        ({"type": "counter", "unit": "count"}, "sum"),
    ],
)
def test_times_of_several_series_are_not_added_up(changes: dict[str, str], expected: str) -> None:
    assert function(Metric.model_validate(METRIC | changes)) == expected


def test_times_that_a_counter_counted_are() -> None:
    made = scraped(METRIC | {"unit": "seconds"})
    assert function(made.metrics[0]) == "sum"
