from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trees
from comparing import effects, manifest
from comparing.differences import Difference

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
    still = effects.polled({each.role for each in found}, {})
    return effects.on_services(of, found, still)


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
    alike = (file(f"/etc/grafana/{of}/p.yaml", "it is missing") for of in ("alerting", "sources"))
    why = "its configuration changes: alerting/p.yaml, sources/p.yaml"
    assert restarted(monitor, *alike) == [("grafana-server", why)]


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


def test_what_is_taken_up_takes_a_reload_and_all_else_a_restart(tmp_path: Path) -> None:
    trees.worker(tmp_path, "w", repository=trees.repository("u", "k", "F"), monitor="m")
    worker = manifest.load(tmp_path, "w")
    inputs, agent = telegraf("telegraf.d/statsd.conf"), telegraf("telegraf.conf")
    (told,) = concerned(worker, inputs)
    assert (told.action, told.name) == ("reload", "telegraf")
    assert told.why == "its configuration changes: statsd.conf"
    rules = file("/etc/provision/telegraf.nft", role="telegraf")
    still = telegraf("credentials/influxdb"), telegraf("provision-buffer")
    (told,) = concerned(worker, inputs, agent, rules, *still)
    assert told.action == "reload"
    assert told.why == "its configuration changes: statsd.conf, telegraf.conf, telegraf.nft"
    (told,) = concerned(worker, rules, *still)
    assert (told.kind, told.action, told.name) == ("rules", "load", "telegraf")
    assert told.why == "its configuration changes: telegraf.nft"
    for other in (
        telegraf("telegraf.d/output.conf"),
        telegraf("provision-ca.crt"),
        file("/etc/default/telegraf", role="telegraf"),
        file("/etc/systemd/system/telegraf.service.d/x.conf", role="telegraf"),
        # As it is enabled it is started anew.
        file("telegraf", "not with the host", role="telegraf", kind="service", action="enable"),
    ):
        for beside in (inputs, rules):
            (told,) = concerned(worker, beside, other)
            assert (told.kind, told.action) == ("service", "restart"), other
    (service,) = worker.services
    never = replace(worker, services=(replace(service, reloads=""),))
    (told,) = concerned(never, inputs)
    assert told.action == "restart"


def test_what_is_polled_is_what_the_role_itself_goes_by() -> None:
    found = effects.polled({"grafana", "telegraf", "packages"}, {})
    assert sorted(found) == ["grafana", "telegraf"]
    assert re.search(found["telegraf"], "/etc/telegraf/credentials/influxdb")
    assert re.search(found["grafana"], DASHBOARD)
    assert effects.polled({"grafana"}, {"grafana_polled": "x"}) == {"grafana": "x"}
    assert effects.polled({"grafana"}, {"grafana_polled": ""}) == {}
