from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.rehearsal import packages
from provision.rehearsal.packages import deb
from provision.rehearsal.progress import Progress, Quiet


def make(directory: Path, name: str, version: str = "1-1") -> Path:
    return deb.pack(deb.Content(name, version, "For a test.", {"/usr/share/x": ""}), directory)


def test_a_folder_gives_the_newest_of_each(tmp_path: Path) -> None:
    for name, version in [("telegraf", "1.9-1"), ("telegraf", "1.39-1"), ("grafana", "12.0")]:
        make(tmp_path, name, version)
    found = packages.read_folder(tmp_path)
    assert {name: package.version for name, package in found.items()} == {
        "telegraf": "1.39-1",
        "grafana": "12.0",
    }
    assert found["grafana"].origin.startswith("given (grafana_12.0_")


def test_packages_of_other_architectures_are_left_out() -> None:
    files = [(Path("a.deb"), {"Package": "a", "Version": "1", "Architecture": "m68k"})]
    assert packages.newest(files) == {}


def test_a_folder_without_packages_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match=r"no \.deb files"):
        packages.read_folder(tmp_path)
    with pytest.raises(ProvisionError, match="no such folder"):
        packages.read_folder(tmp_path / "none")


def test_what_is_given_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, made = tmp_path / "given", tmp_path / "made"
    for name in ("telegraf", "influxdb", "grafana"):
        make(given, name)
    asked: list[str] = []

    def maker(name: str) -> None:
        def run(cache: Path, progress: Progress) -> Path:
            asked.append(name)
            return make(made, name, "9-1")

        monkeypatch.setitem(packages._MAKERS, name, run)

    for name in ("telegraf", "influxdb", "influxdb2"):
        maker(name)
    found = packages.collect(2, given, tmp_path, Quiet())
    assert asked == ["influxdb2"]
    # influxdb conflicts with influxdb2
    assert sorted(found.by_name) == ["grafana", "influxdb2", "telegraf"]
    assert found.by_name["influxdb2"].version == "9-1"
    assert [path.parent.name for path in found.paths] == ["given", "made", "given"]

    asked.clear()
    assert sorted(packages.collect(1, None, tmp_path, Quiet()).by_name) == ["influxdb", "telegraf"]
    assert sorted(asked) == ["influxdb", "telegraf"]


@pytest.fixture
def address() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200 if self.path == "/yes" else 403)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_only_a_page_that_is_given_is_reachable(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    assert packages.reachable(f"{address}/yes")
    assert not packages.reachable(f"{address}/refused-by-a-proxy")
    assert not packages.reachable("http://127.0.0.1:1/", timeout=0.5)
    assert not packages.reachable("http://[nonsense", timeout=0.5)
    assert not packages.reachable("file:///etc/passwd")
