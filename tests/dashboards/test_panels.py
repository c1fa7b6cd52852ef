from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from provision.catalog.model import Catalog, Condition, Metric, Severity
from provision.dashboards.panels import describe, function, reference, steps
from tests.catalog.builders import METRIC, scraped
from tests.dashboards.metrics import with_condition

Catalogs = Mapping[str, Catalog]


def test_none_is_fine_where_none_should_be(realm: Catalog) -> None:
    fine, bad = steps(with_condition(realm.metrics[0], above=0))
    assert fine.colour == "green"
    # Grafana takes the colour of a step from its value on, and the condition is above 0.
    assert bad.value is not None and 0 < bad.value < 0.001 and math.isfinite(bad.value)


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
