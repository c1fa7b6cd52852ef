from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from ansible import constants

from provision.errors import InvalidInput, ProvisionError
from provision.fleet import (
    Fleet,
    apply,
    assert_given,
    keep_secrets,
    read_fleet,
)
from provision.run.ansible import RunResult
from provision.run.view import RunView
from provision.secrets import load_secrets, write_secrets
from tests.conftest import INVENTORY

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


def test_what_stands_beside_an_inventory_belongs_to_it(fleet_of: Make, tmp_path: Path) -> None:
    (tmp_path / "catalogs").mkdir()
    shop = (
        "app: shop\ntitle: Shop\ndescription: Sells.\nsource: x\nprefix: <where>.shop\n"
        "placeholders: {where: {description: Where., setting: true, values: [here]}}\n"
        "metrics: [{name: a, type: counter, unit: count, title: A, description: A.}]\n"
    )
    (tmp_path / "catalogs" / "shop.yaml").write_text(shop)
    text = INVENTORY.replace("[realm]", "[realm, shop]\n    shop_where: '{{ 1 + 1 }}.x'")
    fleet = fleet_of(text)
    assert fleet.secrets_file == tmp_path / "secrets.yml"
    assert [c.app for c in fleet.site.workers[0].catalogs] == ["realm", "shop", "host", "pipeline"]
    assert fleet.site.workers[0].catalogs[1].placeholders["where"].values == ("2.x",)


def test_a_broken_catalog_beside_it_is_told(fleet_of: Make, tmp_path: Path) -> None:
    (tmp_path / "catalogs").mkdir()
    (tmp_path / "catalogs" / "shop.yaml").write_text("app: shop\n")
    with pytest.raises(InvalidInput, match=r"catalogs/shop\.yaml"):
        fleet_of()


def test_secrets_are_made_once_and_said_so_once(fleet_of: Make, tmp_path: Path) -> None:
    fleet, notes = fleet_of(), list[str]()
    path = keep_secrets(fleet, notes.append)
    first = load_secrets(path, fleet.inventory.read_yaml)
    assert first.keys() == set(fleet.site.generated_secrets)
    assert keep_secrets(fleet, notes.append) == path == tmp_path / "secrets.yml"
    assert load_secrets(path, fleet.inventory.read_yaml) == first
    assert notes == [f"new secrets are in {path}: keep that file"]


CHAT = '{"grafana_contacts": {"chat": {"type": "slack"}}}'


def test_a_secret_that_must_be_given_is_missed_before_anything_is_done(fleet_of: Make) -> None:
    fleet = fleet_of(INVENTORY, "-e", CHAT)
    with pytest.raises(ProvisionError, match=r"secrets\.yml: no grafana_contact_chat") as caught:
        apply(fleet, check=False, verbose=False, view=RunView())
    assert "provision_secrets" in str(caught.value.remedy)
    assert not fleet.secrets_file.exists()
    write_secrets(fleet.secrets_file, {"grafana_contact_chat": "x"})
    assert_given(fleet)


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


def test_a_site_is_read_as_ansible_reads_it(tmp_path: Path) -> None:
    """With group_vars beside the inventory, which extra variables override."""
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "workers.yml").write_text("apps: [realm]\ntelegraf_interval: 1m\n")
    (tmp_path / "hosts.yml").write_text("monitor: {hosts: {m: }}\nworkers: {hosts: {w1: }}\n")
    options = ["-i", str(tmp_path / "hosts.yml")]
    (worker,) = read_fleet(options).site.workers
    assert worker.settings.telegraf_interval == "1m"
    (worker,) = read_fleet([*options, "-e", "telegraf_interval=5s"]).site.workers
    assert worker.settings.telegraf_interval == "5s"


def test_an_inventory_may_name_its_plugin_in_full(tmp_path: Path) -> None:
    """In a process of its own, in which nothing else has let Ansible find its plugins."""
    (tmp_path / "1-hosts.yml").write_text(
        "all: {hosts: {m: {kind: m}, w1: {kind: w, apps: [realm]}}}\n"
    )
    (tmp_path / "2-groups.yml").write_text(
        "plugin: ansible.builtin.constructed\nstrict: true\n"
        "groups: {monitor: kind == 'm', workers: kind == 'w'}\n"
    )
    program = "import sys; from provision.fleet import read_fleet; "
    program += "print([host.name for host in read_fleet(['-i', sys.argv[1]]).site.workers])"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stdout == "['w1']\n", done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"monitor:\n  hosts: {m: {}\nworkers:\n", "line 3: "),
        (b"monitor:\n\thosts: {m: {}}\n", "line 2: "),
        (b"monitor: \xff\n", "utf-8"),
    ],
)
def test_an_inventory_that_is_no_yaml_is_told_with_its_line(
    tmp_path: Path, text: bytes, told: str
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_bytes(text)
    with pytest.raises(ProvisionError) as caught:
        read_fleet(["-i", str(path)])
    assert caught.value.message.startswith(f"{path}: ")
    assert told in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("given", ["{bad", "@nowhere.yml"])
def test_an_extra_variable_that_is_none_is_told_as_that(
    given: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ansible reads them with the inventory, and warns of that with each plugin that it tries."""
    (tmp_path / "inventory.yml").write_text(LOCAL)
    with pytest.raises(ProvisionError, match=r"^-e: ") as refused:
        read_fleet(["-i", str(tmp_path / "inventory.yml"), "-e", given])
    assert "--extra-vars" in (refused.value.remedy or "")
    assert capfd.readouterr().err == ""


def test_a_link_to_secrets_that_are_not_there_is_no_reason_to_make_others(tmp_path: Path) -> None:
    """What it leads to may be on a disk that is not mounted."""
    (tmp_path / "inventory.yml").write_text(LOCAL)
    (tmp_path / "secrets.yml").symlink_to(tmp_path / "vault" / "secrets.yml")
    with pytest.raises(ProvisionError, match=r"a link to .*vault/secrets.yml, which is not there"):
        read_fleet(["-i", str(tmp_path / "inventory.yml")])
    assert not (tmp_path / "vault").exists()


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


@pytest.mark.parametrize("options", [["-i", "{}/inventory.yml"], ["-i{}/sub/../inventory.yml"], []])
def test_a_catalog_that_is_wrong_is_told_after_an_inventory_that_is(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalogs").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "catalogs" / "shop.yml").write_text("app: 7\n")
    named = [option.format(tmp_path) for option in options]
    (tmp_path / "inventory.yml").write_text("monitor: [\n")
    with pytest.raises(ProvisionError, match=r"inventory\.yml: line 2"):
        read_fleet(named)
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    with pytest.raises(InvalidInput, match="shop"):
        read_fleet(named)
