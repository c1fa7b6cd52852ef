"""Services that are held in, and secrets that are nowhere: a story, told in order."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from provision.paths import cache
from provision.secrets import write_secrets
from tests.e2e import secrecy
from tests.e2e.conftest import ENGINES, GRAFANA_PACKAGES, StageSetter
from tests.e2e.operating import PROVISION, Outcome, Site, ask, basic, execute
from tests.e2e.traffic import Postbox, connections, postbox

pytestmark = pytest.mark.long

WORKERS: dict[str, dict[str, Any]] = {
    "worker-1.rehearsal": {
        "apps": ["realm", "tinybird-jobs", "dataclay"],
        "dataclay_pushgateway": True,
    },
    "worker-2.rehearsal": {"apps": ["realm"]},
}
# What people choose, with all that a secret of others may have.
GIVEN = {
    "grafana_smtp_password": "smtp&<pass>/word+1=*",
    "grafana_contact_pager": "b7e1a9c04d5f4c6e8a3d2f1908c7b6a5",
    "grafana_contact_hook": "hook-!#%&*(),;<>?[]^|~password",
    "grafana_contact_chat": "xoxb-123456789012-very/secret+token=",
}
CONTACTS = {
    "operators": {"type": "email", "addresses": ["operators@example.com"]},
    "pager": {"type": "pagerduty"},
    "hook": {"type": "webhook", "url": "http://127.0.0.1:9/", "username": "provision"},
    "chat": {"type": "slack", "channel": "#alerts"},
}
# By unit: the most that `systemd-analyze security` may find it exposed to, of 10 (9.2 without).
EXPOSED = {
    "telegraf": 2.2,
    "influxdb": 1.8,
    "prometheus-pushgateway": 1.8,
    "grafana-server": 1.8,
}
# The monitoring host's addresses of IPv6: who is let in, and who is not; then the workers'.
LET_IN, KEPT_OUT, REACHED, OTHER = "fd00:9::10", "fd00:9::11", "fd00:9::12", "fd00:9::13"
# A file system of its own where ProtectHome= could hide it.
MOUNT = """
mkdir -p /run/disk/upper /run/disk/work /home/disk
cd /run/disk && mount -t overlay disk -o lowerdir=/usr/share,upperdir=upper,workdir=work /home/disk
"""


@dataclass
class Kept:
    """A site with contacts, and all that its commands have printed so far."""

    site: Site
    box: Postbox
    printed: list[str] = field(default_factory=list)

    def run(self, *words: str | Path, status: int = 0, **variables: Any) -> Outcome:
        """A command of this site, and its status."""
        settings = {
            "grafana_contacts": CONTACTS,
            "grafana_smtp_host": self.box.where,
            "grafana_smtp_from": "grafana@example.com",
            "grafana_smtp_user": "grafana",
            **variables,
        }
        done = self.site.provision(*words, "-e", json.dumps(settings))
        self.printed.append(done.text)
        assert done.status == status, done.text
        return done

    @property
    def open(self) -> dict[str, Any]:
        """Variables by which workers listen for others, and the monitoring host alone gets in."""
        allowed = [self.site.stage.rehearsal.host(self.site.monitor).address, LET_IN]
        names = ("telegraf_statsd", "telegraf_statsd_tcp", "pushgateway")
        return {
            **{f"{name}_address": "" for name in names},
            "telegraf_statsd_allowed": allowed,
            "pushgateway_allowed": allowed,
        }

    @property
    def grafana(self) -> bool:
        return self.site.stage.source.grafana

    def units(self, host: str) -> list[str]:
        """The units of ours that a host has."""
        if host == self.site.monitor:
            return ["influxdb", *(["grafana-server"] if self.grafana else [])]
        first = host == self.site.workers[0]
        return ["telegraf", *(["prometheus-pushgateway"] if first else [])]

    def exposures(self, host: str) -> dict[str, float]:
        """How much each unit of a host is exposed to, of 10, as systemd judges it."""
        found = {}
        for unit in self.units(host):
            said = self.site.on(host, f"systemd-analyze security --no-pager {unit} | tail -n 1")
            match = re.search(r"exposure level for .*: ([0-9.]+)", said)
            assert match, said
            found[unit] = float(match[1])
        return found

    def reported(self, worker: str, since: float) -> set[tuple[str, str, str]]:
        """What a worker told of itself since a time: measurement, tags and field of each value."""
        names = {
            catalog.measurement(metric)
            for catalog in self.site.stage.fleet.site.catalogs
            for metric in catalog.metrics
            if catalog.app in ("host", "pipeline")
        }
        where = f"time > {int(since * 1000)}ms AND host = '{worker}'"
        asked = [f'SELECT last(*) FROM "{name}" WHERE {where} GROUP BY *' for name in names]
        answers = self.site.ask(lambda database: database.ask(asked))
        return {
            (each.name, json.dumps({**each.tags, "address": ""}, sort_keys=True), field)
            for answer in answers
            for each in answer.series
            for row in each.rows
            for field, value in row.items()
            if value is not None and field != "time"
        }


@pytest.fixture(scope="module", params=ENGINES)
def kept(request: pytest.FixtureRequest, stage: StageSetter) -> Iterator[Kept]:
    folder = Path(GRAFANA_PACKAGES) if GRAFANA_PACKAGES else None
    with (
        stage("e2e-security", engine=request.param, folder=folder, workers=WORKERS) as site,
        postbox(site.stage.rehearsal.gateway) as box,
    ):
        write_secrets(site.secrets_file, GIVEN)
        kept = Kept(site, box)
        yield kept


def test_without_it_services_may_do_much(kept: Kept) -> None:
    kept.run("up", "--check", "--diff", systemd_hardening=False)
    kept.run("up", "--diff", "-vvv", systemd_hardening=False)
    site = kept.site
    site.on(site.workers[0], MOUNT)
    found = {unit: most for host in site.names for unit, most in kept.exposures(host).items()}
    assert found.pop("grafana-server", 9.0) > EXPOSED["grafana-server"]
    assert all(exposure > 9 for exposure in found.values()), found


def test_held_in_they_may_do_little_and_telegraf_tells_what_it_told(kept: Kept) -> None:
    site = kept.site
    worker = site.workers[0]
    start = time.time()
    before: set[tuple[str, str, str]] = set()
    # What the processor does is told from the second time on that Telegraf gathers.
    while "cpu" not in {name for name, _, _ in before} or not {"/", "/home/disk"} <= {
        json.loads(tags).get("path") for _, tags, _ in before
    }:
        assert time.time() < start + 60, before
        time.sleep(3)  # more than an interval: all that it tells has come
        before = kept.reported(worker, start)
    done = kept.run("up", "--diff", **kept.open)
    for host in site.names:
        for unit in kept.units(host):
            path = f"/etc/systemd/system/{unit}.service.d/10-provision.conf"
            assert f"create file {path}" in done.about(host)
        exposures = kept.exposures(host)
        assert all(most <= EXPOSED[unit] for unit, most in exposures.items()), exposures
        for unit in kept.units(host):
            log = site.on(host, f"journalctl -b -q -o cat _PID=1 | grep {unit}.service.d || true")
            assert log == ""  # systemd knows every setting
    start = time.time()  # it has run for some seconds by then
    while (after := kept.reported(worker, start)) != before:
        assert time.time() < start + 60, after ^ before
        time.sleep(1)
    assert "3 hosts, 0 changed, 0 failed" in kept.run("up", **kept.open).out


def test_only_whom_the_site_names_gets_in(kept: Kept) -> None:
    site = kept.site
    worker = site.workers[0]
    hosts = {name: site.stage.rehearsal.host(name).address for name in site.names}
    for host, addresses in (
        (site.monitor, (LET_IN, KEPT_OUT)),
        (worker, (REACHED,)),
        (site.workers[1], (OTHER,)),
    ):
        for address in addresses:
            site.on(host, f"ip -6 address replace {address}/64 dev host0 nodad")
    ways = {
        "let.in4": (site.monitor, hosts[site.monitor], hosts[worker]),
        "let.in6": (site.monitor, LET_IN, REACHED),
        "let.itself": (worker, hosts[worker], hosts[worker]),
        "kept.out4": (site.workers[1], hosts[site.workers[1]], hosts[worker]),
        "kept.out6": (site.monitor, KEPT_OUT, REACHED),
    }
    for bucket, (host, source, target) in ways.items():
        connected = {"udp 8125"}  # nobody answers a datagram
        if bucket.startswith("let"):
            connected |= {"tcp 8125", "tcp 9091"}
        assert connections(site, host, source, target, bucket) == connected, bucket
    let_in = {f"{way}.{each}" for way in ways if way[:3] == "let" for each in ("udp", "tcp")}
    query = 'SHOW TAG VALUES FROM "undocumented" WITH KEY = "bucket"'
    seen: set[str] = set()
    deadline = time.monotonic() + 60
    while not let_in <= seen:
        assert time.monotonic() < deadline, seen
        time.sleep(1)
        (answer,) = site.ask(lambda database: database.ask([query]))
        seen = {row["value"] for each in answer.series for row in each.rows}
    assert seen == let_in


def test_who_else_may_send_is_let_in_and_telegraf_is_left_alone(kept: Kept) -> None:
    site = kept.site
    worker = site.workers[0]
    before, loaded = site.pid(worker, "telegraf"), site.reloads(worker)
    allowed = [*kept.open["telegraf_statsd_allowed"], KEPT_OUT]
    done = kept.run("up", "--diff", **{**kept.open, "telegraf_statsd_allowed": allowed})
    assert "load rules telegraf (its configuration changes: telegraf.nft)" in done.about(worker)
    assert site.pid(worker, "telegraf") == before
    assert site.reloads(worker) == loaded
    way = (site.monitor, KEPT_OUT, REACHED, "also.in6")
    assert connections(site, *way) == {"udp 8125", "tcp 8125"}, "the Pushgateway's are others"


def test_where_only_who_may_send_changes_telegraf_starts_with_the_host_all_the_same(
    kept: Kept,
) -> None:
    worker = kept.site.workers[0]
    kept.site.on(worker, "systemctl disable -q telegraf")
    done = kept.run("up", **kept.open)
    assert "enable service telegraf" in done.about(worker)
    assert "was planned" not in done.text
    assert kept.site.on(worker, "systemctl is-enabled telegraf") == "enabled\n"
    allowed = [*kept.open["telegraf_statsd_allowed"], KEPT_OUT]
    kept.run("up", **{**kept.open, "telegraf_statsd_allowed": allowed})


def test_rules_that_somebody_drops_are_seen_and_loaded_again(kept: Kept) -> None:
    """As `systemctl restart nftables` does, with the file that Debian brings."""
    site = kept.site
    worker = site.workers[0]
    allowed = [*kept.open["telegraf_statsd_allowed"], KEPT_OUT]
    values = {**kept.open, "telegraf_statsd_allowed": allowed}
    way = (site.workers[1], site.stage.rehearsal.host(site.workers[1]).address)
    target = site.stage.rehearsal.host(worker).address
    assert "tcp 8125" not in connections(site, *way, target, "dropped.before")
    site.on(worker, "nft flush ruleset")
    assert "tcp 8125" in connections(site, *way, target, "dropped.meanwhile")
    planned = kept.run("plan", **values)
    for unit in ("telegraf", "prometheus-pushgateway"):
        assert f"load rules {unit} (somebody has dropped them" in planned.about(worker)
    before = site.pid(worker, "telegraf")
    done = kept.run("up", **values)
    assert "1 changed, 0 failed" in done.out, done.out
    assert site.pid(worker, "telegraf") == before, "it is not started anew for that"
    assert "tcp 8125" not in connections(site, *way, target, "dropped.after")
    assert "3 hosts, 0 changed, 0 failed" in kept.run("up", **values).out


def test_where_new_rules_cannot_be_loaded_telegraf_runs_on_with_the_old_ones(kept: Kept) -> None:
    site = kept.site
    worker = site.workers[0]
    before = site.pid(worker, "telegraf")
    rules = site.on(worker, "cat /etc/provision/telegraf.nft")
    allowed = [*kept.open["telegraf_statsd_allowed"], KEPT_OUT, "192.0.2.7"]
    values = {**kept.open, "telegraf_statsd_allowed": allowed}
    broken = '#!/bin/sh\\n[ $1 = list ] && exec /usr/sbin/nft.away "$@"; echo broken >&2; exit 1\\n'
    site.on(worker, f"mv /usr/sbin/nft /usr/sbin/nft.away; printf '{broken}' >/usr/sbin/nft")
    site.on(worker, "chmod 755 /usr/sbin/nft")
    try:
        failed = kept.run("up", status=1, **values).about(worker)
        assert "can't be loaded (broken). The old files are back, and it runs with them" in failed
        assert site.pid(worker, "telegraf") == before
        assert site.on(worker, "cat /etc/provision/telegraf.nft") == rules
    finally:
        site.on(worker, "mv /usr/sbin/nft.away /usr/sbin/nft")
    assert "0 failed" in kept.run("up", **values).out
    assert site.pid(worker, "telegraf") == before
    kept.run("up", **{**kept.open, "telegraf_statsd_allowed": allowed[:-1]})


def test_rules_that_cannot_be_loaded_are_told_of_as_that(kept: Kept) -> None:
    """Nothing is changed where Telegraf runs, and where it does not, nothing is said to be back."""
    site = kept.site
    worker = site.workers[0]
    allowed = [*kept.open["telegraf_statsd_allowed"], KEPT_OUT]
    values = {**kept.open, "telegraf_statsd_allowed": allowed}
    before = site.pid(worker, "telegraf")
    text = site.on(worker, "cat /etc/telegraf/telegraf.d/statsd.conf")
    site.on(worker, "mv /usr/sbin/nft /usr/sbin/nft.away")
    try:
        planned = kept.run("plan", **values).about(worker)
        assert "load rules telegraf (whether they are there cannot be seen" in planned
        failed = kept.run("up", status=1, **values, telegraf_statsd_gauge_ttl="9h").about(worker)
        assert "can't be loaded (/usr/sbin/nft: No such file or directory). Nothing was" in failed
        assert "old files" not in failed and "remedy: mend that (`nft -f" in failed
        assert site.pid(worker, "telegraf") == before
        assert site.on(worker, "cat /etc/telegraf/telegraf.d/statsd.conf") == text
        site.on(worker, "systemctl restart telegraf prometheus-pushgateway", check=False)
        failed = kept.run("up", status=1, **values, telegraf_statsd_gauge_ttl="9h").about(worker)
        assert "does not work" in failed and "old files" not in failed, failed
    finally:
        site.on(worker, "mv /usr/sbin/nft.away /usr/sbin/nft")
    assert "0 failed" in kept.run("up", **values).out
    assert "3 hosts, 0 changed, 0 failed" in kept.run("up", **values).out


def test_grafana_sends_mail_and_keeps_what_people_make(kept: Kept) -> None:
    if not kept.grafana:
        pytest.skip("lacks PROVISION_GRAFANA_PACKAGES: a folder with Grafana's .deb")
    site = kept.site
    address = site.stage.rehearsal.host(site.monitor).address
    login = basic("admin", site.secrets["grafana_admin_password"])
    settings = {"addresses": "operators@example.com", "singleEmail": True}
    receiver = {"name": "mail", "type": "email", "settings": settings}
    receivers = [{"name": "mail", "grafana_managed_receiver_configs": [receiver]}]
    api = f"http://{address}:3000/api"
    for path, body in (
        ("alertmanager/grafana/config/api/v1/receivers/test", {"receivers": receivers}),
        ("folders", {"title": "a person's"}),
    ):
        headers = {**login, "Content-Type": "application/json"}
        status, answer = ask(f"{api}/{path}", headers=headers, body=json.dumps(body))
        assert status in (200, 207), answer
    assert any("operators@example.com" in message for message in kept.box.messages)


def test_no_secret_is_anywhere_else_on_a_host(kept: Kept) -> None:
    for host in kept.site.names:
        assert secrecy.on_host(kept.site, host, kept.site.secrets) == []


def test_no_secret_is_printed_or_left_on_this_machine(kept: Kept, tmp_path: Path) -> None:
    site = kept.site
    kept.run("up", "-vvvvv", "--check", "--diff", **kept.open)
    # Nobody pushes what dataClay always sends.
    kept.run("verify", "--format", "json", status=1, **kept.open)
    kept.run("render", "--output", tmp_path / "tree", **kept.open)
    secrets = site.secrets
    if kept.grafana:
        address = site.stage.rehearsal.host(site.monitor).address
        done = execute(
            *(*PROVISION, "dashboards", "export", "--all", "--output", tmp_path / "exported"),
            *("--user", "admin"),
            changes={
                "GRAFANA_URL": f"http://{address}:3000",
                "GRAFANA_PASSWORD": secrets["grafana_admin_password"],
            },
        )
        assert done.status == 0, done.text
        kept.printed.append(done.text)
    assert set(GIVEN) < set(secrets)
    for text in kept.printed:
        assert secrecy.told(text, secrets) == set()
    directory = site.stage.rehearsal.directory
    places = [Path("~/.ansible").expanduser(), cache() / "log", cache() / "logs", tmp_path]
    places += [directory / "host_vars", directory / "repositories"]
    assert secrecy.on_this_machine(site, secrets, *places) == []


def test_services_listen_where_the_site_says_and_rules_go_with_what_they_guard(kept: Kept) -> None:
    site = kept.site
    url = f"http://[{LET_IN}]:8086"
    where = {"influxdb_address": LET_IN, "influxdb_url": url, "grafana_address": "::1"}
    kept.run("up", **where)
    heard = site.on(site.monitor, "ss -Hlnt | awk '{ print $4 }'").split()
    assert [each for each in heard if each.endswith(":8086")] == [f"[{LET_IN}]:8086"]
    grafana = ["[::1]:3000"] if kept.grafana else []
    assert [each for each in heard if each.endswith(":3000")] == grafana
    for worker in site.workers:
        heard = site.on(worker, "ss -Hlntu | awk '{ print $5 }'").split()
        ours = {each for each in heard if each.endswith((":8125", ":9091"))}
        assert ours <= {"127.0.0.1:8125", "127.0.0.1:9091"} and ours
        assert site.on(worker, "nft list ruleset; ls /etc/provision") == ""
    assert "3 hosts, 0 changed, 0 failed" in kept.run("up", **where).out
