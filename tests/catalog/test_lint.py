"""Findings of all rules at once; every rule has its cases in the tests of its module."""

from __future__ import annotations

from provision.catalog.lint import FORMS, MATCHING, RULES, TOGETHER, lint, reason
from tests.catalog import test_matching, test_rules, test_varying
from tests.catalog.builders import (
    BUSY,
    CLOSED,
    METRIC,
    OTHER,
    PLACE,
    TIMER,
    catalog,
    with_place,
)


def test_each_rule_has_a_case_and_a_reason() -> None:
    cases = [*test_rules.CASES, *test_varying.CASES]
    assert {rule for rule, *_ in cases} == {*FORMS, *RULES}
    assert {rule for rule, *_ in test_matching.CASES} == set(MATCHING)
    assert {rule for rule, *_ in test_matching.TOGETHER_CASES} == set(TOGETHER)
    for rule in (*FORMS, *RULES, *MATCHING, *TOGETHER):
        assert reason(rule).endswith(".")
        assert 20 < len(reason(rule)) <= 100


def test_a_good_catalog_has_no_findings() -> None:
    assert lint(catalog()) == []


def test_findings_of_all_kinds_are_told_at_once_each_with_its_key_path() -> None:
    broken = catalog(
        METRIC | {"name": "a b"},
        METRIC | {"unit": "percent"},
        BUSY,
        METRIC | {"name": "<city>.x", "unit": "bytes"},
        METRIC | {"name": "bonn.x", "unit": "bytes", "measurement": "bonn"},
        TIMER | {"name": "<town>"},
        placeholders={"city": CLOSED},
    )
    assert [(finding.rule, finding.path) for finding in lint(broken)] == [
        ("bucket-form", ("metrics", 0, "name")),
        ("placeholder-declared", ("metrics", 5, "name")),
        ("name-fixed", ("metrics", 5, "name")),
        ("measurement-once", ("metrics", 2)),
        ("type-unit", ("metrics", 1, "unit")),
        ("bucket-other", ("metrics", 3, "name")),
    ]


def test_what_is_wrong_with_the_prefix_is_told_once() -> None:
    (found,) = lint(catalog(METRIC, OTHER, prefix="a b"))
    assert found.path == ("prefix",)
    (found,) = lint(catalog(METRIC, OTHER, prefix="shop.<city>"))
    assert found.path == ("prefix",)


def test_places_are_the_indexes_that_findings_have() -> None:
    found = lint(catalog(METRIC, METRIC | {"unit": "percent"}), places=[3, 7])
    assert ("metrics", 7, "unit") in [finding.path for finding in found]


def test_of_a_part_of_a_file_nothing_is_said_that_the_rest_could_have() -> None:
    unused = with_place("shop", PLACE)
    assert [finding.rule for finding in lint(unused)] == ["placeholder-used"]
    assert lint(unused, places=[1]) == []
