"""The documented walkthrough against this: both run, and README's table says what they deliver."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from provision.applications import Application
from provision.catalog.model import Catalog, MetricType, Transport
from provision.influx import InfluxDB
from provision.traffic import Sample, documented_traffic
from tests.conftest import CASES
from tests.integration.programs import (
    Database,
    free_port,
    influxdb_process,
    listens,
    rendered_telegraf,
    running,
    send,
    wait_for,
)

README = Path(__file__).parents[2] / "README.md"
GAUGES = 60
UPDATES = 100
# InfluxDB 1 drops the whole of the first batch in which a counter and a gauge share a bucket, and
# of later ones only what conflicts. The walkthrough shall not be judged by its first seconds.
ROUNDS = 3
# Telegraf's interval of the test; by default it is 10 s for both.
INTERVAL = '[agent]\ninterval = "1s"\nflush_interval = "1s"\nhostname = "w1.example.com"\n'


@contextlib.contextmanager
def documented(binary: Path, database: InfluxDB, directory: Path) -> Iterator[int]:
    """Telegraf as the walkthrough configures it; gives its port."""
    port = free_port(socket.SOCK_DGRAM)
    text = (CASES / "realm" / "walkthrough.conf").read_text()
    path = directory / "walkthrough.conf"
    text = text.replace("@URL@", database.url).replace("@PORT@", str(port))
    path.write_text(INTERVAL + text)
    with running([str(binary), "--config", str(path)], directory / "walkthrough.log"):
        wait_for(lambda: listens(port), "the documented Telegraf")
        yield port


@pytest.fixture
def open_database(influxd_binary: Callable[[int], Path], tmp_path: Path) -> Iterator[InfluxDB]:
    """InfluxDB 1 as the walkthrough leaves it: without authentication."""
    binary = influxd_binary(1)
    with influxdb_process(1, binary, tmp_path / "open", authentication=False) as (url, _):
        yield InfluxDB(url, "realmdemo", username="", password="")


def everything(database: InfluxDB) -> list[tuple[str, dict[str, str], float]]:
    """All series: measurement, tags, and the sum or the last of what they hold."""
    (names,) = database.ask(["SHOW MEASUREMENTS"])
    measurements = [row["name"] for series in names.series for row in series.rows]
    answers = database.ask(
        [f'SELECT sum("value"), last("value") FROM "{name}" GROUP BY *' for name in measurements]
    )
    return [
        (
            series.name,
            dict(series.tags),
            row["last" if series.tags.get("metric_type") == "gauge" else "sum"],
        )
        for answer in answers
        for series in answer.series
        for row in series.rows
    ]


def arrived(samples: list[Sample], seen: list[tuple[str, dict[str, str], float]]) -> int:
    """How many (name, type) pairs arrived in at least one of the rounds, whatever they are called.

    A counter is then there as a multiple of what each round sends, a gauge as its level.
    """
    values = {(tags.get("metric_type"), value) for _, tags, value in seen}
    missing = {
        (s.metric.name, s.metric.type)
        for s in samples
        if not any(
            (s.metric.type.value, value_of(s) * (times if counts(s) else 1)) in values
            for times in range(1, ROUNDS + 1)
        )
    }
    return len({(s.metric.name, s.metric.type) for s in samples} - missing)


def recovered(samples: list[Sample], seen: list[tuple[str, dict[str, str], float]]) -> int:
    """How many host names are there with their dots: as a tag's value or as a measurement."""
    words = {word for name, tags, _ in seen for word in (name, *tags.values())}
    return len({s.tags["hostname"] for s in samples} & words)


def wrong_gauges(port: int, database: InfluxDB, settle: Callable[[], None]) -> int:
    """Of GAUGES gauges that got UPDATES updates at once, those whose last value is not the last."""
    for number in range(GAUGES):
        bucket = f"realm.order{number:02}.realms.open"
        send(port, [f"{bucket}:{value}|g" for value in range(1000, 1000 + UPDATES)])
    settle()
    last = 1000.0 + UPDATES - 1
    right = {
        word
        for name, tags, value in everything(database)
        if value == last
        for word in (name, *tags.values())
        if "order" in word
    }
    return GAUGES - len(right)


def relative(port: int, database: InfluxDB, settle: Callable[[], None]) -> bool:
    """Whether a gauge of 10 is 13 after a flush and then +3."""
    bucket = "realm.relative.session.online"
    send(port, [f"{bucket}:10|g"])
    settle()
    send(port, [f"{bucket}:+3|g"])
    settle()
    return 13.0 in {
        value
        for name, tags, value in everything(database)
        if "relative" in name or "relative" in tags.values()
    }


def strangers(port: int, database: InfluxDB, settle: Callable[[], None]) -> bool:
    """Whether a bucket that no document names can be told from the documented ones."""
    send(port, ["realm_realms_open:77|g", "realm.h.realms.open:78|g"])
    settle()
    found = {name for name, _, value in everything(database) if value in (77.0, 78.0)}
    return found == {"undocumented", "realm_realms_open"}


def plain_lines(sample: Sample) -> list[str]:
    """A sample without what the other rows of the table ask: one update for each gauge."""
    if sample.metric.type is not MetricType.GAUGE:
        return list(sample.packets)
    bucket = sample.packets[0].partition(":")[0]
    return [f"{bucket}:{value_of(sample):g}|g"]


def counts(sample: Sample) -> bool:
    """Whether a sample adds up with every round."""
    return sample.metric.type is MetricType.COUNTER


def value_of(sample: Sample) -> float:
    """The one value that is expected of a counter or a gauge."""
    (expected,) = sample.expected
    assert expected.value is not None
    return expected.value


def outcome(port: int, database: InfluxDB, realm: Catalog) -> tuple[str, str, str, str, str]:
    """The cells of a column of README's table."""

    def settle() -> None:
        """Until nothing new has come for longer than gathering and flushing, with jitter, take."""
        before, since = everything(database), time.monotonic()
        while time.monotonic() - since < 4:
            time.sleep(0.25)
            now = everything(database)
            if now != before:
                before, since = now, time.monotonic()

    traffic = documented_traffic([Application(realm)])
    samples = list(traffic.statsd[Transport.UDP])
    for _ in range(ROUNDS):
        send(port, [line for s in samples for line in plain_lines(s)])
        settle()
    seen = everything(database)
    hosts = {s.tags["hostname"] for s in samples} - {"localhost"}
    found = recovered([s for s in samples if s.tags["hostname"] in hosts], seen)
    wrong = wrong_gauges(port, database, settle)
    return (
        f"{arrived(samples, seen)} of {len(realm.metrics)}",
        f"{found} of {len(hosts)}",
        "none" if wrong == 0 else "most" if wrong > GAUGES / 2 else "some",
        "yes" if relative(port, database, settle) else "no",
        "yes" if strangers(port, database, settle) else "no",
    )


def test_readmes_table_is_what_both_deliver(
    open_database: InfluxDB,
    database: Database,
    telegraf_binary: Path,
    tmp_path: Path,
    realm: Catalog,
) -> None:
    with (
        documented(telegraf_binary, open_database, tmp_path) as port,
        rendered_telegraf(telegraf_binary, database, tmp_path) as telegraf,
        ThreadPoolExecutor() as pool,  # most of it is waiting
    ):
        sides = ((port, open_database), (telegraf.port, database.reader()))
        theirs, ours = pool.map(lambda side: outcome(*side, realm), sides)
    questions = (
        "documented (name, type) pairs that arrive",
        "host names of several labels that can be read back",
        f"gauges that end at a wrong value after {UPDATES} updates at once",
        "a relative update of a gauge goes on from its last value",
        "an undocumented bucket is told from the documented ones",
    )
    rows = [
        f"| {question} | {left} | {right} |"
        for question, left, right in zip(questions, theirs, ours, strict=True)
    ]
    table = README.read_text()
    assert [row for row in rows if row not in table] == []
