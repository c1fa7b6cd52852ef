"""Hosts that are this machine, reached by what stands in for ssh alone."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trees
import yaml
from conftest import PLAYBOOKS

ANSIBLE = Path(sys.executable).parent / "ansible-playbook"
# It notes each call: the host is an address of this machine, on which nothing is kept elsewhere.
_SSH = """\
#!/bin/sh
echo "$@" >>{directory}/calls
case " $* " in *" {gone} "*) exit 255;; esac
for last; do host=$before; before=$last; done
given=$(mktemp -p {directory})
sed "s#/proc/1/comm#{directory}/init#
    s#/\\(var/lib\\|run\\)/provision#{directory}/kept/$host#g" >"$given"
case " $* " in *" {odd} "*)
    if grep -q place_files "$given" && mkdir {directory}/odd; then {oddly}; fi;;
esac
/bin/sh -c "$last" <"$given"
"""


def ssh(
    directory: Path, gone: str = "nobody", odd: str = "nobody", oddly: str = "exit 255"
) -> dict[str, str]:
    """What stands in for ssh, as variables of a host; what hosts keep is in the folder kept.

    gone is an address that it does not reach; where files are first placed at the address odd, it
    does oddly in the place of that.
    """
    path = directory / "ssh"
    path.write_text(_SSH.format(directory=directory, gone=gone, odd=odd, oddly=oddly))
    path.chmod(0o755)
    return {"ansible_user": "root", "ansible_ssh_executable": str(path)}


@dataclass
class Site:
    """Hosts w1 to w3, each with a file of its own in the tree.

    gone, odd and oddly are those of ssh(). init is what runs them, by which they are hosts or not;
    told whether events are, which are then in events.
    """

    directory: Path
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: str = "nobody"
    odd: str = "nobody"
    oddly: str = "exit 255"
    init: str = "systemd"
    told: bool = True
    output: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)

    def place(self, host: str) -> Path:
        # In a folder of its own: what others have half written in one is swept away.
        return self.directory / "placed" / host / "file"

    def kept(self, host: str, name: str) -> Path:
        """A file that the host keeps for itself."""
        return self.directory / "kept" / f"127.0.0.{host[-1]}" / name

    def run(self, *words: str, only: int | None = None) -> list[dict[str, Any]]:
        """Run the site in check mode, or the first of its plays; the results that were told of."""
        events = self.directory / "events"
        for each in (events, self.directory / "calls"):
            each.unlink(missing_ok=True)
        (self.directory / "init").write_text(f"{self.init}\n")
        plays = yaml.safe_load((PLAYBOOKS / "site.yml").read_text())[:only]
        playbook = self.directory / "site.yml"
        playbook.write_text(yaml.safe_dump(plays, sort_keys=False))
        hosts = {
            f"w{number}": {"ansible_host": f"127.0.0.{number}", "ansible_ssh_retries": 0}
            for number in (1, 2, 3)
        }
        for host, variables in self.variables.items():
            hosts[host].update(variables)
        everywhere = ssh(self.directory, self.gone, self.odd, self.oddly)
        inventory = {"workers": {"hosts": hosts, "vars": everywhere}}
        (self.directory / "inventory.yml").write_text(yaml.safe_dump(inventory))
        secrets = self.directory / "secrets.yml"
        secrets.write_text(yaml.safe_dump({"provision_secrets": trees.SECRETS}))
        done = subprocess.run(
            [ANSIBLE, "-i", self.directory / "inventory.yml", playbook,
             "-e", f"provision_tree={self.directory}/tree", "-e", f"@{secrets}", "-e",
             "targets=workers", *(words or ["--check"])],
            env={**os.environ, "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
                 "PROVISION_EVENTS": str(events) if self.told else ""},
            capture_output=True, text=True, cwd=self.directory,
        )  # fmt: skip
        self.output = done.stdout + done.stderr
        text = events.read_text() if self.told else ""
        self.events = [json.loads(line) for line in text.splitlines()]
        return [each for each in self.events if each["event"] == "result"]

    def given(self, module: str) -> list[dict[str, Any]]:
        """The arguments with which a module was run, of all hosts."""
        texts = [path.read_text() for path in sorted(self.directory.glob("tmp.*"))]
        named = (
            re.search(r"^basic.GIVEN = json.loads\((.*)\)$", text, re.M)
            for text in texts
            if f'"{module}.py"' in text
        )
        return [json.loads(ast.literal_eval(found[1]))["arguments"] for found in named if found]

    def calls(self, host: str = "") -> int:
        """How often ssh was started, for a host or at all."""
        return len(self.words(host))

    def words(self, host: str = "") -> list[str]:
        """What ssh was started with, each time."""
        address = f" 127.0.0.{host[-1:]} " if host else ""
        calls = (self.directory / "calls").read_text().splitlines()
        return [call for call in calls if address in f" {call} "]


def site(directory: Path, role: str) -> Site:
    """Three hosts that are as they should be, each with a secret file of a role."""
    made = Site(directory)
    for host in ("w1", "w2", "w3"):
        path = str(made.place(host))
        made.place(host).parent.mkdir(parents=True)
        manifest = {"files": [trees.file(role, path, secret=True)]}
        text = "it is {{ provision_secrets.grafana_admin_password }}\n"
        trees.write(directory / "tree", host, manifest, {path: text})
        made.place(host).write_text("it is grafana-password\n")
    return made


def outcome(results: list[dict[str, Any]]) -> dict[str, tuple[str, int]]:
    """By host: how its comparison ended, and in how many things it differs."""
    return {each["host"]: (each["status"], len(each.get("differences", ()))) for each in results}
