from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.errors import ProvisionError
from provision.fleet.model import Fleet
from provision.influx import Answer
from provision.verify.findings import Area, Status
from provision.verify.strangers import Stranger, strangers_seen, undocumented
from tests.verify.told import Told, answer, nothing, series

Make = Callable[..., Fleet]
PARCEL = """\
app: parcel-tracker
title: Parcels
description: Tracks parcels.
source: the tracker's handbook
prefix: parcel
placeholders:
  depot: {description: Where it is., examples: [koeln], expected: 3}
  shelf: {description: Where in it., examples: [a1], expected: 3}
  node: {description: A host., examples: [a.example.com], expected: 3, dotted: true}
metrics:
  - {name: api.latency, type: timer, unit: milliseconds, title: Latency, description: Latency.}
  - {name: api.calls, type: counter, unit: count, title: Calls, description: Calls.}
  - name: seen
    type: gauge
    unit: count
    title: Seen
    description: Seen.
    formerly: [{name: noticed}]
  - {name: both, type: counter, unit: count, title: Both, description: Both., measurement: both_c}
  - {name: both, type: set, unit: count, title: Both, description: Both., measurement: both_s}
  - {name: queue.<depot>.size, type: gauge, unit: count, title: Queue, description: Queue.}
  - {name: rack.<depot>.<shelf>.size, type: gauge, unit: count, title: Rack, description: Rack.}
  - {name: on.<node>.at.<depot>.size, type: gauge, unit: count, title: At, description: At.}
  - {name: lost.<depot>, type: gauge, unit: count, title: Lost, description: Lost.}
  - {name: lost.<depot>.late, type: gauge, unit: count, title: Late, description: Late.}
"""
INVOICES = """\
app: invoices
title: Invoices
description: Writes invoices.
source: the invoices' handbook
input: prometheus
scrape: {port: 9105}
metrics:
  - name: invoices_open
    type: gauge
    unit: count
    title: Open
    description: Open.
    formerly: [{name: invoices_unpaid}]
  - {name: invoices_sent, type: counter, unit: count, title: Sent, description: Sent.}
"""
NOT_HERE = "which is not among this host's apps"
UNKNOWN = "in no catalog"


@pytest.fixture
def fleet(fleet_of: Make, tmp_path: Path) -> Fleet:
    """Of the workers one has both applications, and one neither."""
    (tmp_path / "catalogs").mkdir()
    (tmp_path / "catalogs" / "parcel-tracker.yaml").write_text(PARCEL)
    (tmp_path / "catalogs" / "invoices.yaml").write_text(INVOICES)
    workers: dict[str, Any] = {
        "both": {"apps": ["parcel-tracker", "invoices"]},
        "neither": {"apps": ["django-clickhouse"], "django_clickhouse_prefix": ["shop.clickhouse"]},
    }
    groups = {"monitor": {"hosts": {"m": {}}}, "workers": {"hosts": workers}}
    return fleet_of(json.dumps(groups))


def came(*buckets: tuple[str, str], host: str = "both") -> Told:
    """A database with undocumented (bucket, metric_type) pairs of a host."""
    return Told(
        lambda _: answer(
            *[series({"count": 1}, bucket=b, metric_type=kind, host=host) for b, kind in buckets]
        )
    )


def told(fleet: Fleet, bucket: str, kind: str, host: str = "both") -> str:
    """What is found of one bucket."""
    database = came((bucket, kind), host=host)
    (found,) = strangers_seen(database, fleet.site, 5, [*fleet.catalogs.values()])
    assert (found.status, found.area) == (Status.WARNING, Area.UNDOCUMENTED)
    assert (found.host, found.name) == (host, bucket)
    return found.detail


def test_a_bucket_of_no_catalog_is_told_with_the_host_that_sent_it(fleet: Fleet) -> None:
    hostile = 'a"; DROP DATABASE x'

    def tell(statement: str) -> Answer:
        # What is a timer has no value, but a count.
        assert statement == (
            'SELECT count("value"), count("count") FROM "undocumented" '
            'WHERE time >= 5ms GROUP BY "bucket", "host", "metric_type"'
        )
        return answer(
            *[
                series({"count": 1}, bucket=bucket, host=host, metric_type="counter")
                for bucket, host in (("b", "w2"), ("b", "both"), (hostile, "both"))
            ]
        )

    expected = [
        Stranger(b, h, "counter") for b, h in ((hostile, "both"), ("b", "both"), ("b", "w2"))
    ]
    assert undocumented(Told(tell), 5) == expected
    found = strangers_seen(Told(tell), fleet.site, 5)
    assert {(each.host, each.name) for each in found} == {(e.host, e.bucket) for e in expected}
    assert {(each.status, each.area, each.detail) for each in found} == {
        (Status.WARNING, Area.UNDOCUMENTED, UNKNOWN)
    }
    assert undocumented(Told(nothing), 5) == []


def test_an_error_of_the_database_is_no_silence() -> None:
    with pytest.raises(ProvisionError) as caught:
        undocumented(Told(lambda _: answer(error="not executed")), 0)
    assert caught.value.message == "InfluxDB at http://192.0.2.1:8086: not executed"


def test_of_very_many_buckets_a_few_are_told_and_their_number(fleet: Fleet) -> None:
    """A flood of names with numbers in them would bury what else is told."""
    many = came(*[(f"id.{n:05d}", "counter") for n in range(1000)])
    found = strangers_seen(many, fleet.site, 5)
    assert [each.name for each in found] == [*(f"id.{n:05d}" for n in range(20)), "980 more"]


def test_a_bucket_that_comes_as_two_types_that_say_the_same_is_told_once(fleet: Fleet) -> None:
    database = came(("x", "gauge"), ("x", "counter"))
    assert [each.name for each in strangers_seen(database, fleet.site, 5)] == ["x"]


@pytest.mark.parametrize(
    ("bucket", "kind", "said"),
    [
        ("parcel.api.latency", "gauge", "gauge, and is documented as timer of parcel-tracker"),
        ("parcel.api.calls", "timing", "timer, and is documented as counter of parcel-tracker"),
        ("parcel.noticed", "set", "set, and is documented as gauge of parcel-tracker"),
        ("parcel.queue.a.size", "set", "set, and is documented as gauge of parcel-tracker"),
        ("parcel.both", "gauge", "gauge, and is documented as counter and set of parcel-tracker"),
        ("invoices_open", "counter", "counter, and is documented as gauge of invoices"),
        ("invoices_unpaid", "counter", "counter, and is documented as gauge of invoices"),
        (
            "invoices_sent",
            "untyped",
            "histogram or summary, and is documented as counter of invoices",
        ),
    ],
)
def test_a_documented_bucket_of_another_type_is_told_as_that(
    fleet: Fleet, bucket: str, kind: str, said: str
) -> None:
    assert told(fleet, bucket, kind) == f"came as {said}"


def test_a_bucket_of_an_application_that_the_host_does_not_have_is_told_as_that(
    fleet: Fleet,
) -> None:
    said = told(fleet, "parcel.api.latency", "timing", "neither")
    assert said == f"documented as timer of parcel-tracker, {NOT_HERE}"
    # What says no type of itself would be taken for what the catalog says.
    said = told(fleet, "invoices_open", "untyped", "neither")
    assert said.startswith("documented as gauge of invoices, which is not among")
    said = told(fleet, "invoices_open", "gauge", "neither")
    assert said == f"documented as gauge of invoices, {NOT_HERE}"
    # What no host of the site has may be meant as well.
    said = told(fleet, "realm.a.example.com.connection.online", "gauge")
    assert said == f"documented as gauge of realm, {NOT_HERE}"
    said = told(fleet, "parcel.api.latency", "gauge", "neither")
    assert said == f"came as gauge, and is documented as timer of parcel-tracker, {NOT_HERE}"


def test_other_hosts_settings_count_where_the_host_has_none(fleet: Fleet) -> None:
    catalogs = {**fleet.catalogs, **{catalog.app: catalog for catalog in fleet.site.catalogs}}
    database = came(("shop.clickhouse.sync.User.queue", "gauge"))
    (found,) = strangers_seen(database, fleet.site, 5, [*catalogs.values()])
    assert found.detail == f"documented as gauge of django-clickhouse, {NOT_HERE}"


def test_what_two_other_catalogs_document_is_told_of_both(fleet: Fleet) -> None:
    twice = fleet.catalogs["parcel-tracker"].model_copy(update={"app": "copy"})
    database = came(("parcel.seen", "gauge"), host="neither")
    (found,) = strangers_seen(database, fleet.site, 5, [*fleet.catalogs.values(), twice])
    assert found.detail == (
        "documented as gauge of parcel-tracker and copy, which are not among this host's apps"
    )


def test_what_is_documented_now_came_before(fleet: Fleet) -> None:
    assert told(fleet, "parcel.seen", "gauge") == (
        "documented as gauge of parcel-tracker, and came when Telegraf did not know it: "
        "`provision up` if it comes again"
    )


@pytest.mark.parametrize(
    ("bucket", "said"),
    [
        (
            "parcel.queue.koeln.nord.size",
            "parcel.queue.<depot>.size, of which <depot> takes one segment "
            "(dotted: true for several)",
        ),
        (
            "parcel.rack.koeln.nord.a1.size",
            "parcel.rack.<depot>.<shelf>.size, of which <depot> and <shelf> take one segment each "
            "(dotted: true for several in one of them)",
        ),
        # A catalog with two that are dotted is refused.
        (
            "parcel.on.a.example.com.at.koeln.nord.size",
            "parcel.on.<node>.at.<depot>.size, of which <depot> takes one segment",
        ),
        # It could be two.
        ("parcel.lost.koeln.nord.late", None),
        (
            "parcel.lost.koeln.nord",
            "parcel.lost.<depot>, of which <depot> takes one segment (dotted: true for several)",
        ),
        ("parcel.queue.koeln.nord.sise", None),
        ("parcel.queue.size", None),
        ("parcel.queue..nord.size", None),
        ("parcel.queue.koeln.nord.size.", None),
    ],
)
def test_a_bucket_with_more_segments_than_its_one_pattern_is_told_as_nearly_that(
    fleet: Fleet, bucket: str, said: str | None
) -> None:
    assert told(fleet, bucket, "gauge") == (f"nearly {said}" if said else UNKNOWN)


def test_only_patterns_of_its_type_and_of_its_host_are_near(fleet: Fleet) -> None:
    assert told(fleet, "parcel.queue.koeln.nord.size", "counter") == UNKNOWN
    assert told(fleet, "parcel.queue.koeln.nord.size", "gauge", "neither") == UNKNOWN


def test_a_long_bucket_of_many_alike_segments_takes_no_time(fleet: Fleet) -> None:
    bucket = ".".join(["parcel", "rack", *["size"] * 200, "x"])
    assert told(fleet, bucket, "gauge") == UNKNOWN
    assert told(fleet, bucket[:-2], "gauge").startswith("nearly parcel.rack.<depot>.<shelf>.size,")


def test_a_host_that_is_no_worker_has_no_applications(fleet: Fleet) -> None:
    assert told(fleet, "x", "gauge", "elsewhere") == UNKNOWN
    assert NOT_HERE in told(fleet, "invoices_open", "gauge", "elsewhere")


def test_names_of_telegraf_s_own_plugins_are_nobody_s_buckets(fleet: Fleet) -> None:
    assert told(fleet, "cpu.usage_active", "gauge") == UNKNOWN
