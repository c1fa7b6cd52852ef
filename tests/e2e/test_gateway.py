"""A worker that takes what others write, and passes it on (docs/fleets.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import ENGINES, StageSetter
from tests.e2e.operating import EXAMPLES, Site, described
from tests.integration.programs import wait_for

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=ENGINES)
def site(request: pytest.FixtureRequest, stage: StageSetter) -> Iterator[Site]:
    with stage("e2e-gateway", engine=request.param) as site:
        done = site.provision("up")
        assert done.status == 0, done.text
        yield site


def test_a_worker_that_reaches_the_gateway_alone_is_monitored(site: Site) -> None:
    gateway, worker = site.workers
    engine = site.stage.fleet.site.monitor.settings.influxdb_engine
    example = EXAMPLES / f"gateway/gateway-influxdb{engine}.conf"
    site.put(gateway, example, "/etc/telegraf/telegraf.d/gateway.conf")
    site.on(gateway, "systemctl restart telegraf")
    address = site.stage.rehearsal.host(gateway).address
    monitor = site.stage.rehearsal.host(site.monitor).address
    path = Path(site.inventory[1]).parent / "host_vars" / f"{worker}.yml"
    values = yaml.safe_load(path.read_text())
    url = f"http://{address}:8086"
    path.write_text(yaml.safe_dump(values | {"telegraf_gateway_url": url}))
    site.on(worker, f"ip route add blackhole {monitor}")
    done = site.provision("up")
    assert "3 hosts, 1 changed, 0 failed" in done.out, done.text
    assert described(site.metrics(worker)) == []
    again = site.provision("up")
    assert "3 hosts, 0 changed, 0 failed" in again.out, again.text
    verified = site.provision("verify", "--wait", "60s")
    assert verified.status == 0, verified.text


def test_what_comes_while_influxdb_is_away_is_kept_by_the_gateway(site: Site) -> None:
    _, worker = site.workers
    site.on(site.monitor, "systemctl stop influxdb")
    port = site.stage.fleet.site.workers[1].settings.telegraf_statsd_port
    site.on(worker, f"echo -n 'kept.by.the.gateway:7|c' > /dev/udp/127.0.0.1/{port}")
    # The worker is rid of it: it goes on without.
    site.on(worker, "sleep 6; systemctl stop telegraf")
    answers = "until curl -fsS http://127.0.0.1:8086/ping; do sleep 0.5; done"
    site.on(site.monitor, f"systemctl start influxdb; {answers}")
    question = 'SELECT sum("value") FROM "undocumented" WHERE "bucket" = \'kept.by.the.gateway\''

    def stored() -> object:
        (answer,) = site.ask(lambda database: database.ask([question]))
        return answer.series and answer.series[0].rows[0]["sum"] == 7

    wait_for(stored, "what was kept", 60)
    site.on(worker, "systemctl start telegraf")
