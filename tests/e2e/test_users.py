"""Operators who are not root: one whom sudo asks nothing, one whom it asks for a password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from provision.rehearsal.base import OPERATOR, RESTRICTED, RESTRICTED_PASSWORD
from tests.e2e.conftest import StageSetter
from tests.e2e.operating import Site
from tests.e2e.programs import at_terminal
from tests.e2e.watching import changes, snapshot

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def site(stage: StageSetter) -> Iterator[Site]:
    """Its inventory says nothing of users: the command line does."""
    with stage("e2e-users") as site:
        for path in (Path(site.inventory[1]).parent / "host_vars").iterdir():
            variables = yaml.safe_load(path.read_text())
            del variables["ansible_user"]
            path.write_text(yaml.safe_dump(variables))
        yield site


def test_an_operator_sees_what_would_change(site: Site) -> None:
    before = {host: snapshot(site, host) for host in site.names}
    done = site.provision("up", "--check", "--diff", "-u", OPERATOR)
    assert done.status == 0, done.text
    assert "3 hosts, 3 would change, 0 failed" in done.out
    assert {host: changes(before[host], snapshot(site, host)) for host in site.names} == {
        host: [] for host in site.names
    }


@pytest.mark.parametrize("words", [("--check",), ()])
def test_a_password_that_sudo_wants_is_asked_for_by_name(
    site: Site, words: tuple[str, ...]
) -> None:
    before = {host: snapshot(site, host) for host in site.names}
    done = site.provision("up", "-u", RESTRICTED, *words)
    assert done.status == 1
    for host in site.names:
        said = done.about(host)
        assert "failed" in said and "password" in said and "-K" in said
        assert changes(before[host], snapshot(site, host)) == []
    assert "Traceback" not in done.text


def test_a_wrong_password_is_told_for_each_host(site: Site) -> None:
    status, seen = at_terminal(
        *site.command("up", "--check", "-u", RESTRICTED, "-K"),
        answers={"BECOME password": "not-it"},
        timeout=90,
    )
    assert status == 1
    assert "3 failed" in seen and "password" in seen.lower() and "Traceback" not in seen


def test_with_the_password_all_is_provisioned(site: Site) -> None:
    """It is asked for once, though the hosts are looked at before it is asked whether to go on."""
    status, seen = at_terminal(
        *site.asking("up", "-u", RESTRICTED, "-K"),
        answers={"BECOME password": RESTRICTED_PASSWORD, "Apply?": "y"},
    )
    assert status == 0, seen
    assert seen.count("BECOME password") == 1
    assert "3 hosts, 3 changed, 0 failed" in seen
    for worker in site.workers:
        assert site.pid(worker, "telegraf") != "0"


def test_an_operator_changes_nothing_after_that(site: Site) -> None:
    done = site.provision("up", "--diff", "--user", OPERATOR)
    assert done.status == 0, done.text
    assert "3 hosts, 0 changed, 0 failed" in done.out


def test_a_password_from_the_environment_of_the_run(site: Site, tmp_path: Path) -> None:
    variables = tmp_path / "become.yml"
    variables.write_text(yaml.safe_dump({"ansible_become_password": RESTRICTED_PASSWORD}))
    done = site.provision("up", "-u", RESTRICTED, "-e", f"@{variables}")
    assert done.status == 0, done.text
    assert "3 hosts, 0 changed, 0 failed" in done.out


def test_no_such_user_cannot_reach_any_host(site: Site) -> None:
    done = site.provision("up", "--check", "-u", "nobody-here", timeout=60)
    assert done.status == 1
    for host in site.names:
        said = done.about(host)
        assert "cannot be reached" in said and "remedy:" in said


def test_a_key_that_is_not_there(site: Site) -> None:
    key = Path("/nonexistent/key")
    done = site.provision(
        "up", "--check", "--private-key", key, "-e", f"ansible_ssh_private_key_file={key}"
    )
    assert done.status == 1
    assert "Traceback" not in done.text and "cannot be reached" in done.out
