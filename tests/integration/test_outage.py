"""What becomes of metrics while InfluxDB is down and Telegraf is restarted, on the real programs.

Telegraf has the rendered configuration, and before each start the rendered program runs that looks
after its buffer, as systemd has it on a host.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.influx import InfluxDB
from tests.integration.programs import (
    HOST,
    Database,
    Telegraf,
    listens,
    rendered_telegraf,
    send,
    wait_for,
    wait_for_equal,
)
from tests.telegraf_buffer import PROGRAM, telegraf_buffer


class Worker:
    """A Telegraf, its buffer, and what was sent to it: counts by their marks."""

    def __init__(self, telegraf: Telegraf, directory: Path, marks: set[str]) -> None:
        """With the marks that other tests have sent to the same database."""
        self.telegraf, self.marks = telegraf, marks
        self.buffer = directory / "buffer"
        self.configuration = directory / "tree" / HOST / "etc/telegraf/telegraf.d/output.conf"
        self.sent: dict[str, int] = {}

    def send(self, mark: str, packets: int = 200) -> None:
        """Count to so many, in buckets that are called so; the last of all packets has its own."""
        assert mark not in self.marks, "what another test sent would be taken for this"
        self.marks.add(mark)
        buckets = [f"{mark}.{number}.bucket" for number in range(20)]
        lines = [f"{buckets[n % 20]}:{n + 1}|c" for n in range(packets)]
        send(self.telegraf.port, [*lines, f"{mark}.end.bucket:0|c"])
        self.sent[mark] = packets * (packets + 1) // 2

    def kept(self, mark: str) -> bool:
        """Whether all buckets that are called so are in the buffer, whole: an interval may have
        ended amid the packets."""
        files = [path for path in self.buffer.glob("*/*") if path.is_file()]
        content = b"".join(path.read_bytes() for path in files)
        return all(f"{mark}.{number}.bucket".encode() in content for number in (*range(20), "end"))

    def send_and_keep(self, mark: str, packets: int = 200) -> None:
        self.send(mark, packets)
        wait_for(lambda: self.kept(mark), f"{mark} in the buffer")

    def waiting(self) -> int:
        """How many metrics wait in the buffer."""
        data = [path.read_bytes() for path in self.buffer.glob("*/*") if path.is_file()]
        return sum(entries for each in data for _, _, entries in telegraf_buffer.pieces(each))

    @property
    def beside(self) -> Path:
        """The configuration of the sign of life, an output that has a log as well."""
        return self.configuration.with_name("host.conf")

    @property
    def log(self) -> str:
        """The name of the one log that holds what waits for InfluxDB."""
        other = telegraf_buffer.identifier(self.beside.read_text())
        (name,) = [p.name for p in self.buffer.iterdir() if p.is_dir() and p.name != other]
        return name

    def look_after(self) -> str:
        """What systemd runs before each start; gives what it says."""
        argv = [
            sys.executable,
            PROGRAM,
            "start",
            self.buffer,
            "64",
            self.configuration,
            self.beside,
        ]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stderr

    def start(self) -> str:
        said = self.look_after()
        self.telegraf.program.start()
        wait_for(lambda: listens(self.telegraf.port), "Telegraf again")
        return said


def counts(reader: InfluxDB, sent: Mapping[str, int]) -> dict[str, int]:
    """The sums of all counts that are stored, by their marks; those of other tests left out."""
    (answer,) = reader.ask(['SELECT sum("value") FROM "undocumented" GROUP BY "bucket"'])
    assert answer.error is None, answer.error
    found: dict[str, int] = {}
    for series in answer.series:
        mark = series.tags["bucket"].split(".")[0]
        if mark in sent:
            found[mark] = found.get(mark, 0) + int(series.rows[0]["sum"])
    return found


@pytest.fixture(scope="module")
def marks(database: Database) -> set[str]:
    """What was sent to a database."""
    return set()


@pytest.fixture
def worker_of(
    database: Database, telegraf_binary: Path, tmp_path: Path, marks: set[str]
) -> Iterator[Callable[..., Worker]]:
    with ExitStack() as stack:

        def make(**variables: object) -> Worker:
            directory = tmp_path / "site"
            made = rendered_telegraf(telegraf_binary, database, directory, **variables)
            return Worker(stack.enter_context(made), directory, marks)

        yield make
        if database.program.process.poll() is not None:
            up(database)


def up(database: Database) -> None:
    database.program.start()
    wait_for(lambda: asked(database), "InfluxDB again", 60)


def asked(database: Database) -> bool:
    """Whether it answers questions: InfluxDB 2 says that it is ready a little before it does."""
    try:
        return database.reader().ask(["SHOW MEASUREMENTS"])[0].error is None
    except ProvisionError:
        return False


def test_everything_arrives_after_an_outage_with_a_restart_and_a_change_in_between(
    database: Database, worker_of: Callable[..., Worker]
) -> None:
    worker = worker_of()
    reader = database.reader()
    worker.send("before")
    wait_for_equal(lambda: counts(reader, worker.sent), worker.sent)
    database.program.stop()
    for number in range(3):
        worker.send_and_keep(f"down{number}")
    worker.telegraf.program.stop()
    # Another timeout, and Telegraf's log has another name.
    text = worker.configuration.read_text()
    worker.configuration.write_text(text.replace('timeout = "10s"', 'timeout = "9s"'))
    old = worker.log
    assert "metrics wait to be written" in worker.start()
    worker.send_and_keep("after")
    assert worker.log != old, "all is in one log, the one that is used"
    up(database)
    wait_for_equal(lambda: counts(reader, worker.sent), worker.sent, 60)
    worker.send("again")
    wait_for_equal(lambda: counts(reader, worker.sent), worker.sent)
    wait_for(lambda: worker.waiting() < 200, "the buffer to be empty but for what just came")


def test_a_reload_in_an_outage_loses_nothing_of_what_waits_and_is_brief(
    database: Database, worker_of: Callable[..., Worker]
) -> None:
    """As `systemctl reload` does it, with which Telegraf takes up new inputs."""
    worker = worker_of()
    reader = database.reader()
    database.program.stop()
    worker.send_and_keep("old")
    inputs = worker.configuration.with_name("statsd.conf")
    inputs.write_text(inputs.read_text().replace('max_ttl = "86400s"', 'max_ttl = "7200s"'))
    loaded, old = worker.telegraf.loaded(), worker.log
    worker.telegraf.program.process.send_signal(signal.SIGHUP)
    wait_for(lambda: worker.telegraf.loaded() > loaded, "Telegraf again")
    worker.send_and_keep("new")
    assert worker.log == old, "it goes on with the same log"
    up(database)
    wait_for_equal(lambda: counts(reader, worker.sent), worker.sent, 60)
    wait_for(lambda: worker.waiting() < 200, "the buffer to be empty but for what just came")


def test_an_end_loses_the_interval_under_way_and_nothing_else(
    database: Database, worker_of: Callable[..., Worker]
) -> None:
    worker = worker_of(telegraf_interval="3s")
    reader = database.reader()
    database.program.stop()
    kept = {}
    for end in ("stopped", "killed"):
        worker.send_and_keep(f"{end}-kept")
        # The next interval has just begun.
        worker.send(f"{end}-lost")
        (worker.telegraf.program.stop if end == "stopped" else worker.telegraf.program.kill)()
        assert not worker.kept(f"{end}-lost"), "it took longer than an interval to end Telegraf"
        kept[f"{end}-kept"] = worker.sent[f"{end}-kept"]
        assert "no whole metric" not in worker.start()
    worker.send_and_keep("then")
    kept["then"] = worker.sent["then"]
    up(database)
    wait_for_equal(lambda: counts(reader, worker.sent), kept, 60)


def test_telegraf_starts_with_a_log_that_is_cut_short(
    database: Database, worker_of: Callable[..., Worker]
) -> None:
    """As a power cut leaves it. Telegraf alone would not start any more."""
    worker = worker_of()
    reader = database.reader()
    database.program.stop()
    worker.send_and_keep("whole")
    worker.send_and_keep("cut", 20)
    worker.telegraf.program.kill()
    (segment,) = (worker.buffer / worker.log).iterdir()
    data = segment.read_bytes()
    # What Telegraf tells of itself may have come after the last bucket.
    places = {n + 1: data.index(f"cut.{n}.bucket".encode()) for n in range(20)}
    lost = max(places, key=places.__getitem__)
    segment.write_bytes(data[: places[lost] + 10])
    worker.telegraf.program.start()
    worker.telegraf.program.process.wait(30)
    assert "wal file is corrupt" in worker.telegraf.program.log.read_text()
    assert "are no whole metric, and are dropped" in worker.start()
    up(database)
    # Packet n counts n + 1: one of the last twenty is lost.
    expected = {"whole": worker.sent["whole"], "cut": worker.sent["cut"] - lost}
    wait_for_equal(lambda: counts(reader, worker.sent), expected, 60)
