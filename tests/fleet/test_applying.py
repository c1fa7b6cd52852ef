from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from ansible import constants

from provision.errors import ProvisionError
from provision.fleet.applying import apply
from provision.fleet.model import Fleet
from provision.fleet.reading import read_fleet
from provision.run.ansible import RunResult
from provision.run.view import RunView
from provision.secrets import write_secrets

Make = Callable[..., Fleet]


LOCAL = """\
monitor: {hosts: {m: }}
workers: {hosts: {w1: , w2: }, vars: {apps: [realm]}}
all: {vars: {ansible_connection: local, influxdb_url: 'http://192.0.2.1:8086'}}
"""


# Fails where a playbook is not given what it should be.
PLAY = """\
- hosts: "{{ targets }}"
  gather_facts: false
  tasks:
    - ansible.builtin.assert:
        that:
          - own == "a 'quoted' {word}"
          - provision_secrets.influxdb_admin_password is match("^[A-Za-z0-9_-]{43}$")
          - lookup("ansible.builtin.file", provision_secrets_file) is search("admin_password")
          - rendered.host == inventory_hostname
          - lookup("ansible.builtin.pipe", "ls " ~ provision_tree).split() == there.split()
      vars:
        file: "{{ provision_tree ~ '/' ~ inventory_hostname ~ '/.manifest.json' }}"
        rendered: "{{ lookup('ansible.builtin.file', file) | from_json }}"
"""


class Ran:
    """Runs a playbook of a test's own on this machine, in the place of ours."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(
        self,
        fleet: Fleet,
        text: str = PLAY,
        *,
        targets: str = "monitor:workers",
        hosts: Sequence[str] = (),
        check: bool = False,
        there: str = "",
    ) -> RunResult:
        playbook = self._directory / "play.yml"
        playbook.write_text(text)
        return apply(
            fleet,
            targets=targets,
            hosts=hosts,
            check=check,
            verbose=False,
            view=RunView(),
            playbook=str(playbook),
            variables={"own": "a 'quoted' {word}", "there": there},
        )


@pytest.fixture
def run(tmp_path: Path) -> Ran:
    return Ran(tmp_path)


def test_a_run_has_tree_secrets_and_variables_of_its_own(
    fleet_of: Make, run: Ran, tmp_path: Path
) -> None:
    result = run(fleet_of(LOCAL), there="m w1 w2")
    assert (result.ok, sorted(result.hosts)) == (True, ["m", "w1", "w2"]), result.output
    assert (tmp_path / "secrets.yml").stat().st_mode & 0o777 == 0o600


def test_a_check_keeps_no_secrets_that_it_made(fleet_of: Make, run: Ran, tmp_path: Path) -> None:
    result = run(fleet_of(LOCAL), targets="monitor", check=True, there="m")
    assert (result.ok, sorted(result.hosts)) == (True, ["m"]), result.output
    assert not (tmp_path / "secrets.yml").exists()


def test_only_the_hosts_that_are_named_have_files_and_are_worked_on(
    fleet_of: Make, run: Ran, tmp_path: Path
) -> None:
    secrets = {"influxdb_write_token_w1": "x", "influxdb_admin_password": "x" * 43}
    write_secrets(tmp_path / "secrets.yml", secrets)
    fleet = fleet_of(LOCAL, "-l", "w1,m")
    result = run(fleet, targets="workers", hosts=["w1"], there="w1")
    assert (result.ok, sorted(result.hosts)) == (True, ["w1"]), result.output


def test_a_worker_that_influxdb_does_not_know_is_made_known_there(
    fleet_of: Make, run: Ran, tmp_path: Path
) -> None:
    """On the monitoring host, of which nothing else is wanted; and only once."""
    secrets = dict.fromkeys(("influxdb_operator_token", "influxdb_admin_password"), "x" * 43)
    write_secrets(tmp_path / "secrets.yml", secrets)
    other = (
        "          - (rendered.state | map(attribute='role') | list == ['influxdb'])"
        " == ('files' not in rendered)\n"
    )
    play = PLAY.replace("      vars:\n", other + "      vars:\n")
    fleet = fleet_of(LOCAL)
    result = run(fleet, play, targets="workers", hosts=["w1"], there="m w1")
    assert (result.ok, sorted(result.hosts)) == (True, ["m", "w1"]), result.output
    write_secrets(tmp_path / "secrets.yml", {**secrets, "influxdb_write_token_w1": "x"})
    result = run(fleet, targets="workers", hosts=["w1"], there="w1")
    assert (result.ok, sorted(result.hosts)) == (True, ["w1"]), result.output
    with pytest.raises(ProvisionError, match="no influxdb_write_token_w2, with which Telegraf"):
        run(fleet_of(LOCAL, "-l", "w2"), targets="workers")


def test_a_run_that_fails_as_a_whole_says_what_ansible_said(fleet_of: Make, run: Ran) -> None:
    with pytest.raises(ProvisionError, match=r"ansible-playbook ended with \d+:\n") as caught:
        run(fleet_of(LOCAL), "- hosts: [\n")
    assert "play.yml" in caught.value.message


def test_a_host_that_fails_is_no_failure_as_a_whole(fleet_of: Make, run: Ran) -> None:
    play = "- hosts: m\n  gather_facts: false\n  tasks: [ansible.builtin.fail: {msg: oh}]\n"
    result = run(fleet_of(LOCAL), play)
    assert not result.ok
    nothing = "Ansible has done nothing with this host."
    failed = {name: host.failed for name, host in result.hosts.items()}
    assert failed == {"m": "oh", "w1": nothing, "w2": nothing}


@pytest.mark.parametrize(
    ("targets", "hosts", "expected"),
    [
        ("workers", ["m"], "m: not in workers of"),
        ("monitor", ["w1"], "w1: not in monitor of"),
        ("monitor:workers", ["w1", "w9"], "w9: not in monitor or workers of"),
        ("workers", ["w*"], r"w\*: not in workers of"),
        ("monitor", [], "no host is left to work on"),
    ],
)
def test_a_host_that_is_not_meant_is_told_before_anything_runs(
    fleet_of: Make, run: Ran, targets: str, hosts: list[str], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(ProvisionError, match=expected):
        run(fleet_of(LOCAL, "-l", "workers"), targets=targets, hosts=hosts)
    assert not (tmp_path / "secrets.yml").exists()


def test_workers_alone_need_what_lets_telegraf_write(
    fleet_of: Make, run: Ran, tmp_path: Path
) -> None:
    with pytest.raises(ProvisionError, match="no influxdb_write_token_w1, with which Telegraf"):
        run(fleet_of(LOCAL), targets="workers")
    assert not (tmp_path / "secrets.yml").exists()


@pytest.mark.parametrize("said", ["ignore", "warning"])
def test_what_a_limit_names_and_nobody_is_called_is_told(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also by our ansible.cfg, which has Ansible ignore patterns that match nothing."""
    monkeypatch.setattr(constants, "HOST_PATTERN_MISMATCH", said)
    (tmp_path / "inventory.yml").write_text(LOCAL)
    fleet = read_fleet(["-i", str(tmp_path / "inventory.yml"), "--limit", f"w1,no-{said}"])
    assert fleet.inventory.limited == {"w1"}
    assert f"no-{said}" in capfd.readouterr().err
    assert said == constants.HOST_PATTERN_MISMATCH
