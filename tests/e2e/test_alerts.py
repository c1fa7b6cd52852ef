"""Alerts on hosts: one fires, is told, and is over; what leaves the catalogs leaves Grafana."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from provision.alerts.rules import build_rules, rule_uid
from provision.catalog.load import load_catalogs
from provision.dashboards.panels import dashboard_uid
from provision.paths import CATALOGS
from provision.secrets import write_secrets
from tests.e2e.conftest import ENGINES, GRAFANA_PACKAGES, StageSetter, needs_grafana
from tests.e2e.operating import Site, ask, basic

pytestmark = [pytest.mark.long, needs_grafana]

PASSWORD = "hook-password!#"
REALM = load_catalogs()["realm"]
METRICS = {metric.name: metric for metric in REALM.metrics if metric.condition}


@dataclass
class Hook:
    """A web server that is told of alerts."""

    url: str
    messages: list[dict[str, Any]] = field(default_factory=list)

    def alerts(self, metric: str, status: str) -> list[dict[str, Any]]:
        """What it was told of the alerts of a metric."""
        return [
            {**alert, "authorization": message["authorization"]}
            for message in list(self.messages)
            for alert in message["alerts"]
            if alert["status"] == status and metric in alert["labels"]["alertname"]
        ]


@contextmanager
def hook_at(address: str) -> Iterator[Hook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said = {**json.loads(body), "authorization": self.headers["Authorization"]}
            hook.messages.append({"alerts": [], **said})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((address, 0), Handler) as server:
        hook = Hook(f"http://{address}:{server.server_address[1]}/alerts")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield hook
        server.shutdown()


@dataclass
class Told:
    """A site whose alerts are told to a hook."""

    site: Site
    hook: Hook

    @property
    def settings(self) -> str:
        contacts = {"hook": {"type": "webhook", "url": self.hook.url, "username": "provision"}}
        waits = {"grafana_alert_group_wait": "1s", "grafana_alert_group_interval": "10s"}
        return json.dumps({"grafana_contacts": contacts, **waits})

    def up(self, *words: str) -> str:
        done = self.site.provision("up", *words, "-e", self.settings)
        assert done.status == 0, done.text
        return done.out

    def grafana(self, path: str, body: Any = None, method: str | None = None) -> Any:
        address = self.site.stage.rehearsal.host(self.site.monitor).address
        login = basic("admin", self.site.secrets["grafana_admin_password"])
        headers = {**login, "Content-Type": "application/json"}
        text = None if body is None else json.dumps(body)
        url = f"http://{address}:3000{path}"
        status, answer = ask(url, headers=headers, body=text, method=method)
        assert status < 300, answer
        return json.loads(answer or "null")

    def rules(self) -> dict[str, Any]:
        return {rule["uid"]: rule for rule in self.grafana("/api/v1/provisioning/alert-rules")}


def eventually(look: Callable[[], Any], what: str, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(1)
    return found


@pytest.fixture(scope="module", params=ENGINES)
def told(request: pytest.FixtureRequest, stage: StageSetter) -> Iterator[Told]:
    folder = Path(str(GRAFANA_PACKAGES))
    with (
        stage("e2e-alerts", engine=request.param, folder=folder) as site,
        hook_at(site.stage.rehearsal.gateway) as hook,
    ):
        yield Told(site, hook)


def active_since(told: Told, metric: str) -> set[str]:
    """Since when alerts of a metric have been active, as Grafana knows them now."""
    alerts = told.grafana("/api/prometheus/grafana/api/v1/alerts")["data"]["alerts"]
    return {a["activeAt"] for a in alerts if metric in a["labels"]["alertname"]}


def test_a_secret_that_is_missing_is_named_before_anything_is_done(told: Told) -> None:
    done = told.site.provision("up", "-e", told.settings)
    assert done.status == 1
    assert "secrets.yml: no grafana_contact_hook" in done.text
    assert told.site.on(told.site.monitor, "ls /etc/grafana 2>/dev/null || true") == ""
    write_secrets(told.site.secrets_file, {"grafana_contact_hook": PASSWORD})
    told.up()
    assert "3 hosts, 0 changed, 0 failed" in told.up()


def test_the_secret_is_where_only_grafana_reads_it(told: Told) -> None:
    script = f"grep -rlF '{PASSWORD}' /etc /run/systemd /var/log 2>/dev/null || true"
    assert told.site.on(told.site.monitor, script) == "/etc/default/grafana-server\n"


def test_every_rule_is_well_while_nothing_is_the_matter(told: Told) -> None:
    def states() -> set[str]:
        groups = told.grafana("/api/prometheus/grafana/api/v1/rules")["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert len(rules) == len(build_rules(told.site.stage.fleet.site.catalogs))
        return {f"{rule['health']} {rule['name']} {rule.get('lastError')}" for rule in rules}

    def well() -> bool:
        return all(state.startswith(("ok ", "nodata ")) for state in states())

    eventually(well, f"rules that can be evaluated: {states()}", 150)


def test_an_alert_fires_is_told_and_is_over(told: Told) -> None:
    worker = told.site.workers[0]
    line = "realm.localhost.authentication.failed:3|c"
    told.site.on(worker, f"printf '{line}' >/dev/udp/127.0.0.1/8125")
    sent = time.monotonic()
    name = "authentication.failed"
    (alert,) = eventually(lambda: told.hook.alerts(name, "firing"), "the alert", 150)
    assert alert["labels"]["host"] == worker
    assert alert["labels"]["severity"] == "warning"
    assert alert["annotations"]["summary"] == (
        f"Authentications failed on {worker}, hostname localhost: 3 in 5 minutes, above 0"
    )
    assert "Look for clients with invalid" in alert["annotations"]["description"]
    assert alert["annotations"]["runbook"].endswith("#authenticationfailed-counter")
    address = told.site.stage.rehearsal.host(told.site.monitor).address
    assert f"http://{address}:3000/d/{dashboard_uid(REALM)}" in alert["panelURL"]
    pair = base64.b64encode(f"provision:{PASSWORD}".encode()).decode()
    assert alert["authorization"] == f"Basic {pair}"
    # What fires goes on firing where another rule changes.
    since = active_since(told, name)
    own = told.site.secrets_file.parent / "catalogs"
    own.mkdir()
    text = (CATALOGS / "realm.yaml").read_text()
    place = text.index("above: 0", text.index("name: protocol.violated"))
    (own / "realm.yaml").write_text(text[:place] + "above: 7" + text[place + len("above: 0") :])
    told.up()
    assert eventually(lambda: active_since(told, name), "the alert again", 60) == since
    shutil.rmtree(own)
    told.up()
    assert eventually(lambda: active_since(told, name), "the alert again", 60) == since
    assert told.hook.alerts(name, "resolved") == []
    (over,) = eventually(lambda: told.hook.alerts(name, "resolved"), "its end", 480)
    assert over["labels"] == alert["labels"]
    assert time.monotonic() - sent > 290
    others = {each["labels"]["alertname"] for each in told.hook.alerts("", "firing")}
    assert others == {alert["labels"]["alertname"]}, told.hook.alerts("", "firing")


def test_a_rule_that_leaves_the_catalogs_leaves_grafana_and_no_other(told: Told) -> None:
    uids = {name: rule_uid(REALM, metric) for name, metric in METRICS.items()}
    before = told.rules()
    mine = {key: value for key, value in before[uids["protocol.violated"]].items() if key != "id"}
    mine |= {"uid": "a-persons", "title": "a person's", "orgID": 1}
    told.grafana("/api/v1/provisioning/alert-rules", mine)
    own = told.site.secrets_file.parent / "catalogs"
    own.mkdir()
    text = (CATALOGS / "realm.yaml").read_text()
    start = text.index("    condition:", text.index("name: protocol.violated"))
    end = text.index("\n\n", start)
    (own / "realm.yaml").write_text(text[:start] + text[end + 1 :])
    try:
        assert re.search(r"remove alert rule .*protocol\.violated", told.up("--check"))
        told.up()
        assert told.rules().keys() == before.keys() - {uids["protocol.violated"]} | {"a-persons"}
        assert "3 hosts, 0 changed, 0 failed" in told.up()
    finally:
        shutil.rmtree(own)
    told.up()
    assert told.rules().keys() == before.keys() | {"a-persons"}


def test_contacts_that_leave_the_inventory_leave_grafana(told: Told) -> None:
    done = told.site.provision("up")
    assert done.status == 0, done.text
    points = told.grafana("/api/v1/provisioning/contact-points")
    assert "provision-hook" not in [point["name"] for point in points]
    assert "provision" not in told.grafana("/api/v1/provisioning/policies")["receiver"]
    assert "3 hosts, 0 changed, 0 failed" in told.site.provision("up").out


def test_policies_that_people_made_are_kept_when_contacts_come_back(told: Told) -> None:
    route = {"receiver": "grafana-default-email", "object_matchers": [["team", "=", "shop"]]}
    theirs = {"receiver": "grafana-default-email", "group_by": ["host"], "routes": [route]}
    told.grafana("/api/v1/provisioning/policies", theirs, "PUT")
    plan = " ".join(told.up("--check").split())
    assert "change notification policies" in plan
    assert "that people made in Grafana are replaced; they are kept on the host" in plan
    # Where nobody knows the password any more they cannot be looked at, and are kept as well.
    known = {**told.site.secrets, "grafana_admin_password": "another-password-of-ours"}
    write_secrets(told.site.secrets_file, known)
    told.up()
    assert told.grafana("/api/v1/provisioning/policies")["receiver"] == "provision-hook"
    kept = told.site.on(told.site.monitor, "cat /var/lib/grafana/provision-policies-*.json")
    assert json.loads(kept) == theirs
    assert "3 hosts, 0 changed, 0 failed" in told.up()


def test_the_key_of_what_people_keep_in_grafana_is_taken_over(told: Told) -> None:
    """Where the secrets file has another: it was lost, or that Grafana was there before."""
    server = told.hook.url.removesuffix("/alerts")
    theirs = {"name": "theirs", "uid": "theirs", "type": "prometheus", "access": "proxy"}
    theirs |= {"url": server, "basicAuth": True, "basicAuthUser": "me"}
    secret = {"secureJsonData": {"basicAuthPassword": "of a person"}}
    told.grafana("/api/datasources", {**theirs, **secret})

    def asked() -> Any:
        body = {"query": "1"}
        with contextlib.suppress(AssertionError, json.JSONDecodeError):  # it answers nothing
            told.grafana("/api/datasources/proxy/uid/theirs/api/v1/query", body)
        return told.hook.messages[-1]["authorization"]

    assert asked() == basic("me", "of a person")["Authorization"]
    key = told.site.secrets["grafana_secret_key"]
    known = {**told.site.secrets, "grafana_secret_key": "another-key-of-grafanas"}
    write_secrets(told.site.secrets_file, known)
    plan = " ".join(told.up("--check").split())
    assert "keep secret key" in plan and "it goes into the secrets file" in plan
    told.up()
    assert told.site.secrets["grafana_secret_key"] == key
    assert asked() == basic("me", "of a person")["Authorization"]
    assert "3 hosts, 0 changed, 0 failed" in told.up()
