"""An InfluxDB that others run, with users that may do little: real, and asked by the very code."""

from __future__ import annotations

import json
import socket
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.external import assert_usable
from provision.fleet.reading import read_fleet
from provision.influx import InfluxDB
from provision.render.targets import ALIVE_PATH
from provision.render.tree import write_tree
from provision.site.model import Site
from tests.integration.programs import (
    HOST,
    free_port,
    influxdb_process,
    listens,
    running,
    send,
    wait_for,
)

STATEMENTS = (
    "CREATE USER theirs WITH PASSWORD 'of-theirs' WITH ALL PRIVILEGES",
    "CREATE DATABASE shared",
    "CREATE DATABASE other",
    "CREATE USER telegraf WITH PASSWORD 'may:write'",
    "GRANT WRITE ON shared TO telegraf",
    "CREATE USER grafana WITH PASSWORD 'may-read'",
    "GRANT READ ON shared TO grafana",
    "CREATE USER stranger WITH PASSWORD 'of-another'",
    "GRANT ALL ON other TO stranger",
)
SECRETS = {
    "influxdb_external_write_password": "may:write",
    "influxdb_external_read_password": "may-read",
}
TOLD = "InfluxDB at http://127.0.0.1:{port}, database shared"


@pytest.fixture(scope="module")
def theirs(
    influxd_binary: Callable[[int], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("theirs")
    with influxdb_process(1, influxd_binary(1), directory) as (url, _):
        for statement in STATEMENTS:
            login = "" if statement is STATEMENTS[0] else "?u=theirs&p=of-theirs"
            query = urllib.parse.urlencode({"q": statement}).encode()
            with urllib.request.urlopen(f"{url}/query{login}", query, timeout=10) as answer:
                assert "error" not in json.load(answer)["results"][0]
        yield url


def site_of(
    directory: Path, url: str, writer: str = "telegraf", reader: str = "grafana", more: str = ""
) -> Site:
    path = directory / "inventory.yml"
    path.write_text(
        "monitor: {hosts: {monitor.example.com: }}\n"
        f"workers: {{hosts: {{{HOST}: {{apps: [realm]}}}}}}\n"
        "all:\n  vars:\n    influxdb_engine: 1\n    influxdb_database: shared\n"
        f"    influxdb: {{external: {{url: {url}, writer: {writer}, reader: {reader}}}}}\n{more}"
    )
    return read_fleet(["-i", str(path)]).site


def test_users_that_may_do_just_what_is_needed_are_enough(theirs: str, tmp_path: Path) -> None:
    assert_usable(site_of(tmp_path, theirs), SECRETS)


@pytest.mark.parametrize(
    ("writer", "reader", "password", "problem", "remedy"),
    [
        ("grafana", "grafana", "may-read", "could not write", "let the user grafana"),
        ("stranger", "grafana", "of-another", "could not write", "let the user stranger"),
        ("telegraf", "grafana", "wrong", "could not write", "influxdb_external_write_password"),
        ("telegraf", "stranger", "may:write", "could not read", "influxdb_external_read_password"),
    ],
)
def test_who_may_not_is_told_before_anything_changes(
    theirs: str, tmp_path: Path, writer: str, reader: str, password: str, problem: str, remedy: str
) -> None:
    secrets = SECRETS | {"influxdb_external_write_password": password}
    with pytest.raises(ProvisionError) as caught:
        assert_usable(site_of(tmp_path, theirs, writer, reader), secrets)
    assert problem in caught.value.message and theirs in caught.value.message
    assert remedy in (caught.value.remedy or "")


def test_a_database_that_is_called_otherwise_is_no_matter_of_rights(
    theirs: str, tmp_path: Path
) -> None:
    site_of(tmp_path, theirs)
    path = tmp_path / "inventory.yml"
    path.write_text(path.read_text().replace("shared", "shred"))
    with pytest.raises(ProvisionError, match="database not found") as caught:
        assert_usable(read_fleet(["-i", str(path)]).site, SECRETS)
    assert "influxdb_database is what it is called there" in (caught.value.remedy or "")


def test_one_that_may_read_another_database_alone_is_told(theirs: str, tmp_path: Path) -> None:
    secrets = SECRETS | {"influxdb_external_read_password": "of-another"}
    with pytest.raises(ProvisionError, match="Grafana could not read from it") as caught:
        assert_usable(site_of(tmp_path, theirs, reader="stranger"), secrets)
    assert "let the user stranger" in (caught.value.remedy or "")


def test_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ProvisionError, match=f"{url} cannot be asked"):
        assert_usable(site_of(tmp_path, url), SECRETS)


def test_telegraf_writes_there_and_grafanas_user_reads_it(
    theirs: str, telegraf_binary: Path, tmp_path: Path
) -> None:
    port = free_port(socket.SOCK_DGRAM)
    settings = f"    telegraf_interval: 1s\n    telegraf_statsd_port: {port}\n"
    site = site_of(tmp_path, theirs, more=settings)
    write_tree(site, tmp_path / "tree")
    etc = tmp_path / "tree" / HOST / "etc/telegraf"
    credentials = etc / "credentials/influxdb"
    assert credentials.read_text() == "{{ provision_secrets.influxdb_external_write_password }}"
    credentials.write_text(SECRETS["influxdb_external_write_password"])
    path = etc / "telegraf.d/host.conf"
    path.write_text(path.read_text().replace(ALIVE_PATH, str(tmp_path / "alive")))
    argv = [str(telegraf_binary), "--config", f"{etc}/telegraf.conf"]
    environment = {
        "TELEGRAF_CREDENTIALS": f"{etc}/credentials",
        "TELEGRAF_BUFFER": str(tmp_path / "buffer"),
    }
    reader = InfluxDB(theirs, "shared", username="grafana", password="may-read")
    with running([*argv, "--config-directory", f"{etc}/telegraf.d"], tmp_path / "log", environment):
        wait_for(lambda: listens(port), "Telegraf")
        send(port, ["realm.h.session.started:3|c"])
        question = 'SELECT sum("value") FROM "realm_session_started"'
        wait_for(lambda: reader.ask([question])[0].series, "what was sent")
        assert reader.ask([question])[0].series[0].rows[0]["sum"] == 3


def test_nothing_of_influxdb_is_wanted_on_the_monitoring_host(theirs: str, tmp_path: Path) -> None:
    site = site_of(tmp_path, theirs)
    write_tree(site, tmp_path / "tree")
    manifest = json.loads((tmp_path / "tree/monitor.example.com/.manifest.json").read_text())
    assert [each["name"] for each in manifest["packages"]] == ["grafana"]
    assert {each["role"] for each in manifest["state"]} == {"grafana"}
    assert not [each for each in manifest["files"] if "influxdb" in each["path"]]
    assert site.database_secrets == ()
    path = "etc/grafana/provisioning/datasources/provision.yaml"
    assert theirs in (tmp_path / "tree/monitor.example.com" / path).read_text()
