from __future__ import annotations

import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from provision.applications import Application, read_application
from provision.catalog.buckets import classify
from provision.catalog.model import Catalog, Input, MetricType, Transport
from provision.traffic import Sample, Traffic, documented_traffic
from tests.catalog.builders import CLOSED, GAUGE, TIMER, scraped

Catalogs = Mapping[str, Catalog]
LINE = re.compile(r"(?P<bucket>[^:|]+):(?P<value>[^|]+)\|(?P<type>c|g|ms|s)(\|@(?P<rate>[0-9.]+))?")
TYPES = {"c": "counter", "g": "gauge", "ms": "timer", "s": "set"}
# UDP over IPv4: 65,535 bytes less two headers.
MOST_BYTES = 65_507
SERVICES = ("backend", "client", "metadata-service")
EVERY: Mapping[str, Any] = {
    "django_clickhouse_prefix": ["clickhouse", "shop.eu.clickhouse"],
    "dataclay_targets": [{"url": f"{name}:1", "service": name} for name in SERVICES],
    "dataclay_pushgateway": True,
}
METRIC = {"unit": "count", "title": "T", "description": "D."}
ZOO: dict[str, Any] = {
    "app": "zoo",
    "title": "Zoo",
    "description": "One of each.",
    "source": "nowhere",
    "prefix": "zoo.<place>",
    "placeholders": {
        "place": {"description": "Where.", "examples": ["a", "b"], "dotted": True},
        "kind": {"description": "Which.", "values": ["x", "y", "z"]},
    },
    "metrics": [
        {"name": "came.<kind>", "type": "counter", **METRIC},
        {"name": "inside.<kind>", "type": "gauge", **METRIC},
        {"name": "names.<kind>", "type": "set", **METRIC},
        {
            "name": "stay.<kind>",
            "type": "timer",
            **METRIC,
            "unit": "milliseconds",
            "percentiles": [4.9, 5, 25, 50, 90, 95, 99.9],
        },
    ],
}


def applications(catalogs: Catalogs, *names: str, **given: Any) -> list[Application]:
    found = []
    for name in names or sorted(catalogs):
        application, problems = read_application(catalogs[name], given)
        assert application is not None, problems
        found.append(application)
    return found


def zoo(**changes: Any) -> Application:
    return Application(Catalog.model_validate(ZOO | changes))


def everything(catalogs: Catalogs) -> Traffic:
    return documented_traffic([*applications(catalogs, **EVERY), zoo()])


def lines(samples: Sequence[Sample]) -> list[re.Match[str]]:
    """The statsd lines of samples, in their order; every one of them is one."""
    found = [
        LINE.fullmatch(line)
        for sample in samples
        for packet in sample.packets
        for line in packet.split("\n")
    ]
    assert all(found)
    return [line for line in found if line]


def aggregated(sample: Sample) -> dict[tuple[str, str], float]:
    """What statsd makes of a sample's lines in one interval, by InfluxQL function and field.

    Source: the statsd metric types documented by statsd/statsd, docs/metric_types.md, and Telegraf
    1.39, plugins/inputs/statsd/running_stats.go.
    """
    values = lines([sample])
    kind = TYPES[values[0]["type"]]
    if kind == "counter":
        total = sum(float(v["value"]) / float(v["rate"] or 1) for v in values)
        return {("sum", "value"): total}
    if kind == "set":
        return {("max", "value"): len({v["value"] for v in values})}
    if kind == "gauge":
        level = 0.0
        for v in values:
            level = (level if v["value"][0] in "+-" else 0) + float(v["value"])
        return {("last", "value"): level}
    times = sorted(float(v["value"]) for v in values)
    found = {
        ("sum", "count"): len(times),
        ("sum", "sum"): sum(times),
        ("last", "mean"): sum(times) / len(times),
        ("last", "median"): statistics.median(times),
        ("last", "stddev"): statistics.pstdev(times),
        ("min", "lower"): times[0],
        ("max", "upper"): times[-1],
    }
    for p in sample.metric.percentiles:
        index = min(int(len(times) * p / 100), len(times) - 1)
        found["max", f"{p:g}_percentile"] = times[index]
    return found


def test_what_is_expected_is_what_statsd_makes_of_what_is_sent(catalogs: Catalogs) -> None:
    samples = [s for each in everything(catalogs).statsd.values() for s in each]
    assert {sample.metric.type for sample in samples} == set(MetricType)
    for sample in samples:
        made = aggregated(sample)
        expected = {(e.function, e.field): e.value for e in sample.expected}
        assert expected.keys() == made.keys()
        for key, value in expected.items():
            assert value is not None and math.isclose(value, made[key], abs_tol=1e-9)


def test_percentiles_are_those_of_telegraf() -> None:
    """Of twenty times the fifth percentile is the second, and every one above 95 the last."""
    sample = next(
        s for s in documented_traffic([zoo()]).samples if s.metric.type is MetricType.TIMER
    )
    times = sorted(int(line["value"]) for line in lines([sample]))
    assert len(set(times)) == len(times) == 20
    assert times[0] > 0
    in_order = [int(line["value"]) for line in lines([sample])]
    assert in_order not in (times, times[::-1])
    expected = {e.field: times.index(int(e.value or 0)) for e in sample.expected[7:]}
    assert expected == {
        "4.9_percentile": 0,
        "5_percentile": 1,
        "25_percentile": 5,
        "50_percentile": 10,
        "90_percentile": 18,
        "95_percentile": 19,
        "99.9_percentile": 19,
    }


def test_a_timer_is_asked_for_the_fields_that_are_kept_alone() -> None:
    timer = ZOO["metrics"][3] | {"percentiles": [50], "fields": ["mean"]}
    samples = documented_traffic([zoo(metrics=[timer])]).samples
    assert samples
    for sample in samples:
        assert [each.field for each in sample.expected] == ["mean", "50_percentile"]


def test_every_documented_metric_is_sent(catalogs: Catalogs) -> None:
    sent = {(s.catalog.app, s.metric.name, s.metric.type) for s in everything(catalogs).samples}
    documented = {
        (catalog.app, metric.name, metric.type)
        for catalog in catalogs.values()
        for metric in catalog.metrics
        if catalog.input is not Input.TELEGRAF or metric.always
    }
    assert documented < sent
    assert {app for app, _, _ in sent - documented} == {"zoo"}


def test_a_page_says_the_labels_that_its_target_does_not(catalogs: Catalogs) -> None:
    (influxdb,) = applications(catalogs, "influxdb")
    (page,) = documented_traffic([influxdb]).scraped
    families = {family.name: family for family in text_string_to_metric_families(page.text)}
    assert page.text.count("# TYPE http_query_request_count ") == 1
    shown = [s for s in page.samples if s.metric.name == "http_query_request_count"]
    assert len(shown) == 2 * 4
    for sample in shown:
        said = {name: value for name, value in sample.tags.items() if name in sample.metric.labels}
        assert set(said) == {"endpoint", "org_id", "status"}
        assert said["endpoint"] in {"/api/v2/query", "/query"}
        (value,) = [
            each.value
            for each in families["http_query_request_count"].samples
            if each.labels == said
        ]
        assert value == sample.expected[0].value


def test_a_label_in_a_page_is_written_as_prometheus_does(catalogs: Catalogs) -> None:
    dataclay = catalogs["dataclay"]
    odd = 'a "quoted" \\ ü {x}, y=1'
    service = dataclay.placeholders["service"].model_copy(update={"values": (odd,)})
    metric = dataclay.metrics[0].model_copy(update={"labels": {"service": None}})
    catalog = dataclay.model_copy(
        update={"placeholders": {"service": service}, "metrics": (metric,)}
    )
    application, _ = read_application(catalog, {})
    assert application is not None
    (page,) = documented_traffic([application]).scraped
    (family,) = [
        each
        for each in text_string_to_metric_families(page.text)
        if each.name == metric.name.removesuffix("_total")
    ]
    assert family.samples[0].labels == {"service": odd}
    assert page.samples[0].tags["service"] == odd


def test_every_value_of_closed_lists_and_every_example_is_sent(catalogs: Catalogs) -> None:
    seen: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for sample in everything(catalogs).samples:
        for tag, value in sample.tags.items():
            seen[sample.catalog.app, sample.metric.name, sample.metric.type, tag].add(value)
    for application in [*applications(catalogs, **EVERY), zoo()]:
        catalog = application.catalog
        for metric in catalog.metrics if catalog.input is not Input.TELEGRAF else ():
            for tag in catalog.tags(metric):
                if tag in catalog.placeholders:
                    values = set(catalog.samples(metric, tag))
                    assert values <= seen[catalog.app, metric.name, metric.type, tag]
    assert seen["zoo", "came.<kind>", "counter", "kind"] == {"x", "y", "z"}
    assert seen["django-clickhouse", "sync.<model>.queue", "gauge", "prefix"] == {
        "clickhouse",
        "shop.eu.clickhouse",
    }


def test_all_combinations_of_tags_are_series_of_their_own() -> None:
    samples = documented_traffic([zoo()]).samples
    counts = Counter(tuple(sample.tags.values()) for sample in samples)
    places = [(place, kind) for place in ("a", "b") for kind in ("x", "y", "z")]
    assert counts == dict.fromkeys(places, 4)


def test_no_two_series_have_equal_values(catalogs: Catalogs) -> None:
    """A value that arrives in another's place is then seen; times are as many and as far apart."""
    alike = {"count", "stddev"}
    values: dict[str, list[float]] = defaultdict(list)
    for sample in everything(catalogs).samples:
        for each in sample.expected:
            if each.field not in alike and each.value is not None:
                values[each.field].append(each.value)
    assert len(values["value"]) > 100
    for field, found in values.items():
        assert len(set(found)) == len(found), field


def test_a_documented_bucket_is_what_is_sent_with_its_tags(catalogs: Catalogs) -> None:
    for sample in [s for each in everything(catalogs).statsd.values() for s in each]:
        catalog = sample.catalog
        patterns = [
            (pattern, metric)
            for metric in catalog.metrics
            if metric.type is sample.metric.type
            for pattern in catalog.patterns(metric)
        ]
        for line in lines([sample]):
            assert TYPES[line["type"]] == sample.metric.type
            assert classify(line["bucket"], patterns) == (sample.metric, dict(sample.tags))


def test_what_goes_over_udp_fits_a_datagram_and_what_is_one_timer_is_one(
    catalogs: Catalogs,
) -> None:
    traffic = everything(catalogs)
    assert set(traffic.statsd) == {Transport.UDP, Transport.TCP}
    assert {s.catalog.app for s in traffic.statsd[Transport.TCP]} == {"tinybird-jobs"}
    for sample in traffic.statsd[Transport.UDP]:
        assert all(len(packet.encode()) <= MOST_BYTES for packet in sample.packets)
        if sample.metric.type is MetricType.TIMER:
            assert len(sample.packets) == 1


def test_a_gauge_ends_right_only_if_the_order_is_kept() -> None:
    sample = next(
        s for s in documented_traffic([zoo()]).samples if s.metric.type is MetricType.GAUGE
    )
    (right,) = [each.value for each in sample.expected]
    backwards = Sample(
        sample.catalog, sample.metric, sample.tags, sample.packets[::-1], sample.expected
    )
    assert aggregated(backwards)["last", "value"] != right


def test_pages_are_prometheus_text_with_everything_the_process_documents(
    catalogs: Catalogs,
) -> None:
    traffic = documented_traffic(applications(catalogs, "dataclay", **EVERY))
    assert [page.url for page in traffic.scraped] == [f"http://{s}:1/metrics" for s in SERVICES]
    documented = {metric.name for metric in catalogs["dataclay"].metrics}
    shown = {}
    for service, page in zip(SERVICES, traffic.scraped, strict=True):
        families = list(text_string_to_metric_families(page.text))
        values = {s.name: (f.type, s.value) for f in families for s in f.samples}
        for sample in page.samples:
            (expected,) = sample.expected
            assert (expected.function, expected.field) == ("last", "value")
            assert values[sample.metric.name] == (sample.metric.type, expected.value)
            assert sample.tags["service"] == service
            assert sample.tags["instance"] == f"{service}:1"
        shown[service] = values.keys() & documented
    assert shown["backend"] == documented
    assert shown["client"] == {
        metric.name
        for metric in catalogs["dataclay"].metrics
        if "client" in (metric.labels["service"] or ())
    }
    assert shown["metadata-service"] == set()


def test_a_timer_that_is_scraped_is_a_summary_with_its_sum_and_its_count() -> None:
    made = scraped(TIMER | {"labels": {"city": None}}, placeholders={"city": CLOSED})
    application, _ = read_application(made, {})
    assert application
    (page,) = documented_traffic([application]).scraped
    (family,) = text_string_to_metric_families(page.text)
    assert family.type == "summary"
    values = {(s.name, s.labels["city"]): s.value for s in family.samples}
    for sample in page.samples:
        assert [(each.function, each.field) for each in sample.expected] == [
            ("last", "sum"),
            ("last", "count"),
        ]
        for each in sample.expected:
            assert values.pop((f"took_{each.field}", sample.tags["city"])) == each.value
    assert values == {}


def test_before_a_timer_has_counted_the_page_is_the_same_but_for_that() -> None:
    made = scraped(TIMER | {"name": "took_seconds"}, GAUGE | {"name": "stock"})
    application, _ = read_application(made, {})
    assert application
    (page,) = documented_traffic([application]).scraped
    before, after = (
        {s.name: s.value for f in text_string_to_metric_families(text) for s in f.samples}
        for text in (page.earlier, page.text)
    )
    assert before.keys() == after.keys()
    changed = {name for name, value in after.items() if before[name] != value}
    assert changed == {"took_seconds_sum", "took_seconds_count"}
    assert {before[name] for name in changed} == {0}


def test_what_client_libraries_add_is_on_every_page(catalogs: Catalogs) -> None:
    traffic = documented_traffic(applications(catalogs, "dataclay", **EVERY))
    for page in (*traffic.scraped, *traffic.pushed):
        names = {f.name for f in text_string_to_metric_families(page.text)}
        assert {"x_created", "python_x", "push_time_seconds"} <= names
        assert len(page.others) == len(catalogs["dataclay"].ignored)


def test_a_client_that_pushes_has_all_metrics_with_labels_that_fit(catalogs: Catalogs) -> None:
    (page,) = documented_traffic(applications(catalogs, "dataclay", **EVERY)).pushed
    metrics = catalogs["dataclay"].metrics
    assert {sample.metric.name for sample in page.samples} == {metric.name for metric in metrics}
    assert page.url == "/metrics/job/application/instance/client-1/service/backend"
    for sample in page.samples:
        assert dict(sample.tags) == {
            "service": "backend",
            "instance": "client-1",
            "job": "application",
        }
    assert len(list(text_string_to_metric_families(page.text))) == len(metrics) + len(page.others)


def test_a_client_has_the_labels_that_fit_all_its_metrics(catalogs: Catalogs) -> None:
    """Not the first of them, where another one does."""
    dataclay = catalogs["dataclay"]
    labels = [
        ("client", "metadata-service", "backend"),
        ("backend",),
        ("metadata-service", "backend"),
    ]
    metrics = tuple(
        metric.model_copy(update={"labels": {"service": services}})
        for metric, services in zip(dataclay.metrics, labels, strict=False)
    )
    changed = dataclay.model_copy(update={"metrics": metrics})
    (page,) = documented_traffic([Application(changed, (), pushgateway=True)]).pushed
    assert page.url.endswith("/service/backend")
    assert [sample.metric for sample in page.samples] == list(metrics)


def test_where_no_labels_fit_all_metrics_several_clients_push_them(catalogs: Catalogs) -> None:
    dataclay = catalogs["dataclay"]
    first, second, third, *_ = dataclay.metrics
    only = {"client": first, "backend": second, "metadata-service": third}
    metrics = tuple(
        metric.model_copy(update={"labels": {"service": (service,)}})
        for service, metric in only.items()
    )
    apart = dataclay.model_copy(update={"metrics": metrics})
    pages = documented_traffic([Application(apart, (), pushgateway=True)]).pushed
    assert [page.url.split("/instance/")[1] for page in pages] == [
        "client-1/service/client",
        "client-2/service/backend",
        "client-3/service/metadata-service",
    ]
    sent = [(s.metric.name, s.tags["service"]) for page in pages for s in page.samples]
    assert sent == [(metric.name, service) for service, metric in only.items()]


def test_the_values_of_a_grouping_key_are_quoted(catalogs: Catalogs) -> None:
    dataclay = catalogs["dataclay"]
    service = dataclay.placeholders["service"].model_copy(update={"values": ("a b?#",)})
    metric = dataclay.metrics[0].model_copy(update={"labels": {"service": None}})
    changed = dataclay.model_copy(
        update={"placeholders": {"service": service}, "metrics": (metric,)}
    )
    (page,) = documented_traffic([Application(changed, (), pushgateway=True)]).pushed
    assert page.url.endswith("/service/a%20b%3F%23")


def test_what_telegraf_gathers_is_only_looked_for(catalogs: Catalogs) -> None:
    traffic = documented_traffic(applications(catalogs, "host", "pipeline"))
    assert traffic.gathered == tuple(traffic.samples)
    for sample in traffic.gathered:
        assert sample.packets == ()
        assert [(e.function, e.value) for e in sample.expected] == [("count", None)]
    assert all(sample.metric.always for sample in traffic.gathered)
    fields = {(s.measurement, e.field) for s in traffic.gathered for e in s.expected}
    assert ("cpu", "usage_active") in fields


def test_nothing_is_sent_for_nothing() -> None:
    traffic = documented_traffic([])
    assert traffic == Traffic({}, (), (), ())
    assert traffic.samples == []


@pytest.mark.parametrize("kind", list(MetricType))
def test_every_type_alone_is_sent_too(kind: MetricType) -> None:
    metrics = [metric for metric in ZOO["metrics"] if metric["type"] == kind]
    samples = documented_traffic([zoo(metrics=metrics)]).samples
    assert len(samples) == 6
    assert {line["type"] for line in lines(samples)} == {
        mark for mark, name in TYPES.items() if name == kind
    }
