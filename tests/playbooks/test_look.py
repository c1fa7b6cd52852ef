"""The first plays of site.yml against this machine, reached by what stands in for ssh alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sites
import trees
from sites import Site, outcome


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return sites.site(tmp_path, "packages")


def test_hosts_that_are_as_they_should_be_are_asked_once_and_in_one_task(site: Site) -> None:
    results = site.run()
    assert outcome(results) == {"w1": ("ok", 0), "w2": ("ok", 0), "w3": ("ok", 0)}, site.output
    assert {each["task"] for each in results} == {"Look"}, site.output
    assert all(abs(each["clock"]) <= 1 for each in results)
    path = str(site.place("w2"))
    assert next(each for each in results if each["host"] == "w2")["plan"]["secrets"] == [
        {"path": path, "role": "packages", "names": ["grafana_admin_password"], "services": []}
    ]
    assert site.calls() == 3
    assert "changed=0" in site.output
    assert "changed=1" not in site.output


def test_it_is_one_task_whatever_strategy_the_operator_has_chosen(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_STRATEGY", "free")
    assert {each["task"] for each in site.run()} == {"Look"}
    assert site.calls() == 3


def test_one_that_differs_is_compared_with_what_it_has_said(site: Site) -> None:
    site.place("w2").write_text("it is another\n")
    results = {each["host"]: each for each in site.run()}
    # This machine may be no host: then the comparison says so, knowing what differs.
    assert [each["why"] for each in results["w2"]["differences"]] == ["its content differs"]
    assert {host: each["task"] for host, each in results.items()} == {
        "w1": "Look", "w2": "Compare", "w3": "Look",
    }  # fmt: skip
    assert site.calls() == 4, "once each, and once more for what speaks against the work"
    assert "it is" not in site.output
    assert "grafana-password" not in json.dumps(results)


LOOKS = 2


def test_one_that_differs_is_compared_with_all_others_where_it_shall_change(site: Site) -> None:
    site.place("w2").write_text("it is another\n")
    site.place("w3").unlink()
    results = {each["host"]: each for each in site.run("--diff", only=LOOKS)}
    assert {each["task"] for each in results.values()} == {"Look"}, site.output
    assert outcome(list(results.values())) == {
        "w1": ("ok", 0), "w2": ("changed", 1), "w3": ("changed", 1),
    }  # fmt: skip
    assert [each["why"] for each in results["w3"]["differences"]] == ["it is missing"]
    (shown,) = results["w2"]["diff"]
    assert shown["before"] == "(secret)\n"
    assert site.calls("w1") == 1
    assert site.calls("w2") == site.calls("w3") == 2, "the second time what speaks against it"
    assert "grafana-password" not in site.output + json.dumps(results)


def test_where_one_fails_the_others_go_on_with_what_was_found_of_them(site: Site) -> None:
    """Where each host of a play fails, Ansible ends the run."""
    for host in ("w1", "w2"):
        site.place(host).write_text("it is another\n")
    site.variables = {"w3": {"ansible_become_flags": "-H", "ansible_user": "somebody"}}
    results = site.run("--diff", only=LOOKS)
    assert {(each["host"], each["task"]) for each in results} == {
        ("w1", "Look"), ("w2", "Look"), ("w1", "Compare"), ("w3", "Compare"),
    }, site.output  # fmt: skip
    assert site.calls("w1") == site.calls("w2") == 2
    of = {host: [each for each in results if each["host"] == host] for host in ("w1", "w2", "w3")}
    assert [each["status"] for each in of["w3"]] == ["unreachable"]
    assert of["w1"][0]["differences"] == of["w1"][1]["differences"] != []


@pytest.mark.parametrize("host", ["w1", "w2"])
def test_one_on_which_nothing_can_be_done_fails_in_a_task_of_its_own(site: Site, host: str) -> None:
    site.init = "sh"
    site.place(host).write_text("it is another\n")
    results = {each["host"]: each for each in site.run("--diff", only=LOOKS)}
    assert {each: found["task"] for each, found in results.items()} == dict.fromkeys(
        ("w1", "w2", "w3"), "Look"
    ) | {host: "Compare"}
    assert results[host]["status"] == "failed"
    assert "systemd" in results[host]["problem"]


def test_where_ansibles_output_is_what_is_read_each_that_differs_has_a_task(site: Site) -> None:
    site.place("w2").write_text("it is another\n")
    site.told = False
    assert site.run("--diff", only=LOOKS) == []
    assert "changed: [w2]" in site.output and "changed: [w1]" not in site.output
    assert "+(secret, new)" in site.output


def test_what_was_looked_at_is_not_shown_as_changed(site: Site) -> None:
    site.place("w2").write_text("it is another\n")
    site.run("--check", "-v")
    assert "ok: [w1]" in site.output
    assert "changed: [w1]" not in site.output
    assert "grafana-password" not in site.output.replace(str(trees.SECRETS), "")


def test_one_that_is_not_reached_is_told_by_ansible(site: Site) -> None:
    site.gone = "127.0.0.2"
    results = site.run()
    assert outcome(results) == {"w1": ("ok", 0), "w2": ("unreachable", 0), "w3": ("ok", 0)}


def test_one_without_a_tree_fails_alone(site: Site) -> None:
    (site.directory / "tree" / "w3" / ".manifest.json").unlink()
    results = site.run()
    assert outcome(results) == {"w1": ("ok", 0), "w2": ("ok", 0), "w3": ("failed", 0)}
    failed = next(each for each in results if each["host"] == "w3")
    assert failed["problem"].startswith("Nothing is rendered for w3")


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_connection": "local"},
        {"ansible_become_password": "x"},
        {"ansible_connection": "{{ undefined_here }}"},
    ],
    ids=["local", "password", "undefined"],
)
@pytest.mark.parametrize("host", ["w1", "w2"])
def test_one_that_is_reached_otherwise_is_asked_by_ansible(
    site: Site, variables: dict[str, Any], host: str
) -> None:
    site.variables = {host: variables}
    told = {each["host"]: each["task"] for each in site.run() if each["status"] != "ignored"}
    assert told.keys() == {"w1", "w2", "w3"}
    assert told[host] == "Compare"
    # One whose own variables are wrong cannot look for the others, either.
    if host == "w2" or "undefined" not in str(variables):
        assert {told[each] for each in told if each != host} == {"Look"}


@pytest.mark.parametrize(
    "variables", [{}, {"ansible_connection": "local"}, {"ansible_port": "{{ undefined_here }}"}]
)
def test_where_influxdb_is_not_as_it_should_be_all_are_compared(
    site: Site, variables: dict[str, Any]
) -> None:
    """Its users and tokens are those of all hosts; so where it is not known, too."""
    site.variables = {"w2": variables}
    manifest = site.directory / "tree" / "w2" / ".manifest.json"
    known = json.loads(manifest.read_text())
    known["state"] = [trees.state(2, url="http://127.0.0.1:9", workers=("w1", "w3"))]
    manifest.write_text(json.dumps(known))
    assert {each["host"]: each["task"] for each in site.run()} == dict.fromkeys(
        ("w1", "w2", "w3"), "Compare"
    )


def test_one_is_asked_where_its_variables_say_and_as_they_say(site: Site) -> None:
    site.variables = {
        "w1": {
            "ansible_port": 2222,
            "ansible_user": "one",
            "ansible_become": False,
            "ansible_ssh_private_key_file": "/keys/one",
            "ansible_ssh_common_args": "-o ProxyJump=bastion",
        },
        "w2": {
            "ansible_host": "{{ hostvars['w2'].address | default('127.0.0.99') }}",
            "address": "127.0.0.2",
        },
        "w3": {"ansible_port": "{{ 2200 + ansible_play_hosts_all | length }}"},
    }
    assert {each["task"] for each in site.run()} == {"Look"}
    (one,), (two,), (three,) = (site.words(host) for host in ("w1", "w2", "w3"))
    for word in ("Port=2222", 'User="one"', '/keys/one"', "ProxyJump=bastion"):
        assert word in one
        assert word not in two + three
    assert "Port=" not in two
    assert "Port=2203" in three
    assert 'User="root"' in two and 'User="root"' in three


@pytest.mark.parametrize("option", ["--become-password-file", "--connection-password-file"])
def test_where_a_password_was_given_nobody_is_asked_without_it(site: Site, option: str) -> None:
    password = site.directory / "password"
    password.write_text("x\n")
    results = site.run("--check", option, str(password))
    assert {each["task"] for each in results} == {"Compare"}
    assert site.calls() == 3, "once each"


@pytest.mark.parametrize(
    ("variables", "times"),
    [({}, 2), ({"ansible_become_flags": "-H"}, 1), ({"ansible_become_method": "su"}, 1)],
    ids=["sudo", "asks", "su"],
)
def test_what_may_ask_for_a_password_is_not_given_the_script(
    site: Site, variables: dict[str, Any], times: int
) -> None:
    """In a task of its own, Ansible waits for it to have become root."""
    site.variables = {"w2": {"ansible_user": "somebody", **variables}}
    # Nobody can become root with what stands in for ssh: it is there already, and fails.
    site.gone = "127.0.0.2"
    results = site.run()
    assert outcome(results)["w2"][0] in ("unreachable", "failed")
    assert site.calls("w2") == times
