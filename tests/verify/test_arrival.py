from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import pytest

from provision.applications import read_application
from provision.catalog.model import Catalog, MetricType
from provision.influx import Answer, Series
from provision.traffic import Sample, documented_traffic
from provision.verify import arrival
from provision.verify.arrival import MetricOutcome, Sent, check_metrics
from tests.verify.told import Told

Catalogs = Mapping[str, Catalog]
HOST = "w1"


def row(sample: Sample, **changes: float | None) -> dict[str, float | None]:
    """What InfluxDB answers where everything arrived."""
    return {f"e{i}": each.value or 1 for i, each in enumerate(sample.expected)} | changes


def arrived(sample: Sample, host: str = HOST, **tags: str) -> Series:
    return Series(sample.measurement, {"host": host, **sample.tags, **tags}, (row(sample),))


def judge(samples: Sequence[Sample], *seen: Series, error: str | None = None) -> MetricOutcome:
    return arrival.judge([Sent(HOST, sample) for sample in samples], Answer(tuple(seen), error))


def samples_of(catalog: Catalog, name: str, kind: str) -> list[Sample]:
    application, _ = read_application(catalog, {})
    assert application is not None
    found = documented_traffic([application]).samples
    return [s for s in found if (s.metric.name, s.metric.type) == (name, kind)]


@pytest.fixture
def some(realm: Catalog) -> list[Sample]:
    return samples_of(realm, "session.started", "counter")


@pytest.fixture
def timed(catalogs: Catalogs) -> list[Sample]:
    return samples_of(catalogs["django-clickhouse"], "sync.<model>.total", "timer")


def test_every_value_exactly_is_right(some: list[Sample]) -> None:
    outcome = judge(some, *map(arrived, some))
    assert outcome.ok
    assert (outcome.sent, outcome.arrived, outcome.wrong) == (3, 3, ())
    assert outcome.was_sent
    assert (outcome.bucket, outcome.measurement) == (
        "realm.<hostname>.session.started",
        "realm_session_started",
    )


def test_one_that_never_came_is_named(some: list[Sample]) -> None:
    outcome = judge(some, *map(arrived, some[1:]))
    assert not outcome.ok
    assert (outcome.sent, outcome.arrived) == (3, 2)
    assert outcome.wrong == ("w1/localhost: never seen",)


def test_a_wrong_value_is_wrong(some: list[Sample]) -> None:
    (expected,) = some[0].expected
    assert expected.value is not None
    changed = Series("m", arrived(some[0]).tags, (row(some[0], e0=expected.value + 1),))
    outcome = judge(some, changed, *map(arrived, some[1:]))
    assert not outcome.ok
    assert outcome.arrived == 2
    assert outcome.wrong == (f"w1/localhost: {expected.value + 1:g} instead of {expected.value:g}",)


def test_a_series_that_nobody_sent_is_wrong(some: list[Sample]) -> None:
    outcome = judge(some, *map(arrived, some), arrived(some[0], hostname="stranger"))
    assert not outcome.ok
    assert outcome.arrived == 3
    assert outcome.wrong == ("w1/stranger: not sent, but seen",)


def test_what_arrives_as_another_hosts_is_wrong_for_both(some: list[Sample]) -> None:
    outcome = judge(some[:1], arrived(some[0], host="w2"))
    assert outcome.wrong == ("w1/localhost: never seen", "w2/localhost: not sent, but seen")


def test_values_that_changed_places_are_wrong(some: list[Sample]) -> None:
    first, second = some[:2]
    swapped = [
        Series("m", arrived(first).tags, (row(second),)),
        Series("m", arrived(second).tags, (row(first),)),
    ]
    assert judge([first, second], *swapped).arrived == 0


def test_an_error_of_the_database_is_wrong(some: list[Sample]) -> None:
    outcome = judge(some, error="database not found")
    assert not outcome.ok
    assert "database not found" in outcome.wrong
    outcome = judge(some, *map(arrived, some), error="half an answer")
    assert not outcome.ok


def test_a_timer_is_right_when_all_its_fields_are(timed: list[Sample]) -> None:
    assert judge(timed, *map(arrived, timed)).ok
    fields = [each.field for each in timed[0].expected]
    number = fields.index("95_percentile")
    tags = arrived(timed[0]).tags
    missing = Series("m", tags, (row(timed[0], **{f"e{number}": None}),))
    outcome = judge(timed[:1], missing)
    where = "/".join(["w1", *timed[0].tags.values()])
    assert outcome.wrong == (f"{where}: max of 95_percentile: never seen",)
    more = Series("m", tags, (row(timed[0], e0=21, e1=0),))
    assert judge(timed[:1], more).wrong[0] == f"{where}: sum of count: 21 instead of 20"
    assert len(judge(timed[:1], more).wrong) == 2


def test_a_fraction_may_differ_by_what_a_float_does_and_no_more(timed: list[Sample]) -> None:
    number = [each.field for each in timed[0].expected].index("stddev")
    exact = timed[0].expected[number].value
    assert exact is not None
    for change, ok in ((1e-10, True), (1e-6, False)):
        changed = row(timed[0], **{f"e{number}": exact * (1 + change)})
        assert judge(timed[:1], Series("m", arrived(timed[0]).tags, (changed,))).ok is ok


def test_what_telegraf_gathers_is_right_with_any_value(catalogs: Catalogs) -> None:
    samples = samples_of(catalogs["host"], "cpu.usage_active", "gauge")
    outcome = judge(samples, Series("cpu", {"host": HOST}, ({"e0": 7},)))
    assert outcome.ok
    assert not outcome.was_sent
    assert not judge(samples).ok


def test_nothing_sent_is_not_right(some: list[Sample]) -> None:
    outcome = judge(some[:1], arrived(some[0]))
    assert outcome.ok
    assert not MetricOutcome(outcome.catalog, outcome.metric, 0, 0, ()).ok


def test_a_metric_is_asked_for_once_for_all_its_hosts_and_series(catalogs: Catalogs) -> None:
    application, _ = read_application(catalogs["django-clickhouse"], {})
    assert application is not None
    samples = documented_traffic([application]).samples
    sent = [Sent(host, sample) for host in ("w1", "w2") for sample in samples]
    by_statement: dict[str, list[Sent]] = {}

    def all_arrived(statement: str) -> Answer:
        measurement = statement.split(' FROM "')[1].split('"')[0]
        found = [each for each in sent if each.sample.measurement == measurement]
        by_statement[statement] = found
        return Answer(tuple(arrived(each.sample, each.host) for each in found))

    database = Told(all_arrived)
    outcomes = check_metrics(database, sent, 1234)
    metrics = catalogs["django-clickhouse"].metrics
    assert [(o.metric.name, o.metric.type) for o in outcomes] == [(m.name, m.type) for m in metrics]
    assert all(outcome.ok for outcome in outcomes)
    assert sum(outcome.sent for outcome in outcomes) == len(sent)
    assert len(database.requests) == 1
    assert len(database.statements) == len(metrics)
    for statement, found in by_statement.items():
        sample = found[0].sample
        kind = "timing" if sample.metric.type is MetricType.TIMER else sample.metric.type
        tags = ", ".join(f'"{tag}"' for tag in ("host", *sample.tags))
        assert f"WHERE time >= 1234ms AND \"metric_type\" = '{kind}' GROUP BY {tags}" in statement
        asked = ", ".join(
            f'{each.function}("{each.field}") AS "e{index}"'
            for index, each in enumerate(sample.expected)
        )
        assert statement.startswith(f'SELECT {asked} FROM "{sample.measurement}" WHERE ')


def test_two_metrics_of_one_name_are_judged_apart(catalogs: Catalogs) -> None:
    """inserted_tuples.<model> is a counter and a timer."""
    application, _ = read_application(catalogs["django-clickhouse"], {})
    assert application is not None
    samples = [
        sample
        for sample in documented_traffic([application]).samples
        if sample.metric.name == "inserted_tuples.<model>"
    ]
    kinds = [kind for kind, _ in groupby(sample.metric.type for sample in samples)]
    assert kinds == [MetricType.TIMER, MetricType.COUNTER]
    database = Told(lambda _: Answer(()))
    outcomes = check_metrics(database, [Sent(HOST, sample) for sample in samples], 0)
    assert [outcome.sent for outcome in outcomes] == [2, 2]
    assert [outcome.arrived for outcome in outcomes] == [0, 0]


def test_what_telegraf_gathers_is_asked_for_without_statsds_type(catalogs: Catalogs) -> None:
    database = Told(lambda _: Answer(()))
    samples = samples_of(catalogs["host"], "cpu.usage_active", "gauge")
    check_metrics(database, [Sent(HOST, sample) for sample in samples], 5)
    assert database.statements == [
        'SELECT count("usage_active") AS "e0" FROM "cpu" WHERE time >= 5ms GROUP BY "host"'
    ]
