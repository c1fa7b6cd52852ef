"""Two InfluxDBs, each with its workers, and one Grafana that shows both (docs/fleets.md)."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import GRAFANA_PACKAGES, StageSetter, needs_grafana
from tests.e2e.operating import EXAMPLES, Site, provision
from tests.integration.programs import wait_for

pytestmark = pytest.mark.long


@needs_grafana
def test_one_grafana_shows_both(stage: StageSetter, tmp_path: Path) -> None:
    packages = Path(str(GRAFANA_PACKAGES))
    workers = {f"{name}.rehearsal": {"apps": ["realm"]} for name in ("w-a", "monitor-b", "w-b")}
    with stage("e2e-shards", engine=1, workers=workers, folder=packages) as site:
        a, b = inventories(site, tmp_path)
        for inventory in (a, b):
            done = provision(inventory, "up")
            assert done.status == 0, done.text
        theirs = yaml.safe_load(b.with_name("secrets.yml").read_text())["provision_secrets"]
        there = site.on("monitor-b.rehearsal", "curl -fsS -G -u admin:"
            f"'{theirs['influxdb_admin_password']}' --data-urlencode 'q=SHOW USERS'"
            " http://127.0.0.1:8086/query")  # fmt: skip
        users = [row[0] for row in yaml.safe_load(there)["results"][0]["series"][0]["values"]]
        (reader,) = [user for user in users if user.startswith("grafana-")]
        text = (EXAMPLES / "shards/shard-b.yaml").read_text()
        text = text.replace("grafana-0123456789", reader)
        text = text.replace("monitor-b.example.com", "monitor-b.rehearsal")
        source = tmp_path / "shard-b.yaml"
        source.write_text(text)
        password = tmp_path / "password"
        password.write_text(theirs["influxdb_read_password"])
        site.put(site.monitor, password, "/etc/grafana/shard-b.password", "0640")
        site.on(site.monitor, "chgrp grafana /etc/grafana/shard-b.password")
        site.put(site.monitor, source,
             "/etc/grafana/provisioning/datasources/shard-b.yaml")  # fmt: skip
        site.on(site.monitor, "systemctl restart grafana-server && curl -fsS --retry 30"
            " --retry-connrefused http://127.0.0.1:3000/api/health")  # fmt: skip
        again = provision(a, "up")
        assert "2 hosts, 0 changed, 0 failed" in again.out, again.text
        wait_for(
            lambda: hosts_seen(site, a, "provision-shard-b") == {"w-b.rehearsal"},
            "the other shard's host",
        )


def inventories(site: Site, directory: Path) -> tuple[Path, Path]:
    """Two sites of the same hosts."""
    there = site.stage.rehearsal.directory
    made = []
    for name, monitor, worker, grafana in (
        ("a", site.monitor, "w-a.rehearsal", True),
        ("b", "monitor-b.rehearsal", "w-b.rehearsal", False),
    ):
        (directory / name).mkdir()
        shutil.copytree(there / "host_vars", directory / name / "host_vars")
        content = yaml.safe_load((there / "inventory.yml").read_text())
        content["monitor"]["hosts"] = {monitor: {"grafana_enabled": grafana}}
        content["workers"]["hosts"] = {worker: {"apps": ["realm"]}}
        content["all"] = {"vars": {"influxdb_engine": 1}}
        path = directory / name / "inventory.yml"
        path.write_text(yaml.safe_dump(content))
        made.append(path)
    return made[0], made[1]


def hosts_seen(site: Site, inventory: Path, uid: str) -> set[str]:
    """Whom Grafana sees through a datasource."""
    secrets = yaml.safe_load(inventory.with_name("secrets.yml").read_text())
    password = secrets["provision_secrets"]["grafana_admin_password"]
    asked = {
        "refId": "A",
        "datasource": {"uid": uid},
        "query": 'SELECT last("uptime") FROM "system" WHERE $timeFilter GROUP BY "host"',
        "rawQuery": True,
        "resultFormat": "time_series",
    }
    body = shlex.quote(json.dumps({"queries": [asked], "from": "now-1h", "to": "now"}))
    said = site.on(
        site.monitor,
        f"curl -sS -u 'admin:{password}' -H 'Content-Type: application/json' -d {body}"
        " http://127.0.0.1:3000/api/ds/query",
    )
    assert "frames" in said, said
    frames = json.loads(said)["results"]["A"]["frames"]
    return {frame["schema"]["fields"][1]["labels"]["host"] for frame in frames}
