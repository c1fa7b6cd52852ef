"""What an inventory says to nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from provision.fleet.model import Fleet
from provision.paths import PLAYBOOKS
from provision.site.unread import ROLE_VARIABLES

Make = Callable[..., Fleet]


def test_the_variables_of_roles_are_known() -> None:
    options = {
        name
        for path in (PLAYBOOKS / "roles").glob("*/meta/argument_specs.yml")
        for name in yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"]
    }
    assert {name for name in options if not name.startswith("service_")} == ROLE_VARIABLES


@pytest.mark.parametrize(
    ("monitor", "worker", "told"),
    [
        ("", "grafana_contacts: {}", "grafana_contacts (w) counts on the monitoring host"),
        ("", "influxdb_retention: 7d", "influxdb_retention (w) counts on the monitoring host"),
        ("influxdb_retention: 7d", "influxdb_retention: 7d", None),
        ("telegraf_interval: 5s", "", "telegraf_interval (m) counts on workers"),
        ("apps: [realm]", "", None),
        ("dataclay_targets: [x:1]", "", "dataclay_targets (m) counts on workers"),
        ("", "realm_prefix: x", "realm_prefix (w) is no variable of provision's"),
        ("", "realm_version: 3", None),
        ("", "telegraf_foo: 3", "telegraf_foo (w) is no variable of provision's"),
        ("telegraf_start_timeout: 3", "", None),
        ("", "influxdata_repository_suite: x, systemd_hardening: false", None),
    ],
)
def test_what_nobody_reads_is_told(
    fleet_of: Make, monitor: str, worker: str, told: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet_of(
        f"monitor: {{hosts: {{m: {{{monitor}}}}}}}\n"
        f"workers: {{hosts: {{w: {{{worker}}}}}, vars: {{apps: [realm]}}}}\n"
    )
    err = capsys.readouterr().err
    assert (told in err) if told else err == "", err


def test_what_is_set_for_all_is_read_by_those_on_whom_it_counts(
    fleet_of: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet_of(
        "all: {vars: {telegraf_interval: 5s, grafana_port: 3001}}\n"
        "monitor: {hosts: {m: }}\nworkers: {hosts: {w: {apps: [realm]}}}\n"
    )
    assert capsys.readouterr().err == ""


def test_files_of_variables_of_nobody_are_told(
    fleet_of: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ansible reads none of them, and says nothing."""
    for name in ("host_vars/w1.yml", "host_vars/w1/more.yml", "host_vars/w22.yml", "host_vars/.x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if not (tmp_path / name).parent.is_file():
            (tmp_path / name).write_text("x: 1\n")
    for name in ("all", "workers.yaml", "worker.yml", "monitor.yml~", "ungrouped.json"):
        (tmp_path / "group_vars").mkdir(exist_ok=True)
        (tmp_path / "group_vars" / name).write_text("{}\n")
    fleet_of("monitor: {hosts: {m: }}\nworkers: {hosts: {w1: }, vars: {apps: [realm]}}\n")
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "host_vars/w22.yml is of no host in the inventory, and is not read",
        "group_vars/worker.yml is of no group in the inventory, and is not read",
    ]


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("ansible_host: 192.0.2.7", "ansible_host: 192.0.2.7", True),
        ("ansible_host: w2", "", True),
        ("ansible_host: 192.0.2.7, ansible_port: 22", "ansible_host: 192.0.2.7", True),
        ("ansible_host: a, ansible_ssh_port: 2", "ansible_host: a, ansible_ssh_port: 3", False),
        (
            "ansible_host: a, ansible_ssh_args: -J x",
            "ansible_host: a, ansible_ssh_args: -J y",
            False,
        ),
        (
            "ansible_host: 127.0.0.1, ansible_port: 2",
            "ansible_host: 127.0.0.1, ansible_port: 3",
            False,
        ),
        ("ansible_host: a, ansible_ssh_common_args: -J x", "ansible_host: a", False),
        (
            "ansible_host: a, ansible_connection: community.docker.docker",
            "ansible_host: a, ansible_connection: community.docker.docker",
            False,
        ),
    ],
)
def test_two_names_of_one_machine_are_told(
    fleet_of: Make, first: str, second: str, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        "monitor: {hosts: {m: }}\n"
        f"workers: {{hosts: {{w1: {{{first}}}, w2: {{{second}}}}}, vars: {{apps: [realm]}}}}\n"
    )
    assert len(fleet_of(text).site.workers) == 2
    err = capsys.readouterr().err
    assert (("w2 is reached at" in err) and ("as w1 is" in err)) if told else err == ""
