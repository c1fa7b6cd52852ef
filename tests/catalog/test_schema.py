"""The JSON Schema that is shipped: up to date, and of the same mind as the loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from provision.catalog.schema import schema
from provision.paths import CATALOGS
from tests.catalog.builders import CLOSED, GAUGE, METRIC, PLACE, TIMER

VALIDATOR = jsonschema.Draft202012Validator(schema())
GOOD: dict[str, Any] = {
    "app": "shop",
    "title": "Shop",
    "description": "Sells.",
    "source": "handbook",
    "prefix": "shop",
    "metrics": [METRIC],
}
SCRAPED = {key: value for key, value in GOOD.items() if key != "prefix"} | {
    "input": "prometheus",
    "scrape": {"port": 80},
}
WORRY = {"severity": "info", "advice": "Look."}


def test_the_shipped_schema_is_the_generated_one() -> None:
    """Write it anew: provision catalog schema > provision/catalogs/schema.json."""
    assert json.loads((CATALOGS / "schema.json").read_text()) == schema()


def test_it_is_a_schema_of_draft_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("path", sorted(CATALOGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_built_in_catalogs_follow_it_and_say_so(path: Path) -> None:
    text = path.read_text()
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")


@pytest.mark.parametrize(
    "good",
    [
        GOOD,
        SCRAPED,
        GOOD | {"input": "statsd", "transport": "tcp"},
        {k: v for k, v in SCRAPED.items() if k != "scrape"} | {"input": "telegraf"},
        GOOD | {"placeholders": {"city": PLACE}},
        GOOD | {"metrics": [METRIC | {"labels": {"city": None}}]},
        GOOD | {"metrics": [METRIC | {"condition": WORRY | {"above": 1, "pending": "1h30m"}}]},
        GOOD | {"metrics": [METRIC | {"condition": WORRY | {"silent": "5m"}}]},
    ],
)
def test_what_the_loader_takes_it_takes(good: dict[str, Any]) -> None:
    VALIDATOR.validate(good)


@pytest.mark.parametrize(
    "bad",
    [
        [],
        "shop",
        {},
        {key: value for key, value in GOOD.items() if key != "title"},
        {key: value for key, value in GOOD.items() if key != "prefix"},
        GOOD | {"titel": "x"},
        GOOD | {"app": "My Shop"},
        GOOD | {"app": "a" * 31},
        GOOD | {"title": "a\nb"},
        GOOD | {"title": 5},
        GOOD | {"transport": "fax"},
        GOOD | {"scrape": {"port": 80}},
        GOOD | {"metrics": []},
        GOOD | {"metrics": METRIC},
        GOOD | {"placeholders": {"City": PLACE}},
        GOOD | {"placeholders": {"city": PLACE | {"colour": "red"}}},
        GOOD | {"placeholders": {"city": CLOSED | {"values": []}}},
        GOOD | {"placeholders": {"city": CLOSED | {"values": ["a", "a"]}}},
        GOOD | {"placeholders": {"city": CLOSED | {"values": [1]}}},
        GOOD | {"placeholders": {"city": PLACE | {"expected": 0}}},
        GOOD | {"placeholders": {"city": PLACE | {"dotted": "yes"}}},
        GOOD | {"metrics": [METRIC | {"unit": "eggs"}]},
        GOOD | {"metrics": [METRIC | {"type": "histogram"}]},
        GOOD | {"metrics": [METRIC | {"labels": {"A": None}}]},
        GOOD | {"metrics": [TIMER | {"percentiles": [100]}]},
        GOOD | {"metrics": [TIMER | {"fields": ["most"]}]},
        GOOD | {"metrics": [GAUGE | {"condition": WORRY}]},
        GOOD | {"metrics": [GAUGE | {"condition": WORRY | {"above": 1, "below": 2}}]},
        GOOD | {"metrics": [GAUGE | {"condition": WORRY | {"above": 1, "silent": "5m"}}]},
        GOOD | {"metrics": [GAUGE | {"condition": WORRY | {"silent": "soon"}}]},
        GOOD | {"metrics": [GAUGE | {"condition": WORRY | {"above": 1, "pending": 5}}]},
        GOOD | {"metrics": [GAUGE | {"condition": {"above": 1}}]},
        SCRAPED | {"prefix": "shop"},
        SCRAPED | {"scrape": {"port": 80, "path": "metrics"}},
        SCRAPED | {"scrape": {"port": 100_000}},
        SCRAPED | {"ignored": [{"name": "a*b", "reason": "x"}]},
        {key: value for key, value in SCRAPED.items() if key != "scrape"},
        SCRAPED | {"input": "telegraf"},
    ],
)
def test_what_the_loader_refuses_it_refuses(bad: Any) -> None:
    assert not VALIDATOR.is_valid(bad)


def test_every_key_says_what_it_is() -> None:
    made = schema()
    for part in (made, *made["$defs"].values()):
        assert part["description"]
        for name, key in part.get("properties", {}).items():
            assert key.get("description") or "$ref" in key, name
