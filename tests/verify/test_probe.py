from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from provision.catalog.buckets import Kind
from provision.fleet.model import Fleet
from provision.influx import Answer
from provision.render.telegraf import PROBE_PUSHED, documented_buckets, documented_names
from provision.site.model import Site
from provision.verify.findings import Area, Status
from provision.verify.probe import Probe, probe_variables, probes, probes_seen, ways
from tests.verify.told import Told, answer, nothing, series

Make = Callable[..., Fleet]
INVENTORY = """\
monitor: {hosts: {m: }}
workers:
  hosts:
    both:
      apps: [realm, tinybird-jobs]
      telegraf_statsd_address: "::1"
      telegraf_statsd_port: 18125
      telegraf_statsd_tcp_address: ""
      telegraf_statsd_allowed: 10.0.0.0/8
      telegraf_statsd_tcp_port: 18126
    pushed: {apps: [dataclay], dataclay_pushgateway: true, pushgateway_port: 19091}
    scraped: {apps: [dataclay]}
    udp: {apps: [realm]}
"""


@pytest.fixture
def site(fleet_of: Make) -> Site:
    return fleet_of(INVENTORY).site


def tasks(site: Site, sent: list[Probe]) -> dict[str, list[dict[str, Any]]]:
    (name, text), *others = probe_variables(site, sent).items()
    assert (name, others) == ("provision_probes", [])
    found: dict[str, list[dict[str, Any]]] = json.loads(text)
    return found


def test_every_way_in_of_every_worker_is_probed(site: Site) -> None:
    found = {host.name: ways(host) for host in site.workers}
    assert found == {
        "both": ["udp", "tcp"],
        "pushed": ["pushgateway"],
        "scraped": [],
        "udp": ["udp"],
    }
    sent = probes(site.workers, 7)
    assert [(probe.host, probe.way) for probe in sent] == [
        (name, way) for name, each in found.items() for way in each
    ]


def test_the_value_of_a_probe_is_its_time(site: Site) -> None:
    assert {probe.value for probe in probes(site.workers, 1_795_979_000_123)} == {1_795_979_000_123}


def test_only_the_hosts_that_are_asked_about_are_probed(site: Site) -> None:
    assert {p.host for p in probes([h for h in site.workers if h.name == "udp"], 7)} == {"udp"}
    assert probes([], 7) == []


def test_a_probe_goes_where_the_hosts_applications_send(site: Site) -> None:
    sent = [Probe("both", "udp", 1), Probe("both", "tcp", 2), Probe("pushed", "pushgateway", 3)]
    found = tasks(site, sent)
    assert found["both"] == [
        {"way": "udp", "address": "::1", "port": 18125, "text": "provision.probe:1|c"},
        {"way": "tcp", "address": "", "port": 18126, "text": "provision.probe:2|c"},
    ]
    (pushed,) = found["pushed"]
    assert (pushed["way"], pushed["url"]) == ("pushgateway", "http://127.0.0.1:19091")
    (family,) = text_string_to_metric_families(pushed["text"])
    assert family.type == "gauge"
    assert [(s.name, s.labels, s.value) for s in family.samples] == [
        ("provision_probe_pushed", {}, 3.0)
    ]
    assert set(found) == {"both", "pushed"}


def test_what_a_probe_sends_is_what_telegraf_is_told_of_it(site: Site) -> None:
    ((kind, (row,)),) = documented_buckets(())
    assert (kind, row.tags, row.fields) == ("counter", {}, ("value",))
    assert row.segments == tuple(f"{Kind.FIXED}{part}" for part in ("provision", "probe"))
    ((name, stored, type_, *_),) = documented_names(())
    assert (name, type_) == ("provision_probe_pushed", "gauge")
    database = Told(nothing)
    probes_seen(database, [], 7)
    assert database.statements == [
        f'SELECT max("value") FROM "{name}" WHERE time >= 7ms GROUP BY "host", "transport"'
        for name in (row.measurement, stored)
    ]


def told(**seen: dict[str, float]) -> Told:
    """A database with a highest value for each way of each host."""

    def tell(statement: str) -> Answer:
        pushed = PROBE_PUSHED in statement
        return answer(
            *[
                series(
                    {"time": 0, "max": value}, host=host, transport="tcp" if way == "tcp" else ""
                )
                for host, values in seen.items()
                for way, value in values.items()
                if (way == "pushgateway") == pushed
            ]
        )

    return Told(tell)


def test_a_probe_is_seen_when_it_came_from_its_own_host_on_its_own_way() -> None:
    ways = ("udp", "tcp", "pushgateway")
    sent = [Probe(host, way, 50) for host in ("a", "b") for way in ways]
    found = probes_seen(told(a={"udp": 49}, b={"udp": 50.0, "pushgateway": 50.0}), sent, 0)
    assert [(f.host, f.name) for f in found if f.status is Status.OK] == [
        ("b", "udp"), ("b", "pushgateway"),
    ]  # fmt: skip
    lost = [(f.status, f.area, f.detail) for f in found if f.status is not Status.OK]
    assert lost == [(Status.FAILED, Area.PROBE, "never arrived in InfluxDB")] * 4


def test_others_may_look_at_the_same_time() -> None:
    """What is counted in one interval is added up, and what is pushed later takes its place."""
    sent = [Probe("a", "udp", 50), Probe("a", "pushgateway", 50)]
    found = probes_seen(told(a={"udp": 50 + 51, "pushgateway": 51}), sent, 0)
    assert [f.status for f in found] == [Status.OK, Status.OK]


def test_an_error_of_the_database_is_told_with_each_probe() -> None:
    (found,) = probes_seen(Told(lambda _: answer(error="timeout")), [Probe("a", "udp", 1)], 0)
    assert (found.status, found.detail) == (Status.FAILED, "timeout")
