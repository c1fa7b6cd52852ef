"""docs/catalogs.md against the code: its examples, its keys, its rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from provision.applications import read_application
from provision.catalog.lint import FORMS, MATCHING, RULES, TOGETHER, lint_together, reason
from provision.catalog.load import load_catalog, load_catalogs
from provision.catalog.model import Catalog, Condition, Former, Ignored, Metric, Placeholder, Scrape
from provision.catalog.parts import Part
from provision.catalog.vocabulary import Input, MetricType, Severity, TimerField, Transport

PAGE = (Path(__file__).parents[2] / "docs" / "catalogs.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SECTIONS = {part.split("\n", 1)[0].strip("#` "): part for part in re.split(r"\n(?=##+ )", PAGE)}
PARTS: dict[str, type[Part]] = {
    "The keys of a catalog": Catalog,
    "scrape": Scrape,
    "ignored": Ignored,
    "placeholders": Placeholder,
    "metrics": Metric,
    "condition": Condition,
    "formerly": Former,
}


def first_cells(section: str) -> list[str]:
    """What stands in backticks at the beginning of a table's rows."""
    return re.findall(r"^\| `([^`]+)` \|", SECTIONS[section], re.MULTILINE)


def test_the_examples_are_catalogs_that_may_stand_together(tmp_path: Path) -> None:
    made = []
    for number, text in enumerate(EXAMPLES[:2]):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        made.append(load_catalog(path))
    assert {catalog.input for catalog in made} == {Input.STATSD, Input.PROMETHEUS}
    assert {metric.type for metric in made[0].metrics} == set(MetricType)
    assert lint_together([*made, *load_catalogs().values()]) == []


def test_the_example_of_variables_is_right() -> None:
    given = yaml.safe_load(EXAMPLES[2])
    known = load_catalogs()
    apps = [known["django-clickhouse"], known["dataclay"]]
    assert given.keys() == set().union(*(each.variables for each in apps))
    for catalog in apps:
        application, problems = read_application(catalog, given)
        assert problems == []
        assert application


@pytest.mark.parametrize("section", PARTS)
def test_every_key_is_explained_with_its_default(section: str) -> None:
    fields = PARTS[section].model_fields
    assert first_cells(section) == list(fields)
    rows = [line for line in SECTIONS[section].splitlines() if line.startswith("| `")]
    for row, field in zip(rows, fields.values(), strict=True):
        default = row.rsplit("|", 2)[1].strip()
        assert (default == "needed") == field.is_required()


def test_every_word_of_the_vocabularies_is_named() -> None:
    for words in (Input, MetricType, Severity, TimerField, Transport):
        for word in words:
            assert f"`{word}`" in PAGE


def test_every_rule_is_there_with_its_reason() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", SECTIONS["What is checked"], re.MULTILINE)
    rules = (*FORMS, *RULES, *MATCHING, *TOGETHER)
    assert rows == [(rule, reason(rule)) for rule in rules]
