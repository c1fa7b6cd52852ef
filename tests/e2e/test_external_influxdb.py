"""A site whose InfluxDB is another team's: real hosts, and users or tokens that may do little."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from provision.secrets import write_secrets
from tests.e2e.conftest import ENGINES, GRAFANA_PACKAGES, StageSetter
from tests.e2e.operating import Outcome, Site, provision

pytestmark = pytest.mark.long

USERS = (
    "CREATE USER telegraf WITH PASSWORD 'may-write'",
    "GRANT WRITE ON telegraf TO telegraf",
    "CREATE USER grafana WITH PASSWORD 'may-read'",
    "GRANT READ ON telegraf TO grafana",
)


@dataclass(frozen=True)
class Ours:
    """The inventory of a site of two hosts, and what lets in to the third one's InfluxDB."""

    inventory: Path
    engine: int
    write: str
    read: str

    def let_in(self, write: str) -> None:
        """What the operator writes into the secrets file."""
        kind = "password" if self.engine == 1 else "token"
        secrets = {
            f"influxdb_external_write_{kind}": write,
            f"influxdb_external_read_{kind}": self.read,
        }
        write_secrets(self.inventory.with_name("secrets.yml"), secrets, None)

    def provision(self, *words: str) -> Outcome:
        return provision(self.inventory, *words)


@pytest.fixture(scope="module", params=ENGINES)
def theirs(request: pytest.FixtureRequest, stage: StageSetter) -> Iterator[Site]:
    """Hosts of which one has an InfluxDB, which the other team provisioned; its 2 with TLS."""
    folder = Path(GRAFANA_PACKAGES) if GRAFANA_PACKAGES else None
    settings = {"tls": "own-ca" if request.param == 2 else "off"}
    with stage("e2e-external", engine=request.param, folder=folder, settings=settings) as site:
        done = site.provision("monitor-server", "-e", "grafana_enabled=false")
        assert done.status == 0, done.text
        yield site


def with_users(theirs: Site) -> tuple[str, str]:
    """Passwords of users that may write to the database, and read from it."""
    login = f"admin:{theirs.secrets['influxdb_admin_password']}"
    for statement in USERS:
        url = "http://127.0.0.1:8086/query"
        words = f"curl -fsS -u '{login}' --data-urlencode \"q={statement}\" {url}"
        assert "error" not in theirs.on(theirs.monitor, words)
    return "may-write", "may-read"


def with_tokens(theirs: Site) -> tuple[str, str]:
    """Tokens that may write to the bucket, and read from it."""
    token = theirs.secrets["influxdb_operator_token"]
    call = f"curl -kfsS -H 'Authorization: Token {token}' https://127.0.0.1:8086/api/v2"
    answer = json.loads(theirs.on(theirs.monitor, f"{call}/buckets?name=telegraf"))
    (bucket,) = answer["buckets"]
    made = []
    for right in ("write", "read"):
        about = {"type": "buckets", "id": bucket["id"], "orgID": bucket["orgID"]}
        asked = {
            "orgID": bucket["orgID"],
            "permissions": [{"action": right, "resource": about}],
        }
        body = shlex.quote(json.dumps(asked))
        words = f"{call}/authorizations -H 'Content-Type: application/json' -d {body}"
        made.append(json.loads(theirs.on(theirs.monitor, words))["token"])
    return made[0], made[1]


@pytest.fixture(scope="module")
def ours(theirs: Site, tmp_path_factory: pytest.TempPathFactory) -> Ours:
    """The site of the two other hosts."""
    directory = tmp_path_factory.mktemp("ours")
    there = theirs.stage.rehearsal.directory
    shutil.copytree(there / "host_vars", directory / "host_vars")
    (directory / "host_vars" / f"{theirs.monitor}.yml").unlink()
    monitor, worker = theirs.workers
    address = theirs.stage.rehearsal.host(theirs.monitor).address
    engine = theirs.stage.fleet.site.monitor.settings.influxdb_engine
    external = {"url": f"https://{address}:8086", "ca": "their-ca.crt"}
    if engine == 1:
        external = {"url": f"http://{address}:8086", "writer": "telegraf", "reader": "grafana"}
    else:
        shutil.copy(there / "tls" / "ca.crt", directory / "their-ca.crt")
    path = directory / "inventory.yml"
    path.write_text(
        yaml.safe_dump(
            {
                "monitor": {"hosts": {monitor: {"grafana_enabled": bool(GRAFANA_PACKAGES)}}},
                "workers": {"hosts": {worker: {"apps": ["realm"]}}},
                "all": {"vars": {"influxdb_engine": engine, "influxdb": {"external": external}}},
            }
        )
    )
    write, read = with_users(theirs) if engine == 1 else with_tokens(theirs)
    return Ours(path, engine, write, read)


def test_without_its_credentials_nothing_begins(ours: Ours) -> None:
    done = ours.provision("up")
    assert done.status != 0
    kind = "password" if ours.engine == 1 else "token"
    assert f"influxdb_external_write_{kind}" in done.err and "secrets.yml" in done.err


def test_one_known_by_other_authorities_is_not_trusted(ours: Ours, theirs: Site) -> None:
    if ours.engine == 1:
        pytest.skip("theirs of engine 1 is without TLS")
    ours.let_in(ours.write)
    text = ours.inventory.read_text()
    other = yaml.safe_load(text)
    del other["all"]["vars"]["influxdb"]["external"]["ca"]
    ours.inventory.write_text(yaml.safe_dump(other))
    try:
        done = ours.provision("up")
    finally:
        ours.inventory.write_text(text)
    assert done.status != 0
    assert "certificate" in done.err and "influxdb.external.ca" in done.err, done.text
    assert "not-found" in theirs.on(theirs.workers[1], "systemctl show -p LoadState telegraf")


def test_with_wrong_ones_nothing_changes(ours: Ours, theirs: Site) -> None:
    ours.let_in("wrong")
    done = ours.provision("up")
    assert done.status != 0
    whose = "the user telegraf" if ours.engine == 1 else "the token influxdb_external_write_token"
    assert "could not write to it" in done.err and f"it knows {whose}" in done.err
    assert "not-found" in theirs.on(theirs.workers[1], "systemctl show -p LoadState telegraf")


def test_with_one_that_may_only_read_nothing_changes(ours: Ours, theirs: Site) -> None:
    if ours.engine == 1:
        pytest.skip("of engine 1 a user's name tells who it is, and the names are the inventory's")
    ours.let_in(ours.read)
    done = ours.provision("up")
    assert done.status != 0
    assert "could not write to it" in done.err, done.text
    assert "not-found" in theirs.on(theirs.workers[1], "systemctl show -p LoadState telegraf")


def test_it_is_written_to_and_nothing_of_it_is_installed(ours: Ours, theirs: Site) -> None:
    ours.let_in(ours.write)
    done = ours.provision("up")
    assert done.status == 0, done.text
    again = ours.provision("up")
    assert "2 hosts, 0 changed, 0 failed" in again.out, again.text
    monitor, worker = theirs.workers
    assert "not-found" in theirs.on(monitor, "systemctl show -p LoadState influxdb")
    assert theirs.on(worker, "systemctl is-active telegraf") == "active\n"


def test_it_is_verified_there_and_through_grafana(ours: Ours) -> None:
    done = ours.provision("verify", "--wait", "60s", "--format", "json")
    assert done.status == 0, done.text
    assert not GRAFANA_PACKAGES or "asked through its datasource" in done.out
    status = ours.provision("status")
    assert status.status == 0, status.text


def test_what_is_not_ours_is_not_rotated(ours: Ours) -> None:
    done = ours.provision("rotate")
    if GRAFANA_PACKAGES:
        # Grafana's password is ours.
        assert done.status == 0, done.text
        assert "influxdb" not in done.out
    else:
        assert done.status != 0
        assert "run by others" in done.err, done.text
