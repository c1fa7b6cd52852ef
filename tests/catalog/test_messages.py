"""Wrong values in words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from provision.catalog.messages import explain, part_at, shown, telling
from provision.catalog.model import Catalog, Condition, Former, Metric, Placeholder
from tests.catalog.builders import METRIC, PLACE, TIMER, catalog


def told(**changes: Any) -> list[tuple[str, str | None]]:
    base = catalog().model_dump(mode="json", exclude_unset=True)
    with pytest.raises(ValidationError) as caught:
        Catalog.model_validate(base | changes)
    whole = base | changes
    errors = telling(caught.value)
    return [explain(e, tuple(part for part in e["loc"] if part != "[key]"), whole) for e in errors]


COUNTED = "what is counted has the unit count, and so has what none of them fits"
CONDITION = {"above": 1, "severity": "info", "advice": "Look."}


@pytest.mark.parametrize(
    ("metric", "what", "hint"),
    [
        ({"type": "incr"}, "'incr' is not 'counter',", "did you mean 'counter'?"),
        ({"type": "timing"}, "'timing' is not 'counter',", "did you mean 'timer'?"),
        ({"type": "Guage"}, "'Guage' is not 'counter',", "did you mean 'gauge'?"),
        ({"type": "summary"}, "'summary' is not", "did you mean 'timer'?"),
        ({"type": "histogram"}, "'histogram' is not", "did you mean 'timer'?"),
        ({"type": 5}, "5 is not 'counter',", None),
        ({"unit": "ms"}, "'ms' is not 'count',", "did you mean 'milliseconds'?"),
        ({"unit": "%"}, "'%' is not 'count',", "did you mean 'percent'?"),
        ({"unit": 1}, "1 is not 'count',", "did you mean 'count'?"),
        ({"unit": "Bytes"}, "'Bytes' is not 'count',", "did you mean 'bytes'?"),
        ({"unit": "procent"}, "'procent' is not 'count',", "did you mean 'percent'?"),
        ({"unit": "secnds"}, "'secnds' is not 'count',", "did you mean 'seconds'?"),
        ({"unit": "scans"}, "'scans' is not 'count',", COUNTED),
        ({"unit": "points"}, "'points' is not 'count',", COUNTED),
        ({"unit": ""}, "'' is not 'count',", None),
        ({"unit": ["x"]}, "a list is not 'count',", None),
        ({"unit": False}, "false is not 'count',", None),
        ({"titel": "x"}, "no such key", "did you mean 'title'?"),
        ({"Unit": "x"}, "no such key", "did you mean 'unit'?"),
        ({"help": "x"}, "no such key", "did you mean 'description'?"),
        ({"tags": {}}, "no such key", "the varying parts of a bucket stand in its name, as <city>"),
        ({"title": 5}, "a text is needed, not 5", "quote it"),
        ({"title": None}, "a text is needed, not nothing", None),
        ({"title": ["x"]}, "a text is needed, not a list", None),
        ({"title": ""}, "a text of at least 1 character is needed, not ''", None),
        ({"title": "a\nb"}, "'a\\nb' is not right here: one line of text", None),
        ({"measurement": "A"}, "'A' is not right here: small letters, digits and _", None),
        ({"labels": []}, "keys with values (key: value) are needed, not an empty list", None),
        ({"always": "yes"}, "true or false is needed, not 'yes'", None),
        ({"formerly": "x"}, "a list is needed, not 'x'", "a list of one is [x]"),
    ],
)
def test_a_wrong_value_is_told_with_a_hint(
    metric: dict[str, Any], what: str, hint: str | None
) -> None:
    ((said, help_),) = told(metrics=[METRIC | metric])
    assert said.startswith(what)
    assert help_ == hint


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("for", "'pending'"),
        ("gt", "'above'"),
        ("max", "'above'"),
        ("lt", "'below'"),
        ("min", "'below'"),
        ("threshold", "'above' or 'below'"),
        ("Warn", "'above' or 'below', with 'severity: warning'"),
        ("critical", "'above' or 'below', with 'severity: critical'"),
        ("message", "'advice'"),
        ("abvoe", "'above'"),
    ],
)
def test_what_other_programs_call_a_key_of_a_condition_is_understood(key: str, meant: str) -> None:
    metric = METRIC | {"condition": CONDITION | {key: 5}}
    assert told(metrics=[metric]) == [("no such key", f"did you mean {meant}?")]


SCRAPED = {"input": "prometheus", "scrape": {"port": 1}}


@pytest.mark.parametrize("given", [SCRAPED, {"scrape": {"port": 1}}])
@pytest.mark.parametrize(
    ("metric", "hint"),
    [
        ({"type": "histogram"}, "did you mean 'timer'?"),
        ({"tags": {}}, "did you mean 'labels'?"),
    ],
)
def test_what_is_scraped_is_told_what_prometheus_has(
    given: dict[str, Any], metric: dict[str, Any], hint: str
) -> None:
    whole = {"metrics": [METRIC | metric], **given}
    with pytest.raises(ValidationError) as caught:
        Catalog.model_validate(whole)
    (said,) = (e for e in telling(caught.value) if e["loc"][0] == "metrics")
    assert explain(said, said["loc"], whole)[1] == hint


def test_a_plugins_metric_of_another_type_is_not_taken_for_one_of_statsd() -> None:
    ((_, hint),) = told(metrics=[METRIC | {"type": "histogram"}], input="telegraf")
    assert hint is None


def test_where_else_to_scrape_is_the_inventorys() -> None:
    scrape = {"port": 1, "host": "10.0.0.7"}
    said = "an inventory says where else it is scraped: {}_targets: [host:port]"
    assert told(app="a-b", scrape=scrape) == [("no such key", said.format("a_b"))]
    assert told(app=["x"], scrape=scrape)[-1] == ("no such key", said.format("<app>"))


def test_a_missing_key_says_what_it_is_for() -> None:
    metric = {key: value for key, value in METRIC.items() if key != "unit"}
    assert told(metrics=[metric]) == [
        (
            "missing",
            "the unit of one recorded value: count, bytes, bits, one of time, percent or ratio",
        )
    ]


def test_numbers_say_their_bounds() -> None:
    assert told(metrics=[TIMER | {"percentiles": [0, 100, "50"]}]) == [
        ("a number above 0 is needed, not 0", None),
        ("a number below 100 is needed, not 100", None),
        ("a number is needed, not '50'", None),
    ]
    assert told(placeholders={"a": PLACE | {"expected": 0}}) == [
        ("a number of at least 1 is needed, not 0", None)
    ]
    assert told(placeholders={"a": PLACE | {"expected": 1.5}}) == [
        ("a whole number is needed, not 1.5", None)
    ]


def test_a_name_that_is_none_is_told_in_words() -> None:
    ((said, _),) = told(placeholders={"City": PLACE})
    assert said == "'City' is not right here: small letters, digits and _, a letter first"


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ((), Catalog),
        (("metrics", 3), Metric),
        (("metrics", 3, "condition"), Condition),
        (("metrics", 3, "formerly", 0), Former),
        (("placeholders", "metrics"), Placeholder),
        (("placeholders",), None),
        (("metrics", 3, "labels", "a"), None),
        (("nothing",), None),
        (("title",), None),
    ],
)
def test_a_key_path_leads_to_a_part(path: tuple[str | int, ...], part: type | None) -> None:
    assert part_at(path) is part


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        ({}, "keys with values"),
        ("x" * 200, "'" + "x" * 76 + "..."),
        ("\x1b[31m", "'\\x1b[31m'"),
        ("caf\xe9", "'caf\xe9'"),
        ("\ud800", "'\\ud800'"),
        ("\u202e", "'\\u202e'"),
    ],
)
def test_any_value_is_shown_in_some_words(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_number_of_more_digits_than_python_writes_is_shown_too() -> None:
    assert shown(16**6000) == "a very large number"
