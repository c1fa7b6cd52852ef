"""The programs by which a rehearsal plays applications on its hosts, run here."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from provision.rehearsal import send
from tests.integration.programs import free_port, reached, running, wait_for

PATHS = ["/metrics/job/a", "/metrics/job/b"]


def test_a_page_is_as_it_was_before_to_who_asks_first(tmp_path: Path) -> None:
    port = free_port()
    place = f"127.0.0.1:{port}"
    (tmp_path / "pages.json").write_text(json.dumps({place: {"/m": ["before", "after"]}}))
    argv = [sys.executable, "-c", send._SHOW, str(tmp_path / "pages.json")]

    def page() -> str:
        with urllib.request.urlopen(f"http://{place}/m") as answer:
            return str(answer.read(), "utf-8")

    with running(argv, tmp_path / "log"):
        wait_for(lambda: reached(port), "it to listen")
        assert [page(), page(), page()] == ["before", "after", "after"]


class Gateway(BaseHTTPRequestHandler):
    """Remembers what was pushed, and when."""

    pushed: list[tuple[float, str, str]] = []  # noqa: RUF012 - of the class, as servers make many

    def do_PUT(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.pushed.append((time.monotonic(), self.path, text))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def pushed(*pages: tuple[str, str, str]) -> list[tuple[float, str, str]]:
    """What is pushed of pages (path, earlier, text), with seconds since the first."""
    Gateway.pushed.clear()
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        argv = [sys.executable, "-c", send._PUSH, url, "-2.5"]
        subprocess.run(argv, input=json.dumps(pages), text=True, check=True)
        server.shutdown()
    first = Gateway.pushed[0][0]
    return [(when - first, *what) for when, *what in Gateway.pushed]  # type: ignore[misc]


def test_what_counts_is_pushed_as_it_was_before_and_then_as_it_is() -> None:
    told = pushed((PATHS[0], "0", "7"), (PATHS[1], "x", "x"))
    assert [(path, text) for _, path, text in told] == [
        (PATHS[0], "0"),
        (PATHS[1], "x"),
        (PATHS[0], "7"),
        (PATHS[1], "x"),
    ]
    # An interval (here of -2.5 s) and three seconds lie between.
    assert told[2][0] >= 0.5


def test_what_counts_nothing_is_pushed_once() -> None:
    assert [(path, text) for _, path, text in pushed((PATHS[0], "7", "7"))] == [(PATHS[0], "7")]
