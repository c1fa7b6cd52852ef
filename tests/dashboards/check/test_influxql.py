from __future__ import annotations

import pytest

from provision.dashboards.check.influxql import Asked, parse
from provision.dashboards.check.tokens import variables


def one(text: str) -> list[Asked]:
    (select,) = parse(text)
    return select.asked()


def test_a_field_is_followed_through_selects_and_their_columns() -> None:
    inner = 'SELECT sum("value") AS "all", "count" FROM "a", "p"."b" GROUP BY "host"'
    assert one(f'SELECT max("all") FROM ({inner})') == [
        Asked(("a", "b"), "value", ("sum", "max"), "max")
    ]
    assert one('SELECT mean("max") FROM (SELECT max("x") FROM "m")') == [
        Asked(("m",), "x", ("max", "mean"), "mean")
    ]


def test_arithmetic_has_all_its_fields() -> None:
    assert [each.field for each in one('SELECT sum("sum") / sum("count") * 8 FROM "m"')] == [
        "sum",
        "count",
    ]


def test_the_parts_of_a_statement_are_told_apart() -> None:
    (select,) = parse(
        'SELECT derivative(last("x"), 1s), /y/ FROM "d".."m", /^n_/ WHERE "a" =~ /b\\/c$/ AND '
        "$timeFilter GROUP BY time(${__interval}, 5s), * fill(previous) ORDER BY time DESC LIMIT 3 "
        "tz('UTC')"
    )
    assert select.measurements == ("m", "/^n_/")
    assert select.intervals == ["${__interval}"]
    assert select.fill == "previous"
    assert select.bare == ()


def test_groups_may_begin_with_a_regular_expression() -> None:
    (select,) = parse('SELECT max("x") FROM "m" GROUP BY /^${group_by:regex}$/, time(1m)')
    assert select.intervals == ["1m"]


def test_totals_of_hosts_are_of_what_the_measurement_is_of() -> None:
    for name in ("m", "m${totals:raw}", "m:by_host"):
        (select,) = parse(f'SELECT max("x") FROM "{name}", "n"')
        assert select.measurements == ("m", "n")


def test_names_without_quotes_are_found() -> None:
    (select,) = parse(
        "SELECT mean(usage) AS u FROM cpu WHERE host = 'a' GROUP BY time(1m), path::tag"
    )
    assert select.bare == ("cpu", "usage", "host", "path")


def test_statements_follow_each_other() -> None:
    assert len(parse('SELECT "a" FROM "b"; SELECT "c" FROM "d";')) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT",
        "SELECT FROM",
        'SELECT "x" FROM',
        'SELECT "x" FROM (SELECT "y" FROM "z"',
        'SELECT "x" FROM "y" what',
        'SELECT "x" FROM "y" GROUP "z"',
        'SELECT "x FROM y',
        'SELECT "x" FROM "y")',
        "SELECT \x00",
        'SELECT "x" FROM ' + "(SELECT * FROM " * 500,
    ],
)
def test_what_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(text)


def test_variables_have_three_forms() -> None:
    assert variables("${a:regex} $b [[c]] ${d} $timeFilter") == {"a", "b", "c", "d", "timeFilter"}
