from __future__ import annotations

import re

import pytest

from provision.catalog.lint import RULES, lint
from provision.catalog.model import Catalog

METRIC = {
    "name": "orders",
    "type": "counter",
    "unit": "count",
    "title": "Orders",
    "description": "An order.",
}


def catalog(**changes: object) -> Catalog:
    base: dict[str, object] = {
        "app": "shop",
        "title": "Shop",
        "description": "Sells.",
        "source": "handbook",
        "prefix": "shop",
        "metrics": [METRIC],
    }
    return Catalog.model_validate(base | changes)


PLACE = {"description": "a place", "examples": ["x"]}

BROKEN = {
    "bucket-form": (catalog(prefix="shop..x"), "segment ''"),
    "placeholder-declared": (catalog(prefix="shop.<city>"), "<city> is not declared"),
    "placeholder-used": (catalog(placeholders={"city": PLACE}), "<city> is in no bucket"),
    "placeholder-reserved": (
        catalog(prefix="shop.<host>", placeholders={"host": PLACE}),
        "a tag that Telegraf sets",
    ),
    "placeholder-samples": (
        catalog(prefix="shop.<city>", placeholders={"city": {"description": "a place"}}),
        "needs at least one of examples",
    ),
    "metric-once": (catalog(metrics=[METRIC, METRIC]), "documented twice"),
    "measurement-once": (
        catalog(metrics=[METRIC, METRIC | {"type": "gauge"}]),
        "measurement shop_orders is that of metrics[0] as well",
    ),
    "type-unit": (catalog(metrics=[METRIC | {"unit": "seconds"}]), "a counter counts"),
}


def test_a_good_catalog_has_no_findings() -> None:
    assert lint(catalog()) == []


@pytest.mark.parametrize("rule", [*RULES, "bucket-form"])
def test_each_rule_finds_what_it_is_for(rule: str) -> None:
    broken, message = BROKEN[rule]
    found = {finding.rule: finding.message for finding in lint(broken)}
    assert re.search(re.escape(message), found[rule])
