"""The credentials that a host is about to be given, tried on a server of this machine."""

from __future__ import annotations

import base64
import grp
import http.server
import json
import os
import pwd
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sites
import trees
import yaml
from ansible.module_utils.provision import logins as trying
from comparing import logins
from test_events import run

V1 = """\
[[outputs.influxdb]]
  urls = ["http://192.0.2.1:8086/", "udp://192.0.2.1:8089"]
  database = "a & b"
  username = "telegraf"
  password = "${PASSWORD}"
[[outputs.influxdb]]
  urls = ["http://192.0.2.2:8086"]
  database = "open"
"""
V2 = """\
[[outputs.influxdb_v2]]
  urls = ["https://m.example.com/influx"]
  organization = "site"
  bucket = "metrics"
  token = "${TOKEN}"
"""
V3 = """\
[[outputs.influxdb]]
  urls = ["http://192.0.2.1:8086"]
  database = "metrics"
  username = "@{credentials:influxdb}"
"""
USER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name


class Influx(http.server.HTTPServer):
    """Answers each write with one status, and keeps what it was asked."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.asked: list[tuple[str, str | None, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Influx

    def do_POST(self) -> None:
        asked = (self.path, self.headers["Authorization"], self.headers["Content-Length"])
        self.server.asked.append(asked)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def influx() -> Iterator[Influx]:
    with Influx(401) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def test_the_logins_of_a_configuration() -> None:
    basic = base64.b64encode(b'telegraf:p"w').decode()
    assert logins.logins(V1 + V2, {"PASSWORD": 'p"w', "TOKEN": "t"}, {}) == [
        {"server": "http://192.0.2.1:8086/", "url": "http://192.0.2.1:8086/write?db=a+%26+b",
         "authorization": f"Basic {basic}"},
        {"server": "https://m.example.com/influx", "authorization": "Token t",
         "url": "https://m.example.com/influx/api/v2/write?org=site&bucket=metrics"},
    ]  # fmt: skip
    header = trees.OUTPUT.format(monitor="m", login=trees.LOGINS[2])
    (found,) = logins.logins(header, {"INFLUXDB_TOKEN": "t"}, {})
    assert found["authorization"] == "Token t"


def test_what_can_not_be_read_is_left_to_telegraf() -> None:
    assert logins.logins("[[outputs.", {}, {}) == []
    assert logins.logins(V2, {}, {}) == []
    assert logins.logins(V3, {}, {"other": "t"}) == []
    assert logins.logins("", {}, {}) == []


def test_a_login_of_a_secret_store() -> None:
    (found,) = logins.logins(V3, {}, {"influxdb": "name-1:password"})
    pair = base64.b64encode(b"name-1:password:").decode()
    assert found["authorization"] == f"Basic {pair}"


@pytest.mark.parametrize(
    ("status", "refused"),
    [(401, True), (403, True), (204, False), (400, False), (404, False), (503, False)],
)
def test_only_a_server_that_refuses_the_login_refuses(
    influx: Influx, status: int, refused: bool
) -> None:
    influx.status = status
    login = {"server": influx.url, "url": influx.url + "/write?db=x", "authorization": "Token t"}
    assert trying.refused([login]) == (influx.url if refused else None)
    assert influx.asked == [("/write?db=x", "Token t", "0")]


def test_a_server_that_does_not_answer_refuses_nothing(influx: Influx) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        hung = {"server": "s", "url": f"http://127.0.0.1:{port}/", "authorization": "t"}
        assert trying.refused([hung], timeout=0.2) is None
    assert trying.refused([hung]) is None
    other = {"server": influx.url, "url": influx.url, "authorization": "t"}
    assert trying.refused([hung, other]) == influx.url


def place(tmp_path: Path, url: str, engine: int, password: str) -> subprocess.CompletedProcess[str]:
    """Run place_files on this machine, with Telegraf's files in tmp_path."""
    configuration, environment = tmp_path / "output.conf", tmp_path / "default"
    texts = {
        str(configuration): trees.OUTPUT.format(monitor="m", login=trees.LOGINS[engine]).replace(
            "http://m:8086", url
        ),
        str(environment): trees.ENVIRONMENTS[engine],
    }
    files = [
        {**trees.file("telegraf", path, group=GROUP, mode="0600", secret="default" in path),
         "owner": USER}
        for path in texts
    ]  # fmt: skip
    trees.write(tmp_path / "tree", "h", {"files": files}, texts)
    task = {
        "name": "Place",
        "place_files": {
            "role": "telegraf",
            "login": {
                "configuration": str(configuration),
                "environment": str(environment),
                "credentials": str(tmp_path / "credentials"),
            },
        },
    }
    play = {"name": "Play", "hosts": "all", "gather_facts": False, "tasks": [task]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    secrets = {"influxdb_write_password_w1": password, "influxdb_write_token_w1": password}
    (tmp_path / "secrets.yml").write_text(yaml.safe_dump({"provision_secrets": secrets}))
    # On this machine, but what a host keeps stays with the test.
    reached = {**sites.ssh(tmp_path), "ansible_connection": "ssh", "ansible_host": "127.0.0.1"}
    return run(
        tmp_path, tmp_path / "play.yml", "-vvvv", "-e", f"provision_tree={tmp_path}/tree",
        "-e", f"@{tmp_path}/secrets.yml", "-e", json.dumps(reached), events="",
    )  # fmt: skip


@pytest.mark.parametrize("engine", [1, 2])
def test_credentials_that_influxdb_refuses_are_not_placed(
    tmp_path: Path, influx: Influx, engine: int
) -> None:
    (tmp_path / "default").write_text("old\n")
    done = place(tmp_path, influx.url, engine, "new-secret")
    pair = base64.b64encode(b"telegraf:new-secret").decode()
    authorization = f"Basic {pair}" if engine == 1 else "Token new-secret"
    assert influx.asked == [("/write?db=metrics", authorization, "0")], done.stdout
    assert done.returncode == 2
    assert f"InfluxDB at {influx.url} refuses the credentials of the secrets file" in done.stdout
    assert "run `provision monitor-server` first, or restore the secrets file" in done.stdout
    assert (tmp_path / "default").read_text() == "old\n"
    assert not (tmp_path / "output.conf").exists()
    for secret in ("new-secret", pair):
        assert secret not in done.stdout + done.stderr
    influx.status = 204
    done = place(tmp_path, influx.url, engine, "new-secret")
    assert done.returncode == 0, done.stdout
    assert "new-secret" in (tmp_path / "default").read_text()
    assert len(influx.asked) == 2
    place(tmp_path, influx.url, engine, "new-secret")
    assert len(influx.asked) == 2, "what is in place already is not tried"


def test_a_monitoring_host_that_is_down_stops_no_worker(tmp_path: Path) -> None:
    done = place(tmp_path, "http://127.0.0.1:9", 1, "new-secret")
    assert done.returncode == 0, done.stdout
    assert "new-secret" in (tmp_path / "default").read_text()
