from __future__ import annotations

import re

import pytest

from provision.catalog.lint import RULES, lint, lint_together
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
    "placeholder-values": (
        catalog(prefix="shop.<city>", placeholders={"city": PLACE | {"examples": ["a.b"]}}),
        "'a.b' cannot stand in a bucket",
    ),
    "name-fixed": (
        catalog(metrics=[METRIC | {"name": "<city>"}], placeholders={"city": PLACE}),
        "at least one fixed segment",
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


HOSTS = {"hostname": {"description": "a host", "dotted": True, "examples": ["a.b"]}}


def test_catalogs_that_take_each_others_buckets_are_told() -> None:
    one = catalog(app="one", prefix="shop.<hostname>", placeholders=HOSTS)
    two = catalog(app="two", prefix="shop.<hostname>", placeholders=HOSTS)
    (found,) = lint_together([one, two])
    assert found == "shop.a.b.orders of two would be taken for orders of one"


def test_catalogs_that_share_a_measurement_are_told() -> None:
    one = catalog(app="a-b", prefix="one", metrics=[METRIC | {"measurement": "c"}])
    two = catalog(app="a", prefix="two", metrics=[METRIC | {"measurement": "b_c"}])
    assert lint_together([one, two]) == ["a-b and a are both stored as a_b_c"]


def test_catalogs_that_keep_apart_may_stand_together() -> None:
    assert lint_together([catalog(), catalog(app="other", prefix="other")]) == []
