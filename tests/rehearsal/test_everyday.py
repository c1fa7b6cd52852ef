from __future__ import annotations

from collections.abc import Mapping
from random import Random

from provision.applications import read_application
from provision.catalog.model import Catalog, MetricType
from provision.rehearsal.everyday import an_interval
from provision.traffic import Traffic, documented_traffic
from tests.catalog.builders import TIMER, scraped

Catalogs = Mapping[str, Catalog]


def documented(catalogs: Catalogs) -> Traffic:
    applications = [
        application
        for catalog in (*catalogs.values(), scraped(TIMER))
        for application in [read_application(catalog, {})[0]]
        if application
    ]
    return documented_traffic(applications)


def day(catalogs: Catalogs, seed: int = 1) -> list[Traffic]:
    traffic, random = documented(catalogs), Random(seed)
    return [an_interval(traffic, random, 10.0 * step) for step in range(30)]


def test_the_same_day_is_played_again(catalogs: Catalogs) -> None:
    assert day(catalogs) == day(catalogs)
    assert day(catalogs) != day(catalogs, seed=2)


def test_every_series_goes_to_its_own_bucket(catalogs: Catalogs) -> None:
    traffic = documented(catalogs)
    for played in day(catalogs):
        for transport, samples in traffic.statsd.items():
            for sample, sent in zip(samples, played.statsd[transport], strict=True):
                bucket = sample.packets[0].partition(":")[0]
                assert all(packet.startswith(f"{bucket}:") for packet in sent.packets)
        for page, shown in zip(traffic.scraped, played.scraped, strict=True):
            assert page.url == shown.url
            names = [sample.packets[0].split()[0] for sample in page.samples]
            assert [sample.packets[0].split()[0] for sample in shown.samples] == names


def test_nothing_is_wrong_on_most_of_an_ordinary_day(catalogs: Catalogs) -> None:
    watched = [
        (sample, bool(sample.packets))
        for played in day(catalogs)
        for samples in played.statsd.values()
        for sample in samples
        if sample.metric.condition
    ]
    errors = [sent for sample, sent in watched if sample.metric.type is MetricType.COUNTER]
    assert 0 < sum(errors) < len(errors) / 10
    for sample, _ in watched:
        condition = sample.metric.condition
        if sample.metric.type is MetricType.GAUGE and condition and condition.above:
            (packet,) = sample.packets
            assert float(packet.partition(":")[2].partition("|")[0]) < condition.above


def test_counts_since_the_start_only_grow(catalogs: Catalogs) -> None:
    counts: dict[tuple[str, str], list[int]] = {}
    for played in day(catalogs):
        for page in played.scraped:
            assert page.earlier == page.text, "its process goes on"
            for sample in page.samples:
                if sample.metric.type in {MetricType.COUNTER, MetricType.TIMER}:
                    for packet in sample.packets:
                        name, value = packet.split()
                        counts.setdefault((page.url, name), []).append(int(value))
    assert {"took_sum", "took_count"} < {name for _, name in counts}
    for values in counts.values():
        assert values == sorted(values) and values[-1] > values[0]
