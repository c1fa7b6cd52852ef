"""Agents that differ, worked on in one task, on this machine by what stands in for ssh alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sites
from sites import Site

TOGETHER = "telegraf : Place the files, start and wait"
ALONE = "service : Place the files, start and wait"
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
    return [(each["task"], each["status"]) for each in told if each["status"] != "skipped"]


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
    command = ["test", "-e", f"{{root}}{site.place('w3')}"]
    check = {"user": "root", "copies": [], "environment": None, "command": command}
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


def test_one_that_is_lost_while_it_is_done_is_not_worked_on_again(site: Site) -> None:
    site.lost = "127.0.0.1"
    results = site.run(*UNTRIED)
    assert placing(results, "w1") == [(TOGETHER, "unreachable")], site.output
    assert placing(results, "w3") == [(TOGETHER, "changed")]
    (told,) = [each for each in results if each["status"] == "unreachable"]
    assert told["msg"] == "Failed to connect to the host via ssh: Connection reset"
    assert site.calls("w1") == 3


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
