"""The first plays of site.yml against this machine, reached by what stands in for ssh alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trees
import yaml
from conftest import PLAYBOOKS

ANSIBLE = Path(sys.executable).parent / "ansible-playbook"
# It notes each call: the host is an address of this machine.
SSH = """\
#!/bin/sh
echo "$@" >>{directory}/calls
case " $* " in *" {gone} "*) exit 255;; esac
for last; do :; done
exec /bin/sh -c "$last"
"""


@dataclass
class Site:
    """Hosts w1 to w3, each with a file of its own in the tree, and whom ssh does not reach."""

    directory: Path
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: str = "nobody"
    output: str = ""

    def place(self, host: str) -> Path:
        return self.directory / "placed" / host

    def run(self, *words: str) -> list[dict[str, Any]]:
        """Run the site in check mode; the results that were told of."""
        ssh, events = self.directory / "ssh", self.directory / "events"
        for each in (events, self.directory / "calls"):
            each.unlink(missing_ok=True)
        ssh.write_text(SSH.format(directory=self.directory, gone=self.gone))
        ssh.chmod(0o755)
        hosts = {
            f"w{number}": {"ansible_host": f"127.0.0.{number}", "ansible_ssh_retries": 0}
            for number in (1, 2, 3)
        }
        for host, variables in self.variables.items():
            hosts[host].update(variables)
        everywhere = {"ansible_user": "root", "ansible_ssh_executable": str(ssh)}
        inventory = {"workers": {"hosts": hosts, "vars": everywhere}}
        (self.directory / "inventory.yml").write_text(yaml.safe_dump(inventory))
        secrets = self.directory / "secrets.yml"
        secrets.write_text(yaml.safe_dump({"provision_secrets": trees.SECRETS}))
        done = subprocess.run(
            [ANSIBLE, "-i", self.directory / "inventory.yml", PLAYBOOKS / "site.yml",
             "-e", f"provision_tree={self.directory}/tree", "-e", f"@{secrets}", "-e",
             "targets=workers", *(words or ["--check"])],
            env={**os.environ, "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
                 "PROVISION_EVENTS": str(events)},
            capture_output=True, text=True, cwd=self.directory,
        )  # fmt: skip
        self.output = done.stdout + done.stderr
        told = [json.loads(line) for line in events.read_text().splitlines()]
        return [each for each in told if each["event"] == "result"]

    def calls(self) -> int:
        """How often ssh was started."""
        return len((self.directory / "calls").read_text().splitlines())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    (tmp_path / "placed").mkdir()
    for host in ("w1", "w2", "w3"):
        path = str(made.place(host))
        manifest = {"files": [trees.file("packages", path, secret=True)]}
        text = "it is {{ provision_secrets.grafana_admin_password }}\n"
        trees.write(tmp_path / "tree", host, manifest, {path: text})
        made.place(host).write_text("it is grafana-password\n")
    return made


def outcome(results: list[dict[str, Any]]) -> dict[str, tuple[str, int]]:
    """By host: how its comparison ended, and in how many things it differs."""
    return {each["host"]: (each["status"], len(each.get("differences", ()))) for each in results}


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
    assert results[-1]["problem"].startswith("Nothing is rendered for w3")


@pytest.mark.parametrize(
    ("variables", "task"),
    [
        ({"ansible_connection": "local"}, "Compare"),
        ({"ansible_become_password": "x"}, "Compare"),
        ({"ansible_become_method": "su"}, "Look"),
        ({"ansible_connection": "{{ undefined_here }}"}, "Compare"),
        ({"provision_tree": "{{ undefined_here }}"}, "Look"),  # -e stands above it
    ],
    ids=["local", "password", "su", "undefined", "overridden"],
)
@pytest.mark.parametrize("host", ["w1", "w2"])
def test_one_that_is_reached_otherwise_is_asked_by_ansible(
    site: Site, variables: dict[str, Any], task: str, host: str
) -> None:
    site.variables = {host: variables}
    told = {each["host"]: each["task"] for each in site.run() if each["status"] != "ignored"}
    assert told.keys() == {"w1", "w2", "w3"}
    assert told[host] == task
    # One whose own variables are wrong cannot look for the others, either.
    if host == "w2" or "undefined" not in str(variables):
        assert {told[each] for each in told if each != host} == {"Look"}
