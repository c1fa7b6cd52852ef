from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import strategies as st

from provision.alerts.queries import chain
from provision.catalog.model import TOTALS_TAG, Catalog, Former
from provision.catalog.series import TOTALS
from provision.dashboards.fleet import all_dashboards
from provision.dashboards.influxql import identifier
from provision.dashboards.queries import (
    Asked,
    asked_by_graph,
    asked_of,
    highest,
    judged,
    level,
    mean_time,
    now,
    rate_of_counts,
    rate_of_deltas,
    reports,
)
from provision.dashboards.variables import (
    expand,
    expand_variables,
    variable_tags,
)
from tests.dashboards.test_influxql import unquoted
from tests.hostile import HOSTILE

Catalogs = Mapping[str, Catalog]
ASKED = Asked(("m",), ("host", "model"), ("host", "model"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def outermost(query: str) -> str:
    """A query without what stands in brackets."""
    while query != (query := re.sub(r"\([^()]*\)", "", query)):
        pass
    return query


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_code_in_a_query(name: str) -> None:
    hostile = Asked((name, name), (), (name,))
    quoted = identifier(name)
    assert unquoted(quoted, '"') == name
    for query in (level(hostile, name), rate_of_counts(hostile, name), highest(hostile, name)):
        rest = query.replace(quoted, "NAME")
        assert rest.count("NAME") == 4
        assert "FROM NAME, NAME WHERE $timeFilter GROUP BY time($__interval), " in rest
        assert "GROUP BY time($__interval), NAME" in rest


@pytest.mark.parametrize(
    ("query", "selected"),
    [
        (rate_of_deltas(ASKED, "f"), 'sum("f") * 1000 / $__interval_ms'),
        (level(ASKED, "f"), 'last("f")'),
        (highest(ASKED, "f"), 'max("f")'),
        (mean_time(ASKED), 'sum("sum") / sum("count")'),
    ],
)
def test_each_query_selects_what_it_is_named_after(query: str, selected: str) -> None:
    assert query == (
        f'SELECT {selected} FROM "m" '
        'WHERE "host" =~ /^${host:regex}$/ AND "model" =~ /^${model:regex}$/ AND $timeFilter '
        'GROUP BY time($__interval), "host", "model" fill(null)'
    )


def test_a_rate_of_counts_is_laid_into_the_intervals_once_more() -> None:
    """Each count by itself, whatever tags a client has put to it, and then their sum."""
    assert rate_of_counts(ASKED, "f", " / 1000") == (
        'SELECT sum("rate") / 1000 FROM (SELECT non_negative_derivative(last("f"), 1s) AS "rate" '
        'FROM "m" WHERE "host" =~ /^${host:regex}$/ AND "model" =~ /^${model:regex}$/ '
        "AND $timeFilter GROUP BY time($__interval), *) "
        'WHERE $timeFilter GROUP BY time($__interval), "host", "model" fill(null)'
    )


def test_what_is_so_now_is_what_a_condition_is_about(catalogs: Catalogs) -> None:
    def judged_of(app: str, name: str) -> str:
        catalog = catalogs[app]
        metric = next(metric for metric in catalog.metrics if metric.name == name)
        return judged(catalog, metric, "TIME")

    assert judged_of("realm", "authentication.failed") == (
        'SELECT sum("value") AS "value" FROM "realm_authentication_failed" '
        'WHERE TIME GROUP BY "host", "hostname"'
    )
    assert judged_of("host", "mem.used_percent").startswith('SELECT last("used_percent") AS')
    assert judged_of("tinybird-jobs", "total").startswith('SELECT sum("sum") / sum("count") AS')
    assert judged_of("pipeline", "internal_agent.metrics_dropped") == (
        'SELECT sum("increase") AS "value" FROM (SELECT '
        'non_negative_difference("metrics_dropped") AS "increase" FROM "internal_agent" '
        'WHERE TIME GROUP BY *) WHERE TIME GROUP BY "host"'
    )
    realm = catalogs["realm"]
    query = now(realm, realm.metrics[0], "max", ("host",))
    assert query.startswith('SELECT max("value") AS "value" FROM (SELECT sum("value")')
    expanded = expand(query, start=1000, end=900_000, interval=10, values={})
    assert expanded.count("time > 900000ms - 300s AND time <= 900000ms") == 2


def test_the_time_of_a_subquery_is_said_outside_too(catalogs: Catalogs) -> None:
    """Else InfluxDB opens its series in every shard that there is."""
    queries = [
        query.text
        for dashboard in all_dashboards(list(catalogs.values())).values()
        for row in dashboard.rows
        for panel in row.panels
        for query in panel.queries
    ]
    queries += [
        chain(catalog, metric, silent, 10)[0]
        for catalog in catalogs.values()
        for metric in catalog.metrics
        for silent in (None, 300)
    ]
    nested = [query for query in queries if "FROM (" in query]
    assert len(nested) > 50
    for query in nested:
        condition = re.search(r" WHERE (.*?)( GROUP BY|$)", outermost(query))
        assert condition, query
        assert re.search(r"\$timeFilter|\btime >", condition[1]), query


def test_silence_is_nothing_in_the_last_seconds_of_what_was_there_in_the_last_day(
    catalogs: Catalogs,
) -> None:
    """No interval of the clock is in it: one of 7 minutes would not end now."""
    host = catalogs["host"]
    assert reports(
        host, next(each for each in host.metrics if each.name == "system.uptime"), 420
    ) == (
        'SELECT sum("value") AS "value" FROM '
        '(SELECT last("uptime") * 0.0 AS "value" FROM "system" '
        'WHERE "host" =~ /^${host:regex}$/ AND time > now() - 86400s GROUP BY "host"), '
        '(SELECT count("uptime") * 1.0 AS "value" FROM "system" '
        'WHERE "host" =~ /^${host:regex}$/ AND time > now() - 420s GROUP BY "host") '
        'WHERE time > now() - 86400s GROUP BY "host"'
    )


def test_a_host_is_not_silent_under_a_former_name(realm: Catalog) -> None:
    renamed = realm.metrics[0].model_copy(update={"formerly": (Former(name="older"),)})
    assert "older" in judged(realm, renamed, "TIME")
    assert "older" not in reports(realm, renamed, 300)


def test_the_highest_of_several_series_is_asked_of_all_their_values() -> None:
    """Each series' last value first, and then theirs, takes InfluxDB three times as long."""
    asked = Asked(("m",), (), ("host", "model"), grouped=True)
    assert level(asked, "f", "max") == (
        'SELECT max("f") FROM "m" WHERE $timeFilter '
        "GROUP BY time($__interval), /^${group_by:regex}$/ fill(null)"
    )
    assert level(asked, "f").startswith('SELECT sum("f") FROM (SELECT last("f") AS "f" FROM "m" ')


def test_what_nothing_is_chosen_by_is_asked_for_its_time_alone() -> None:
    asked = Asked(("a", "b"), (), ())
    assert level(asked, "f") == (
        'SELECT last("f") FROM "a", "b" WHERE $timeFilter GROUP BY time($__interval) fill(null)'
    )


def test_a_metric_is_divided_by_all_its_tags_and_chosen_by_the_dashboards(
    catalogs: Catalogs,
) -> None:
    dataclay = catalogs["dataclay"]
    asked = asked_of(dataclay, dataclay.metrics[0])
    assert asked == Asked(
        ("dataclay_inmemory_objects",),
        ("host", "service", "instance"),
        ("host", "service", "instance", "job"),
        grouped=True,
    )
    assert variable_tags(dataclay) == ("service", "instance")
    django = catalogs["django-clickhouse"]
    asked = asked_of(django, django.metrics[0])
    assert asked.chosen == asked.by == ("host", "prefix", "model")


def test_a_graph_asks_for_totals_where_they_are_kept_and_the_choices_let(
    catalogs: Catalogs,
) -> None:
    tinybird = catalogs["tinybird-jobs"]
    query = rate_of_deltas(asked_by_graph(tinybird, tinybird.metrics[0]), "value")
    assert 'FROM "tinybird_jobs_ok${totals:raw}" WHERE' in query
    assert 'FROM "tinybird_jobs_ok" WHERE' in expand_variables(query, {}, 5)
    asked = expand_variables(query, {TOTALS_TAG: TOTALS}, 5)
    assert 'FROM "tinybird_jobs_ok:by_host" WHERE' in asked
    # Numbers, tables and alerts are of each series.
    assert not asked_of(tinybird, tinybird.metrics[0]).totals
    django = catalogs["django-clickhouse"]
    assert not asked_by_graph(django, django.metrics[0]).totals
