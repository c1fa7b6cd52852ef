from __future__ import annotations

from collections.abc import Mapping

import pytest

from provision.catalog.model import Catalog, Former, TimerField
from provision.dashboards.build import build_dashboard, graph_ids
from provision.dashboards.graphs import graph
from provision.dashboards.model import Kind, Panel
from provision.dashboards.numbers import number
from provision.dashboards.panels import graph_id, override
from provision.dashboards.variables import group_tags
from tests.catalog.builders import METRIC, TIMER, above, catalog, scraped
from tests.dashboards.metrics import metric_of, with_condition
from tests.hostile import HOSTILE

Catalogs = Mapping[str, Catalog]


def graph_of(catalog: Catalog, title: str) -> Panel:
    return graph(catalog, [metric_of(catalog, title)])


def names(panel: Panel) -> dict[str, str]:
    """What the lines of each query are called."""
    return {
        each["matcher"]["options"]: each["properties"][0]["value"]
        for each in panel.overrides
        if each["matcher"]["id"] == "byFrameRefID"
    }


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
    assert query.text.startswith('SELECT sum("sum") / sum("count") FROM (SELECT difference(')
    assert 'WHERE $timeFilter AND "count" > 0 AND "sum" >= 0 GROUP BY' in query.text
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


@pytest.mark.parametrize(
    ("signal", "row"),
    [("detail", "Details"), ("saturation", "Saturation"), ("traffic", "Rate and errors")],
)
def test_what_is_no_latency_has_its_number_of_events_beside_it(signal: str, row: str) -> None:
    made = scraped(TIMER | {"signal": signal})
    rows = {each.title: [p.title for p in each.panels] for each in build_dashboard(made).rows}
    title = made.metrics[0].title
    assert rows[row] == [title, f"{title} per second"]


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


def test_errors_are_red_and_other_series_have_colours_of_their_own(realm: Catalog) -> None:
    assert graph_of(realm, "Authentications failed").style.colour == "orange"
    assert graph_of(realm, "Sessions online").style.colour is None
    critical = with_condition(realm.metrics[0], above=0, severity="critical")
    assert graph(realm, [critical]).style.colour == "red"


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
