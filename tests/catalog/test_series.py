"""How many series there are, and of what totals are kept."""

from __future__ import annotations

import pytest

from provision.catalog.load import load_catalogs
from provision.catalog.series import LINES, MANY, TOTALS, series, together, totals
from provision.catalog.vocabulary import NAME
from provision.dashboards.variables import GROUPED, UNDIVIDED
from tests.catalog.builders import CLOSED, METRIC, PLACE, SETTING, catalog, scraped

TIMER = METRIC | {"type": "timer", "unit": "seconds"}


def many(metric: dict[str, object], number: int = MANY, **changes: object) -> object:
    """What is kept of a metric with so many series, none of them to be added without need."""
    place = PLACE | {"expected": number}
    made = catalog(metric | {"name": "orders.<city>"}, placeholders={"city": place}, **changes)
    return totals(made, made.metrics[0])


def test_series_are_counted_with_the_labels_that_a_metric_has() -> None:
    labels = {"city": None, "town": ["a"]}
    places = {"city": PLACE | {"expected": 7}, "town": CLOSED | {"values": ["a", "b"]}}
    made = scraped(METRIC | {"labels": labels}, placeholders=places)
    assert series(made, made.metrics[0]) == 7


def test_totals_are_kept_of_what_has_many_series() -> None:
    assert many(METRIC) == {"value": "sum"}
    assert many(METRIC, MANY - 1) == {}


def test_of_a_timer_are_kept_the_parts_of_its_mean_and_the_highest_percentiles() -> None:
    assert many(TIMER | {"percentiles": [50, 99.9]}) == {
        "sum": "sum",
        "count": "sum",
        "50_percentile": "max",
        "99.9_percentile": "max",
    }
    assert many(TIMER | {"fields": ["sum", "upper"], "percentiles": [95]}) == {
        "95_percentile": "max"
    }
    assert many(TIMER | {"fields": ["upper"], "percentiles": []}) == {}


@pytest.mark.parametrize("kind", ["gauge", "set"])
def test_levels_have_no_totals(kind: str) -> None:
    assert many(METRIC | {"type": kind}) == {}


def test_what_had_another_name_has_no_totals() -> None:
    assert many(METRIC | {"formerly": [{"name": "sales.<city>"}]}) == {}


def test_what_is_scraped_has_no_totals() -> None:
    place = {"city": PLACE | {"expected": MANY}}
    made = scraped(METRIC | {"labels": {"city": None}}, placeholders=place)
    assert totals(made, made.metrics[0]) == {}


def test_the_values_of_a_setting_make_no_difference() -> None:
    """Hosts have their own, and dashboards are of all of them."""
    values = [f"shop{n}" for n in range(MANY)]
    made = catalog(METRIC, prefix="<name>", placeholders={"name": SETTING | {"values": values}})
    assert series(made, made.metrics[0]) == MANY
    assert totals(made, made.metrics[0]) == {}


def test_no_measurement_of_a_catalog_is_called_as_totals_are() -> None:
    assert ":" in TOTALS
    assert ":" not in NAME


def test_totals_are_for_lines_of_all_and_of_each_host() -> None:
    assert ",".join([UNDIVIDED.strip("()"), *GROUPED]) == LINES


def test_fields_of_what_one_plugin_tells_of_one_thing_are_one_series() -> None:
    host = load_catalogs()["host"]
    each = [(metric, series(host, metric)) for metric in host.metrics]
    # cpu, mem, swap and system; five file systems and block devices; four interfaces.
    assert together(host, each) == 4 + 5 + 5 + 4
    realm = load_catalogs()["realm"]
    each = [(metric, series(realm, metric)) for metric in realm.metrics]
    assert together(realm, each) == sum(number for _, number in each)
