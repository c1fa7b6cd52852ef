"""Each host's own rights, and new tokens and passwords without a gap in the data."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import yaml

from provision.influx import InfluxDB
from tests.e2e.conftest import ENGINES, StageSetter
from tests.e2e.operating import PROVISION, Site, ask, basic, described, execute, pids
from tests.e2e.programs import running
from tests.e2e.rights import (
    administers,
    assert_removes_no_one_new,
    engine,
    forbidden,
    query,
    reads,
    sees,
    url,
    write,
    write_name,
    writes,
)

pytestmark = pytest.mark.long

REFUSED = (401, 403, 404)
# Counts to Telegraf, one by one and by their number, until it is told to end.
COUNTING = """
import os, socket, time
sent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent.connect(("127.0.0.1", 8125))
number = refused = 0
while not os.path.exists("/run/counted"):
    number += 1
    try:
        sent.send(b"SERIES.number:%d|c\\nSERIES.count:1|c" % number)
    except ConnectionRefusedError:
        refused += 1
    time.sleep(0.002)
print(number, refused)
"""


@pytest.fixture(scope="module", params=ENGINES)
def site(request: pytest.FixtureRequest, stage: StageSetter) -> Iterator[Site]:
    with stage("e2e-rotating", engine=request.param) as site:
        done = site.provision("up")
        assert done.status == 0, done.text
        yield site


def test_a_worker_may_write_one_database_and_do_nothing_else(site: Site) -> None:
    other = writes(site, site.workers[1])
    mine = writes(site, site.workers[0])
    make_database(site, "other")
    assert write(site, mine) == write(site, other) == 204
    assert write(site, mine, into="other") in REFUSED
    for text in ("SELECT * FROM tried", "SHOW MEASUREMENTS", "SHOW TAG VALUES WITH KEY = host"):
        assert '"values"' not in query(site, mine, text)[1], text
    assert forbidden(site, mine) == []
    assert sees(site, "tried")


def test_grafana_may_read_one_database_and_do_nothing_else(site: Site) -> None:
    assert write(site, writes(site, site.workers[0])) == 204
    assert sees(site, "tried")
    assert write(site, reads(site)) in REFUSED
    assert forbidden(site, reads(site)) == []
    assert sees(site, "tried")


def test_a_rotation_wants_a_yes(site: Site) -> None:
    before = site.secrets_file.read_bytes()
    done = execute(*PROVISION, "rotate", *site.inventory)
    assert done.status == 2 and "--yes" in done.err, done.text
    check = site.provision("rotate", "--check")
    assert check.status == 0, check.text
    for worker in site.workers:
        assert f"{write_name(site, worker)} would be renewed" in check.out
    assert "would change" in check.about(site.monitor)
    assert site.secrets_file.read_bytes() == before
    stranger = site.provision("rotate", "nobody", "--yes")
    assert stranger.status == 1 and "nobody: not in workers" in stranger.err


def test_a_rotation_of_everything_loses_nothing(site: Site) -> None:
    """Telegraf reads what lets it in anew for each request: it is not started again."""
    before, running_before = site.secrets, pids(site)
    series = f"rotation{time.time_ns()}"
    with counted(site, series) as sent:
        done = site.provision("rotate", "--yes")
        assert done.status == 0, done.text
        deadline = time.monotonic() + 4  # and with what is new, some more
        while time.monotonic() < deadline:
            time.sleep(0.2)
    assert pids(site) == running_before
    assert all(refused == 0 and number > 500 for number, refused in sent.values()), sent
    wanted = {worker: (n, n * (n + 1) // 2) for worker, (n, _) in sent.items()}
    deadline = time.monotonic() + 60
    while (arrived := counts(site, series)) != wanted:
        assert time.monotonic() < deadline, f"sent {wanted}, arrived {arrived}"
        time.sleep(0.5)
    assert_removes_no_one_new(site, done.out)
    # There is no Grafana of this site (tests/e2e/test_grafana.py has one).
    model = site.stage.fleet.site
    kept = {"grafana_secret_key", model.read_secret, *model.given_secrets}
    after = site.secrets
    assert after.keys() == before.keys()
    assert {name for name in before if before[name] == after[name]} <= kept
    for worker in site.workers:
        assert write(site, writes(site, worker, before[write_name(site, worker)])) in REFUSED
        assert write(site, writes(site, worker)) == 204
    assert_nowhere(site, [before[name] for name in before.keys() - kept])
    again = site.provision("up")
    assert "3 hosts, 0 changed, 0 failed" in again.out, again.text


def test_one_host_is_renewed_and_the_others_are_left_alone(site: Site) -> None:
    first, second = site.workers[:2]
    before = site.secrets
    done = site.provision("rotate", first, "--yes")
    assert done.status == 0, done.text
    after = site.secrets
    assert {name for name in before if before[name] != after[name]} == {write_name(site, first)}
    assert write(site, writes(site, first, before[write_name(site, first)])) in REFUSED
    assert write(site, writes(site, first)) == write(site, writes(site, second)) == 204
    again = site.provision("up")
    assert "3 hosts, 0 changed, 0 failed" in again.out, again.text


def test_a_rotation_that_is_killed_leaves_what_works(site: Site) -> None:
    """As soon as the first new secret is kept: the hosts have the old ones, which are valid."""
    before = site.secrets
    with running(*site.command("rotate", "--yes")) as run:
        deadline = time.monotonic() + 60
        while site.secrets == before or run.process.poll() is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()
    done = site.provision("up")
    assert done.status == 0, done.text
    again = site.provision("up")
    assert "3 hosts, 0 changed, 0 failed" in again.out, again.text
    assert described(site.metrics()) == []


def test_a_host_that_left_is_revoked_and_may_come_back(site: Site) -> None:
    first, second = site.workers[:2]
    gone = site.secrets[write_name(site, second)]
    with inventory(site) as content:
        kept = content["workers"]["hosts"].pop(second)
    plan = site.provision("monitor-server", "--check")
    removal = re.search(r"remove (token|user) .*" + escaped(site, second), plan.out)
    assert removal, plan.text
    assert write(site, writes(site, second, gone)) == 204
    done = site.provision("monitor-server")
    assert done.status == 0, done.text
    assert write(site, writes(site, second, gone)) in REFUSED
    assert write(site, writes(site, first)) == 204
    assert write_name(site, second) not in site.secrets
    with inventory(site) as content:
        content["workers"]["hosts"][second] = kept
    back = site.provision("worker", second)
    assert back.status == 0, back.text
    assert write(site, writes(site, second)) == 204
    assert described(site.metrics()) == []


def test_a_site_whose_workers_shared_one_is_taken_over(site: Site) -> None:
    """As an earlier version left it: what all share goes once each has its own."""
    shared = share(site)
    limited = site.provision("up", "--limit", f"{site.monitor},{site.workers[0]}")
    assert limited.status == 0, limited.text
    assert write(site, shared) == 204
    done = site.provision("up")
    assert done.status == 0, done.text
    assert write(site, shared) in REFUSED
    assert not {"influxdb_write_token", "influxdb_write_password"} & site.secrets.keys()
    again = site.provision("up")
    assert "3 hosts, 0 changed, 0 failed" in again.out, again.text
    assert described(site.metrics()) == []


@contextmanager
def counted(site: Site, series: str) -> Iterator[dict[str, tuple[int, int]]]:
    """Numbers are sent to each worker while this lasts; then, how many, and how many refused."""
    sent: dict[str, tuple[int, int]] = {}
    program = COUNTING.replace("SERIES", series)
    script = f"python3 -c '{program}' >/run/count.txt 2>&1 </dev/null &"
    for worker in site.workers:
        site.on(worker, f"rm -f /run/counted /run/count.txt; {script}")
    try:
        yield sent
    finally:
        for worker in site.workers:
            site.on(worker, "touch /run/counted; until [ -s /run/count.txt ]; do sleep 0.1; done")
    for worker in site.workers:
        number, refused = site.on(worker, "cat /run/count.txt").split()
        sent[worker] = int(number), int(refused)


def counts(site: Site, series: str) -> dict[str, tuple[int, int]]:
    """What arrived: by worker, how many counts and the sum of their numbers."""
    found: dict[str, list[int]] = {worker: [0, 0] for worker in site.workers}
    for place, bucket in enumerate((f"{series}.count", f"{series}.number")):
        text = (
            f'SELECT sum("value") FROM "undocumented" WHERE "bucket" = \'{bucket}\' GROUP BY "host"'
        )
        (answer,) = site.ask(partial(InfluxDB.ask, statements=[text]))
        for each in answer.series:
            found[each.tags["host"]][place] = int(each.rows[0]["sum"])
    return {worker: (count, number) for worker, (count, number) in found.items()}


def assert_nowhere(site: Site, secrets: list[str]) -> None:
    """Old secrets are in no file of a host, nor beside the inventory."""
    patterns = "\n".join(secrets)
    script = (
        "cat >/dev/shm/patterns; grep -rlF -f /dev/shm/patterns /etc /run /root /tmp"
        " /var/lib/provision 2>/dev/null; rm /dev/shm/patterns"
    )
    for host in site.names:
        done = site.stage.rehearsal.execute(host, "sh", "-c", script, stdin=patterns, check=False)
        assert done.stdout == "", host
    for path in site.secrets_file.parent.glob("*"):
        if path.is_file():
            assert not [each for each in secrets if each.encode() in path.read_bytes()], path


@contextmanager
def inventory(site: Site) -> Iterator[dict[str, dict[str, dict[str, object]]]]:
    """The inventory's content, to be changed."""
    path = Path(site.inventory[1])
    content = yaml.safe_load(path.read_text())
    yield content
    path.write_text(yaml.safe_dump(content))


def escaped(site: Site, worker: str) -> str:
    """How a worker is called in a difference."""
    return re.escape(worker if engine(site) == 2 else worker.replace("-", "__").replace(".", "_"))


def make_database(site: Site, name: str) -> None:
    if engine(site) == 1:
        assert query(site, administers(site), f"CREATE DATABASE {name}")[0] == 200
        return
    status, answer = ask(
        f"{url(site)}/api/v2/buckets",
        headers=administers(site),
        body=json.dumps({"orgID": organization(site), "name": name, "retentionRules": []}),
    )
    assert status == 201, answer


def organization(site: Site) -> str:
    _, answer = ask(f"{url(site)}/api/v2/orgs?org=provision", headers=administers(site))
    return str(json.loads(answer)["orgs"][0]["id"])


def share(site: Site) -> dict[str, str]:
    """Take each worker's own away, and give all of them one, as it was before; its header."""
    if engine(site) == 1:
        secret, name = "a-password-of-all", "influxdb_write_password"
        for text in (
            f"CREATE USER telegraf WITH PASSWORD '{secret}'",
            "GRANT WRITE ON telegraf TO telegraf",
        ):
            assert query(site, administers(site), text)[0] == 200
        old, new = "username = .*", 'username = "telegraf"\\n  password = "${LOGIN}"'
        header = basic("telegraf", secret)
    else:
        every = {"type": "buckets", "orgID": organization(site)}
        body = {
            "orgID": organization(site),
            "description": "provision: telegraf",
            "permissions": [{"action": "write", "resource": every}],
        }
        status, answer = ask(
            f"{url(site)}/api/v2/authorizations", headers=administers(site), body=json.dumps(body)
        )
        assert status == 201, answer
        secret, name = json.loads(answer)["token"], "influxdb_write_token"
        old, new = "token = .*", 'token = "${LOGIN}"'
        header = {"Authorization": f"Token {secret}"}
    content = yaml.safe_load(site.secrets_file.read_text())
    for worker in site.workers:
        del content["provision_secrets"][write_name(site, worker)]
        site.on(
            worker,
            f"sed -i 's/^  {old}/  {new}/; /secretstores/,/^$/d'"
            " /etc/telegraf/telegraf.d/output.conf;"
            f" echo 'LOGIN=\"{secret}\"' >/etc/default/telegraf; rm -r /etc/telegraf/credentials;"
            " systemctl restart telegraf",
        )
    content["provision_secrets"][name] = secret
    site.secrets_file.write_text(yaml.safe_dump(content))
    return header
