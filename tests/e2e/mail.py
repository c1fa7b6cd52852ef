"""A mail server that keeps what it is given: as much of SMTP as it takes (RFC 5321)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer


@dataclass
class Postbox:
    """Where mail is taken, and the texts of the messages that came."""

    where: str
    messages: list[str] = field(default_factory=list)


@contextmanager
def postbox(address: str) -> Iterator[Postbox]:
    """A mail server on a free port, for as long as the context lasts."""

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
