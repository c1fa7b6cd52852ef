"""Every documented system on hosts, together and apart, and what `provision verify` says."""

from __future__ import annotations

import json
import shlex
import socket
import time
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from provision.verify.strangers import undocumented
from tests.e2e.conftest import ENGINES, StageSetter
from tests.e2e.operating import PROVISION, Site, described
from tests.e2e.programs import running
from tests.e2e.watching import changes, snapshot

pytestmark = pytest.mark.long

ALL, DJANGO, TINYBIRD, DATACLAY = "every", "django", "tinybird", "dataclay"
TARGETS = [
    {"url": "127.0.0.1:8000", "service": "metadata-service"},
    {"url": "127.0.0.1:8001", "service": "backend"},
]
WORKERS: dict[str, dict[str, Any]] = {
    ALL: {
        "apps": ["realm", "django-clickhouse", "tinybird-jobs", "dataclay"],
        "django_clickhouse_prefix": ["clickhouse", "shop.clickhouse"],
        "dataclay_targets": TARGETS,
        "dataclay_pushgateway": True,
    },
    DJANGO: {"apps": ["django-clickhouse"]},
    TINYBIRD: {
        "apps": ["tinybird-jobs"],
        "telegraf_statsd_tcp_address": "",
        "telegraf_statsd_allowed": ["10.0.0.0/8"],
    },
    DATACLAY: {"apps": ["dataclay"], "dataclay_targets": TARGETS},
}
# A datagram to Telegraf, from the host itself.
SEND = "printf '%s' '{line}' > /dev/udp/127.0.0.1/8125"


@pytest.fixture(scope="module", params=ENGINES)
def site(request: pytest.FixtureRequest, stage: StageSetter) -> Iterator[Site]:
    with stage("e2e-verify", engine=request.param, workers=WORKERS) as site:
        done = site.provision("up")
        assert done.status == 0, done.text
        yield site


def findings(site: Site, *words: str, status: int = 0) -> list[dict[str, str]]:
    done = site.provision("verify", "--format", "json", *words)
    assert done.status == status, done.text
    found: list[dict[str, str]] = json.loads(done.out)["findings"]
    return found


def until(site: Site, host: str, **wanted: str) -> list[dict[str, str]]:
    """The findings about a host, as soon as some are like that: Telegraf writes in intervals."""
    deadline = time.monotonic() + 60
    while not of(found := findings(site, "-l", host), **wanted):
        assert time.monotonic() < deadline, found
    return found


def of(found: list[dict[str, str]], **wanted: str) -> list[dict[str, str]]:
    return [each for each in found if all(each[name] == value for name, value in wanted.items())]


def test_a_fresh_fleet_is_whole_before_any_application_sends(site: Site) -> None:
    """dataClay is not there, and what it always shows is missed; all else waits for its metrics."""
    found = findings(site, "-l", f"monitor.rehearsal,{DJANGO},{TINYBIRD}")
    assert of(found, status="failed") == []
    assert {each["name"] for each in of(found, area="probe", status="ok")} == {"udp", "tcp"}
    never = of(found, area="metric", host=DJANGO, status="not seen")
    assert len(never) == 11
    found = findings(site, status=1)
    missed = of(found, area="metric", host=DATACLAY, status="failed")
    assert len(missed) == 5 and "always" in missed[0]["detail"]
    refused = "cannot be fetched: connection refused"
    assert [(each["name"], each["detail"]) for each in of(found, area="target", host=DATACLAY)] == [
        (f"http://{target['url']}/metrics", refused) for target in TARGETS
    ]


def test_a_misspelt_bucket_is_told_and_its_twin_is_never_seen(site: Site) -> None:
    bucket = "clickhouse.sync.User.queu"
    site.on(DJANGO, SEND.format(line=f"{bucket}:3|g"))
    found = until(site, DJANGO, area="undocumented")
    (stray,) = of(found, area="undocumented")
    assert (stray["host"], stray["name"], stray["status"]) == (DJANGO, bucket, "warning")
    (twin,) = of(found, area="metric", name="<prefix>.sync.<model>.queue (gauge)")
    assert (twin["status"], twin["detail"]) == ("not seen", "never seen")
    findings(site, "-l", DJANGO, "--strict", status=1)


def test_a_value_in_no_list_is_kept_and_told(site: Site) -> None:
    """What the program sends, and the document does not know."""
    line = "clickhouse.sync.User.register_operations.insert:3|c"
    site.on(DJANGO, SEND.format(line=line))
    (stray,) = of(
        until(site, DJANGO, area="value", status="warning"), area="value", status="warning"
    )
    assert stray["host"] == DJANGO and "'insert'" in stray["detail"]


def test_everything_documented_arrives_exactly_together_and_apart(site: Site) -> None:
    # A gauge repeats its last value until then. Telegraf tells systemd that it is ready before it
    # listens, and what is sent over UDP meanwhile is lost.
    listens = "until ss -Hlnu 'sport = :8125' | grep -q .; do sleep 0.1; done"
    site.on(DJANGO, f"systemctl restart telegraf; timeout 30 sh -c {shlex.quote(listens)}")
    # What was sent before it may be of the second in which this begins: points' times are rounded.
    time.sleep(2)
    start = int(time.time() * 1000)
    outcomes = site.metrics()
    assert len(outcomes) == 18 + 11 + 4 + 5 and described(outcomes) == []
    assert site.ask(lambda database: undocumented(database, start)) == []


def test_then_verify_is_content_and_touches_nothing(site: Site) -> None:
    before = {host: snapshot(site, host) for host in site.names}
    done = site.provision("verify", "--wait", "60s")
    assert done.status == 0, done.text
    assert "probe: 5 of 5 as they should be" in done.out
    assert "target: 4 of 4 as they should be" in done.out
    for host in site.names:
        assert changes(before[host], snapshot(site, host)) == []
    done = site.provision("verify", "--format", "junit")
    suites = ElementTree.fromstring(done.out)
    assert {suite.get("failures") for suite in suites} == {"0"}
    assert int(suites.find("testsuite[@name='metric']").get("tests", 0)) > 100  # type: ignore[union-attr]
    assert all(secret not in done.text for secret in site.secrets.values())


def test_two_may_look_at_once(site: Site) -> None:
    """Telegraf adds up what both send in an interval."""
    words = site.command("verify", "-l", f"{DJANGO},{TINYBIRD}")
    with running(*words) as one, running(*words) as other:
        statuses = one.wait(120), other.wait(120)
    assert statuses == (0, 0), one.text + other.text


def test_an_edited_file_and_a_stopped_agent_are_faults_of_their_hosts(site: Site) -> None:
    site.on(DJANGO, "echo '# by hand' >> /etc/telegraf/telegraf.d/statsd.conf")
    site.on(TINYBIRD, "systemctl stop telegraf")
    done = site.provision("verify", "--format", "json")
    assert done.status == 1
    failed = of(json.loads(done.out)["findings"], status="failed")
    assert of(failed, host=DJANGO, name="file /etc/telegraf/telegraf.d/statsd.conf")
    assert of(failed, host=TINYBIRD, name="services")
    assert of(failed, host=TINYBIRD, area="probe", name="tcp")
    assert {each["host"] for each in failed} == {DJANGO, TINYBIRD}
    done = site.provision("up")
    assert done.status == 0, done.text
    assert of(findings(site), status="failed") == []


def test_a_database_that_is_down_is_told_with_the_hosts_that_are_not(site: Site) -> None:
    site.on(site.monitor, "systemctl stop influxdb")
    done = site.provision("verify", "--format", "json")
    assert done.status == 1 and "Traceback" not in done.text
    found = json.loads(done.out)["findings"]
    assert of(found, host=site.monitor, area="datasource", status="failed")
    assert of(found, host=DJANGO, area="host", status="ok")
    site.on(site.monitor, "systemctl start influxdb")


def test_a_tunnel_leads_to_a_worker_s_statsd(site: Site) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = int(time.time() * 1000) - 1000
    command = [*PROVISION, "tunnel", *site.inventory, "--port", str(port), TINYBIRD]
    with running(*command) as run:
        run.until("Ctrl-C ends it")
        bucket = "tinybird.eu-1.jobs.db-1.d_1.through_a_tunnel.ok"
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as sender:
                    sender.sendall(f"{bucket}:7|c\n".encode())
                break
            except OSError:
                assert time.monotonic() < deadline, run.text
                time.sleep(0.2)
        query = (
            'SELECT sum("value") FROM "tinybird_jobs_ok" '
            f'WHERE "kind" = \'through_a_tunnel\' AND time >= {start}ms GROUP BY "host"'
        )
        deadline = time.monotonic() + 30
        while not (series := site.ask(lambda database: database.ask([query])[0].series)):
            assert time.monotonic() < deadline
            time.sleep(0.5)
    assert [(s.tags["host"], s.rows[0]["sum"]) for s in series] == [(TINYBIRD, 7)]
    refused = site.provision("tunnel", DJANGO)
    assert refused.status == 1 and "UDP alone" in refused.err


def test_a_target_that_hangs_or_is_gone_is_told_with_its_url(site: Site) -> None:
    """The last test: nothing answers there any more (provision.rehearsal.send)."""

    def targets() -> dict[str, str]:
        found = of(findings(site, "-l", DATACLAY, status=1), area="target")
        assert {(each["host"], each["status"]) for each in found} == {(DATACLAY, "failed")}
        return {each["name"]: each["detail"] for each in found}

    urls = [f"http://{target['url']}/metrics" for target in TARGETS]
    site.on(DATACLAY, "systemctl kill -s STOP provision-applications")
    said = targets()
    assert [*said] == urls
    assert all("no whole answer within" in detail for detail in said.values()), said
    site.on(DATACLAY, "systemctl kill -s KILL provision-applications")
    assert targets() == dict.fromkeys(urls, "cannot be fetched: connection refused")
