from __future__ import annotations

import re
from collections.abc import Mapping

from provision.catalog.model import Catalog
from provision.dashboards.queries import Asked, rate_of_deltas
from provision.dashboards.variables import (
    expand,
    expand_variables,
    measurements_of,
    tag_values,
    totals_query,
)

Catalogs = Mapping[str, Catalog]
ASKED = Asked(("m",), ("host", "model"), ("host", "model"))


def test_grafanas_variables_are_put_in() -> None:
    query = rate_of_deltas(ASKED, "value")
    expanded = expand(query, start=1000, end=2000, interval=10000, values={"host": "w1"})
    assert "$" not in expanded.replace("$/", "")
    assert "=~ /^w1$/" in expanded
    assert "=~ /^.*$/" in expanded
    assert "/ AND time >= 1000ms AND time <= 2000ms GROUP BY" in expanded
    assert "/ 10000 " in expanded
    assert "time(10000ms)" in expanded


def test_a_dashboards_variables_are_put_in_and_grafanas_own_left() -> None:
    expanded = expand_variables(rate_of_deltas(ASKED, "value"), {"model": "a|b"}, 5)
    assert expanded == (
        'SELECT sum("value") * 1000 / $__interval_ms FROM "m" '
        'WHERE "host" =~ /^.*$/ AND "model" =~ /^a|b$/ AND $timeFilter '
        'GROUP BY time($__interval), "host", "model" fill(null)'
    )


def test_variables_are_chained(realm: Catalog) -> None:
    query = tag_values(realm, "version", ["host", "hostname"])
    assert query == (
        'SHOW TAG VALUES FROM /^realm_/ WITH KEY = "version" '
        'WHERE "host" =~ /^${host:regex}$/ AND "hostname" =~ /^${hostname:regex}$/'
    )
    assert tag_values(realm, "host", []) == 'SHOW TAG VALUES FROM /^realm_/ WITH KEY = "host"'


def test_all_that_an_application_stores_is_asked_and_nothing_else(catalogs: Catalogs) -> None:
    stored = {
        app: {name for metric in catalog.metrics for name in catalog.measurements(metric)}
        for app, catalog in catalogs.items()
    }
    for app, catalog in catalogs.items():
        pattern = measurements_of(catalog)
        assert (pattern[0], pattern[-1]) == ("/", "/")
        for other, names in stored.items():
            found = {name for name in names if re.search(pattern[1:-1], name)}
            assert found == (names if other == app else set())


def test_what_chooses_totals_follows_every_choice(catalogs: Catalogs) -> None:
    for app in ("tinybird-jobs", "django-clickhouse"):
        catalog = catalogs[app]
        question = totals_query(catalog)
        assert question is not None
        for tag in ("host", *catalog.placeholders):
            assert f'"{tag}" =~ /^${{{tag}:regex}}$/' in question
        assert re.search(r"FROM /\^\(\w+(\|\w+)+\):by_host\$/ WITH", question)
        assert question.endswith('"totals_by" =~ /(^|,)${group_by:csv}(,|$)/')
    assert totals_query(catalogs["realm"]) is None
    assert totals_query(catalogs["dataclay"]) is None
