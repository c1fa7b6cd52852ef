from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.fleet.model import Fleet
from provision.secrets import write_secrets
from provision.services import reader, viewer
from tests.answering import Reply, Request, answering
from tests.conftest import INVENTORY

Make = Callable[..., Fleet]
SECRETS = {
    "influxdb_read_token": "the-read-token",
    "influxdb_read_password": "the-read-password",
    "influxdb_write_token": "x",
    "influxdb_admin_password": "x",
    "grafana_admin_password": "the-grafana-password",
}


def settings(**given: object) -> str:
    return INVENTORY + f"all: {{vars: {given!r}}}\n"


@pytest.mark.parametrize(
    ("engine", "header"),
    [(2, "Token the-read-token"), (1, "Basic Z3JhZmFuYS0yMzA5NTcxNDp0aGUtcmVhZC1wYXNzd29yZA==")],
)
def test_the_database_is_asked_with_the_right_to_read(
    fleet_of: Make, tmp_path: Path, engine: int, header: str
) -> None:
    seen: list[Request] = []

    def keep(request: Request) -> Reply:
        seen.append(request)
        return Reply('{"results": [{"statement_id": 0}]}')

    write_secrets(tmp_path / "secrets.yml", SECRETS)
    with answering(keep) as url:
        text = settings(influxdb_url=f"{url}/", influxdb_engine=engine, influxdb_database="own")
        database = reader(fleet_of(text))
        database.ask(["SHOW DATABASES"])
        database.close()
    (request,) = seen
    assert request.headers["Authorization"] == header
    assert request.path == "/query"
    assert b"db=own" in request.body


def test_grafana_is_asked_as_its_admin(fleet_of: Make, tmp_path: Path) -> None:
    seen: list[Request] = []

    def keep(request: Request) -> Reply:
        seen.append(request)
        return Reply('{"dashboard": {}}')

    write_secrets(tmp_path / "secrets.yml", SECRETS)
    with answering(keep) as url:
        viewer(fleet_of(settings(grafana_url=f"{url}/"))).dashboard("x")
    assert seen[0].login == ("admin", "the-grafana-password")
    assert seen[0].path == "/api/dashboards/uid/x"


@pytest.mark.parametrize(
    ("service", "engine", "missing"),
    [
        (reader, 2, "influxdb_read_token"),
        (reader, 1, "influxdb_read_password"),
        (viewer, 2, "grafana_admin_password"),
    ],
)
def test_a_secret_that_is_not_there_is_named_with_where_it_comes_from(
    fleet_of: Make,
    tmp_path: Path,
    service: Callable[[Fleet], object],
    engine: int,
    missing: str,
) -> None:
    fleet = fleet_of(settings(influxdb_engine=engine))
    for secrets in (None, {name: text for name, text in SECRETS.items() if name != missing}):
        if secrets:
            write_secrets(tmp_path / "secrets.yml", secrets)
        with pytest.raises(ProvisionError) as caught:
            service(fleet)
        assert caught.value.message == f"{tmp_path / 'secrets.yml'}: no {missing}"
        assert "provision monitor-server" in (caught.value.remedy or "")
