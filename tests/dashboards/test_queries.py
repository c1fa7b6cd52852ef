from __future__ import annotations

from provision.catalog.model import Catalog
from provision.dashboards.queries import expand, identifier, rate_of_deltas, tag_values


def test_identifiers_are_quoted() -> None:
    assert identifier('a"b\\c\nd') == '"a\\"b\\\\c\\nd"'


def test_grafanas_variables_are_put_in() -> None:
    query = rate_of_deltas("m", ["host", "model"], ["host"])
    expanded = expand(query, start=1000, end=2000, interval=10000, values={"host": "w1"})
    assert "$" not in expanded.replace("$/", "")
    assert "=~ /^w1$/" in expanded
    assert "=~ /^.*$/" in expanded
    assert "time >= 1000ms AND time <= 2000ms" in expanded
    assert "/ 10000 " in expanded
    assert "time(10000ms)" in expanded


def test_variables_are_chained(realm: Catalog) -> None:
    query = tag_values(realm, "version", ["host", "hostname"])
    assert query == (
        'SHOW TAG VALUES FROM /^realm_/ WITH KEY = "version" '
        'WHERE "host" =~ /^${host:regex}$/ AND "hostname" =~ /^${hostname:regex}$/'
    )
