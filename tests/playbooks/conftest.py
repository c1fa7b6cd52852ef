from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
for folder in (str(PLAYBOOKS), str(Path(__file__).parent)):
    if folder not in sys.path:
        sys.path.insert(0, folder)

import comparing  # noqa: E402, F401 - lets ansible.module_utils find ours


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A small file system with a file on it, and no room for another of its size."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", place], check=True)
    try:
        (place / "old").write_text("old" * 4096)
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    """Answers /ping with 204, and all else with 500."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204 if self.path == "/ping" else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()
