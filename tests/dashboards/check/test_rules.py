"""Each rule finds what it is for, and nothing else does: a good dashboard, broken in one way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.dashboards.check.lint import GENERAL, OTHERS, RULES, WITH_CATALOG, reason
from tests.catalog.builders import METRIC, catalog, scraped
from tests.dashboards.check.good import (
    ADVICE,
    CHOSEN,
    METRICS,
    PLACES,
    SCRAPED,
    SOURCE,
    WINDOW,
    Json,
    found,
    good,
    panel,
    query,
    scraped_counter,
    target,
    thresholds,
    watch,
)

# Where the panels of the good dashboard are.
NOW, ORDERS, REFUSALS, STOCK, DETAILS = 1, 3, 4, 5, 6
RATE = " * 1000 / $__interval_ms"


def at(number: int, *path: Any, to: Any) -> Callable[[Json], None]:
    """A change of a panel: another value at a path."""
    return on(lambda made: made["panels"][number], *path, to=to)


def inside(*path: Any, to: Any) -> Callable[[Json], None]:
    """A change of the panel in the collapsed row."""
    return on(lambda made: made["panels"][DETAILS]["panels"][0], *path, to=to)


def whole(*path: Any, to: Any) -> Callable[[Json], None]:
    """A change of the dashboard."""
    return on(lambda made: made, *path, to=to)


def on(part: Callable[[Json], Any], *path: Any, to: Any) -> Callable[[Json], None]:
    def change(made: Json) -> None:
        place = part(made)
        for key in path[:-1]:
            place = place[key]
        if to is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = to

    return change


def asks(number: int, old: str, new: str) -> Callable[[Json], None]:
    """A change of the text of a panel's first query."""

    def change(made: Json) -> None:
        asked = made["panels"][number]["targets"][0]
        assert old in asked["query"]
        asked["query"] = asked["query"].replace(old, new)

    return change


def took(old: str, new: str) -> Callable[[Json], None]:
    """A change of the queries of the timer, in the collapsed row."""

    def change(made: Json) -> None:
        targets = made["panels"][DETAILS]["panels"][0]["targets"]
        assert any(old in each["query"] for each in targets)
        for each in targets:
            each["query"] = each["query"].replace(old, new)

    return change


def changed(name: str, **more: Any) -> list[Json]:
    """The metrics, one of them otherwise."""
    return [each | more if each["name"] == name else each for each in METRICS]


def with_link(made: Json) -> None:
    link = {"title": "x", "type": "link", "url": "/d/other/other", "keepTime": True}
    made["links"].append(link)


def with_annotation(made: Json) -> None:
    more = {"name": "Rain", "datasource": {"type": "influxdb", "uid": "abc"}, "enable": True}
    made["annotations"]["list"].append(more)


def no_deploys(made: Json) -> None:
    made["annotations"]["list"][1].update(name="Rain", target={"tags": ["rain"]})


def again(made: Json) -> None:
    """The orders on a second graph."""
    more = panel(20, "Orders again", (0, 30, 24, 8))
    more |= {"description": made["panels"][ORDERS]["description"]}
    made["panels"].append(more | {"targets": made["panels"][ORDERS]["targets"]})


def unknown(made: Json) -> None:
    """A graph of what nobody documents."""
    more = panel(20, "Tips", (0, 30, 24, 8))
    made["panels"].append(more | {"targets": [target(query('last("value")', "shop_tips"))]})


DEFAULTS = ("fieldConfig", "defaults")
CUSTOM = (*DEFAULTS, "custom")
STEPS = (*DEFAULTS, "thresholds", "steps")
HOSTS = ("templating", "list", 1)
HOSTNAMES = ("templating", "list", 2)
# Rule, what breaks it and no other, what it says.
CASES: list[tuple[str, Callable[[Json], None], str]] = [
    ("schema", at(ORDERS, *CUSTOM, "spanNull", to=False), "knows no 'spanNull'"),
    ("schema", at(ORDERS, *CUSTOM, "drawStyle", to="lines"), "not line or bars or points"),
    ("schema", at(ORDERS, "options", "tooltip", "sort", to="up"), "not asc or desc"),
    ("schema", at(NOW, "options", to={"graphmode": "none"}), "knows no 'graphmode'"),
    ("schema", inside("targets", 0, "rawquery", to=True), "knows no 'rawquery'"),
    ("schema", whole("graphTooltip", to=7), "7 is not 0 or 1 or 2"),
    (
        "datasource-variable",
        lambda made: made["templating"]["list"].append(
            {"name": "other", "type": "datasource", "query": "influxdb"}
        ),
        "there is 'datasource', 'other'",
    ),
    ("datasource-variable", whole("templating", "list", 0, "query", to="loki"), "'loki'"),
    ("datasource-chosen", at(ORDERS, "datasource", "uid", to="abc"), "its datasource is 'abc'"),
    ("datasource-chosen", at(ORDERS, "datasource", to=...), "Grafana's default"),
    ("datasource-chosen", at(NOW, "datasource", "uid", to="${DS_INFLUXDB}"), "DS_INFLUXDB"),
    (
        "datasource-chosen",
        at(ORDERS, "targets", 0, "datasource", "uid", to="abc"),
        "query A is of the datasource 'abc'",
    ),
    ("datasource-chosen", whole(*HOSTS, "datasource", "uid", to="abc"), "variable 'host'"),
    ("datasource-chosen", with_annotation, "annotation 'Rain'"),
    ("variable-all", whole(*HOSTS, "multi", to=False), "variable 'host'"),
    ("variable-all", whole(*HOSTNAMES, "includeAll", to=False), "variable 'hostname'"),
    ("variable-refresh", whole(*HOSTS, "refresh", to=1), "variable 'host'"),
    ("variable-chained", whole(*HOSTNAMES, "query", to="SHOW TAG VALUES"), "'hostname'"),
    (
        "variable-order",
        lambda made: made["templating"]["list"][2].update(name="server"),
        "the variables are host",
    ),
    ("uid-stable", whole("uid", to=None), "there is no uid"),
    ("uid-stable", whole("uid", to="a" * 41), "is not one"),
    ("uid-stable", whole("uid", to="a b"), "is not one"),
    ("id-null", whole("id", to=7), "the id of one Grafana"),
    ("time-set", whole("time", to=...), "no time range"),
    ("time-set", whole("refresh", to=""), "not refreshed"),
    ("link-keeps", whole("links", 0, "keepTime", to=False), "'Others'"),
    ("link-keeps", whole("links", 0, "includeVars", to=False), "'Others'"),
    ("link-keeps", with_link, "the link 'x'"),
    ("link-keeps", at(NOW, *DEFAULTS, "links", 0, "url", to="/d/x?${__url_time_range}"), "'Det"),
    ("link-keeps", at(NOW, *DEFAULTS, "links", 0, "url", to="/d/x?var-host=a"), "'Details'"),
    ("annotation-alerts", whole("annotations", "list", 0, "enable", to=False), "of alerts"),
    ("annotation-deploys", no_deploys, "deploys"),
    ("panel-id", at(ORDERS, "id", to=5), "another panel has the id 5"),
    ("panel-id", inside("id", to=5), "another panel has the id 5"),
    ("panel-id", at(ORDERS, "id", to=...), "no id"),
    ("panel-title", at(ORDERS, "title", to=" "), "no title"),
    ("panel-title", at(DETAILS, "title", to=""), "no title"),
    ("title-once", at(ORDERS, "title", to="Stock"), "the same title"),
    ("title-once", at(DETAILS, "title", to="Now"), "the same title"),
    ("panel-description", at(ORDERS, "description", to=""), "no description"),
    ("panel-unit", at(ORDERS, *DEFAULTS, "unit", to=""), "no unit"),
    ("panel-query", at(NOW, "targets", to=[]), "no query"),
    ("panel-query", at(NOW, "targets", 0, "query", to=" "), "query A is empty"),
    (
        "panel-library",
        lambda made: made["panels"].append(
            {
                "id": 20,
                "gridPos": {"x": 0, "y": 40, "w": 1, "h": 1},
                "libraryPanel": {"name": "x", "uid": "y"},
            }
        ),
        "library panel",
    ),
    ("panel-place", at(ORDERS, "gridPos", to=...), "no place"),
    ("panel-place", at(REFUSALS, "gridPos", "w", to=13), "column 25, of 24"),
    ("panel-place", at(ORDERS, "gridPos", "h", to=0), "no place on the grid"),
    ("panel-overlap", at(ORDERS, "gridPos", "w", to=13), "where 'Orders' does"),
    (
        "panel-overlap",
        lambda made: made["panels"][DETAILS]["panels"].append(
            {"id": 20, "type": "text", "gridPos": {"x": 3, "y": 25, "w": 1, "h": 1}}
        ),
        "where 'Took' does",
    ),
    ("query-readable", at(NOW, "targets", 0, "query", to='from(bucket: "x")'), "no InfluxQL"),
    ("query-quoted", asks(ORDERS, '"value"', "value"), "value without quotes"),
    ("query-quoted", asks(STOCK, '"shop_stock"', "shop_stock"), "shop_stock without"),
    ("query-quoted", asks(STOCK, ', "host",', ", host,"), "host without quotes"),
    ("query-time", asks(ORDERS, "$timeFilter", "time > now() - 5m"), "the chosen time"),
    ("query-time", asks(NOW, "${__to}ms", "now()"), "the chosen time"),
    ("query-host", asks(NOW, "${host:regex}", ".*"), "the variable host"),
    ("query-interval", asks(STOCK, "time($__interval)", "time(10s)"), "fixed interval of '10s'"),
    ("query-interval", asks(STOCK, "time($__interval), ", ""), "points of no interval"),
    ("query-filled", asks(STOCK, "fill(none)", "fill(linear)"), "fill(linear)"),
    ("query-filled", asks(STOCK, "fill(none)", "fill(previous)"), "fill(previous)"),
    ("query-filled", asks(STOCK, "fill(none)", "fill(0)"), "fill(0)"),
    ("threshold-equal", at(NOW, *STEPS, 1, "value", to=None), "are none"),
    ("gap-open", at(STOCK, *CUSTOM, "spanNulls", to=True), "lines through gaps"),
    ("gap-open", at(STOCK, *CUSTOM, "spanNulls", to=3600000), "lines through gaps"),
    ("gap-open", at(STOCK, *CUSTOM, "insertNulls", to=False), "joins points"),
    ("percentile-averaged", took("max(", "mean("), 'mean("95_percentile")'),
    (
        "percentile-averaged",
        inside(
            "targets",
            0,
            to=target(
                'SELECT mean("p") FROM (SELECT max("95_percentile") AS "p" FROM "shop_took" '
                f"WHERE {CHOSEN}) WHERE $timeFilter GROUP BY time($__interval)"
            ),
        ),
        'mean("95_percentile")',
    ),
    ("timer-mean", took('sum("sum") / sum("count")', 'mean("mean")'), 'mean("mean")'),
    ("metric-shown", lambda made: made["panels"].pop(ORDERS), "orders (counter) is on no graph"),
    ("metric-shown", again, "on 2 graphs: 'Orders', 'Orders again'"),
    ("metric-known", unknown, "'shop_tips' is not documented"),
    ("query-chosen", asks(STOCK, "${hostname:regex}", ".*"), "does not follow hostname"),
    ("counter-rate", asks(ORDERS, "sum(", "last("), "no sum of what came"),
    ("counter-rate", asks(ORDERS, 'sum("value")', 'derivative(sum("value"), 1s)'), "no sum"),
    ("counter-rate", asks(ORDERS, RATE, ""), "no rate a second"),
    ("counter-rate", asks(NOW, 'sum("value")', 'last("value")'), "no sum of what came"),
    ("gauge-level", asks(STOCK, "last(", "sum("), "is no level"),
    ("gauge-level", asks(STOCK, 'last("value")', 'derivative(last("value"))'), "is no level"),
    ("unit-meant", inside(*DEFAULTS, "unit", to="s"), "is 's', that of took ms"),
    ("unit-meant", at(ORDERS, *DEFAULTS, "unit", to="short"), "that of orders cps"),
    ("unit-meant", at(NOW, *DEFAULTS, "unit", to="cps"), "that of refusals short"),
    ("description-meant", at(ORDERS, "description", to="x"), "the meaning and the documented"),
    (
        "description-meant",
        at(STOCK, "description", to="What is there. `shop.<hostname>.stock`"),
        "the advice",
    ),
    ("threshold-equal", at(REFUSALS, *STEPS, 1, "value", to=6), "that of refusals is 0.02"),
    ("threshold-equal", at(NOW, *STEPS, 1, "value", to=0.02), "that of refusals is 6"),
    ("threshold-equal", at(STOCK, *STEPS, to=[{"color": "green", "value": None}]), "are none"),
    ("threshold-equal", at(STOCK, *DEFAULTS, "thresholds", "mode", to="percentage"), "mode"),
    (
        "threshold-equal",
        at(ORDERS, *DEFAULTS, "thresholds", to=thresholds(("green", None), ("red", 1))),
        "that no alert has",
    ),
    ("threshold-line", at(STOCK, *CUSTOM, "thresholdsStyle", to={"mode": "off"}), "not drawn"),
    ("threshold-line", at(STOCK, *CUSTOM, "thresholdsStyle", to=...), "not drawn"),
    ("threshold-colour", at(STOCK, *STEPS, 0, "color", to="red"), "are 'red, green'"),
    ("threshold-colour", at(NOW, *STEPS, 1, "color", to="orange"), "are 'green, orange'"),
]


@pytest.mark.parametrize(("rule", "breaks", "message"), CASES, ids=[rule for rule, *_ in CASES])
def test_each_rule_finds_what_it_is_for_and_nothing_else_does(
    rule: str, breaks: Callable[[Json], Any], message: str, tmp_path: Path
) -> None:
    made = good()
    breaks(made)
    findings = found(made, tmp_path)
    assert {finding.rule for finding in findings} == {rule}
    assert any(message in finding.what for finding in findings), findings


def test_nothing_is_wrong_with_the_good_ones(tmp_path: Path) -> None:
    assert found(good(), tmp_path) == []
    assert found(scraped_counter(), tmp_path, SCRAPED) == []


def test_each_rule_has_a_case_and_a_reason() -> None:
    # The others are about files: test_document, test_exclusions.
    assert {rule for rule, *_ in CASES} == {*GENERAL, *WITH_CATALOG, "schema"}
    assert set(RULES) == {*GENERAL, *WITH_CATALOG, *OTHERS}
    for rule in RULES:
        assert reason(rule).endswith(".")
        assert 20 < len(reason(rule)) <= 100


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('non_negative_derivative(last("value"), 1s)', 'last("value")', "no rate of a count"),
        ("non_negative_derivative(last", "derivative(last", "no rate of a count"),
        ("(last(", "(sum(", "sums before it looks for restarts"),
    ],
)
def test_a_count_since_the_start_is_shown_without_spikes_at_restarts(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    made = scraped_counter()
    asked = made["panels"][0]["targets"][0]
    asked["query"] = asked["query"].replace(old, new)
    (finding,) = found(made, tmp_path, SCRAPED)
    assert finding.rule == "counter-rate"
    assert message in finding.what


def test_without_a_catalog_its_rules_are_not_applied(tmp_path: Path) -> None:
    made = good()
    at(ORDERS, *DEFAULTS, "unit", to="short")(made)
    assert found(made, tmp_path, None) == []


def test_one_query_of_a_panel_can_have_thresholds_and_a_unit_of_its_own(tmp_path: Path) -> None:
    made = good()
    stock, orders = made["panels"][STOCK], made["panels"][ORDERS]
    stock["fieldConfig"]["defaults"]["unit"] = "cps"
    moved = stock["targets"][0] | {"refId": "Z"}
    stock["targets"] = [moved, *orders["targets"]]
    stock["description"] += orders["description"]
    made["panels"].remove(orders)
    assert [finding.rule for finding in found(made, tmp_path)] == ["unit-meant"]
    own = thresholds(("orange", None), ("green", 10))
    stock["fieldConfig"]["defaults"]["thresholds"] = thresholds(("green", None))
    stock["fieldConfig"]["overrides"] = [
        {
            "matcher": {"id": "byFrameRefID", "options": "Z"},
            "properties": [{"id": "unit", "value": "short"}, {"id": "thresholds", "value": own}],
        }
    ]
    assert found(made, tmp_path) == []


def test_a_step_just_above_the_bound_is_as_right_as_the_bound(tmp_path: Path) -> None:
    made = good()
    made["panels"][NOW]["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] = 6.000001
    assert found(made, tmp_path) == []


def test_of_none_a_number_is_well(tmp_path: Path) -> None:
    shop = catalog(
        *changed("refusals", condition=ADVICE | {"above": 0}),
        prefix="shop.<hostname>",
        placeholders=PLACES,
    )
    made = good()
    for number in (NOW, REFUSALS):
        at(number, *STEPS, 1, "value", to=0)(made)
    told = found(made, tmp_path, shop)
    assert [finding.rule for finding in told] == ["threshold-equal"] * 2
    assert "is just above 0" in told[0].what
    for number in (NOW, REFUSALS):
        at(number, *STEPS, 1, "value", to=1e-6)(made)
    assert found(made, tmp_path, shop) == []


def test_silence_is_a_number_of_hosts(tmp_path: Path) -> None:
    silent = {"silent": "5m", "severity": "critical", "advice": "Look at the till."}
    metrics = changed("stock", condition=silent, always=True)
    shop = catalog(*metrics, prefix="shop.<hostname>", placeholders=PLACES)
    made = good()
    at(STOCK, *DEFAULTS, "thresholds", to=thresholds(("green", None)))(made)
    hosts = panel(20, "Silent", (0, 40, 6, 4), type="stat", options={})
    hosts["description"] = made["panels"][STOCK]["description"]
    hosts["fieldConfig"]["defaults"] = {
        "unit": "short",
        "thresholds": thresholds(("green", None), ("red", 1)),
    }
    hosts["targets"] = [
        target(
            f'SELECT count("value") FROM "shop_stock" WHERE {CHOSEN} AND {WINDOW} '
            'GROUP BY time(5m), "host" fill(0)'
        )
    ]
    made["panels"].append(hosts)
    assert found(made, tmp_path, shop) == []


def test_time_that_is_counted_is_a_share_of_time(tmp_path: Path) -> None:
    busy = METRIC | {"unit": "milliseconds", "labels": {"hostname": None}}
    busy |= {"condition": ADVICE | {"above": 150_000}}
    place = {"description": "a server", "examples": ["x"], "expected": 1}
    shop = scraped(busy, placeholders={"hostname": place})
    made = scraped_counter()
    made["panels"][0]["description"] += "\n\nLook at the till."
    watch(made["panels"][0], ("green", None), ("red", 0.5))
    assert [finding.rule for finding in found(made, tmp_path, shop)] == ["unit-meant"]
    at(0, *DEFAULTS, "unit", to="percentunit")(made)
    assert found(made, tmp_path, shop) == []


def test_a_query_that_was_clicked_together_is_read_as_well(tmp_path: Path) -> None:
    made = good()
    made["panels"][STOCK]["targets"] = [
        {
            "refId": "A",
            "datasource": SOURCE,
            "measurement": "shop_stock",
            "policy": "default",
            "select": [[{"type": "field", "params": ["value"]}, {"type": "last", "params": []}]],
            "tags": [
                {"key": "host", "operator": "=~", "value": "/^${host:regex}$/"},
                {"condition": "AND", "key": "hostname", "value": "/^${hostname:regex}$/"},
            ],
            "groupBy": [
                {"type": "time", "params": ["$__interval"]},
                {"type": "tag", "params": ["host"]},
                {"type": "fill", "params": ["none"]},
            ],
        }
    ]
    assert found(made, tmp_path) == []
    made["panels"][STOCK]["targets"][0]["groupBy"][2]["params"] = ["linear"]
    assert [finding.rule for finding in found(made, tmp_path)] == ["query-filled"]


def test_a_table_and_an_expression_are_no_graphs(tmp_path: Path) -> None:
    made = good()
    table = panel(20, "All", (0, 40, 24, 8), type="table", options={})
    table["fieldConfig"]["defaults"] = {"unit": "short"}
    table["targets"] = [
        target(f'SELECT last("value") FROM "shop_stock" WHERE {CHOSEN} AND $timeFilter'),
        {"refId": "B", "datasource": {"type": "__expr__", "uid": "__expr__"}, "type": "math"},
    ]
    made["panels"].append(table)
    assert found(made, tmp_path) == []


@pytest.mark.parametrize("ref", [None, "", " "])
def test_a_query_without_a_name_is_told_by_its_position(ref: str | None, tmp_path: Path) -> None:
    made = good()
    targets = made["panels"][ORDERS]["targets"]
    targets.append(targets[0] | {"refId": ref, "query": "SELECT cpu FROM value"})
    said = [finding.what for finding in found(made, tmp_path)]
    assert f"query {len(targets)} (without refId): value, cpu without quotes" in said
    assert f"query {len(targets)} (without refId) does not ask for the chosen time" in said
    assert not any("query  " in each or "query :" in each for each in said)
