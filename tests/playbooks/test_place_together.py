"""Agents that differ, worked on in one task, on this machine by what stands in for ssh alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sites
import trees
from sites import Site

from provision.run.view import RunView

TOGETHER = "telegraf : Place the files, start and wait"
ALONE = "service : Place the files, start and wait"
CHECK = {"user": "root", "copies": [], "environment": None, "command": ["true"]}
UNTRIED = ("--diff", "-e", json.dumps({"telegraf_check": {}}))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Three agents, two of which differ."""
    made = sites.site(tmp_path, "telegraf")
    made.place("w1").write_text("it is another\n")
    made.place("w3").unlink()
    return made


def placing(results: list[dict[str, Any]], host: str) -> list[tuple[str, str]]:
    """What was told of a host's placing: the task and how it ended."""
    told = [each for each in results if each["host"] == host and "differences" not in each]
    silent = {"skipped", "ignored"}
    return [(each["task"], each["status"]) for each in told if each["status"] not in silent]


def test_agents_are_worked_on_in_one_task(site: Site) -> None:
    results = site.run(*UNTRIED)
    assert placing(results, "w1") == placing(results, "w3") == [(TOGETHER, "changed")], site.output
    assert placing(results, "w2") == []
    assert (
        site.place("w1").read_text() == site.place("w3").read_text() == "it is grafana-password\n"
    )
    assert [site.calls(host) for host in ("w1", "w2", "w3")] == [3, 1, 3], "looked at, asked, done"
    assert "grafana-password" not in site.output + json.dumps(results)
    assert {each["role"] for each in results if each["task"] == TOGETHER} == {"telegraf"}
    for host in ("w1", "w3"):
        assert site.kept(host, "record.json").exists()
        assert site.kept(host, "operator.json").read_text() == "", "others are let in"
    assert "failed=1" not in site.output and "ignored=1" not in site.output
    assert site.run(*UNTRIED) and site.calls() == 3, "all are as they should be"


def test_one_alone_is_as_well(site: Site) -> None:
    site.place("w3").write_text("it is grafana-password\n")
    results = site.run(*UNTRIED)
    assert placing(results, "w1") == [(TOGETHER, "changed")], site.output
    assert placing(results, "w3") == []


def test_one_on_which_it_fails_has_its_own_way_back(site: Site) -> None:
    check = {**CHECK, "command": ["test", "-e", f"{{root}}{site.place('w3')}"]}
    results = site.run("--diff", "-e", json.dumps({"telegraf_check": check}))
    assert placing(results, "w3") == [(TOGETHER, "changed")], site.output
    assert placing(results, "w1")[0] == (TOGETHER, "failed")
    assert site.calls("w1") == 4, "looked at, asked, done, put back"
    assert site.place("w1").read_text() == "it is another\n"
    assert site.place("w3").exists()
    assert site.kept("w3", "operator.json").read_text() == ""
    assert "skipping: [w3]" in site.output, "where all of a play fail, Ansible would end the run"


def test_where_it_fails_everywhere_each_has_its_own_way_back(site: Site) -> None:
    results = site.run("--diff")  # there is no Telegraf here to try the files
    for host in ("w1", "w3"):
        assert placing(results, host)[0] == (TOGETHER, "failed"), site.output
        assert site.calls(host) == 4
    assert not site.place("w3").exists()


@pytest.mark.parametrize(
    ("said", "why"), [("Connection reset", "Connection reset"), ("", "its connection was closed")]
)
def test_one_that_is_lost_while_it_is_done_is_not_worked_on_again(
    site: Site, said: str, why: str
) -> None:
    site.odd, site.oddly = "127.0.0.1", f"echo '{said}' >&2; exit 255"
    results = site.run(*UNTRIED)
    assert placing(results, "w1") == [(TOGETHER, "unreachable")], site.output
    assert placing(results, "w3") == [(TOGETHER, "changed")]
    (told,) = [each for each in results if each["status"] == "unreachable"]
    assert told["msg"] == f"Failed to connect to the host via ssh: {why}"
    assert site.calls("w1") == 3
    view = RunView()
    for event in site.events:
        if event["event"] != "stats":
            view.take(event)
    assert view._waiting() == [], "nobody is said to be at work"


@pytest.mark.parametrize(
    ("oddly", "why"),
    [
        ("exec sleep 60", "Timed out after 4 second(s)."),
        ("echo '@@ provision module @@[]'; exit 0", "Module result deserialization failed"),
        ("echo '@@ provision module @@{\"warnings\": 5}'; exit 0", "not understood"),
        ("kill -9 $$", "Module result deserialization failed"),
    ],
)
def test_one_that_answers_oddly_is_no_reason_to_forget_the_others(
    site: Site, oddly: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_TASK_TIMEOUT", "4")
    site.odd, site.oddly = "127.0.0.1", oddly
    results = site.run(*UNTRIED)
    assert placing(results, "w3") == [(TOGETHER, "changed")], site.output
    assert placing(results, "w1")[0] == (TOGETHER, "failed")
    assert why in next(each["msg"] for each in results if each["status"] == "failed")
    assert site.calls("w1") == 4, "put back, and not tried again"


def test_one_whose_connection_was_gone_is_worked_on_by_ansible(site: Site) -> None:
    gone = "mux_client_hello_exchange: write packet: Broken pipe"
    site.odd, site.oddly = "127.0.0.1", f"echo '{gone}' >&2; exit 255"
    results = site.run(*UNTRIED)
    assert placing(results, "w1") == [(ALONE, "changed")], site.output
    assert placing(results, "w3") == [(TOGETHER, "changed")]


def test_with_fewer_forks_than_agents_each_is_worked_on(site: Site) -> None:
    results = site.run(*UNTRIED, "--forks", "1")
    assert placing(results, "w1") == placing(results, "w3") == [(TOGETHER, "changed")], site.output


def test_beside_a_host_with_other_work_it_is_the_same(site: Site) -> None:
    path = str(site.place("w2"))
    manifest = {"files": [trees.file("grafana", path, secret=True)]}
    trees.write(site.directory / "tree", "w2", manifest, {path: "it is for Grafana\n"})
    results = site.run(*UNTRIED)
    assert placing(results, "w1") == placing(results, "w3") == [(TOGETHER, "changed")], site.output
    assert (ALONE, "changed") in placing(results, "w2")
    assert site.place("w2").read_text() == "it is for Grafana\n"
    assert [site.calls(host) for host in ("w1", "w3")] == [3, 3]


def test_the_module_is_given_the_same_as_by_a_task_of_the_hosts_own(site: Site) -> None:
    path = str(site.place("w1"))

    def given() -> list[dict[str, Any]]:
        for each in site.directory.glob("tmp.*"):
            each.unlink()
        site.place("w1").write_text("it is another\n")
        site.run("--diff", "-e", json.dumps({"telegraf_check": CHECK}))
        assert site.place("w1").read_text() == "it is grafana-password\n", site.output
        found = [each for each in site.given("place_files") if each["files"][0]["path"] == path]
        # Whose run it is, and what is false where it is not said.
        return [{**each, "operator": None, "unproven": False} for each in found]

    site.variables = {"w1": {"telegraf_start_timeout": "{{ 40 + 2 }}", "telegraf_polled": "x$"}}
    together = given()
    site.told = False
    assert together == given()
    assert [(each["timeout"], each["polled"]) for each in together] == [(42, "x$")]


@pytest.mark.parametrize(
    "variables",
    [{"telegraf_start_timeout": "{{ undefined_here }}"}, {"ansible_ssh_retries": 2}],
    ids=["undefined", "retries"],
)
def test_one_that_cannot_be_worked_on_so_has_a_task_of_its_own(
    site: Site, variables: dict[str, Any]
) -> None:
    site.variables = {"w1": variables}
    results = site.run(*UNTRIED)
    assert [task for task, _ in placing(results, "w1")][:1] == [ALONE], site.output
    assert placing(results, "w3") == [(TOGETHER, "changed")]


def test_where_ansibles_output_is_what_is_read_each_has_a_task(site: Site) -> None:
    site.told = False
    site.run(*UNTRIED)
    assert f"TASK [{ALONE}]" in site.output and TOGETHER not in site.output
    assert "changed: [w1]" in site.output and "changed: [w3]" in site.output


def test_in_check_mode_nothing_is_done(site: Site) -> None:
    site.run("--check", *UNTRIED)
    assert TOGETHER not in site.output
    assert site.place("w1").read_text() == "it is another\n"
