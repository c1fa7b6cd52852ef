"""What comes to a host from elsewhere, and what it sends: lines of statsd, mail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.e2e.operating import Site

# Sends a line over UDP and TCP from an address to a host's statsd, and looks for its Pushgateway.
_SEND = """
import socket, sys
source, target, bucket = sys.argv[1:]
family = socket.AF_INET6 if ":" in target else socket.AF_INET
for name, port in (("udp", 8125), ("tcp", 8125), ("tcp", 9091)):
    kind = socket.SOCK_DGRAM if name == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as client:
        client.settimeout(2)
        client.bind((source, 0))
        try:
            client.connect((target, port))
            if port == 8125:
                client.sendall(f"{bucket}.{name}:1|c\\n".encode())
            print(name, port)
        except TimeoutError:
            pass
"""


def connections(site: Site, host: str, source: str, target: str, bucket: str) -> set[str]:
    """What of a worker's is reached from an address of a host; to statsd a line is sent."""
    words = ("python3", "-", source, target, bucket)
    done = site.stage.rehearsal.execute(host, *words, stdin=_SEND, timeout=60)
    return set(done.stdout.splitlines())


@dataclass
class Postbox:
    """Where mail is taken, and the texts of the messages that came."""

    where: str
    messages: list[str] = field(default_factory=list)


@contextmanager
def postbox(address: str) -> Iterator[Postbox]:
    """A mail server (as much of RFC 5321 as it takes) on a free port, while the context lasts."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 postbox")
            while line := self.rfile.readline():
                word = line.strip().upper()
                if word.startswith(b"DATA"):
                    self._say("354 go on")
                    lines = iter(self.rfile.readline, b".\r\n")
                    box.messages.append(b"".join(lines).decode())
                self._say("221 bye" if word.startswith(b"QUIT") else "250 done")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with ThreadingTCPServer((address, 0), Handler) as server:
        server.daemon_threads = True
        box = Postbox(f"{address}:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield box
        server.shutdown()
