"""Bare hosts, and the commands an operator gives one after the other: a story, told in order."""

from __future__ import annotations

import base64
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.credentials import READER, fingerprint
from tests.e2e.conftest import ENGINES, StageSetter
from tests.e2e.operating import Site, ask, basic, described
from tests.e2e.rights import query, sees, url, write, write_name, writes
from tests.e2e.watching import Spy, changes, snapshot

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=ENGINES)
def site(request: pytest.FixtureRequest, stage: StageSetter) -> Iterator[Site]:
    with stage("e2e-first", engine=request.param) as site:
        yield site


@pytest.fixture(scope="module")
def outputs() -> list[str]:
    """Everything that was printed, by whichever test: no secret may be in it."""
    return []


def test_a_check_of_bare_hosts_tells_all_and_changes_nothing(
    site: Site, outputs: list[str]
) -> None:
    before = {host: snapshot(site, host) for host in site.names}
    done = site.provision("up", "--check", "--diff")
    outputs.append(done.text)
    assert done.status == 0, done.text
    for host in site.names:
        assert "would change" in done.about(host)
        assert changes(before[host], snapshot(site, host)) == []
    for worker in site.workers:
        said = done.about(worker)
        assert "install package telegraf" in said
        assert "create file /etc/telegraf/telegraf.conf" in said
        # The text of the file, as it is on the first of the hosts that are alike.
        assert f'+  hostname = "{site.workers[0]}"' in said
        assert "+[[inputs.statsd]]" in said
        assert "create file /etc/default/telegraf" in said
        assert f"its secret {write_name(site, site.workers[0])} is not known yet" in said
    assert "install package influxdb" in done.about(site.monitor)
    assert "create user admin" in done.about(site.monitor)
    assert "3 hosts, 3 would change, 0 failed" in done.out
    assert not site.secrets_file.exists()


def test_workers_before_their_monitor_are_told_so(site: Site) -> None:
    """What lets Telegraf write is made with the monitoring host; no worker is touched before."""
    worker = site.workers[0]
    before = snapshot(site, worker)
    done = site.provision("worker", worker)
    assert done.status == 1
    assert f"no {write_name(site, worker)}" in done.err
    assert "provision monitor-server" in done.err
    assert changes(before, snapshot(site, worker)) == []
    assert not site.secrets_file.exists()


def test_the_monitor_alone(site: Site, outputs: list[str]) -> None:
    with Spy() as spy:
        done = site.provision("monitor-server", "--diff", "-vvv")
    outputs.append(done.text)
    assert done.status == 0, done.text
    assert site.pid(site.monitor, "influxdb") != "0"
    assert "not-found" in site.on(site.workers[1], "systemctl show -p LoadState telegraf")
    assert stat.S_IMODE(site.secrets_file.stat().st_mode) == 0o600
    assert_unseen(site, spy)


def test_the_workers_then(site: Site, outputs: list[str]) -> None:
    with Spy() as spy:
        done = site.provision("worker", "--diff")
    outputs.append(done.text)
    assert done.status == 0, done.text
    assert "2 hosts, 2 changed, 0 failed" in done.out
    for worker in site.workers:
        assert site.on(worker, "systemctl is-enabled telegraf") == "enabled\n"
        assert site.pid(worker, "telegraf") != "0"
    assert_unseen(site, spy)


def test_all_that_is_documented_arrives(site: Site) -> None:
    outcomes = site.metrics()
    assert len(outcomes) == 18 and described(outcomes) == []


def test_a_second_run_changes_nothing_and_is_quick(site: Site, outputs: list[str]) -> None:
    before = {host: snapshot(site, host) for host in site.names}
    secrets = site.secrets_file.read_bytes()
    done = site.provision("up")
    outputs.append(done.text)
    assert done.status == 0, done.text
    assert "3 hosts, 0 changed, 0 failed" in done.out
    assert done.seconds < 15  # a run with work takes longer than that
    for host in site.names:
        assert changes(before[host], snapshot(site, host)) == []
    assert site.secrets_file.read_bytes() == secrets


def test_a_check_then_says_that_nothing_would_change(site: Site, outputs: list[str]) -> None:
    done = site.provision("up", "--check", "--diff", "-vvv")
    outputs.append(done.text)
    assert done.status == 0, done.text
    assert "3 hosts, 0 would change, 0 failed" in done.out


def test_what_is_ready_is_ready_again_after_a_reboot(site: Site) -> None:
    worker = site.workers[0]
    site.on(worker, "systemctl stop telegraf")
    site.on(worker, "systemctl isolate rescue.target & sleep 2; systemctl isolate default.target")
    deadline = time.monotonic() + 30
    while site.on(worker, "systemctl is-active telegraf", check=False) != "active\n":
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_strangers_get_nothing(site: Site) -> None:
    where = url(site)
    assert write(site, writes(site, site.workers[0]), "allowed value=1") == 204
    strangers = [
        {},
        basic("admin", "admin"),
        basic("admin", ""),
        basic("telegraf", "telegraf"),
        {"Authorization": "Token admin"},
    ]
    for header in strangers:
        status, answer = query(site, header, "SHOW MEASUREMENTS")
        assert "allowed" not in answer and (status in (401, 403) or '"error"' in answer)
        assert ask(f"{where}/write?db=telegraf", headers=header, body="forbidden value=1")[0] in (
            *(401, 403),
        )
    assert sees(site, "allowed")
    assert not sees(site, "forbidden")


def test_two_secrets_are_never_the_same_and_all_are_long(site: Site) -> None:
    values = list(site.secrets.values())
    assert len(set(values)) == len(values)
    assert all(len(value) >= 32 for value in values)


def test_no_secret_was_printed(site: Site, outputs: list[str]) -> None:
    assert outputs
    for name, value in site.secrets.items():
        for form in forms(value):
            assert not any(form in text for text in outputs), name


def test_no_secret_is_in_what_is_rendered(site: Site, tmp_path: Path) -> None:
    assert site.provision("render", "--output", tmp_path / "tree").status == 0
    texts = [path.read_text() for path in (tmp_path / "tree").rglob("*") if path.is_file()]
    assert len(texts) > 6
    for name, value in site.secrets.items():
        assert not any(form in text for text in texts for form in forms(value)), name


def test_no_secret_can_be_read_by_others_on_a_host(site: Site) -> None:
    patterns = "\n".join(form for value in site.secrets.values() for form in forms(value))
    script = (
        "cat > /run/patterns; chmod 600 /run/patterns;"
        "find / /run /tmp /dev/shm -xdev -type f -cnewer /etc/hostname -perm /o=r"
        " -exec grep -lF -f /run/patterns {} +; journalctl -q | grep -F -f /run/patterns;"
        " rm /run/patterns"
    )
    for host in site.names:
        done = site.stage.rehearsal.execute(host, "sh", "-c", script, stdin=patterns, check=False)
        assert done.stdout == ""
        # Not even in a folder that a user who came in over ssh can enter.
        command = "cat /etc/telegraf/credentials/influxdb /etc/telegraf/telegraf.d/output.conf"
        assert site.on(host, command, user="restricted", check=False) == ""


def forms(value: str) -> list[str]:
    """A secret as it is, and as basic authentication would carry it."""
    users = ("admin", f"{READER}-{fingerprint(value)}")
    return [value, *(base64.b64encode(f"{user}:{value}".encode()).decode() for user in users)]


def assert_unseen(site: Site, spy: Spy) -> None:
    modules = [each for each in spy.seen if each.startswith(b"python3\0-I\0")]
    assert modules, "a module of ours at work on a host was not even seen"
    for name, value in site.secrets.items():
        for form in forms(value):
            found = [arguments for arguments in spy.seen if form.encode() in arguments]
            assert not found, f"{name} is an argument of a process"
