from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import trees
import yaml
from comparing import effects, manifest
from comparing.differences import Difference

ROLES = Path(effects.__file__).parents[1] / "roles"
DASHBOARD = "/etc/grafana/dashboards/one.json"
SOURCES = "/etc/grafana/provisioning/datasources/provision.yaml"


@pytest.fixture
def monitor(tmp_path: Path) -> manifest.Manifest:
    repository = trees.repository("u", "k", "F")
    trees.monitor(tmp_path, "m", repository=repository)
    trees.add_grafana(tmp_path, "m")
    return manifest.load(tmp_path, "m")


def file(name: str, why: str = "its content differs", **more: Any) -> Difference:
    return Difference(**{"role": "grafana", "kind": "file", "name": name, "action": "change",
                         "why": why, **more})  # fmt: skip


def concerned(of: manifest.Manifest, *found: Difference) -> list[Difference]:
    taken = effects.taken_up({each.role for each in found}, {})
    return effects.on_services(of, found, taken)


def restarted(of: manifest.Manifest, *found: Difference) -> list[tuple[str, str]]:
    told = concerned(of, *found)
    assert all(each.action == "restart" for each in told)
    return [(each.name, each.why) for each in told]


def test_new_content_restarts_the_service_that_reads_it(monitor: manifest.Manifest) -> None:
    why = "its configuration changes: provision.yaml"
    for told in ("its content differs", "it is missing", "it is no ordinary file",
                 "its secret influxdb_read_token is not known yet"):  # fmt: skip
        assert restarted(monitor, file(SOURCES, told)) == [("grafana-server", why)]
    gone = file("/etc/grafana/x.ini", "it must not be there", kind="absent", action="remove")
    assert restarted(monitor, gone) == [("grafana-server", "its configuration changes: x.ini")]


def test_owners_and_what_is_read_anew_restart_nothing(monitor: manifest.Manifest) -> None:
    assert restarted(monitor, file(SOURCES, "its mode is 0666, not 0640")) == []
    assert restarted(monitor, file(SOURCES, "it is of root:root, not root:grafana")) == []
    assert restarted(monitor, file(DASHBOARD)) == []
    assert restarted(monitor, file(DASHBOARD), file(SOURCES)) != []
    folder = file("/etc/grafana/dashboards", "it is missing", kind="directory")
    assert restarted(monitor, folder) == []
    user = file("user admin", "its password is another", kind="state")
    assert restarted(monitor, user) == []


def test_a_start_and_a_restart_that_are_told_already_are_not_told_twice(
    monitor: manifest.Manifest,
) -> None:
    for action in ("start", "restart"):
        known = file("grafana-server", "it is failed", kind="service", action=action)
        assert restarted(monitor, file(SOURCES), known) == []
    enabled = file("grafana-server", "not with the host", kind="service", action="enable")
    assert len(restarted(monitor, file(SOURCES), enabled)) == 1


def test_apts_sources_restart_nothing(monitor: manifest.Manifest) -> None:
    assert restarted(monitor, file("/etc/apt/sources.list.d/x.sources", role="packages")) == []


def test_many_files_are_told_briefly(monitor: manifest.Manifest) -> None:
    many = [file(f"/etc/grafana/{letter}") for letter in "abcde"]
    assert restarted(monitor, *many) == [
        ("grafana-server", "its configuration changes: a, b, c and 2 more")
    ]


def telegraf(name: str) -> Difference:
    return file(f"/etc/telegraf/{name}", role="telegraf")


def test_all_but_outputs_is_taken_up_while_telegraf_runs(tmp_path: Path) -> None:
    trees.worker(tmp_path, "w", repository=trees.repository("u", "k", "F"), monitor="m")
    worker = manifest.load(tmp_path, "w")
    inputs = telegraf("telegraf.d/statsd.conf")
    (told,) = concerned(worker, telegraf("telegraf.conf"))
    assert (told.action, told.name) == ("reload", "telegraf")
    (told,) = concerned(worker, inputs)
    assert (told.action, told.name) == ("reload", "telegraf")
    assert told.why == "its configuration changes: statsd.conf"
    (told,) = concerned(worker, inputs, telegraf("credentials/influxdb"))
    assert (told.action, told.why) == ("reload", "its configuration changes: statsd.conf")
    for other in ("telegraf.d/output.conf", "telegraf.d/host.conf", "provision-ca.crt"):
        (told,) = concerned(worker, inputs, telegraf(other))
        assert told.action == "restart"
    for path in ("/etc/default/telegraf", "/etc/systemd/system/telegraf.service.d/x.conf"):
        (told,) = concerned(worker, file(path, role="telegraf"))
        assert told.action == "restart"


def test_what_is_taken_up_is_what_the_role_itself_goes_by() -> None:
    """The role's own words, so that what is announced is what is done."""
    for role, ways in (("grafana", {"polled"}), ("telegraf", {"polled", "reloaded"})):
        (run, *_) = yaml.safe_load((ROLES / role / "tasks/main.yml").read_text())
        for way in ways:
            assert run["vars"][f"service_{way}"] == f"{{{{ {role}_{way} }}}}"
        assert {f"service_{way}" for way in effects.TakenUp._fields} & run["vars"].keys() == {
            f"service_{way}" for way in ways
        }
    (swap,) = yaml.safe_load((ROLES / "service/tasks/main.yml").read_text())
    for way in effects.TakenUp._fields:
        assert swap["block"][0]["place_files"][way] == f"{{{{ service_{way} }}}}"
    found = effects.taken_up({"grafana", "telegraf", "packages", "influxdb"}, {})
    assert re.search(found["telegraf"].polled, "/etc/telegraf/credentials/influxdb")
    assert re.search(found["grafana"].polled, DASHBOARD)
    assert not found["influxdb"].runs_on("/etc/influxdb/config.toml")
    of_host = effects.taken_up(
        {"grafana", "telegraf"}, {"grafana_polled": "x", "telegraf_reloaded": "^$"}
    )
    assert of_host["grafana"].polled == "x"
    assert of_host["telegraf"] == found["telegraf"]._replace(reloaded="^$")
