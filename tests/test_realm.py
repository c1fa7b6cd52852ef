"""Realm's catalog against what its documentation says beside its table (see test_documented)."""

from __future__ import annotations

from provision.catalog.model import Catalog


def test_what_should_not_normally_happen_is_a_condition(realm: Catalog) -> None:
    worry = {metric.name for metric in realm.metrics if metric.condition}
    said = {m.name for m in realm.metrics if "Should not normally happen" in m.description}
    assert said == {"authentication.failed", "permission.denied"}
    assert said < worry


def test_the_buckets_of_the_documents_examples_are_documented(realm: Catalog) -> None:
    examples = [
        "realm.example.com.connection.online",
        "realm.example.com.connection.failed",
        "realm.example.com.realms.open",
        "realm.example.com.protocol.violated",
        "realm.example.com.protocol.bytes.received",
        "realm.example.com.authentication.failed",
    ]
    for bucket in examples:
        matches = [m for m in realm.metrics if realm.pattern(m).match(bucket)]
        assert matches
        assert {realm.pattern(m).match(bucket)["hostname"] for m in matches} == {"example.com"}  # type: ignore[index]
