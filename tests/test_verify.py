from __future__ import annotations

from collections.abc import Sequence

from provision.catalog.model import Catalog
from provision.influx import Answer, Series
from provision.traffic import Sample, documented_traffic
from provision.verify import MetricOutcome, Sent, _outcome

HOST = "w1"


def series(sample: Sample, value: float, **tags: str) -> Series:
    return Series(sample.measurement, {"host": HOST, **sample.tags, **tags}, ({"seen": value},))


def judge(samples: Sequence[Sample], *seen: Series, error: str | None = None) -> MetricOutcome:
    return _outcome([Sent(HOST, sample) for sample in samples], Answer(tuple(seen), error))


def some(realm: Catalog) -> list[Sample]:
    return [s for s in documented_traffic([realm]) if s.metric.name == "session.started"]


def test_every_value_exactly_is_right(realm: Catalog) -> None:
    samples = some(realm)
    outcome = judge(samples, *[series(s, s.expected) for s in samples])
    assert outcome.ok
    assert (outcome.sent, outcome.arrived) == (3, 3)


def test_one_that_never_came_is_named(realm: Catalog) -> None:
    samples = some(realm)
    outcome = judge(samples, *[series(s, s.expected) for s in samples[1:]])
    assert not outcome.ok
    assert outcome.wrong == ("w1/localhost: never seen",)


def test_a_wrong_value_is_wrong(realm: Catalog) -> None:
    samples = some(realm)
    seen = [series(s, s.expected) for s in samples[1:]]
    outcome = judge(samples, series(samples[0], samples[0].expected + 1), *seen)
    assert not outcome.ok
    assert outcome.wrong == (
        "w1/localhost: 111 instead of 110".replace("111", _g(samples[0], 1)).replace(
            "110", _g(samples[0], 0)
        ),
    )


def _g(sample: Sample, more: float) -> str:
    return f"{sample.expected + more:g}"


def test_a_series_that_nobody_sent_is_wrong(realm: Catalog) -> None:
    samples = some(realm)
    seen = [series(s, s.expected) for s in samples]
    outcome = judge(samples, *seen, series(samples[0], 1, hostname="stranger"))
    assert not outcome.ok
    assert outcome.wrong == ("w1/stranger: not sent, but seen",)


def test_an_error_of_the_database_is_wrong(realm: Catalog) -> None:
    outcome = judge(some(realm), error="database not found")
    assert not outcome.ok
    assert "database not found" in outcome.wrong


def test_no_two_series_of_the_traffic_have_the_same_value(realm: Catalog) -> None:
    samples = documented_traffic([realm])
    assert len({s.expected for s in samples if s.function == "sum"}) == sum(
        s.function == "sum" for s in samples
    )
    assert {(s.metric.name, s.metric.type) for s in samples} == {
        (m.name, m.type) for m in realm.metrics
    }
