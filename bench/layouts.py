"""How metrics are laid out in InfluxDB: what the real Telegraf makes of all that is documented.

The documented way (the walkthrough's statsd input, and Telegraf's Prometheus input as it comes)
against what is rendered: the same packets and pages, and what each writes of them.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.sites import APPS, name_of, site
from provision.applications import Application
from provision.render.targets import STATSD_PATH
from provision.render.tree import write_tree
from provision.site.model import Site
from provision.traffic import documented_traffic
from tests.integration.programs import (
    free_port,
    listens,
    reached,
    running,
    send,
    send_tcp,
    shown,
    wait_for,
)

HOST = name_of(0)
KINDS = ("documented", "ours")
WALKTHROUGH = Path(__file__).parents[1] / "tests/cases/realm/walkthrough.conf"
# In seconds; totals are made as often.
_INTERVAL = 2
_AGENT = """[agent]
hostname = "{host}"
interval = "{interval}s"
flush_interval = "1s"
[[outputs.file]]
files = ["{output}"]
data_format = "influx"
"""
# What inputs.prometheus writes (Telegraf documentation, Prometheus input plugin: metric_version 1
# and the tag url), which the Telegraf of rehearsals has not.
_PROMETHEUS = """[[inputs.http]]
urls = ["{url}"]
data_format = "prometheus"
prometheus_metric_version = 1
tagexclude = ["url"]
[inputs.http.tags]
url = "{url}"
"""


@dataclass(frozen=True)
class Row:
    """A series of one host and the fields that come with each of its points.

    head is measurement and tags with `@` for the host; fields are (name, value) as they are
    written.
    """

    app: str
    head: str
    fields: tuple[tuple[str, str], ...]

    @property
    def measurement(self) -> str:
        """Where it is, as line protocol has it."""
        return self.head.partition(",")[0]


def rows(kind: str, telegraf: Path) -> list[Row]:
    """All series of a host with four applications, in the documented layout or in ours."""
    found = []
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        for app in APPS:
            directory = Path(name) / f"{kind}-{app}"
            directory.mkdir()
            found += _rows(kind, telegraf, app, directory)
    return found


def storable(layout: Sequence[Row]) -> list[Row]:
    """Those that InfluxDB takes: a field of a measurement has one type, that of whoever came first.

    What the documented way makes of a bucket that is a counter and a gauge, it refuses.
    """
    types: dict[tuple[str, str], bool] = {}
    taken = []
    for row in layout:
        mine = {(row.measurement, name): value[-1:] == "i" for name, value in row.fields}
        if all(types.setdefault(key, kind) == kind for key, kind in mine.items()):
            taken.append(row)
    return taken


def _rows(kind: str, telegraf: Path, app: str, directory: Path) -> list[Row]:
    page_port, port = free_port(), free_port(socket.SOCK_DGRAM)
    tcp = free_port()
    made = site(
        directory,
        dataclay_targets=[{"url": f"127.0.0.1:{page_port}", "service": "backend"}],
        telegraf_statsd_port=port,
        telegraf_statsd_tcp_port=tcp,
        telegraf_interval=f"{_INTERVAL}s",
    )
    host = next(each for each in made.hosts if each.name == HOST)
    mine: list[Application] = [each for each in host.applications if each.catalog.app == app]
    traffic = documented_traffic(mine)
    output = directory / "written"
    (directory / "agent.conf").write_text(
        _AGENT.format(host=HOST, output=output, interval=_INTERVAL)
    )
    (directory / "inputs").mkdir()
    for number, text in enumerate(_inputs(kind, directory, made, port, tcp, page_port)):
        (directory / "inputs" / f"{number}.conf").write_text(text, encoding="utf-8")
    words = ("--config", "agent.conf", "--config-directory", "inputs")
    argv = [str(telegraf), *(w if w.startswith("-") else str(directory / w) for w in words)]
    page = "".join(each.text for each in traffic.scraped)
    with shown(lambda: page, page_port), running(argv, directory / "log"):
        wait_for(lambda: listens(port) and reached(tcp), f"Telegraf, {kind}")
        for transport, samples in traffic.statsd.items():
            packets = [packet for sample in samples for packet in sample.packets]
            (send if transport == "udp" else lambda _, all_: send_tcp(tcp, all_))(port, packets)
        heads = -1
        # All of it is there once two intervals bring nothing more.
        while heads != (heads := len(_written(output))) or not heads:
            time.sleep(5)
    return [Row(app, head, fields) for head, fields in sorted(_written(output).items())]


def _inputs(
    kind: str, directory: Path, made: Site, port: int, tcp: int, page_port: int
) -> list[str]:
    if kind == "ours":
        write_tree(made, directory / "tree", hosts=frozenset({HOST}))
        folder = (directory / "tree" / HOST / STATSD_PATH.lstrip("/")).parent
        return [(folder / name).read_text() for name in ("statsd.conf", "prometheus.conf")]
    return [
        documented_statsd("udp", port),
        documented_statsd("tcp", tcp),
        _PROMETHEUS.format(url=f"http://127.0.0.1:{page_port}/metrics"),
    ]


def documented_statsd(protocol: str, port: int) -> str:
    """The walkthrough's statsd input, on a port of this machine."""
    text = WALKTHROUGH.read_text(encoding="utf-8")
    text = text[text.index("[[inputs.statsd]]") :].replace("@PORT@", str(port))
    return f'{text}\n  protocol = "{protocol}"\n'


def _written(path: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    """The heads in what Telegraf wrote, with the fields of their last point."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        head, fields, _ = line.rsplit(" ", 2)
        pairs = tuple(tuple(each.split("=", 1)) for each in fields.split(","))
        found[head.replace(f"host={HOST}", "host=@")] = pairs
    return found  # type: ignore[return-value]
