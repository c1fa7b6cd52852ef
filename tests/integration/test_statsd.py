"""The rendered configuration on real Telegraf, writing to real InfluxDB with the rights it has."""

from __future__ import annotations

import random
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provision.catalog.model import Catalog
from provision.render.telegraf import RECEIVE_BUFFER
from provision.verify.strangers import undocumented
from tests.integration.programs import Database, Running, rendered_telegraf, send, wait_for


@dataclass
class Pipeline:
    """Telegraf with the rendered configuration, in front of a database, since start (ms)."""

    port: int
    program: Running
    start: int

    def tick(self) -> None:
        """Wait until Telegraf has gathered and written once more."""
        time.sleep(2.5)


@pytest.fixture
def pipeline(database: Database, telegraf_binary: Path, tmp_path: Path) -> Iterator[Pipeline]:
    with rendered_telegraf(telegraf_binary, database, tmp_path / "site") as telegraf:
        yield Pipeline(telegraf.port, telegraf.program, int(time.time() * 1000) - 1000)
    log = telegraf.program.log.read_text(errors="replace")
    complaints = [line for line in log.splitlines() if " E! " in line]
    # What cannot be parsed is told by the input; nothing further down may have gone wrong.
    assert [line for line in complaints if "E! [inputs.statsd]" not in line] == []


def last(database: Database, measurement: str, condition: str) -> float | None:
    (answer,) = database.reader().ask(
        [f'SELECT last("value") FROM "{measurement}" WHERE {condition}']
    )
    return float(answer.series[0].rows[0]["last"]) if answer.series else None


def test_an_unknown_bucket_keeps_its_name_and_is_never_a_documented_metric(
    database: Database, pipeline: Pipeline, realm: Catalog
) -> None:
    name = f"u{random.randrange(10**9)}"
    buckets = [
        f"realm.{name}.connection.onlin",
        f"realm.{name}.connection.online.now",
        f"realm..{name}..connection.online",
        f"realm_connection_online_{name}",
        f"{name}",
        f"other.{name}.connection.online",
        f"{name}.ünïcode.bucket",
    ]
    # One bucket as a whole number, a fraction and a set: these must not be in each other's way.
    lines = [f"{bucket}:{kind}" for bucket in buckets for kind in ("1|c", "2.5|g", "x|s", "7|ms")]
    send(pipeline.port, [*lines, "realm_connection_online:99|g"])
    reader = database.reader()

    def seen() -> set[str]:
        return {each.bucket for each in undocumented(reader, pipeline.start) if name in each.bucket}

    wait_for(lambda: seen() == set(buckets), "the unknown buckets")
    (answer,) = reader.ask(
        [
            f'SELECT last("value") FROM "undocumented" WHERE "bucket" = \'{name}\' '
            'GROUP BY "metric_type"'
        ]
    )
    values = {series.tags["metric_type"]: series.rows[0]["last"] for series in answer.series}
    assert values == {"counter": 1, "gauge": 2.5, "set": 1}
    documented = " OR ".join([f'"hostname" =~ /{name}/', '"value" = 99'])
    answers = reader.ask(
        [f'SELECT * FROM "{realm.measurement(m)}" WHERE {documented}' for m in realm.metrics]
    )
    assert [series for answer in answers for series in answer.series] == []


def test_relative_gauges_go_on_from_their_last_value_after_a_flush(
    database: Database, pipeline: Pipeline
) -> None:
    bucket = "realm.relative.example.com.session.online"
    where = "\"hostname\" = 'relative.example.com'"
    send(pipeline.port, [f"{bucket}:10|g"])
    wait_for(lambda: last(database, "realm_session_online", where) == 10, "the level")
    send(pipeline.port, [f"{bucket}:+5|g", f"{bucket}:-2|g"])
    wait_for(lambda: last(database, "realm_session_online", where) == 13, "10 + 5 - 2")


def test_a_gauges_last_update_wins(database: Database, pipeline: Pipeline) -> None:
    hosts = [f"order-{number}.example.com" for number in range(30)]
    for host in hosts:
        send(pipeline.port, [f"realm.{host}.realms.open:{value}|g" for value in range(1, 101)])
    reader = database.reader()

    def wrong() -> list[str]:
        (answer,) = reader.ask(
            [
                'SELECT last("value") FROM "realm_realms_open" WHERE "hostname" =~ /^order-/ '
                'GROUP BY "hostname"'
            ]
        )
        right = {s.tags["hostname"] for s in answer.series if s.rows[0]["last"] == 100}
        return sorted(set(hosts) - right)

    wait_for(lambda: not wrong(), "100 as the last value of each")
    pipeline.tick()
    assert wrong() == []


def test_counters_are_what_came_since_the_last_flush(
    database: Database, pipeline: Pipeline
) -> None:
    bucket = "realm.counts.example.com.session.started"

    def values() -> list[float]:
        (answer,) = database.reader().ask(
            [
                'SELECT "value" FROM "realm_session_started" '
                "WHERE \"hostname\" = 'counts.example.com'"
            ]
        )
        return [row["value"] for series in answer.series for row in series.rows]

    send(pipeline.port, [f"{bucket}:3|c", f"{bucket}:4|c"])
    wait_for(lambda: sum(values()) == 7, "3 + 4")
    send(pipeline.port, [f"{bucket}:5|c"])
    wait_for(lambda: values()[-1] == 5, "5")
    pipeline.tick()
    # A flush may fall between the first two; none repeats what an earlier one has told.
    assert values() in ([7, 5], [3, 4, 5])


def test_malformed_lines_leave_the_others_exact(database: Database, pipeline: Pipeline) -> None:
    bucket = "realm.rough.example.com.session.failed"
    noise = [
        "",
        ":",
        "|",
        "a:b|c",
        f"{bucket}",
        f"{bucket}:|c",
        f"{bucket}:1",
        f"{bucket}:x|c",
        f"{bucket}:1|zz",
        "x" * 60000,
        "\x00\x01:1|c",
        f"{bucket}:nan|g",
        f"{bucket}:inf|g",
        "realm.rough.example.com.realms.open:nan|g",
    ]
    lines = [line for junk in noise for line in (junk, f"{bucket}:1|c")]
    send(pipeline.port, lines)
    where = "\"hostname\" = 'rough.example.com'"

    def total() -> float:
        (answer,) = database.reader().ask(
            [f'SELECT sum("value") FROM "realm_session_failed" WHERE {where}']
        )
        return float(answer.series[0].rows[0]["sum"]) if answer.series else 0

    wait_for(lambda: total() == len(noise), "the good lines between")
    assert pipeline.program.process.poll() is None


def test_the_kernel_keeps_what_comes_while_telegraf_is_busy(pipeline: Pipeline) -> None:
    told = subprocess.run(
        ["ss", "-Hulnm", f"sport = :{pipeline.port}"], capture_output=True, text=True, check=True
    ).stdout
    buffer = re.search(r"skmem:\(r\d+,rb(\d+)", told)
    assert buffer, told
    most = int(Path("/proc/sys/net/core/rmem_max").read_text())
    # The kernel doubles what it is asked for (socket(7), SO_RCVBUF), and grants no more than that.
    assert int(buffer[1]) == 2 * min(RECEIVE_BUFFER, most)
