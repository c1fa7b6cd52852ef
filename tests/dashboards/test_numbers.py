from __future__ import annotations

from collections.abc import Mapping

from provision.catalog.model import Catalog, Former, TimerField
from provision.dashboards.model import NEUTRAL, Step
from provision.dashboards.numbers import number
from provision.dashboards.panels import steps
from tests.dashboards.metrics import metric_of, with_condition

Catalogs = Mapping[str, Catalog]


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


def test_of_a_timer_without_sum_and_count_the_last_value_is_shown(catalogs: Catalogs) -> None:
    jobs = catalogs["tinybird-jobs"]
    timer = metric_of(jobs, "Time from start to end")
    assert number(jobs, timer, ()).description.startswith("Mean of the last 5 minutes, ")
    brief = timer.model_copy(update={"fields": (TimerField.MEAN,)})
    assert number(jobs, brief, ()).description.startswith("Last value, the highest of all series.")
