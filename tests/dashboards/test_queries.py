from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.alerts.queries import chain
from provision.catalog.model import TOTALS_TAG, Catalog, Former
from provision.catalog.series import TOTALS
from provision.dashboards.fleet import all_dashboards
from provision.dashboards.queries import (
    Asked,
    asked_by_graph,
    asked_of,
    expand,
    expand_variables,
    highest,
    identifier,
    judged,
    level,
    mean_time,
    measurements_of,
    now,
    rate_of_counts,
    rate_of_deltas,
    reports,
    tag_values,
    text,
    totals_query,
    variable_tags,
)
from tests.hostile import HOSTILE

Catalogs = Mapping[str, Catalog]
ASKED = Asked(("m",), ("host", "model"), ("host", "model"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def unquoted(literal: str, quote: str) -> str:
    """What InfluxDB reads of a quoted name or text.

    Source: InfluxDB 1.x documentation, InfluxQL reference, Literals: a backslash escapes the quote,
    a backslash and, as `n`, a line feed; nothing else stands after one.
    """
    assert literal[0] == literal[-1] == quote
    inner = literal[1:-1]
    assert re.fullmatch(rf"(?:[^\\\n{quote}]|\\[\\n{quote}])*", inner)
    return re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), inner)


def outermost(query: str) -> str:
    """A query without what stands in brackets."""
    while query != (query := re.sub(r"\([^()]*\)", "", query)):
        pass
    return query


def test_identifiers_are_quoted() -> None:
    assert identifier('a"b\\c\nd') == '"a\\"b\\\\c\\nd"'
    assert text("a'b\\c\nd") == "'a\\'b\\\\c\\nd'"


@given(TEXT)
def test_any_name_stays_a_name_and_any_text_a_text(name: str) -> None:
    assert unquoted(identifier(name), '"') == name
    assert unquoted(text(name), "'") == name


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


def test_grafanas_variables_are_put_in() -> None:
    query = rate_of_deltas(ASKED, "value")
    expanded = expand(query, start=1000, end=2000, interval=10000, values={"host": "w1"})
    assert "$" not in expanded.replace("$/", "")
    assert "=~ /^w1$/" in expanded
    assert "=~ /^.*$/" in expanded
    assert "/ AND time >= 1000ms AND time <= 2000ms GROUP BY" in expanded
    assert "/ 10000 " in expanded
    assert "time(10000ms)" in expanded


def test_a_dashboards_variables_are_put_in_and_grafanas_own_left() -> None:
    expanded = expand_variables(rate_of_deltas(ASKED, "value"), {"model": "a|b"}, 5)
    assert expanded == (
        'SELECT sum("value") * 1000 / $__interval_ms FROM "m" '
        'WHERE "host" =~ /^.*$/ AND "model" =~ /^a|b$/ AND $timeFilter '
        'GROUP BY time($__interval), "host", "model" fill(null)'
    )


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


def test_variables_are_chained(realm: Catalog) -> None:
    query = tag_values(realm, "version", ["host", "hostname"])
    assert query == (
        'SHOW TAG VALUES FROM /^realm_/ WITH KEY = "version" '
        'WHERE "host" =~ /^${host:regex}$/ AND "hostname" =~ /^${hostname:regex}$/'
    )
    assert tag_values(realm, "host", []) == 'SHOW TAG VALUES FROM /^realm_/ WITH KEY = "host"'


def test_all_that_an_application_stores_is_asked_and_nothing_else(catalogs: Catalogs) -> None:
    stored = {
        app: {name for metric in catalog.metrics for name in catalog.measurements(metric)}
        for app, catalog in catalogs.items()
    }
    for app, catalog in catalogs.items():
        pattern = measurements_of(catalog)
        assert (pattern[0], pattern[-1]) == ("/", "/")
        for other, names in stored.items():
            found = {name for name in names if re.search(pattern[1:-1], name)}
            assert found == (names if other == app else set())


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


def test_what_chooses_totals_follows_every_choice(catalogs: Catalogs) -> None:
    for app in ("tinybird-jobs", "django-clickhouse"):
        catalog = catalogs[app]
        question = totals_query(catalog)
        assert question is not None
        for tag in ("host", *catalog.placeholders):
            assert f'"{tag}" =~ /^${{{tag}:regex}}$/' in question
        assert re.search(r"FROM /\^\(\w+(\|\w+)+\):by_host\$/ WITH", question)
        assert question.endswith('"totals_by" =~ /(^|,)${group_by:csv}(,|$)/')
    assert totals_query(catalogs["realm"]) is None
    assert totals_query(catalogs["dataclay"]) is None
