"""Everything that all applications document, at once on one host: real programs throughout."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from provision.catalog.load import load_catalogs
from provision.catalog.model import Transport
from provision.traffic import Traffic, documented_traffic
from provision.verify.arrival import Sent
from provision.verify.findings import Area, Finding, Status
from provision.verify.panels import check_panels
from provision.verify.strangers import strangers_seen, undocumented
from provision.verify.tags import REMEDY, tags_seen
from tests.integration.programs import (
    HOST,
    Database,
    Telegraf,
    arrived,
    free_port,
    pushgateway,
    rendered_telegraf,
    send,
    send_tcp,
    shown,
    wait_for,
    wait_for_equal,
)

DOCUMENTED = {"realm": 18, "django-clickhouse": 11, "tinybird-jobs": 4, "dataclay": 5}


@pytest.fixture
def telegraf(
    database: Database, telegraf_binary: Path, pushgateway_binary: Path, tmp_path: Path
) -> Iterator[Telegraf]:
    targets = [
        {"url": f"127.0.0.1:{free_port()}", "service": service, "instance": instance}
        for service, instance in (("backend", "b1"), ("backend", "b2"), ("metadata-service", "m"))
    ]
    port = free_port()
    with (
        pushgateway(pushgateway_binary, tmp_path, port),
        rendered_telegraf(
            telegraf_binary,
            database,
            tmp_path / "site",
            apps=list(DOCUMENTED),
            django_clickhouse_prefix=["clickhouse", "shop.clickhouse"],
            dataclay_targets=targets,
            dataclay_pushgateway=True,
            pushgateway_port=port,
        ) as telegraf,
    ):
        yield telegraf
    log = telegraf.program.log.read_text(errors="replace")
    complaints = [line for line in log.splitlines() if " E! " in line]
    # Targets begin to answer only when the test begins, and TCP connections end when Telegraf does.
    expected = ("[inputs.http]", "use of closed network connection")
    assert [line for line in complaints if not any(text in line for text in expected)] == []


def play(telegraf: Telegraf, traffic: Traffic, stack: ExitStack) -> None:
    send(telegraf.port, [p for s in traffic.statsd[Transport.UDP] for p in s.packets])
    send_tcp(telegraf.tcp_port, [p for s in traffic.statsd[Transport.TCP] for p in s.packets])
    for page in traffic.scraped:
        port = int(page.url.split(":")[2].split("/")[0])
        stack.enter_context(shown(lambda text=page.text: text, port))  # type: ignore[misc]
    gateway = f"http://127.0.0.1:{telegraf.host.settings.pushgateway_port}"
    for page in traffic.pushed:
        request = urllib.request.Request(gateway + page.url, page.text.encode(), method="PUT")
        urllib.request.urlopen(request, timeout=5).close()


def test_all_documented_metrics_arrive_exactly_and_every_panel_answers(
    database: Database, telegraf: Telegraf
) -> None:
    start = int(time.time() * 1000) - 1000
    traffic = documented_traffic(telegraf.host.applications)
    sent = [Sent(HOST, sample) for sample in traffic.samples]
    reader = database.reader()
    with ExitStack() as stack:
        play(telegraf, traffic, stack)
        outcomes = arrived(reader, sent, start)
        counts = {app: sum(o.catalog.app == app for o in outcomes) for app in DOCUMENTED}
        assert counts == DOCUMENTED
        assert undocumented(reader, start) == []
        assert tags_seen(reader, telegraf.site, start) == []
        catalogs = telegraf.site.catalogs
        wait_for(
            lambda: all(
                panel.ok for panel in check_panels(reader, catalogs, start, int(time.time() * 1000))
            ),
            "data in every panel",
        )


def test_series_that_differ_in_an_undocumented_tag_are_told(
    database: Database, telegraf: Telegraf
) -> None:
    start, reader = int(time.time() * 1000) - 1000, database.reader()
    send(telegraf.port, ["realm.eu-1.connection.online,zone=a:3|g"])
    send(telegraf.port, ["realm.eu-1.connection.online,zone=b:4|g"])
    send(telegraf.port, ["realm.eu-1.connection.failed,zone=a:1|c"])
    name = "realm.<hostname>.connection.online (gauge)"
    detail = f"tag 'zone' is in no catalog (a, b); {REMEDY}"
    expected = [Finding(Status.WARNING, Area.UNDOCUMENTED, HOST, name, detail)]
    wait_for(lambda: tags_seen(reader, telegraf.site, start) == expected, "what is told of the tag")


def test_why_a_bucket_is_undocumented_is_told(database: Database, telegraf: Telegraf) -> None:
    """The wrong type, a placeholder of two segments, an application that the host does not have."""
    start, reader = int(time.time() * 1000) - 1000, database.reader()
    send(
        telegraf.port,
        [
            "realm.eu-1.connection.online:3|c",
            "realm.eu-1.connection.failed:3|ms",
            "clickhouse.sync.shop.User.queue:3|g",
        ],
    )
    page = (
        "# TYPE dataclay_loaded_objects counter\ndataclay_loaded_objects 3\n"
        "# TYPE dataclay_inmemory_objects histogram\n"
        'dataclay_inmemory_objects_bucket{le="+Inf"} 2\n'
        "dataclay_inmemory_objects_sum 7\ndataclay_inmemory_objects_count 2\n"
        "# TYPE storage_writer_timeouts counter\nstorage_writer_timeouts 3\n"
    )
    port = int(telegraf.host.targets[0].url.split(":")[2].split("/")[0])
    gauge = "and is documented as gauge of"
    segments = "of which <model> takes one segment (dotted: true for several)"
    expected = {
        "realm.eu-1.connection.online": f"came as counter, {gauge} realm",
        "realm.eu-1.connection.failed": "came as timer, and is documented as counter of realm",
        "clickhouse.sync.shop.User.queue": f"nearly clickhouse.sync.<model>.queue, {segments}",
        "dataclay_loaded_objects": f"came as counter, {gauge} dataclay",
        "dataclay_inmemory_objects": f"came as histogram or summary, {gauge} dataclay",
        "storage_writer_timeouts": "documented as counter of influxdb, "
        "which is not among this host's apps",
    }
    known = [*load_catalogs().values()]

    def told() -> dict[str, str]:
        found = strangers_seen(reader, telegraf.site, start, known)
        assert {each.host for each in found} <= {HOST}
        return {each.name: each.detail for each in found}

    with shown(lambda: page, port):
        wait_for_equal(told, expected)
