"""Rehearsal hosts for benchmarks: provisioned once, then looked at again and again."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import command
from provision.paths import PLAYBOOKS, cache
from provision.rehearsal.progress import progress
from provision.rehearsal.stage import Stage, set_stage

PROVISION = Path(sys.executable).with_name("provision")
ANSIBLE = Path(sys.executable).parent
OURS = {"ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg")}
# What ansible.cfg leaves at Ansible's defaults: five hosts at once, files copied for each task.
DEFAULTS = {"ANSIBLE_CONFIG": str(Path(__file__).with_name("defaults.cfg"))}


@dataclass(frozen=True)
class Bench:
    """A stage whose hosts stand as they should."""

    stage: Stage
    tree: Path

    @property
    def inventory(self) -> Path:
        """The rehearsal's inventory."""
        return self.stage.rehearsal.directory / "inventory.yml"

    @property
    def secrets(self) -> Path:
        """Its secrets."""
        return self.stage.fleet.secrets_file

    @property
    def hosts(self) -> int:
        """How many hosts there are, the monitoring host included."""
        return len(self.stage.rehearsal.hosts)

    def up(self, *words: str) -> str:
        """What an operator runs."""
        return command(PROVISION, "up", "--yes", "-i", self.inventory, *words)

    def verify(self) -> str:
        """That all of it arrives, which looks at every host and sends through every Telegraf."""
        return command(PROVISION, "verify", "-i", self.inventory)

    def ordinary(self, *words: str, tuned: bool) -> str:
        """The ordinary playbook, with Ansible's defaults or with our ansible.cfg."""
        return command(
            ANSIBLE / "ansible-playbook",
            *("-i", self.inventory, "-e", f"provision_tree={self.tree}"),
            *("-e", f"@{self.secrets}", *words, Path(__file__).with_name("ordinary.yml")),
            environment=OURS if tuned else DEFAULTS,
        )

    def ping(self) -> str:
        """One module on every host."""
        return command(
            ANSIBLE / "ansible", "all", "-i", self.inventory, "-m", "ping", environment=OURS
        )

    def ssh(self) -> str:
        """One round trip to one host over a connection that stands."""
        return self.on(self.stage.rehearsal.hosts[-1].name, "true")

    def on(self, host: str, *words: str) -> str:
        """What a command prints on a host, over a connection that stands."""
        first, *rest = self.stage.rehearsal.ssh(host)
        shared = ("-o", "ControlMaster=auto", "-o", "ControlPersist=60s")
        path = ("-o", f"ControlPath={self.stage.rehearsal.control_path}")
        return command(first, *shared, *path, *rest, shlex.join(words))


def packages() -> Path | None:
    """The folder with Grafana's package, where there is one."""
    given = os.environ.get("PROVISION_GRAFANA_PACKAGES")
    return Path(given) if given else None


@contextmanager
def bare(workers: int) -> Iterator[Bench]:
    """A monitoring host and so many workers that nothing is on, which are taken down at the end."""
    # Fifty that start at once on the cores of one machine take longer than a host of its own does.
    variables = {"apps": ["realm"], "telegraf_start_timeout": 30 + 5 * workers}
    demo = {f"w{number}.rehearsal": dict(variables) for number in range(workers)}
    stage = set_stage(
        name="bench",
        engine=1,
        inventory=None,
        folder=packages(),
        cache=cache(),
        progress=progress(),
        demo=demo,
    )
    with stage.rehearsal as rehearsal:
        yield Bench(stage, rehearsal.directory / "tree")


@contextmanager
def fleet(workers: int) -> Iterator[Bench]:
    """The same, provisioned."""
    with bare(workers) as bench:
        bench.up()
        command(PROVISION, "render", "-i", bench.inventory, "--output", bench.tree)
        yield bench
