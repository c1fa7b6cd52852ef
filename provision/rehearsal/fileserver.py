"""A web server of a directory's files: fileserver.py DIRECTORY ADDRESS PORT FILE.

The port that it got goes to FILE. It stands alone, so that it needs nothing of what started it.
"""

from __future__ import annotations

import socket
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(SimpleHTTPRequestHandler):
    """Files as they are, over connections that stay open."""

    protocol_version = "HTTP/1.1"

    def list_directory(self, path: object) -> None:
        """No listings: a repository has none."""
        self.send_error(404)


class Server(ThreadingHTTPServer):
    """Never looks up its own address's name, which takes long where there is no resolver."""

    daemon_threads = True

    def server_bind(self) -> None:
        """Bind, with the address for a name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]


def main(directory: str, address: str, port: str, told: str) -> None:
    """Serve until ended."""
    server = Server((address, int(port)), partial(Handler, directory=directory))
    part = Path(f"{told}.part")
    part.write_text(f"{server.server_port}\n", encoding="ascii")
    part.replace(told)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:5])
