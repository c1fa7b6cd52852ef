"""What real client libraries send, as the documented applications call them, is stored exactly."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, pushadd_to_gateway
from statsd import StatsClient, TCPStatsClient

from provision.catalog.load import load_catalogs
from provision.catalog.model import GROUP_BY
from provision.dashboards.graphs import graph
from provision.dashboards.variables import either, expand
from provision.influx import InfluxDB
from provision.verify.findings import Status
from provision.verify.seen import values_seen
from provision.verify.strangers import Stranger, undocumented
from tests.integration.programs import (
    CLIENTS,
    HOST,
    Database,
    Key,
    Telegraf,
    free_port,
    key,
    measurements,
    pushgateway,
    rendered_telegraf,
    stored,
    wait_for,
    wait_for_equal,
)

pytestmark = pytest.mark.parametrize("database", [1], indirect=True, ids=["engine-1"])

# What a site's settings make of it: Django's STATSD_PREFIX and CLICKHOUSE_STATSD_PREFIX.
STATSD_PREFIX, CLICKHOUSE_STATSD_PREFIX = "shop", "clickhouse"


@pytest.fixture(scope="module")
def telegraf(
    database: Database, telegraf_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Telegraf]:
    with rendered_telegraf(
        telegraf_binary,
        database,
        tmp_path_factory.mktemp("statsd"),
        apps=["realm", "django-clickhouse", "tinybird-jobs"],
        django_clickhouse_prefix=["clickhouse", "shop.clickhouse"],
    ) as telegraf:
        yield telegraf
    # Clients keep their TCP connection until Telegraf ends it.
    assert telegraf.complaints("use of closed network connection") == []


@pytest.fixture
def start() -> int:
    """Before anything of a test was sent (ms since 1970)."""
    return int(time.time() * 1000) - 1


class DjangoClickhouse:
    """The calls of django-clickhouse for one model, in the order in which it makes them.

    Source: its src/django_clickhouse, storages.py, clickhouse_models.py, database.py, models.py.
    """

    def __init__(self, statsd: StatsClient, import_key: str) -> None:
        self.statsd, self.import_key = statsd, import_key
        self.sync = f"{CLICKHOUSE_STATSD_PREFIX}.sync.{import_key}"
        self.inserted = f"{CLICKHOUSE_STATSD_PREFIX}.inserted_tuples.{import_key}"

    def register_operations_wrapped(self, operation: str, number: int) -> None:
        statsd_key = f"{self.sync}.register_operations"
        self.statsd.incr(statsd_key + f".{operation}", number)
        with self.statsd.timer(statsd_key):
            time.sleep(0.002)
        self.statsd.gauge(f"{self.sync}.queue", number, delta=True)

    def sync_batch_from_storage(self, operations: int, left: int) -> None:
        with self.statsd.timer(f"{self.sync}.total"):
            for step in ("pre_sync", "get_operations"):
                with self.statsd.timer(f"{self.sync}.steps.{step}"):
                    time.sleep(0.002)
            self.statsd.incr(f"{self.sync}.operations", operations)
            with self.statsd.timer(f"{self.sync}.steps.get_sync_objects"):
                time.sleep(0.002)
            self.statsd.incr(f"{self.sync}.import_objects", operations)
            with self.statsd.timer(f"{self.sync}.steps.get_insert_batch"):
                time.sleep(0.002)
            with self.statsd.timer(f"{self.sync}.steps.insert"):
                self.insert_tuples(operations)
            with self.statsd.timer(f"{self.sync}.steps.post_sync"):
                self.statsd.gauge(f"{self.sync}.queue", left)

    def insert_tuples(self, number: int) -> None:
        self.statsd.incr(self.inserted, number)
        with self.statsd.timer(self.inserted):
            time.sleep(0.002)

    def post_save(self) -> None:
        self.statsd.incr(f"{CLICKHOUSE_STATSD_PREFIX}.sync.post_save", 1)


def of(stem: str, reader: InfluxDB, start: int) -> dict[Key, dict[str, float]]:
    """What is stored of an application: the values of each series that are there.

    Those of a point that is just being written do not appear all at once.
    """
    return {
        where: {name: value for name, value in row.items() if value is not None and name != "time"}
        for where, row in stored(reader, start).items()
        if where[0].startswith(f"{stem}_")
    }


def test_django_clickhouses_own_calls_are_stored_under_both_of_its_prefixes(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    reader = database.reader()
    model = f"Model{random.randrange(10**6)}"
    application = DjangoClickhouse(
        StatsClient("127.0.0.1", telegraf.port, prefix=STATSD_PREFIX), model
    )
    tags = {"prefix": "shop.clickhouse", "model": model}
    queue = key("django_clickhouse_sync_queue", metric_type="gauge", **tags)
    for operation, number in (("insert", 300), ("update", 20), ("delete", 1)):
        application.post_save()
        application.register_operations_wrapped(operation, number)
    wait_for(
        lambda: stored(reader, start).get(queue, {}).get("last_value") == 321,
        "the sum of what was added to the queue",
    )
    application.sync_batch_from_storage(300, left=21)

    def counter(name: str, **more: str) -> Key:
        return key(f"django_clickhouse_{name}", metric_type="counter", **tags, **more)

    def timer(name: str, **more: str) -> Key:
        return key(f"django_clickhouse_{name}", metric_type="timing", **tags, **more)

    steps = load_catalogs()["django-clickhouse"].placeholders["step"].values or ()
    expected = {
        counter("sync_register_operations", operation="insert"): 300,
        counter("sync_register_operations", operation="update"): 20,
        counter("sync_register_operations", operation="delete"): 1,
        counter("sync_operations"): 300,
        counter("sync_import_objects"): 300,
        counter("inserted_tuples"): 300,
        timer("sync_register_operations_time"): 3,
        timer("sync_total"): 1,
        timer("insert_time"): 1,
        # Which only some engines have.
        **{timer("sync_steps", step=step): 1 for step in steps if step != "get_final_versions"},
        queue: 21,
    }

    def seen() -> dict[Key, float]:
        found = of("django_clickhouse", reader, start)
        kind = {"counter": "sum_value", "timing": "sum_count", "gauge": "last_value"}
        return {
            where: row.get(kind[dict(where[1])["metric_type"]], math.nan)
            for where, row in found.items()
        }

    wait_for_equal(seen, expected)
    times = [row for row in of("django_clickhouse", reader, start).values() if "last_mean" in row]
    assert all(0 < row["min_lower"] <= row["max_upper"] < 5000 for row in times)
    total = of("django_clickhouse", reader, start)[timer("sync_total")]
    # Of its five steps each slept for two milliseconds.
    assert total["sum_sum"] >= 10
    # The program sends more than its document says; nothing of it is lost, and all of it is told.
    more = Stranger("shop.clickhouse.sync.post_save", HOST, "counter")
    assert undocumented(reader, start) == [more]


def test_an_operation_in_no_list_is_kept_and_told(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    reader = database.reader()
    application = DjangoClickhouse(StatsClient("127.0.0.1", telegraf.port), "Told")
    sent = {"insert": 3, "update": 2, "restore": 1}
    for operation, number in sent.items():
        application.register_operations_wrapped(operation, number)
    tags = {"metric_type": "counter", "prefix": "clickhouse", "model": "Told"}
    wheres = {
        name: key("django_clickhouse_sync_register_operations", operation=name, **tags)
        for name in sent
    }

    def seen() -> dict[str, float]:
        found = stored(reader, start)
        return {name: found[where]["sum_value"] for name, where in wheres.items() if where in found}

    wait_for_equal(seen, sent)
    listed = load_catalogs()["django-clickhouse"].placeholders["operation"].values or ()
    told = [f for f in values_seen(reader, telegraf.site, start) if f.status is Status.WARNING]
    assert "restore" not in listed
    assert [(f.host, f.name, f.detail.partition(" is in no list")[0]) for f in told] == [
        (
            HOST,
            "<prefix>.sync.<model>.register_operations.<operation> (counter)",
            f"operation {operation!r}",
        )
        for operation in sorted(set(sent) - set(listed))
    ]


def test_pythons_statsd_client_sends_what_is_stored(
    database: Database, telegraf: Telegraf, start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = f"Calls{random.randrange(10**6)}"
    client = StatsClient("127.0.0.1", telegraf.port, prefix=f"clickhouse.sync.{model}")
    client.gauge("queue", 10)
    client.gauge("queue", 5, delta=True)
    client.gauge("queue", -3, delta=True)
    client.timing("total", 250)
    client.timing("total", timedelta(seconds=1.5))
    client.timing("total", 0)
    # A level below zero goes out as two lines in one packet, the first of them zero.
    StatsClient("127.0.0.1", telegraf.port).gauge(f"realm.{model}.realms.open", -7)
    with client.pipeline() as pipe:
        for _ in range(20):
            pipe.incr("operations", 3)
        pipe.decr("operations", 10)
        pipe.timing("steps.insert", 8)
        with pipe.timer("steps.insert"):
            pass
    # Each of those that the sampling lets through stands for four.
    monkeypatch.setattr(random, "random", lambda: 0.0)
    for _ in range(5):
        client.incr("import_objects", 2, rate=0.25)
    reader = database.reader()
    tags = {"prefix": "clickhouse", "model": model}
    expected = {
        key("django_clickhouse_sync_queue", metric_type="gauge", **tags): ("last_value", 12),
        key("realm_realms_open", metric_type="gauge", hostname=model): ("last_value", -7),
        key("django_clickhouse_sync_operations", metric_type="counter", **tags): ("sum_value", 50),
        key("django_clickhouse_sync_import_objects", metric_type="counter", **tags): (
            "sum_value",
            40,
        ),
        key("django_clickhouse_sync_total", metric_type="timing", **tags): ("sum_sum", 1750),
        key("django_clickhouse_sync_steps", metric_type="timing", step="insert", **tags): (
            "sum_count",
            2,
        ),
    }

    def seen() -> dict[Key, tuple[str, float]]:
        found = stored(reader, start)
        return {
            where: (name, found[where][name])
            for where, (name, _) in expected.items()
            if where in found
        }

    wait_for_equal(seen, expected)
    total = stored(reader, start)[key("django_clickhouse_sync_total", metric_type="timing", **tags)]
    assert (total["sum_count"], total["min_lower"], total["max_upper"]) == (3, 0, 1500)
    assert undocumented(reader, start) == []


def test_jobs_told_over_tcp_are_stored_in_whole_seconds(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    region_machine, database_server = "us-east-1-worker-3", "clickhouse-01"
    name = f"d_{random.randrange(10**6)}"
    client = TCPStatsClient("127.0.0.1", telegraf.tcp_port)

    def job_finished(kind: str, job_status: str, total: int, working: int | None) -> None:
        statsd_prefix = f"tinybird.{region_machine}.jobs.{database_server}.{name}.{kind}"
        client.incr(f"{statsd_prefix}.{job_status}")
        client.timing(f"{statsd_prefix}.total", total)
        if working is not None:
            client.timing(f"{statsd_prefix}.working", working)

    job_finished("import", "ok", 12, 10)
    job_finished("import", "ok", 0, 0)
    job_finished("import", "error", 86399, None)
    job_finished("populateview", "ok", 1, 1)
    client.gauge(f"realm.{name}.example.com.realms.open", 3)
    # A pipeline is several lines at once on the connection.
    with client.pipeline() as pipe:
        pipe.incr(f"realm.{name}.example.com.session.started", 4)
        pipe.incr(f"realm.{name}.example.com.session.started", 5)
    reader = database.reader()
    tags = {
        "region_machine": region_machine,
        "database_server": database_server,
        "database": name,
        "transport": "tcp",
    }
    imports, views = {**tags, "kind": "import"}, {**tags, "kind": "populateview"}
    realm = {"hostname": f"{name}.example.com", "transport": "tcp"}
    expected = {
        key("tinybird_jobs_ok", metric_type="counter", **imports): (2, None, None),
        key("tinybird_jobs_ok", metric_type="counter", **views): (1, None, None),
        key("tinybird_jobs_error", metric_type="counter", **imports): (1, None, None),
        key("tinybird_jobs_total", metric_type="timing", **imports): (None, 3, 86411),
        key("tinybird_jobs_total", metric_type="timing", **views): (None, 1, 1),
        key("tinybird_jobs_working", metric_type="timing", **imports): (None, 2, 10),
        key("tinybird_jobs_working", metric_type="timing", **views): (None, 1, 1),
        key("realm_session_started", metric_type="counter", **realm): (9, None, None),
    }
    gauge = key("realm_realms_open", metric_type="gauge", **realm)

    def seen() -> dict[Key, tuple[float | None, float | None, float | None]]:
        return {
            where: (row["sum_value"], row["sum_count"], row["sum_sum"])
            for where, row in stored(reader, start).items()
            if where != gauge and any(name in value for _, value in where[1])
        }

    wait_for_equal(seen, expected)
    wait_for(lambda: stored(reader, start).get(gauge, {}).get("last_value") == 3, "the gauge")
    assert undocumented(reader, start) == []
    client.close()


def test_gos_statsd_client_sends_what_is_stored(
    database: Database, telegraf: Telegraf, start: int, go_client: Path
) -> None:
    subprocess.run([go_client, f"127.0.0.1:{telegraf.port}"], check=True, timeout=30)
    reader = database.reader()
    host, model = {"hostname": "go-1.example.com"}, {"prefix": "clickhouse", "model": "GoModel"}
    expected = {
        key("realm_connection_started", metric_type="counter", **host): ("sum_value", 3000),
        key("realm_connection_online", metric_type="gauge", **host): ("last_value", 40),
        key("realm_session_failed", metric_type="counter", **host): ("sum_value", 40),
        key("realm_session_started", metric_type="counter", region="eu", **host): ("sum_value", 9),
        key("django_clickhouse_sync_total", metric_type="timing", **model): ("sum_sum", 5050),
        key("django_clickhouse_sync_steps", metric_type="timing", step="insert", **model): (
            "sum_sum",
            250,
        ),
        key("undocumented", metric_type="set", bucket="realm.go-1.example.com.visitors"): (
            "last_value",
            1,
        ),
    }

    def seen() -> dict[Key, tuple[str, float]]:
        return {
            where: (expected[where][0], row[expected[where][0]]) if where in expected else ("", 0)
            for where, row in stored(reader, start).items()
            if any("go-1" in value or "GoModel" in value for _, value in where[1])
        }

    wait_for_equal(seen, expected)


class Add(Protocol):
    """Add to a process's metrics; its exporter starts with the first."""

    def __call__(self, *, objects: int, loaded: int, stored: int, misses: int, hits: int) -> None:
        """Return when it is done."""


@contextmanager
def dataclay(exporter: str, port: int) -> Iterator[Add]:
    """A process with dataClay's metrics, which ends as in a crash."""
    argv = [sys.executable, str(CLIENTS / "dataclay.py"), exporter, "127.0.0.1", str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as process:

        def add(**numbers: int) -> None:
            assert process.stdin and process.stdout
            process.stdin.write(json.dumps(numbers) + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"

        try:
            yield add
        finally:
            process.kill()


@pytest.fixture(scope="module")
def scraping(
    database: Database,
    telegraf_binary: Path,
    pushgateway_binary: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Telegraf]:
    """Telegraf that scrapes two backends and a Pushgateway."""
    directory, port = tmp_path_factory.mktemp("prometheus"), free_port()
    targets = [{"url": f"127.0.0.1:{free_port()}", "service": "backend"} for _ in range(2)]
    with (
        pushgateway(pushgateway_binary, directory, port),
        rendered_telegraf(
            telegraf_binary,
            database,
            directory / "site",
            apps=["dataclay"],
            dataclay_targets=targets,
            dataclay_pushgateway=True,
            pushgateway_port=port,
        ) as telegraf,
    ):
        yield telegraf
    # Backends are not there all the time.
    assert telegraf.complaints("[inputs.http]") == []


def ports(telegraf: Telegraf) -> list[int]:
    """Those of the backends, as the site has them."""
    return [int(target.url.split(":")[2].split("/")[0]) for target in telegraf.host.targets]


def test_dataclays_processes_are_stored_by_scraping_and_by_pushing_at_once(
    database: Database, scraping: Telegraf, start: int
) -> None:
    first, second = ports(scraping)
    gateway = f"127.0.0.1:{scraping.host.settings.pushgateway_port}"
    reader = database.reader()
    names = ("inmemory_objects", "loaded_objects", "stored_objects")
    counts = ("inmemory_misses_total", "inmemory_hits_total")

    def all_five(values: tuple[int, ...], **tags: str) -> dict[Key, float]:
        kinds = [*((name, "gauge") for name in names), *((name, "counter") for name in counts)]
        return {
            key(f"dataclay_{name}", metric_type=kind, **tags): value
            for (name, kind), value in zip(kinds, values, strict=True)
        }

    # A client of two metrics that says in its grouping key who it is.
    registry = CollectorRegistry()
    Gauge("dataclay_inmemory_objects", "Objects", registry=registry).set(61)
    Counter("dataclay_inmemory_hits_total", "Hits", registry=registry).inc(62.5)
    grouping_key = {"instance": "client-7", "service": "client"}
    pushadd_to_gateway(gateway, job="dataclay", registry=registry, grouping_key=grouping_key)
    client = {"job": "dataclay", **grouping_key}
    expected = {
        **all_five((11, 12, 13, 14, 15), service="backend", instance=f"127.0.0.1:{first}"),
        **all_five((21, 22, 23, 24, 25), service="backend", instance=f"127.0.0.1:{second}"),
        **all_five((31, 32, 33, 34, 35), job="dataclay"),
        key("dataclay_inmemory_objects", metric_type="gauge", **client): 61,
        key("dataclay_inmemory_hits_total", metric_type="counter", **client): 62.5,
    }

    def seen() -> dict[Key, float]:
        found = of("dataclay", reader, start)
        return {where: row.get("last_value", math.nan) for where, row in found.items()}

    with (
        dataclay("http", first) as one,
        dataclay("http", second) as two,
        dataclay("pushgateway", int(gateway.split(":")[1])) as three,
    ):
        one(objects=11, loaded=12, stored=13, misses=14, hits=15)
        two(objects=21, loaded=22, stored=23, misses=24, hits=25)
        three(objects=31, loaded=32, stored=33, misses=34, hits=35)
        wait_for_equal(seen, expected)
        two(objects=1, loaded=0, stored=0, misses=0, hits=100)
        changed = {"service": "backend", "instance": f"127.0.0.1:{second}"}
        expected |= all_five((22, 22, 23, 24, 125), **changed)
        wait_for_equal(seen, expected)
    assert undocumented(reader, start) == []
    beginnings = ("python_", "process_", "go_", "promhttp_", "pushgateway_", "push_")
    assert [
        name
        for name in measurements(reader)
        if name.startswith(beginnings) or name.endswith("_created")
    ] == []


def test_a_restart_of_the_application_is_no_spike_in_its_panel(
    database: Database, scraping: Telegraf, start: int
) -> None:
    catalog = load_catalogs()["dataclay"]
    (metric,) = (m for m in catalog.metrics if m.name == "dataclay_inmemory_misses_total")
    (query,) = graph(catalog, [metric]).queries
    reader = database.reader()
    scraped, gateway = ports(scraping)[0], scraping.host.settings.pushgateway_port
    wheres = [
        key("dataclay_inmemory_misses_total", metric_type="counter", **tags)
        for tags in (
            {"service": "backend", "instance": f"127.0.0.1:{scraped}"},
            {"job": "dataclay"},
        )
    ]

    def wait_for_value(value: int) -> None:
        """Until both are stored with a value, and once more, as in any panel of some minutes."""

        def seen() -> list[tuple[float, int]]:
            found = stored(reader, start)
            return [
                (found[where]["last_value"], found[where]["count_value"])
                for where in wheres
                if where in found
            ]

        wait_for(lambda: [last for last, _ in seen()] == [value] * 2, f"{value} of both")
        before = [count for _, count in seen()]
        wait_for(
            lambda: all(count > was for (_, count), was in zip(seen(), before, strict=True)),
            f"{value} once more",
        )

    def both(*misses: int) -> Iterator[None]:
        """Processes that add to their misses, and then end as in a crash."""
        nothing = {"objects": 0, "loaded": 0, "stored": 0, "hits": 0}
        with dataclay("http", scraped) as one, dataclay("pushgateway", gateway) as other:
            total = 0
            for number in misses:
                total += number
                one(misses=number, **nothing)
                other(misses=number, **nothing)
                wait_for_value(total)
                yield

    before = both(100_000, 5)
    next(before)
    # Other values were there earlier; the last second already has this one.
    shown_from = int(time.time() * 1000) - 1000
    for _ in (*before, *both(3, 4)):
        pass
    own = ("service", "instance", "job")
    values = {GROUP_BY: either(own)}
    end = int(time.time() * 1000)
    text = expand(query.text, start=shown_from, end=end, interval=1000, values=values)
    (answer,) = reader.ask([text])
    tags = [dict(tags) for _, tags in wheres]
    shown = [
        [row["sum"] for row in series.rows if row["sum"] is not None]
        for series in answer.series
        for each in tags
        if all(each.get(name, "") == series.tags[name] for name in own)
    ]
    assert len(shown) == 2
    for rates in shown:
        assert max(rates) <= 5, rates
        # What was added before the restart and after it: an interval may be longer than a second.
        assert sum(rate > 1 for rate in rates) == 2, rates
