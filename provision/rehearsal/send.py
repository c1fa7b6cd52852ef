"""Plays the applications of a host, on that host: sends, shows and pushes what they document."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from provision.catalog.model import Transport
from provision.errors import ProvisionError
from provision.rehearsal import pacing
from provision.rehearsal.hosts import Rehearsal
from provision.render.manifest import listeners, pushgateway_url
from provision.site.model import Host
from provision.traffic import Page, Traffic
from provision.values import local_address, seconds

_PACING = inspect.getsource(pacing)
# A pause after every twenty: what is proven here is what arrives, not how fast.
_UDP = f"""{_PACING}
import json, socket, sys
address, port, interval = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as sender:
    for number, packet in enumerate(json.load(sys.stdin)):
        if "\\n" in packet:
            share_an_interval(interval)
        sender.sendto(packet.encode(), (address, port))
        if number % 20 == 0:
            time.sleep(0.005)
"""
_TCP = f"""{_PACING}
import json, socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as sender:
    for packet in json.load(sys.stdin):
        if "\\n" in packet:
            share_an_interval(float(sys.argv[3]))
        sender.sendall(packet.encode() + b"\\n")
"""
# The page as it was before is pushed as well, where it was another: for long enough to be fetched.
_PUSH = """
import json, sys, time, urllib.request
def push(number):
    for path, *texts in pages:
        request = urllib.request.Request(sys.argv[1] + path, texts[number].encode(), method="PUT")
        urllib.request.urlopen(request, timeout=10).close()
pages = json.load(sys.stdin)
if any(earlier != text for _, earlier, text in pages):
    push(0)
    time.sleep(float(sys.argv[2]) + 3)
push(1)
"""
# What an application's own exporter does: every page under its address and path, until the end; to
# who asks first, as it was before.
_SHOW = """
import http.server, json, sys, threading
pages = json.load(open(sys.argv[1]))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        texts = pages.get("%s:%d" % self.server.server_address[:2], {}).get(self.path, [])
        page = texts.pop(0) if texts[1:] else texts[0] if texts else None
        self.send_response(404 if page is None else 200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.end_headers()
        self.wfile.write((page or "").encode())
    def log_message(self, *words):
        pass
servers = []
for place in pages:
    host, _, port = place.rpartition(":")
    servers.append(http.server.ThreadingHTTPServer((host, int(port)), Handler))
for server in servers:
    threading.Thread(target=server.serve_forever).start()
"""


def send_traffic(rehearsal: Rehearsal, host: Host, traffic: Traffic) -> None:
    """Do on a host what its applications would do.

    Raises ProvisionError for a target that is not on the host itself: nobody plays that one.
    """
    senders = {Transport.UDP: _UDP, Transport.TCP: _TCP}
    interval = seconds(host.settings.telegraf_interval)
    for transport, address, port in listeners(host):
        packets = [
            packet for each in traffic.statsd[Transport(transport)] for packet in each.packets
        ]
        _run(
            rehearsal,
            host,
            senders[Transport(transport)],
            packets,
            local_address(address),
            str(port),
            str(interval),
        )
    if traffic.pushed:
        pushed = [(page.url, page.earlier, page.text) for page in traffic.pushed]
        words = (pushgateway_url(host), str(interval))
        _run(rehearsal, host, _PUSH, pushed, *words, timeout=60 + interval)
    if traffic.scraped:
        _show(rehearsal, host, traffic.scraped)


def _run(
    rehearsal: Rehearsal,
    host: Host,
    program: str,
    given: object,
    *argv: str,
    timeout: float = 60,
) -> None:
    words = ("python3", "-c", program, *argv)
    rehearsal.execute(host.name, *words, stdin=json.dumps(given), timeout=timeout)


def _show(rehearsal: Rehearsal, host: Host, pages: Sequence[Page]) -> None:
    places: dict[str, dict[str, list[str]]] = {}
    for page in pages:
        parts = urlsplit(page.url)
        if parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "localhost"}:
            raise ProvisionError(
                f"{host.name}: a rehearsal cannot play the target {page.url}",
                remedy="rehearse with targets on the host itself (http://127.0.0.1:PORT/metrics)",
            )
        place = places.setdefault(f"127.0.0.1:{parts.port or 80}", {})
        place[parts.path] = [page.earlier, page.text]
    unit = "provision-applications"
    file = f"/run/{unit}.json"
    rehearsal.execute(host.name, "sh", "-c", f"cat > {file}", stdin=json.dumps(places))
    rehearsal.execute(host.name, "systemctl", "stop", unit, check=False)
    rehearsal.execute(
        *(host.name, "systemd-run", "--quiet", "--collect", f"--unit={unit}"),
        *("python3", "-c", _SHOW, file),
    )
