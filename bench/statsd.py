"""How many statsd packets a second Telegraf takes before the first count is lost.

The documented walkthrough's configuration against ours, over UDP and TCP, with sender and Telegraf
on this machine's cores. What arrived is counted in what Telegraf writes, which here is a file.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.layouts import HOST, documented_statsd
from bench.measuring import Figure, command, tell
from bench.programs import telegraf_program
from bench.sites import site
from provision.render.targets import STATSD_PATH
from provision.render.telegraf import RECEIVE_BUFFER
from provision.render.tree import write_tree
from provision.site.model import Site
from provision.traffic import documented_traffic
from tests.integration.programs import (
    dropped_by_kernel,
    free_port,
    listens,
    reached,
    running,
    wait_for,
)

# What sends statsd.
APPS = ("realm", "django-clickhouse", "tinybird-jobs")
# Up to where something is lost, or the sender falls behind.
RATES = range(50_000, 1_000_001, 50_000)
BAR = 150_000
BUCKETS = 2000
SHORT, LONG = 10, 60
INTERVAL = 10
# What Debian's kernel allows where nobody raised it.
DEBIAN = 212_992
AGENT = """[agent]
hostname = "w1.example.com"
interval = "10s"
flush_interval = "10s"
metric_buffer_limit = 1000000
[[outputs.file]]
files = ["{output}"]
data_format = "influx"
"""
# Sends packets in their order at an even rate; says how many it sent, and how long that took.
SENDER = r"""
import json, socket, sys, time
protocol, port, rate, seconds, path = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
lines = [line.encode() for line in json.load(open(path))]
kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
connection = socket.socket(socket.AF_INET, kind)
connection.connect(("127.0.0.1", port))
send, total, sent = connection.send, rate * seconds, 0
count, lines = len(lines), lines + lines
started = time.perf_counter()
while sent < total:
    due = min(total, int((time.perf_counter() - started) * rate))
    if due <= sent:
        time.sleep(0.0005)
        continue
    due = min(due, sent + 2000)
    at = sent % count
    if protocol == "udp":
        for line in lines[at : at + due - sent]:
            send(line)
    else:
        connection.sendall(b"\n".join(lines[at : at + due - sent]) + b"\n")
    sent = due
print(sent, time.perf_counter() - started)
connection.close()
"""


@dataclass(frozen=True)
class Outcome:
    """What came of one run: packets a second that were sent, counts sent and lost, and the cost.

    cpu is in cores, memory in MiB at its highest; kernel are the packets that found no room.
    """

    rate: float
    counted: int
    lost: int
    kernel: int
    cpu: float
    memory: float


def packets() -> list[str]:
    """Statsd lines of documented buckets, of all types; counters of one, so that they count."""
    with tempfile.TemporaryDirectory() as directory:
        host = next(each for each in _site(Path(directory)).hosts if each.name == HOST)
    lines = []
    for samples in documented_traffic(host.applications).statsd.values():
        for sample in samples:
            line = sample.packets[0].splitlines()[0]
            lines.append(re.sub(r":[^|]*\|c", ":1|c", line))
    name = re.compile(r"^realm\.((?:[a-z0-9-]+\.)*example\.com|localhost)\.")
    realm, others = [], []
    for line in dict.fromkeys(lines):
        (realm if name.match(line) else others).append(line)
    made = others
    for number in itertools.count():
        made += [name.sub(f"realm.h{number}.example.com.", line) for line in realm[number % 3 :: 3]]
        if len(made) >= BUCKETS:
            return made[:BUCKETS]
    raise AssertionError


def _site(directory: Path) -> Site:
    return site(directory, apps=APPS, telegraf_statsd_tcp_port=8126)


def configuration(kind: str, protocol: str, port: int, directory: Path) -> list[str]:
    """The options for Telegraf: the walkthrough's statsd, or ours, written to a file."""
    (directory / "agent.conf").write_text(AGENT.format(output=directory / "written"))
    path = directory / "statsd.conf"
    if kind == "documented":
        path.write_text(documented_statsd(protocol, port), encoding="utf-8")
    else:
        write_tree(_site(directory), directory / "tree", hosts=frozenset({HOST}))
        text = (directory / "tree" / HOST / STATSD_PATH.lstrip("/")).read_text(encoding="utf-8")
        number = 8126 if protocol == "tcp" else 8125
        assert f"127.0.0.1:{number}" in text
        text = text.replace(f"127.0.0.1:{number}", f"127.0.0.1:{port}")
        other = 8125 if protocol == "tcp" else 8126
        text = text.replace(f"127.0.0.1:{other}", f"127.0.0.1:{free_port()}")
        path.write_text(text, encoding="utf-8")
    return ["--config", str(directory / "agent.conf"), "--config", str(path)]


def run(
    program: Path, kind: str, protocol: str, rate: int, seconds: int, lines: Sequence[str]
) -> Outcome:
    """Send for so many seconds, and count what arrived."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        directory = Path(name)
        port = free_port(socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM)
        (directory / "lines").write_text(json.dumps(lines))
        argv = [str(program), *configuration(kind, protocol, port, directory)]
        with running(argv, directory / "log") as telegraf:
            open_ = listens if protocol == "udp" else reached
            wait_for(lambda: open_(port), "Telegraf")
            pid = telegraf.process.pid
            before = _cpu(pid)
            said = command(
                sys.executable,
                *("-c", SENDER, protocol, port, rate, seconds, directory / "lines"),
            ).split()
            sent, took = int(said[0]), float(said[1])
            cpu = (_cpu(pid) - before) / took
            kernel = dropped_by_kernel(port) if protocol == "udp" else 0
            # All is written when no more is counted for longer than an interval; gauges go on.
            arrived = -1
            while arrived != (arrived := counts(directory / "written")):
                time.sleep(INTERVAL * 1.3)
            memory = _memory(pid)
        times, rest = divmod(sent, len(lines))
        counted = sum(
            times + (number < rest) for number, line in enumerate(lines) if not line.endswith("|g")
        )
        return Outcome(sent / took, counted, counted - arrived, kernel, cpu, memory)


def counts(path: Path) -> int:
    """How many counter and timer events are in what Telegraf wrote (line protocol)."""
    found = 0.0
    if not path.exists():
        return 0
    for line in path.read_text(encoding="utf-8").splitlines():
        head, fields, _ = line.rsplit(" ", 2)
        if "metric_type=counter" in head:
            found += float(re.search(r"value=([0-9.e+]+)", fields)[1])  # type: ignore[index]
        elif "metric_type=timing" in head or "metric_type=timer" in head:
            found += float(re.search(r"count=([0-9.e+]+)", fields)[1])  # type: ignore[index]
    return round(found)


def _cpu(pid: int) -> float:
    """The seconds that a process was at work (proc(5), stat)."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    """The most memory that a process had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


@contextmanager
def receive_buffer(most: int | None) -> Iterator[None]:
    """The kernel's limit as the role sets it, and afterwards as it was."""
    path = Path("/proc/sys/net/core/rmem_max")
    before = path.read_text()
    path.write_text(str(most or DEBIAN))
    try:
        yield
    finally:
        path.write_text(before)


def limit(
    program: Path, kind: str, protocol: str, lines: Sequence[str]
) -> tuple[int, dict[tuple[int, int], Outcome]]:
    """The highest rate of which a minute loses nothing, and all runs by rate and seconds.

    Rates go up until something is lost in a few seconds, and from there down; the lowest is sent a
    minute whatever it loses. Ours is in any case
    sent a minute at the rate of the bar.
    """
    sent: dict[tuple[int, int], Outcome] = {}

    def holds(rate: int, seconds: int) -> bool:
        done = sent[rate, seconds] = run(program, kind, protocol, rate, seconds, lines)
        return not done.lost and done.rate >= rate * 0.95

    with receive_buffer(RECEIVE_BUFFER if kind == "ours" else None):
        short = [*itertools.takewhile(lambda rate: holds(rate, SHORT), RATES)]
        best = next((rate for rate in reversed(short or RATES[:1]) if holds(rate, LONG)), 0)
        if kind == "ours" and (BAR, LONG) not in sent:
            holds(BAR, LONG)
    return best, sent


def main() -> None:
    """Look for the rate at which the first count is lost, of each configuration and protocol."""
    lines = packets()
    table = Table(
        *("configuration", "packets/s", "seconds", "counts sent", "lost", "of them in the kernel"),
        *("Telegraf's cores", "its MiB"),
        title="statsd",
    )
    rows: list[dict[str, Any]] = []
    figures = []
    with tempfile.TemporaryDirectory() as name:
        program = telegraf_program(Path(name))
        for protocol, kind in itertools.product(("udp", "tcp"), ("documented", "ours")):
            title = f"{kind}, {protocol}"
            best, sent = limit(program, kind, protocol, lines)
            if kind == "ours":
                bar = Figure(f"{title}: lost of {BAR:,}/s", unit="counts", most=0)
                bar.runs.append(sent[BAR, LONG].lost)
                figures.append(bar)
            highest = Figure(f"{title}: nothing lost in {LONG} s at", unit="packets/s")
            highest.runs.append(best)
            figures.append(highest)
            rows += [
                {"configuration": title, "seconds": seconds, **asdict(done)}
                for (_, seconds), done in sent.items()
            ]
    for row in rows:
        table.add_row(
            str(row["configuration"]),
            *(f"{row[key]:,.0f}" for key in ("rate", "seconds", "counted", "lost", "kernel")),
            f"{row['cpu']:.2f}",
            f"{row['memory']:.0f}",
        )
    Console(width=120).print(table)
    about = f"{SHORT} s each up to the first loss, then {LONG} s each down to the first without"
    tell("statsd", figures, about, rows=rows)
