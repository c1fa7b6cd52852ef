"""That Grafana is told to read its files again, by those of them that are new."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import provisioning
from ansible.module_utils.provision.http import ServiceError, basic

FOLDER = "/etc/grafana/provisioning"
ALERTS, SOURCES = f"{FOLDER}/alerting/provision.yaml", f"{FOLDER}/datasources/provision.yaml"


class Told(http.server.HTTPServer):
    """Takes what a Grafana is told, and answers with a status by the path's kind."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.logins: set[str | None] = set()
        self.answers: dict[str, int] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Told

    def do_POST(self) -> None:
        kind = self.path.removeprefix("/api/admin/provisioning/").removesuffix("/reload")
        self.server.told.append(kind)
        self.server.logins.add(self.headers["Authorization"])
        self.send_response(self.server.answers.get(kind, 200))
        self.end_headers()
        self.wfile.write(b'{"message": "said why"}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def grafana() -> Iterator[Told]:
    with Told() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def service(grafana: Told, folder: Path, text: str | None) -> dict[str, Any]:
    environment = folder / "grafana-server"
    if text is not None:
        environment.write_text(text)
    by = {"url": grafana.url, "username": "admin", "environment": str(environment)}
    return {"name": "grafana-server", "reload_by": by}


def test_each_kind_is_told_once_with_the_password_that_it_was_started_with(
    grafana: Told, tmp_path: Path
) -> None:
    asked = service(grafana, tmp_path, 'GF_SECURITY_ADMIN_PASSWORD="p"\n')
    others = [ALERTS, SOURCES, f"{FOLDER}/alerting/other.yaml"]
    assert provisioning.take_up(asked, others, 5)
    assert grafana.told == ["alerting", "datasources"]
    assert grafana.logins == set(basic("admin", "p").values())


def test_202_is_as_good(grafana: Told, tmp_path: Path) -> None:
    grafana.answers["alerting"] = 202
    asked = service(grafana, tmp_path, "GF_SECURITY_ADMIN_PASSWORD=p\n")
    assert provisioning.take_up(asked, [ALERTS], 5)


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_what_it_does_not_take_up_is_said(grafana: Told, tmp_path: Path, status: int) -> None:
    grafana.answers["alerting"] = status
    asked = service(grafana, tmp_path, "GF_SECURITY_ADMIN_PASSWORD=p\n")
    assert not provisioning.take_up(asked, [ALERTS, SOURCES], 5)
    assert grafana.told == ["alerting"], "a wrong password counts once"
    with pytest.raises(ServiceError, match=f"its files of alerting again: HTTP {status} said why"):
        provisioning.reload(grafana.url + "/", "alerting", {}, 5)


@pytest.mark.parametrize("text", [None, "A=1\n", "GF_SECURITY_ADMIN_PASSWORD=\n"])
def test_without_a_password_it_is_not_asked(
    grafana: Told, tmp_path: Path, text: str | None
) -> None:
    assert not provisioning.take_up(service(grafana, tmp_path, text), [ALERTS], 5)
    assert grafana.told == []


def test_one_that_is_not_there_has_taken_up_nothing(tmp_path: Path) -> None:
    with Told() as gone:
        asked = service(gone, tmp_path, "GF_SECURITY_ADMIN_PASSWORD=p\n")
    assert not provisioning.take_up(asked, [ALERTS], 0.2)
