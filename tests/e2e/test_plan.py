"""What is said before anything is done, held against what is then done: a story, told in order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.conftest import StageSetter
from tests.e2e.operating import Site, execute, pids
from tests.e2e.programs import at_terminal
from tests.e2e.watching import changes, snapshot

pytestmark = pytest.mark.long

CONFIGURATION = "/etc/telegraf/telegraf.conf"
ENVIRONMENT = "/etc/default/telegraf"


@pytest.fixture(scope="module")
def site(stage: StageSetter) -> Iterator[Site]:
    with stage("e2e-plan") as site:
        yield site


@pytest.fixture(scope="module")
def outputs() -> list[str]:
    """Everything that was printed, by whichever test: no secret may be in it."""
    return []


@contextmanager
def unchanged(site: Site) -> Iterator[None]:
    """No host is changed in this context."""
    before = {host: snapshot(site, host) for host in site.names}
    yield
    for host in site.names:
        assert changes(before[host], snapshot(site, host)) == []


@pytest.fixture
def planned(site: Site, outputs: list[str]) -> Callable[..., str]:
    """What `provision plan` says."""

    def look(*words: str, status: int = 0) -> str:
        done = site.provision("plan", *words)
        outputs.append(done.text)
        assert done.status == status, done.text
        return done.out

    return look


@pytest.fixture
def asked(site: Site, outputs: list[str]) -> Callable[..., tuple[int, str]]:
    """`provision up` on a terminal, where somebody answers: exit status, and what was said."""

    def ask(answer: str | Callable[[], str] | None, *words: str) -> tuple[int, str]:
        answers = {} if answer is None else {"Apply? [y/N]": answer}
        status, seen = at_terminal(*site.asking("up", *words), answers=answers, timeout=600)
        outputs.append(seen)
        return status, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)

    return ask


def services(text: str, action: str) -> dict[str, set[str]]:
    """By host: the services of which a plan for programs says that."""
    document: dict[str, Any] = json.loads(text)
    found = {
        host: {
            step["name"]
            for step in told["steps"]
            if step["area"] == "services" and step["action"] == action
        }
        for host, told in document["hosts"].items()
    }
    return {host: names for host, names in found.items() if names}


def test_bare_hosts_alike_are_told_of_once_and_left_bare(
    site: Site, planned: Callable[..., str]
) -> None:
    with unchanged(site):
        said = planned("--detailed-exitcode", status=2)
    assert f"{', '.join(site.workers)}  would change" in said
    assert "start service telegraf (it is not there yet)" in said
    assert "started: influxdb on 1 host, telegraf on 2 hosts" in said
    assert "3 hosts, 3 would change, 0 failed" in said
    assert len(said.splitlines()) < 24, "that is a screen"
    assert not site.secrets_file.exists()


def test_before_the_first_run_there_is_nothing_to_verify(site: Site) -> None:
    done = site.provision("verify")
    assert (done.status, done.out) == (1, "")
    assert "run `provision up` first" in done.err


def test_a_script_that_does_not_say_yes_is_refused(site: Site) -> None:
    for command in ("up", "monitor-server", "worker"):
        done = execute(*site.asking(command))
        assert (done.status, done.out) == (2, "")
        assert "give --yes" in done.err


def test_no_is_no_and_yes_does_what_was_shown(
    site: Site, asked: Callable[..., tuple[int, str]]
) -> None:
    with unchanged(site):
        status, said = asked("n")
    assert status == 1 and "nothing was changed" in said
    assert not site.secrets_file.exists()

    status, said = asked("y")
    assert status == 0, said
    assert said.index("3 would change") < said.index("Apply?") < said.index("3 hosts, 3 changed")
    assert "in the plan" not in said and "was planned" not in said, "it was as it was shown"
    assert set(pids(site).values()).isdisjoint({"0"})


def test_where_nothing_would_change_nothing_is_asked(
    planned: Callable[..., str], asked: Callable[..., tuple[int, str]]
) -> None:
    assert "3 hosts, 0 would change, 0 failed" in planned("--detailed-exitcode")
    status, said = asked(None)
    assert status == 0, said
    assert "nothing would change" in said and "Apply?" not in said


def test_what_is_announced_is_what_happens(
    site: Site, planned: Callable[..., str], outputs: list[str]
) -> None:
    """A setting that is taken up, a stopped service, a mode alone and a shorter retention."""
    first, second = site.workers
    before = pids(site)
    site.on(second, "systemctl stop telegraf")
    site.on(first, f"chmod 0600 {ENVIRONMENT}")
    words = ("-e", "telegraf_interval=5s", "-e", "influxdb_retention=12h")
    with unchanged(site):
        said = planned("--diff", *words)
    assert f"change file {CONFIGURATION} (its content differs), +2 -2 lines" in said
    assert '-  interval = "2s"' in said and '+  interval = "5s"' in said
    assert f"change file {ENVIRONMENT} (its mode is 0600, not 0644)" in said
    assert "reload service telegraf (its configuration changes: telegraf.conf)" in said
    assert "it keeps points for 30 d, not for 12 h" in said
    assert "warning: points that are older than 12 h are deleted for good" in said

    told = planned("--format", "json", *words)
    assert services(told, "reload") == {first: {"telegraf"}}
    assert services(told, "restart") == {}
    assert services(told, "start") == {second: {"telegraf"}}
    loaded = site.reloads(first)
    done = site.provision("up", *words)
    outputs.append(done.text)
    assert done.status == 0, done.text
    after = pids(site)
    assert {host for host in after if after[host] != before[host]} == {second}
    assert site.reloads(first) == loaded + 1, "announced and done"
    policy = "SHOW RETENTION POLICIES ON telegraf"
    url = "http://127.0.0.1:8086/query"
    password = site.secrets["influxdb_admin_password"]
    kept = site.on(
        site.monitor, f"curl -sS -u admin:{password} {url} --data-urlencode 'q={policy}'"
    )
    assert '"12h0m0s"' in kept
    assert "0 would change" in planned(*words)


def test_a_restart_is_announced_and_done_alone(site: Site, planned: Callable[..., str]) -> None:
    words = ("-e", "telegraf_interval=5s", "-e", "influxdb_retention=12h")
    more = ("-e", "telegraf_interval=6s", *words[2:], "-e", "telegraf_reload=false")
    told = planned("--format", "json", *more)
    assert services(told, "restart") == {worker: {"telegraf"} for worker in site.workers}
    assert services(told, "reload") == {}
    before, loaded = pids(site), site.reloads(site.workers[0])
    assert site.provision("up", *more).status == 0
    after = pids(site)
    assert {host for host in after if after[host] != before[host]} == set(site.workers)
    assert site.reloads(site.workers[0]) == loaded
    assert site.provision("up", *words).status == 0


def test_a_mode_alone_restarts_nothing(site: Site, planned: Callable[..., str]) -> None:
    words = ("-e", "telegraf_interval=5s", "-e", "influxdb_retention=12h")
    site.on(site.workers[0], f"chmod 0666 {CONFIGURATION}")
    told = planned("--format", "json", *words)
    assert services(told, "restart") == services(told, "reload") == {}
    before = pids(site)
    assert site.provision("up", *words).status == 0
    assert pids(site) == before


def test_what_came_to_differ_meanwhile_is_told_after(
    site: Site, asked: Callable[..., tuple[int, str]]
) -> None:
    """The way back, with a longer retention; and somebody edits a file before the answer."""
    first, second = site.workers

    def edit() -> str:
        site.on(second, "rm /etc/telegraf/telegraf.d/host.conf")
        return "y"

    status, said = asked(edit)
    assert status == 0, said
    assert "warning" not in said
    plan, _, outcome = said.partition("Apply?")
    assert "host.conf" not in plan
    lines = [line for line in outcome.splitlines() if "was not in the plan" in line]
    assert len(lines) == 2 and all(second in line and first not in line for line in lines)
    assert "host.conf" in lines[0] and "restart service telegraf" in lines[1]
    assert "was planned, and not needed" not in outcome


def test_hosts_that_cannot_be_reached_are_told_of_once(site: Site) -> None:
    done = site.provision("plan", "-e", "ansible_port=1")
    assert done.status == 1
    assert done.out.count("cannot be reached") == done.out.count("remedy:") == 1
    assert "--limit" not in done.out, "nobody would be left"
    assert "3 hosts, 0 would change, 3 failed" in done.out


def test_some_hosts_are_planned_by_name_or_limit(planned: Callable[..., str], site: Site) -> None:
    assert "1 host, 0 would change, 0 failed" in planned(site.workers[0])
    assert "2 hosts, 0 would change" in planned("--limit", "workers")


def test_no_secret_was_printed(site: Site, outputs: list[str]) -> None:
    assert len(outputs) > 6
    for name, value in site.secrets.items():
        assert not any(value in text for text in outputs), name
