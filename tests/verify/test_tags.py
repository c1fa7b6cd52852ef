from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.fleet.model import Fleet
from provision.influx import Answer, Series
from provision.site.model import Site
from provision.verify.findings import Area, Finding, Status
from provision.verify.tags import REMEDY, tags_seen
from tests.verify.told import Told, answer, series

SHOP = """\
app: shop
title: Shop
description: Sells things.
source: the shop's handbook
prefix: shop
placeholders:
  kind: {description: How it is paid., values: [card, cash]}
metrics:
  - {name: open, type: gauge, unit: count, title: Open, description: Open.}
  - {name: paid.<kind>, type: counter, unit: count, title: Paid, description: Paid.}
"""


@pytest.fixture
def site(fleet_of: Callable[..., Fleet], tmp_path: Path) -> Site:
    (tmp_path / "catalogs").mkdir()
    (tmp_path / "catalogs" / "shop.yaml").write_text(SHOP)
    groups = {"monitor": {"hosts": {"m": {}}}, "workers": {"hosts": {"w": {"apps": ["shop"]}}}}
    return fleet_of(json.dumps(groups)).site


def database(keys: dict[str, list[str]], *counted: Series) -> Told:
    """What has such tags in its measurements, and these series lately."""

    def tell(statement: str) -> Answer:
        if not statement.startswith("SHOW TAG KEYS"):
            return answer(*counted)
        rows = {name: tuple({"tagKey": key} for key in of) for name, of in keys.items()}
        return answer(*(Series(name, {}, of) for name, of in rows.items()))

    return Told(tell)


def counts(*tags: dict[str, str]) -> list[Series]:
    return [series({"count": 1}, **each) for each in tags]


def told(detail: str, name: str = "shop.paid.<kind> (counter)", host: str = "w") -> Finding:
    whole = f"tag 'region' is in no catalog ({detail}); {REMEDY}"
    return Finding(Status.WARNING, Area.UNDOCUMENTED, host, name, whole)


def test_documented_tags_and_telegrafs_own_are_not_asked_about(site: Site) -> None:
    asked = database({"shop_paid": ["host", "kind", "metric_type", "transport"], "shop_open": []})
    assert tags_seen(asked, site, 5) == []
    (statement,) = asked.statements
    assert '"shop_open", "shop_paid"' in statement
    assert '"cpu"' in statement


def test_series_that_differ_in_an_undocumented_tag_alone_are_told(site: Site) -> None:
    found = counts(
        {"host": "w", "kind": "card", "region": "eu"}, {"host": "w", "kind": "card", "region": "us"}
    )
    asked = database({"shop_paid": ["host", "kind", "region"]}, *found)
    assert tags_seen(asked, site, 5) == [told("eu, us")]
    (statement,) = asked.statements[1:]
    assert statement.startswith(
        'SELECT count("value") FROM "shop_paid" WHERE time >= 5ms GROUP BY "host", "kind", "region"'
    )


def test_what_is_sent_with_and_without_the_tag_is_told(site: Site) -> None:
    found = counts(
        {"host": "w", "kind": "card", "region": ""}, {"host": "w", "kind": "card", "region": "us"}
    )
    assert tags_seen(database({"shop_paid": ["region"]}, *found), site, 5) == [told("none, us")]


def test_a_tag_that_goes_with_a_documented_one_or_with_the_host_hides_nothing(site: Site) -> None:
    found = counts(
        {"host": "w", "kind": "card", "region": "eu"},
        {"host": "w", "kind": "cash", "region": "us"},
        {"host": "v", "kind": "card", "region": "us"},
    )
    assert tags_seen(database({"shop_paid": ["region"]}, *found), site, 5) == []


def test_of_very_many_values_a_few_are_told(site: Site) -> None:
    found = counts(*({"host": "w", "region": f"r{n}"} for n in range(7)))
    assert tags_seen(database({"shop_open": ["region"]}, *found), site, 5) == [
        told("r0, r1, r2, r3, r4, 2 more", "shop.open (gauge)")
    ]


def test_what_cannot_be_asked_is_a_fault(site: Site) -> None:
    assert tags_seen(Told(lambda _: answer(error="no rights")), site, 5) == [
        Finding(Status.FAILED, Area.UNDOCUMENTED, "", "tags", "no rights")
    ]

    def tell(statement: str) -> Answer:
        if statement.startswith("SHOW"):
            return answer(Series("shop_open", {}, ({"tagKey": "region"},)))
        return answer(error="too many series")

    assert tags_seen(Told(tell), site, 5) == [
        Finding(Status.FAILED, Area.UNDOCUMENTED, "", "shop.open (gauge)", "too many series")
    ]


def test_what_takes_too_long_takes_nothing_else_along(site: Site) -> None:
    def tell(statement: str) -> Answer:
        if statement.startswith("SHOW"):
            return answer(Series("shop_open", {}, ({"tagKey": "region"},)))
        raise ProvisionError("no answer within 10 s")

    assert tags_seen(Told(tell), site, 5) == [
        Finding(Status.FAILED, Area.UNDOCUMENTED, "", "tags", "no answer within 10 s")
    ]
