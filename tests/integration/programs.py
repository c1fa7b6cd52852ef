"""Real programs for tests: Telegraf and InfluxDB as processes on free ports of this machine."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from provision.catalog.model import Transport
from provision.credentials import READER, fingerprint, write_secret, writer
from provision.fleet.reading import read_fleet
from provision.influx import InfluxDB
from provision.rehearsal.pacing import share_an_interval
from provision.render.targets import ALIVE_PATH
from provision.render.tree import write_tree
from provision.site.model import Host, Site
from provision.verify.arrival import MetricOutcome, Sent, check_metrics
from provision.verify.waiting import until
from tests.conftest import INVENTORY

HOST = "w1.example.com"
# How often Telegraf gathers here, in seconds.
INTERVAL = 1
# Programs that send as applications do.
CLIENTS = Path(__file__).parent / "clients"


# What says to other tests, also of other runs, that a port is taken: as many as a test might need.
_TAKEN: deque[socket.socket] = deque(maxlen=200)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nobody listens on, and that no other test is given meanwhile.

    It is none of those that the kernel gives to who asks for any, or to connections (ip(7)): until
    the program that it is for listens there, another test's would have it now and then. Who is
    given it keeps a socket of its name (unix(7), abstract sockets), which goes with the process.
    """
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    ports = [*range(10_000, int(given[0])), *range(int(given[1]) + 1, 1 << 16)]
    while True:
        taken = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", secrets.choice(ports) if ports else 0))
            port = int(probe.getsockname()[1])
            taken.bind(f"\0provision-test-port-{port}")
            _TAKEN.append(taken)
            return port
        taken.close()


@dataclass
class Running:
    """A program that runs, and where it logs."""

    process: subprocess.Popen[bytes]
    log: Path
    environment: Mapping[str, str]

    def start(self) -> None:
        """Run it once more, as it ran before."""
        assert self.process.poll() is not None, "it still runs"
        self.process = _started(list(map(str, self.process.args)), self.log, self.environment)  # type: ignore[arg-type]

    def kill(self) -> None:
        """End it as nothing should be ended."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as systemd would, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _started(argv: list[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            argv, stdout=output, stderr=output, env={**os.environ, **environment}
        )


@contextmanager
def running(
    argv: list[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Run a program for as long as the context lasts."""
    program = Running(_started(argv, log, environment or {}), log, environment or {})
    try:
        yield program
    finally:
        program.stop()


def wait_for(condition: object, what: str, seconds: float = 30) -> None:
    """Wait until a callable gives something true; fail with what was waited for."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def wait_for_equal(
    seen: Callable[[], Mapping[Any, Any]], expected: Mapping[Any, Any], seconds: float = 30
) -> None:
    """Wait until a callable gives what is expected; fail with what is missing and what is more."""
    deadline = time.monotonic() + seconds
    while (found := seen()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    missing = {name: value for name, value in expected.items() if found.get(name) != value}
    more = {name: value for name, value in found.items() if expected.get(name) != value}
    assert found == expected, f"expected: {missing}\nseen: {more}"


def answers(url: str) -> bool:
    """Whether a web server answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status < 300)
    except (OSError, urllib.error.URLError):
        return False


@dataclass
class Database:
    """A running InfluxDB: the engine, where it is, and the words that let in to it."""

    engine: int
    url: str
    secrets: dict[str, str]
    program: Running

    def reader(self, database: str = "telegraf") -> InfluxDB:
        """Asked with the rights that Grafana has."""
        if self.engine == 2:
            return InfluxDB(self.url, database, token=self.secrets["influxdb_read_token"])
        password = self.secrets["influxdb_read_password"]
        name = f"{READER}-{fingerprint(password)}"
        return InfluxDB(self.url, database, username=name, password=password)

    @property
    def write_secret(self) -> str:
        """The name of that with which w1.example.com writes."""
        return write_secret(HOST, self.engine)

    @property
    def credentials(self) -> str:
        """What w1.example.com has in /etc/telegraf/credentials/influxdb."""
        secret = self.secrets[self.write_secret]
        return secret if self.engine == 2 else f"{writer(HOST)}-{fingerprint(secret)}:{secret}"

    def write(self, *lines: str, precision: str = "s") -> None:
        """Write points in line protocol, times in seconds, as Telegraf may."""
        if self.engine == 2:
            path = f"/api/v2/write?org=provision&bucket=telegraf&precision={precision}"
            authorization = f"Token {self.credentials}"
        else:
            path = f"/write?db=telegraf&precision={precision}"
            pair = f"{self.credentials}:"
            authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
        request = urllib.request.Request(
            self.url + path,
            "\n".join(lines).encode(),
            headers={"Authorization": authorization},
        )
        urllib.request.urlopen(request, timeout=10).close()


@contextmanager
def influxdb_process(
    engine: int,
    binary: Path,
    directory: Path,
    *,
    authentication: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, Running]]:
    """A fresh InfluxDB of an engine on a free port."""
    port, backup = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    directory.mkdir(parents=True, exist_ok=True)
    if engine == 2:
        argv = [
            str(binary),
            f"--bolt-path={directory}/influxd.bolt",
            f"--engine-path={directory}/engine",
            f"--sqlite-path={directory}/influxd.sqlite",
            f"--http-bind-address=127.0.0.1:{port}",
            "--reporting-disabled",
        ]
    else:
        config = directory / "influxdb.conf"
        config.write_text(
            f"reporting-disabled = true\nbind-address = '127.0.0.1:{backup}'\n"
            f"[meta]\ndir = '{directory}/meta'\n"
            f"[data]\ndir = '{directory}/data'\nwal-dir = '{directory}/wal'\n"
            "index-version = 'tsi1'\n"
            f"[http]\nbind-address = '127.0.0.1:{port}'\n"
            f"auth-enabled = {'true' if authentication else 'false'}\nlog-enabled = false\n"
        )
        argv = [str(binary), "-config", str(config)]
    with running(argv, directory / "influxd.log", environment) as program:
        where = f"{url}/ready" if engine == 2 else f"{url}/ping"

        def ready() -> bool:
            assert program.process.poll() is None, program.log.read_text()[-2000:]
            return answers(where)

        wait_for(ready, f"InfluxDB {engine}.x at {url}", 60)
        yield url, program


def send(port: int, packets: Sequence[str | bytes]) -> None:
    """Send packets of statsd lines over UDP, no faster than they are read.

    What these tests ask is what becomes of a packet: after every hundred, or 50 kB, which the
    socket's buffer holds, the receiver is waited for, however busy the machine is.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        number = size = 0
        for packet in packets:
            content = packet if isinstance(packet, bytes) else packet.encode()
            if b"\n" in content:
                share_an_interval(INTERVAL)
            if number == 100 or size + len(content) > 50_000:
                wait_for(lambda: unread(port) == 0, f"port {port} to be read")
                number = size = 0
            sender.sendto(content, ("127.0.0.1", port))
            number, size = number + 1, size + len(content)
        wait_for(lambda: unread(port) == 0, f"port {port} to be read")


def _sockets(port: int) -> list[list[str]]:
    """The rows of the kernel's tables of UDP sockets that are bound to a port (proc(5))."""
    rows = [
        line.split()
        for table in ("udp", "udp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return [row for row in rows if row[1].endswith(f":{port:04X}")]


def unread(port: int) -> int:
    """The bytes that wait to be read on a UDP port."""
    return sum(int(row[4].split(":")[1], 16) for row in _sockets(port))


def dropped_by_kernel(port: int) -> int:
    """The packets that found no room in a UDP socket's buffer."""
    return sum(int(row[-1]) for row in _sockets(port))


def reached(port: int) -> bool:
    """Whether something takes TCP connections on a port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def send_tcp(port: int, packets: list[str]) -> None:
    """Send statsd lines over one TCP connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sender:
        for packet in packets:
            if "\n" in packet:
                share_an_interval(INTERVAL)
            sender.sendall(packet.encode() + b"\n")


@contextmanager
def shown(page: Callable[[], str], port: int) -> Iterator[None]:
    """A web server that shows a page to Prometheus at /metrics, worked out at each request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(page().encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def pushgateway(binary: Path, directory: Path, port: int) -> Iterator[str]:
    """Debian's Pushgateway on a port of this machine; gives its URL."""
    url = f"http://127.0.0.1:{port}"
    argv = [str(binary), f"--web.listen-address=127.0.0.1:{port}"]
    with running(argv, directory / "pushgateway.log"):
        wait_for(lambda: answers(f"{url}/-/ready"), "the Pushgateway")
        yield url


def listens(port: int) -> bool:
    """Whether something listens on a UDP port of this machine."""
    return bool(_sockets(port))


@dataclass
class Telegraf:
    """A running Telegraf, the ports of its statsd, and the site that it is rendered for."""

    port: int
    tcp_port: int
    site: Site
    program: Running

    @property
    def host(self) -> Host:
        """The host as the site has it."""
        return next(host for host in self.site.hosts if host.name == HOST)

    def loaded(self) -> int:
        """How often it has begun to listen for statsd over UDP: with each start and reload."""
        return self.program.log.read_text(errors="replace").count("UDP listening on")

    def complaints(self, *expected: str) -> list[str]:
        """The errors that it logged, but for those with one of these texts; its end is none."""
        lines = self.program.log.read_text(errors="replace").splitlines()
        return [
            line
            for line in lines
            if " E! " in line and ("FATAL" in line or not any(text in line for text in expected))
        ]


@contextmanager
def rendered_telegraf(
    binary: Path, database: Database, directory: Path, **variables: Any
) -> Iterator[Telegraf]:
    """Telegraf with what is rendered for w1.example.com, in front of a database; every second.

    variables are those of the worker; by default it has Realm alone.
    """
    port, tcp_port = free_port(socket.SOCK_DGRAM), free_port()
    directory.mkdir(exist_ok=True)
    inventory = directory / "inventory.yml"
    content = yaml.safe_load(INVENTORY)
    content["workers"]["vars"] |= variables
    content["all"] = {
        "vars": {
            "influxdb_engine": database.engine,
            "influxdb_url": database.url,
            "telegraf_interval": f"{INTERVAL}s",
            "telegraf_statsd_port": port,
            "telegraf_statsd_tcp_port": tcp_port,
        }
    }
    inventory.write_text(yaml.safe_dump(content))
    site = read_fleet(["-i", str(inventory)]).site
    write_tree(site, directory / "tree")
    etc = directory / "tree" / HOST / "etc/telegraf"
    (etc / "credentials/influxdb").write_text(database.credentials)
    # On a host systemd makes the folder for it.
    path = etc / "telegraf.d/host.conf"
    path.write_text(path.read_text().replace(ALIVE_PATH, str(directory / "alive")))
    files = ["--config", f"{etc}/telegraf.conf", "--config-directory", f"{etc}/telegraf.d"]
    environment = {
        "TELEGRAF_CREDENTIALS": f"{etc}/credentials",
        "TELEGRAF_BUFFER": str(directory / "buffer"),
    }
    with running([str(binary), *files], directory / "telegraf.log", environment) as program:
        telegraf = Telegraf(port, tcp_port, site, program)
        ready = {Transport.UDP: lambda: listens(port), Transport.TCP: lambda: reached(tcp_port)}
        for transport in telegraf.host.transports:
            wait_for(ready[transport], f"the rendered Telegraf over {transport}")
        yield telegraf


# A measurement and its tags, less the host.
Key = tuple[str, frozenset[tuple[str, str]]]


def key(measurement: str, **tags: str) -> Key:
    """Where a series of w1.example.com is."""
    return measurement, frozenset(tags.items())


def stored(reader: InfluxDB, start: int) -> dict[Key, Mapping[str, Any]]:
    """Every series that came from statsd or Prometheus since a time (ms since 1970).

    Of each the sum, last and number of its values, and a timer's fields, as `last_value`.
    """
    asked = [
        *(f'{function}("value") AS {function}_value' for function in ("sum", "last", "count")),
        *('sum("count") AS sum_count', 'sum("sum") AS sum_sum', 'last("mean") AS last_mean'),
        *('min("lower") AS min_lower', 'max("upper") AS max_upper'),
    ]
    (answer,) = reader.ask(
        [
            f"SELECT {', '.join(asked)} FROM /.*/ "
            f'WHERE "metric_type" =~ /./ AND time >= {start}ms GROUP BY *'
        ]
    )
    assert answer.error is None, answer.error
    found = {}
    for series in answer.series:
        row = series.rows[0]
        tags = {name: value for name, value in series.tags.items() if value}
        assert tags.pop("host") == HOST
        # A series is there a moment before its first point.
        if any(value is not None for name, value in row.items() if name != "time"):
            found[key(series.name, **tags)] = row
    return found


def measurements(reader: InfluxDB) -> set[str]:
    """The names of all that is stored."""
    (answer,) = reader.ask(["SHOW MEASUREMENTS"])
    return {row["name"] for series in answer.series for row in series.rows}


def arrived(reader: InfluxDB, sent: Sequence[Sent], start: int) -> list[MetricOutcome]:
    """What came of all that was sent since start (ms since 1970); fails where some did not."""
    outcomes = until(
        lambda: check_metrics(reader, sent, start),
        lambda found: all(outcome.ok for outcome in found),
        time.monotonic() + 30,
    )
    assert [f"{o.bucket}: {line}" for o in outcomes for line in o.wrong] == []
    assert all(outcome.ok for outcome in outcomes)
    return outcomes
