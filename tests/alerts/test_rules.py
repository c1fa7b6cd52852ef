"""Rules from conditions: names that last, what nothing means, queries that can stand alone."""

from __future__ import annotations

import re

import pytest

from provision.alerts.rules import LONGEST_TITLE, LONGEST_UID, NoData, build_rules, rule_uid
from provision.catalog.load import load_catalogs
from provision.catalog.model import Catalog
from provision.catalog.reference import anchor
from provision.dashboards.build import build_dashboard
from provision.dashboards.model import Kind
from tests.catalog.builders import GAUGE, METRIC, TIMER, above, below, catalog, scraped, silent

BUILT_IN = load_catalogs()


@pytest.mark.parametrize("app", BUILT_IN)
def test_each_condition_has_a_rule_that_leads_to_its_panel_and_its_advice(app: str) -> None:
    made = BUILT_IN[app]
    metrics = [metric for metric in made.metrics if metric.condition]
    rules = build_rules([made], runbooks="https://docs.example.com/{app}.html")
    panels = {panel.id: panel for panel in build_dashboard(made).panels}
    for metric, rule in zip(metrics, rules, strict=True):
        assert metric.condition
        assert panels[rule.panel_id].kind is Kind.GRAPH
        assert panels[rule.panel_id].metrics == (metric,)
        assert rule.dashboard_uid == build_dashboard(made).uid
        assert rule.runbook == f"https://docs.example.com/{app}.html#{anchor(made, metric)}"
        assert metric.condition.advice in rule.description
        assert metric.description in rule.description
        assert rule.severity is metric.condition.severity


def test_what_is_asked_for_is_there() -> None:
    found = {rule.title.rpartition(" (")[0] for rule in build_rules(BUILT_IN.values())}
    assert {
        "Lock timeouts",
        "Locks released hard",
        "Queue",
        "Authentications failed",
        "Permissions denied",
        "Protocol violations",
        "Jobs that failed",
        "Host silent",
        "Metrics dropped",
        "Disk in use",
    } <= found


def test_uids_are_short_and_stay_while_the_documented_name_does() -> None:
    made = catalog(above(0), above(0, name="x", type="gauge"), above(0, name="x"), app="a" * 30)
    uids = [rule.uid for rule in build_rules([made])]
    assert len(set(uids)) == 3
    assert all(re.fullmatch(r"provision-[a-z-]+-[0-9a-f]{12}", uid) for uid in uids)
    assert all(len(uid) <= LONGEST_UID for uid in uids)
    other = catalog(above(7, title="Another", description="x"), app="a" * 30, title="Another")
    assert rule_uid(other, other.metrics[0]) == uids[0]
    assert rule_uid(catalog(above(0)), made.metrics[0]) != uids[0]


def test_titles_are_short_and_no_two_are_the_same() -> None:
    long = "é" * 300
    metrics = [above(0, name=name, title=title) for name in ("a", "b" * 300) for title in (long,)]
    same = [above(0, name="c", title="Same"), above(0, name="c", type="gauge", title="Same")]
    made = [
        catalog(*metrics, *same, app=app, title=long, prefix=app)
        for app in ("one", "two", "x" * 30)
    ]
    titles = [rule.title for rule in build_rules(made)]
    assert len(set(titles)) == len(titles)
    assert all(len(title.encode()) <= LONGEST_TITLE for title in titles)
    assert "Same (one, c counter)" in titles


@pytest.mark.parametrize(
    ("made", "state"),
    [
        (catalog(above(0)), NoData.OK),
        (catalog(below(5)), NoData.ALERTING),
        (catalog(above(5, type="gauge")), NoData.OK),
        (catalog(above(5, type="gauge", always=True)), NoData.ALERTING),
        (catalog(above(5, **TIMER)), NoData.OK),
        (scraped(above(0)), NoData.OK),
        (scraped(above(0, always=True)), NoData.ALERTING),
        # Nothing was counted, so that there is no mean; the page is there all the same.
        (scraped(above(0, **TIMER, always=True)), NoData.OK),
        (scraped(silent("7m", **TIMER, always=True)), NoData.ALERTING),
        (catalog(silent("5m")), NoData.ALERTING),
    ],
)
def test_nothing_means_what_it_means_of_such_a_metric(made: Catalog, state: NoData) -> None:
    (rule,) = build_rules([made])
    assert rule.no_data is state


def test_a_silent_fleet_is_told_by_one_rule() -> None:
    rules = build_rules([BUILT_IN["host"], BUILT_IN["pipeline"]])
    told = [rule.title for rule in rules if rule.no_data is NoData.ALERTING]
    assert told == ["Host silent (host, system.uptime gauge)"]


def test_what_lasts_is_waited_for() -> None:
    worry = {"above": 1, "severity": "info", "advice": "Look.", "pending": "1h30m"}
    (rule,) = build_rules([catalog(GAUGE | {"condition": worry})])
    assert rule.pending == 5400


def test_a_site_that_writes_seldom_is_looked_at_for_longer() -> None:
    (seldom,) = build_rules([catalog(above(0, type="gauge"))], interval=600)
    (often,) = build_rules([catalog(above(0, type="gauge"))], interval=10)
    assert (seldom.span, often.span) == (1800, 300)


def test_a_query_has_no_variable_but_the_time() -> None:
    for rule in build_rules(BUILT_IN.values()):
        assert set(re.findall(r"\$\w+", rule.query)) == {"$timeFilter"}


def test_no_condition_no_rule() -> None:
    assert build_rules([catalog(METRIC)]) == []


def test_without_pages_the_runbook_says_how_to_read_it() -> None:
    (rule,) = build_rules([catalog(above(0))])
    assert rule.runbook == "provision catalog docs shop: #orders-counter"
