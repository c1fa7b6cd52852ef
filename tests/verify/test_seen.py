from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.fleet.model import Fleet
from provision.influx import Answer
from provision.site.model import Site
from provision.verify.findings import Area, Finding, Status
from provision.verify.seen import losses, metrics_seen, values_seen
from tests.verify.told import Told, answer, nothing, series

Make = Callable[..., Fleet]
FRESH = 1_000_000
SHOP = """\
app: shop
title: Shop
description: Sells things.
source: the shop's handbook
prefix: shop
placeholders:
  kind:
    description: How it is paid.
    values: [card, cash]
metrics:
  - {name: open, type: gauge, unit: count, title: Open, description: Open., always: true}
  - {name: orders, type: counter, unit: count, title: Orders, description: Orders.}
  - {name: old, type: counter, unit: count, title: Old, description: Old., deprecated: See orders.}
  - name: visits
    type: timer
    unit: seconds
    title: Visits
    description: Visits.
    formerly: [{name: stays}]
  - name: paid.<kind>
    type: counter
    unit: count
    title: Paid
    description: Paid.
    formerly: [{name: spent.<kind>}]
"""


def site_of(make: Make, directory: Path, workers: dict[str, Any]) -> Site:
    """A site with the catalog above among its own."""
    (directory / "catalogs").mkdir(exist_ok=True)
    (directory / "catalogs" / "shop.yaml").write_text(SHOP)
    groups = {"monitor": {"hosts": {"m": {}}}, "workers": {"hosts": workers}}
    return make(json.dumps(groups)).site


def test_of_a_host_that_listens_for_nothing_no_listeners_are_missed(
    fleet_of: Make, tmp_path: Path
) -> None:
    apps = {"w1": {"apps": ["shop"]}, "w2": {"apps": ["host"]}}
    site = site_of(fleet_of, tmp_path, apps)
    found = metrics_seen(Told(nothing), site, FRESH, str)
    told = {f.host for f in found if f.name.startswith("internal_statsd.")}
    assert told == {"w1"}
    assert {f.host for f in found if f.name.startswith("internal_agent.")} == {"w1", "w2"}


@pytest.fixture
def site(fleet_of: Make, tmp_path: Path) -> Site:
    return site_of(fleet_of, tmp_path, {"w1": {"apps": ["shop"]}, "w2": {"apps": ["shop"]}})


def ago(time: int) -> str:
    return f"{time} ago"


def seen(database: Told, site: Site, app: str = "shop") -> list[Finding]:
    """What is found of one application's metrics."""
    prefix = f"{app}." if app == "shop" else f"{app}_"
    return [f for f in metrics_seen(database, site, FRESH, ago) if f.name.startswith(prefix)]


def about(findings: list[Finding], name: str, host: str) -> tuple[Status, str]:
    (found,) = [f for f in findings if (f.name, f.host) == (name, host)]
    return found.status, found.detail


def last_seen(measurement: str, **times: int) -> Callable[[str], Answer]:
    """Answers with the time of the last point of each host."""

    def tell(statement: str) -> Answer:
        if f'"{measurement}"' not in statement:
            return Answer(())
        return answer(*[series({"time": t, "seen": 1}, host=host) for host, t in times.items()])

    return tell


def test_what_is_always_sent_and_never_came_is_a_fault_of_each_host(site: Site) -> None:
    found = seen(Told(nothing), site)
    for host in ("w1", "w2"):
        assert about(found, "shop.open (gauge)", host) == (
            Status.FAILED,
            "never seen, though it is always sent",
        )
        assert about(found, "shop.orders (counter)", host) == (Status.UNSEEN, "never seen")


def test_what_is_always_sent_must_be_fresh(site: Site) -> None:
    database = Told(last_seen("shop_open", w1=FRESH, w2=FRESH - 1))
    found = seen(database, site)
    assert about(found, "shop.open (gauge)", "w1") == (Status.OK, f"last seen {FRESH} ago")
    assert about(found, "shop.open (gauge)", "w2") == (
        Status.FAILED,
        f"last seen {FRESH - 1} ago, though it is always sent",
    )


def test_what_is_sent_now_and_then_may_be_old(site: Site) -> None:
    found = seen(Told(last_seen("shop_orders", w1=1)), site)
    assert about(found, "shop.orders (counter)", "w1") == (Status.OK, "last seen 1 ago")
    assert about(found, "shop.orders (counter)", "w2")[0] is Status.UNSEEN


def test_what_is_deprecated_is_not_missed(site: Site) -> None:
    assert about(seen(Told(nothing), site), "shop.old (counter)", "w1") == (
        Status.OK,
        "never seen; it is deprecated",
    )
    found = seen(Told(last_seen("shop_old", w1=1)), site)
    assert about(found, "shop.old (counter)", "w1") == (Status.OK, "last seen 1 ago")


def test_a_point_under_a_former_name_counts_and_the_latest_is_told(site: Site) -> None:
    def tell(statement: str) -> Answer:
        if '"shop_stays"' not in statement:
            return Answer(())
        assert 'FROM "shop_visits", "shop_stays"' in statement
        return answer(
            series({"time": 7, "seen": 1}, host="w1"), series({"time": 5, "seen": 1}, host="w1")
        )

    assert about(seen(Told(tell), site), "shop.visits (timer)", "w1")[1] == "last seen 7 ago"


def test_an_error_of_the_database_is_a_fault_and_no_silence(site: Site) -> None:
    broken = Told(lambda _: answer(error="not executed"))
    found = metrics_seen(broken, site, FRESH, ago)
    assert {(f.status, f.host, f.detail) for f in found} == {(Status.FAILED, "", "not executed")}
    values = values_seen(broken, site, 0)
    assert values
    assert {(f.status, f.detail) for f in values} == {(Status.FAILED, "not executed")}
    assert {(f.status, f.detail) for f in losses(broken, site, 0)} == {
        (Status.FAILED, "not executed")
    }


def test_all_hosts_are_asked_about_in_one_statement_a_metric(site: Site) -> None:
    database = Told(nothing)
    metrics_seen(database, site, FRESH, ago)
    # Seen lately, in the hour before, and where something is missing, ever.
    metrics = sum(len(c.metrics) for c in site.catalogs)
    assert len(database.statements) == 3 * metrics
    assert all(f"time >= {FRESH}ms" in each for each in database.statements[:metrics])
    assert 'SELECT last("mean") AS seen FROM "shop_visits", "shop_stays" GROUP BY "host"' in (
        database.statements
    )
    assert 'SELECT last("usage_active") AS seen FROM "cpu" GROUP BY "host"' in database.statements


def test_what_all_hosts_sent_lately_is_asked_about_once(site: Site) -> None:
    every = {host.name: FRESH + 1 for host in site.workers}
    database = Told(last_seen("cpu", **every))
    found = metrics_seen(database, site, FRESH, ago)
    assert about(found, "cpu.usage_active (gauge)", next(iter(every)))[0] is Status.OK
    assert sum('"usage_active"' in each for each in database.statements) == 1


def test_what_came_in_the_hour_is_not_looked_for_in_all_that_is_stored(site: Site) -> None:
    def in_the_hour(statement: str) -> Answer:
        every = {host.name: FRESH - 60_000 for host in site.workers}
        return (
            Answer(())
            if f"time >= {FRESH}ms" in statement
            else last_seen("cpu", **every)(statement)
        )

    database = Told(in_the_hour)
    found = metrics_seen(database, site, FRESH, ago)
    status, detail = about(
        found, "cpu.usage_active (gauge)", next(iter(sorted(h.name for h in site.workers)))
    )[:2]
    assert status is Status.FAILED and "though it is always sent" in detail
    asked = [each for each in database.statements if '"usage_active"' in each]
    assert [each.partition(" WHERE ")[2].split(" GROUP")[0] for each in asked] == [
        f"time >= {FRESH}ms",
        f"time >= {FRESH - 3_600_000}ms",
    ]


def test_every_worker_has_its_own_applications_and_no_others(
    fleet_of: Make, tmp_path: Path
) -> None:
    site = site_of(fleet_of, tmp_path, {"w1": {"apps": ["shop"]}, "w2": {"apps": ["realm"]}})
    found = metrics_seen(Told(nothing), site, FRESH, ago)
    apps = {(f.host, f.name.split(".")[0]) for f in found}
    assert {("w1", "shop"), ("w2", "realm"), ("w1", "cpu"), ("w2", "cpu")} <= apps
    assert not {("w2", "shop"), ("w1", "realm"), ("m", "cpu")} & apps


def test_of_what_is_scraped_a_metric_is_missed_where_a_target_documents_it(
    fleet_of: Make, tmp_path: Path
) -> None:
    target = "dataclay_targets"
    workers: dict[str, Any] = {
        "backend": {target: [{"url": "b:1", "service": "backend"}]},
        "client": {target: [{"url": "b:1", "service": "client"}]},
        "metadata": {target: [{"url": "b:1", "service": "metadata-service"}]},
        "unnamed": {target: ["b:1"]},
        "pushed": {"dataclay_pushgateway": True},
        "nobody": {target: []},
    }
    site = site_of(fleet_of, tmp_path, {n: {"apps": ["dataclay"], **v} for n, v in workers.items()})
    missed = [f for f in seen(Told(nothing), site, "dataclay") if f.status is Status.FAILED]
    hosts = {
        name: {f.host for f in missed if f.name.startswith(f"dataclay_{name} ")}
        for name in ("loaded_objects", "inmemory_objects")
    }
    everywhere = {"backend", "unnamed", "pushed"}
    assert hosts == {"loaded_objects": everywhere, "inmemory_objects": everywhere | {"client"}}


def kinds(*found: tuple[str, str], error: str | None = None) -> Told:
    """Answers with (kind, host) pairs that paid came with."""

    def tell(statement: str) -> Answer:
        if '"shop_paid"' not in statement:
            return Answer(())
        assert statement == (
            'SELECT count("value") FROM "shop_paid", "shop_spent" '
            'WHERE time >= 9ms GROUP BY "kind", "host"'
        )
        return answer(*[series({"count": 1}, kind=k, host=host) for k, host in found], error=error)

    return Told(tell)


def paid(database: Told, site: Site) -> list[tuple[Status, str, str]]:
    found = [f for f in values_seen(database, site, 9) if f.name == "shop.paid.<kind> (counter)"]
    assert all(f.area is Area.VALUE for f in found)
    return [(f.status, f.host, f.detail) for f in found]


def test_values_that_are_documented_and_all_came_are_as_they_should_be(site: Site) -> None:
    database = kinds(("card", "w1"), ("cash", "w2"))
    assert paid(database, site) == [(Status.OK, "", "kind is as documented")]


def test_a_value_in_no_list_is_told_with_its_host(site: Site) -> None:
    database = kinds(("card", "w1"), ("cash", "w1"), ("shell", "w2"), ("shell", "w1"))
    assert paid(database, site) == [
        (Status.WARNING, "w1", "kind 'shell' is in no list: card, cash"),
        (Status.WARNING, "w2", "kind 'shell' is in no list: card, cash"),
    ]


def test_a_documented_value_that_never_came_is_told_once(site: Site) -> None:
    assert paid(kinds(("card", "w1")), site) == [(Status.UNSEEN, "", "kind never was cash")]
    assert paid(kinds(("cask", "w1")), site) == [
        (Status.WARNING, "w1", "kind 'cask' is in no list: card, cash"),
        (Status.UNSEEN, "", "kind never was card, cash"),
    ]


def test_what_does_not_say_its_value_is_in_no_list_either_but_not_told(site: Site) -> None:
    database = kinds(("", "w1"), ("card", "w1"), ("cash", "w1"))
    assert paid(database, site) == [(Status.OK, "", "kind is as documented")]


def test_of_what_never_came_no_values_are_praised(site: Site) -> None:
    assert paid(kinds(), site) == []
    assert values_seen(Told(nothing), site, 9) == []


def test_a_setting_has_the_values_that_any_host_gives_it(fleet_of: Make, tmp_path: Path) -> None:
    prefix, app = "django_clickhouse_prefix", "django-clickhouse"
    workers = {"w1": {"apps": [app], prefix: "a"}, "w2": {"apps": [app], prefix: ["b", "c.d"]}}
    site = site_of(fleet_of, tmp_path, workers)

    def tell(statement: str) -> Answer:
        if '"django_clickhouse_sync_queue"' not in statement:
            return Answer(())
        found = [("a", "w1"), ("b", "w2"), ("clickhouse", "w2")]
        return answer(*[series({"count": 1}, prefix=p, host=host) for p, host in found])

    found = [f for f in values_seen(Told(tell), site, 0) if "queue" in f.name]
    assert [(f.status, f.host, f.detail) for f in found] == [
        (Status.WARNING, "w2", "prefix 'clickhouse' is in no list: a, b, c.d"),
        (Status.UNSEEN, "", "prefix never was c.d"),
    ]


def test_what_telegraf_lost_is_told_for_workers_of_this_site(site: Site) -> None:
    def tell(statement: str) -> Answer:
        if '"metrics_dropped"' in statement:
            lost = {"w1": 12, "w2": 0, "elsewhere": 7}
            return answer(*[series({"time": 1, "lost": n}, host=h) for h, n in lost.items()])
        return Answer(())

    database = Told(tell)
    assert [(f.status, f.host, f.name, f.detail) for f in losses(database, site, 3)] == [
        (
            Status.WARNING,
            "w1",
            "internal_agent.metrics_dropped",
            "12 metrics dropped, the buffer was full or they were refused",
        ),
        (Status.OK, "w2", "internal_agent.metrics_dropped", "none since Telegraf's start"),
    ]
    assert database.statements == [
        f'SELECT last("{field}") AS lost FROM "{measurement}" WHERE time >= 3ms GROUP BY "host"'
        for measurement, field in (
            ("internal_agent", "metrics_dropped"),
            ("internal_agent", "metrics_rejected"),
            ("internal_statsd", "udp_packets_dropped"),
        )
    ]


def test_each_way_of_losing_is_told_in_words_of_its_own(site: Site) -> None:
    database = Told(lambda _: answer(series({"time": 1, "lost": 2}, host="w1")))
    assert [(f.name, f.detail) for f in losses(database, site, 0)] == [
        (
            "internal_agent.metrics_dropped",
            "2 metrics dropped, the buffer was full or they were refused",
        ),
        ("internal_agent.metrics_rejected", "2 metrics refused by InfluxDB"),
        (
            "internal_statsd.udp_packets_dropped",
            "2 statsd packets dropped, Telegraf was too slow",
        ),
    ]
