"""An InfluxDB of a benchmark: started empty, filled with the points of many hosts, asked."""

from __future__ import annotations

import http.client
import json
import random
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.layouts import Row
from bench.sites import name_of
from provision.errors import ProvisionError
from provision.influx import InfluxDB
from tests.integration.programs import Running, influxdb_process, wait_for

HOSTS = 100
STEP = 10
DAY = 86_400
RETENTION = 31 * DAY
BATCH = 10_000
# Variants of a point's values, taken in turns that differ by host and series.
VARIANTS = 64
# The server puts on disk and compacts at once what it would else keep in memory for hours.
_SOON = {
    f"{prefix}_{name}_COLD_DURATION": "10s"
    for prefix in ("INFLUXDB_DATA", "INFLUXD_STORAGE")
    for name in ("CACHE_SNAPSHOT_WRITE", "COMPACT_FULL_WRITE")
}
_LOGIN = {"username": "admin", "password": "password-of-admin"}


@dataclass
class Store:
    """A running server with an empty database, and how it is written to and asked."""

    url: str
    program: Running
    directory: Path
    token: str

    def reader(self) -> InfluxDB:
        """As Grafana and verify ask."""
        words = {"token": self.token} if self.token else _LOGIN
        return InfluxDB(self.url, "telegraf", timeout=120, **words)  # type: ignore[arg-type]

    def load(self, query: str) -> int:
        """Take the answer to a query without looking at what is in it; how many bytes it has."""
        words = {"db": "telegraf", "epoch": "ms", "q": query}
        if not self.token:
            words |= {"u": _LOGIN["username"], "p": _LOGIN["password"]}
        request = urllib.request.Request(f"{self.url}/query?{urllib.parse.urlencode(words)}")  # noqa: S310
        if self.token:
            request.add_header("Authorization", f"Token {self.token}")
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            content = answer.read()
        if b'"error":' in content[:100]:
            raise RuntimeError(f"{query}: {content[:300]!r}")
        return len(content)

    def write(self, batches: Iterator[list[str]]) -> int:
        """Write lines; gives how many."""
        where = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(where.netloc, timeout=120)
        path = "/write?db=telegraf&precision=s"
        if self.token:
            path = "/api/v2/write?org=bench&bucket=telegraf&precision=s"
        headers = {"Authorization": f"Token {self.token}"} if self.token else {}
        written = 0
        for lines in batches:
            connection.request("POST", path, "\n".join(lines).encode(), headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 204:
                raise RuntimeError(f"{self.url} refuses: {answer.status} {said!r}")
            written += len(lines)
        return written

    def size(self) -> int:
        """Bytes on disk of what is compacted or about to be, its index and its log of writes."""
        return sum(
            path.stat().st_size
            for path in self.directory.rglob("*")
            if path.suffix in (".tsm", ".wal", ".tsi", ".tsl") or "_series" in path.parts
        )

    def settle(self) -> int:
        """Wait until compacting makes nothing smaller any more; the bytes on disk.

        It compacts over and over while it is told to do so soon.
        """
        sizes: list[int] = []
        while len(sizes) < 10 or max(sizes[-5:]) > 1.01 * min(sizes[-5:]):
            time.sleep(2)
            if not list(self.directory.rglob("*.tmp")):
                sizes.append(self.size())
        return sizes[-1]

    def restart(self) -> None:
        """Start it anew, with its ordinary settings, and wait until it answers."""
        self.program.stop()
        self.program.environment = {}
        self.program.start()

        def answers() -> bool:
            with suppress(ProvisionError):
                return bool(self.reader().ask(["SHOW MEASUREMENTS LIMIT 1"])[0].series)
            return False

        wait_for(answers, f"{self.url} after its start", 120)


@contextmanager
def server(engine: int, binary: Path) -> Iterator[Store]:
    """An InfluxDB with a database of which nothing is dropped while it is measured."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with influxdb_process(
            engine, binary, directory, authentication=False, environment=_SOON
        ) as (url, program):
            token = ""
            if engine == 2:
                about = {"org": "bench", "bucket": "telegraf", "retentionPeriodSeconds": RETENTION}
                asked = json.dumps(_LOGIN | about).encode()
                with urllib.request.urlopen(f"{url}/api/v2/setup", asked) as answer:  # noqa: S310
                    token = json.load(answer)["auth"]["token"]
            else:
                words = f"CREATE DATABASE telegraf WITH DURATION {RETENTION}s NAME provision"
                asked = urllib.parse.urlencode({"q": words}).encode()
                urllib.request.urlopen(f"{url}/query", asked).close()  # noqa: S310
            yield Store(url, program, directory, token)


def points(layout: Sequence[Row], times: range) -> Iterator[list[str]]:
    """All series of all hosts at each of some times, in batches."""
    chance = random.Random(7)  # noqa: S311
    bodies = [[_body(row, chance) for _ in range(VARIANTS)] for row in layout]
    heads = [
        [row.head.replace("host=@", f"host={name_of(number)}") for row in layout]
        for number in range(HOSTS)
    ]
    batch: list[str] = []
    for at in times:
        turn = at // STEP
        for number, mine in enumerate(heads):
            batch += [
                f"{head} {bodies[row][(turn * 7 + number * 13 + row * 3) % VARIANTS]} {at}"
                for row, head in enumerate(mine)
            ]
            if len(batch) >= BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _body(row: Row, chance: random.Random) -> str:
    """The fields of a point, each about as large as Telegraf wrote it, and of its type."""
    made = []
    for name, value in row.fields:
        if value.endswith("i"):
            made.append(f"{name}={round(int(value[:-1]) * chance.uniform(0.5, 1.5))}i")
        elif value.startswith('"'):
            made.append(f"{name}={value}")
        else:
            made.append(f"{name}={round(float(value) * chance.uniform(0.5, 1.5), 3)}")
    return ",".join(made)
