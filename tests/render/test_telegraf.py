from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from provision.applications import read_application
from provision.catalog.buckets import Kind, Pattern, Segment, classify
from provision.catalog.model import Catalog, Ignored, Input, Metric, MetricType
from provision.fleet.model import Fleet
from provision.render.telegraf import (
    PROBE_BUCKET,
    PROBE_MEASUREMENT,
    PROBE_NAME,
    PROBE_PUSHED,
    Documented,
    IgnoredNames,
    documented_buckets,
    documented_names,
    gathered,
    ignored_names,
    percentiles,
    pushgateways,
    telegraf_values,
)
from provision.site.model import Host
from provision.traffic import documented_traffic

Catalogs = Mapping[str, Catalog]
Make = Callable[..., Fleet]
METRIC = {"unit": "count", "title": "T", "description": "D."}
STATSD, PROMETHEUS = (
    "/etc/telegraf/telegraf.d/statsd.conf",
    "/etc/telegraf/telegraf.d/prometheus.conf",
)
ONE_WORKER = "monitor: {hosts: {m: }}\nworkers: {hosts: {w: }, vars: {%s}}\n"


def catalog(*metrics: dict[str, Any], **changes: Any) -> Catalog:
    names = ("a", "b")
    given = {
        "app": "own",
        "title": "Own",
        "description": "Own.",
        "source": "x",
        "prefix": "own",
        "placeholders": {n: {"description": "It varies.", "examples": ["x"]} for n in names},
        "metrics": [METRIC | {"type": "counter"} | metric for metric in metrics],
    }
    return Catalog.model_validate(given | changes)


def timer(name: str, *values: float) -> dict[str, Any]:
    return {"name": name, "type": "timer", "unit": "seconds", "percentiles": values}


def rows(catalogs: Sequence[Catalog], kind: str) -> list[Documented]:
    return dict(documented_buckets(catalogs))[kind]


def statsd_catalogs(catalogs: Catalogs, **given: Any) -> list[Catalog]:
    found = [read_application(each, given)[0] for each in catalogs.values()]
    return [a.catalog for a in found if a and a.catalog.input is Input.STATSD]


def worker(make: Make, variables: str) -> Host:
    (host,) = make(ONE_WORKER % variables).site.workers
    return host


def test_more_specific_buckets_come_first_whatever_order_they_are_documented_in() -> None:
    metrics = [{"name": name} for name in ("<a>.<b>", "x.<b>", "<a>.y", "x.y", "x", "<a>")]
    found = set()
    for permutation in itertools.permutations(metrics):
        own = [row for row in rows([_unnamed(permutation)], "counter") if row.tags == {}]
        found.add(tuple(".".join(row.segments) for row in own))
    (order,) = found
    assert order == (
        "=own.=x.=y",
        "=own.=x",
        "=provision.=probe",
        "=own.=x.?b",
        "=own.?a.=y",
        "=own.?a",
        "=own.?a.?b",
    )


def test_a_message_counter_comes_before_the_use_of_a_protocol(realm: Catalog) -> None:
    measurements = [row.measurement for row in rows([realm], "counter")]
    assert measurements.index("realm_protocol_messages_sent") < measurements.index(
        "realm_protocol_used"
    )


def _unnamed(metrics: Sequence[dict[str, Any]]) -> Catalog:
    """A catalog with measurements that do not follow the names, as some of these have none."""
    return catalog(*[m | {"measurement": f"m{index}"} for index, m in enumerate(metrics)])


def test_the_processor_takes_a_bucket_for_what_the_model_takes_it_for(catalogs: Catalogs) -> None:
    """The first row that matches is the documented metric, for everything that is documented."""
    together = statsd_catalogs(catalogs, django_clickhouse_prefix=["clickhouse", "shop.x"])
    documented = dict(documented_buckets(together))
    samples = [
        sample
        for each in together
        for application in [read_application(each, {})[0]]
        if application
        for sample in documented_traffic([application]).samples
    ]
    for sample in samples:
        kind = sample.metric.type.telegraf
        bucket = sample.packets[0].split(":")[0]
        patterns = [(_pattern(row), row) for row in documented[kind]]
        first = next(row for pattern, row in patterns if pattern.match(bucket) is not None)
        found = classify(bucket, patterns)
        assert found is not None
        assert (first, first.measurement) == (found[0], sample.measurement)
        assert {**first.tags, **found[1]} == dict(sample.tags)


def _pattern(row: Documented) -> Pattern:
    return Pattern(tuple(Segment(Kind(each[0]), each[1:]) for each in row.segments))


def test_each_type_has_rows_of_its_own_by_telegrafs_names(catalogs: Catalogs) -> None:
    django = catalogs["django-clickhouse"]
    found = dict(documented_buckets([django]))
    assert list(found) == ["counter", "gauge", "timing"]
    timing = {row.measurement: row for row in found["timing"]}
    assert timing["django_clickhouse_insert_time"].segments[-2:] == ("=inserted_tuples", "?model")
    assert {"50_percentile", "mean", "sum", "count"} <= set(
        timing["django_clickhouse_insert_time"].fields
    )
    assert {row.fields for row in found["counter"]} == {("value",)}


def test_the_values_of_a_setting_are_fixed_in_rows_of_their_own(catalogs: Catalogs) -> None:
    (django,) = statsd_catalogs(
        {"django-clickhouse": catalogs["django-clickhouse"]},
        django_clickhouse_prefix=["shop.eu.clickhouse", "blog"],
    )
    found = [r for r in rows([django], "gauge") if r.measurement == "django_clickhouse_sync_queue"]
    assert [(row.segments, row.tags) for row in found] == [
        (
            ("=shop", "=eu", "=clickhouse", "=sync", "?model", "=queue"),
            {"prefix": "shop.eu.clickhouse"},
        ),
        (("=blog", "=sync", "?model", "=queue"), {"prefix": "blog"}),
    ]


def test_a_former_name_is_stored_where_the_metric_is() -> None:
    own = catalog({"name": "new.<a>", "formerly": [{"name": "old.<a>.x"}]})
    found = [row for row in rows([own], "counter") if row.measurement != PROBE_MEASUREMENT]
    assert sorted((row.segments, row.measurement) for row in found) == [
        (("=own", "=new", "?a"), "own_new"),
        (("=own", "=old", "?a", "=x"), "own_new"),
    ]


def test_the_probe_is_documented_on_every_host() -> None:
    probe = Documented(PROBE_MEASUREMENT, ("=provision", "=probe"), {}, ("value",))
    assert PROBE_BUCKET == "provision.probe"
    assert documented_buckets(()) == [("counter", [probe])]
    assert probe in rows([catalog({"name": "x"})], "counter")
    assert [row[:3] for row in documented_names(())] == [(PROBE_NAME, PROBE_PUSHED, "gauge")]


def test_percentiles_are_those_that_any_timer_keeps_each_once_and_in_order() -> None:
    one = catalog(timer("x", 99.9, 50), timer("y", 95, 50.0))
    other = catalog(timer("x", 1, 99.9), {"name": "z"}, {"name": "y", "type": "gauge"})
    assert percentiles([one, other]) == [1.0, 50.0, 95.0, 99.9]
    assert percentiles([catalog({"name": "x"})]) == []
    assert percentiles([]) == []


def test_names_of_scraped_metrics_lead_to_measurement_and_type(catalogs: Catalogs) -> None:
    dataclay = catalogs["dataclay"]
    found = {
        name: (measurement, kind) for name, measurement, kind, *_ in documented_names([dataclay])
    }
    assert found == {
        **{m.name: (m.name, m.type.value) for m in dataclay.metrics},
        PROBE_NAME: (PROBE_PUSHED, "gauge"),
    }


def test_a_former_name_of_a_scraped_metric_is_stored_where_the_metric_is(
    catalogs: Catalogs,
) -> None:
    dataclay = catalogs["dataclay"]
    renamed = dataclay.metrics[0].model_copy(
        update={"formerly": _former("dataclay_old_objects", "objects_of_old")}
    )
    names = documented_names([dataclay.model_copy(update={"metrics": (renamed,)})])
    assert [(row[0], row[1], row[3]) for row in names] == [
        ("dataclay_inmemory_objects", "dataclay_inmemory_objects", False),
        ("dataclay_old_objects", "dataclay_inmemory_objects", True),
        ("objects_of_old", "dataclay_inmemory_objects", True),
        (PROBE_NAME, PROBE_PUSHED, False),
    ]


def _former(*names: str) -> Any:
    metric = {"name": "x", "type": "gauge", **METRIC, "formerly": [{"name": n} for n in names]}
    return Metric.model_validate(metric).formerly


def test_ignored_names_are_whole_ones_beginnings_and_ends() -> None:
    names = ["*_created", "python_*", "up", "go_*", "python_*", "*:rate"]
    entries = [Ignored(name=name, reason="theirs") for name in names]
    assert ignored_names(entries) == IgnoredNames(
        names=("up",), beginnings=("python_", "go_"), ends=("_created", ":rate")
    )
    assert ignored_names([]) == IgnoredNames((), (), ())


def test_what_is_documented_is_never_ignored(catalogs: Catalogs) -> None:
    for each in catalogs.values():
        ignored = ignored_names(each.ignored)
        for metric in each.metrics:
            assert metric.name not in ignored.names
            assert not metric.name.startswith(ignored.beginnings)
            assert not metric.name.endswith(ignored.ends)


def test_statsd_is_told_of_statsds_applications_alone(fleet_of: Make) -> None:
    host = worker(
        fleet_of, "apps: [realm, tinybird-jobs, dataclay], telegraf_statsd_address: '::1'"
    )
    values = telegraf_values(STATSD, host)
    assert values["apps"] == ["realm", "tinybird-jobs"]
    assert values["listeners"] == [("udp", "[::1]:8125"), ("tcp", "127.0.0.1:8125")]
    assert values["percentiles"] == [50.0, 95.0, 99.0]
    documented = documented_buckets(host.catalogs_of(Input.STATSD))
    stored = {row.measurement for _, found in documented for row in found}
    assert {name.split("_")[0] for name in stored} == {"realm", "tinybird", "provision"}


def test_what_fetches_is_told_of_targets_and_the_pushgateway(fleet_of: Make) -> None:
    host = worker(
        fleet_of,
        "apps: [realm, dataclay], dataclay_targets: ['b:1'], "
        "dataclay_pushgateway: true, pushgateway_address: '', pushgateway_port: 19091, "
        "pushgateway_allowed: 10.0.0.0/8",
    )
    values = telegraf_values(PROMETHEUS, host)
    assert values["apps"] == ["dataclay"]
    assert [(target.url, target.labels) for target in values["targets"]] == [
        ("http://b:1/metrics", (("instance", "b:1"),)),
        # What is pushed says by its grouping key whose it is.
        ("http://127.0.0.1:19091/metrics", ()),
    ]
    assert "python_" in values["ignored"].beginnings
    assert {row[0] for row in values["documented"]} >= {"dataclay_loaded_objects", PROBE_NAME}


@pytest.mark.parametrize(
    ("interval", "timeout"), [("1s", "1s"), ("5s", "5s"), ("10s", "5s"), ("1h", "5s")]
)
def test_fetching_ends_before_the_next_begins(fleet_of: Make, interval: str, timeout: str) -> None:
    host = worker(fleet_of, f"apps: [dataclay], telegraf_interval: {interval}")
    assert telegraf_values(PROMETHEUS, host)["timeout"] == timeout


def test_where_nobody_pushes_no_pushgateway_is_fetched(fleet_of: Make) -> None:
    assert pushgateways(worker(fleet_of, "apps: [dataclay]")) == []


def test_other_files_need_nothing_more(fleet_of: Make) -> None:
    host = worker(fleet_of, "apps: [realm]")
    assert telegraf_values("/etc/telegraf/telegraf.conf", host) == {}


def test_of_a_host_what_is_documented_is_gathered(catalogs: Catalogs) -> None:
    found = gathered([catalogs["host"], catalogs["pipeline"]])
    assert found["mem"] == ["available", "total", "used_percent"]
    assert {"nstat", "internal_agent"} < found.keys()
    named = {f"{name}.{field}" for name, fields in found.items() for field in fields}
    both = (*catalogs["host"].metrics, *catalogs["pipeline"].metrics)
    assert named == {metric.name for metric in both}


def test_every_type_of_statsd_has_telegrafs_name() -> None:
    assert {kind.value: kind.telegraf for kind in MetricType} == {
        "counter": "counter",
        "gauge": "gauge",
        "timer": "timing",
        "set": "set",
    }
