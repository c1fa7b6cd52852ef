"""What an operator has: the command line, ssh to the hosts, and eyes."""

from __future__ import annotations

import base64
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from provision.commands.rehearse import send_everything, wait_for_metrics
from provision.influx import InfluxDB
from provision.rehearsal.progress import Quiet
from provision.rehearsal.stage import Stage
from provision.services import reader
from provision.verify.arrival import MetricOutcome

Answer = TypeVar("Answer")

ROOT = Path(__file__).resolve().parents[2]
PROVISION = (sys.executable, "-m", "provision")
# With what telegraf.conf ends, where it is whole.
CONFIGURATION_END = "skip_processors_after_aggregators = true"
# What asks before it changes anything, and refuses to where nobody could answer.
ASKING = frozenset({"up", "monitor-server", "worker", "remove", "rotate"})


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """That of a process that runs this checkout, wherever it is started."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **(changes or {})}


@dataclass(frozen=True)
class Outcome:
    """What a command line did: its exit status, both its outputs, how many seconds it took."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def text(self) -> str:
        return self.out + self.err

    def about(self, host: str) -> str:
        """The lines of the result that are about a host, as if they were about it alone."""
        lines: list[str] = []
        mine = False
        for line in self.out.splitlines():
            if not line.startswith(" "):
                names, _, verdict = line.partition("  ")
                mine = host in names.split(", ")
                line = f"{host}  {verdict}"
            lines += [line] if mine else []
        assert lines, f"nothing is said about {host}:\n{self.text}"
        return "\n".join(lines)


def execute(
    *argv: str | Path,
    cwd: Path | None = None,
    changes: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> Outcome:
    """Run a program to its end, with nothing on its standard input."""
    started = time.monotonic()
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=environment(changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr, time.monotonic() - started)


def answered(command: Sequence[str | Path]) -> list[str | Path]:
    """A command line of provision, with --yes where it would ask."""
    name, *rest = command[len(PROVISION) :]
    asks = name in ASKING and not {"--check", "--yes"} & {str(word) for word in rest}
    return [*PROVISION, name, *(["--yes"] if asks else []), *rest]


def provision(inventory: Path, *words: str, before: tuple[str, ...] = ()) -> Outcome:
    """`provision COMMAND` on an inventory; before are words that start it."""
    return execute(*before, *answered([*PROVISION, words[0], "-i", inventory, *words[1:]]))


#: Those of docs/fleets.md, which are tried as they stand there.
EXAMPLES = Path(__file__).parents[2] / "docs/examples"


@dataclass(frozen=True)
class Site:
    """A stage and the inventory that an operator would have of it."""

    stage: Stage

    @property
    def inventory(self) -> list[str]:
        return list(self.stage.fleet.options)

    @property
    def secrets_file(self) -> Path:
        return Path(self.inventory[1]).parent / "secrets.yml"

    @property
    def secrets(self) -> dict[str, str]:
        return dict(yaml.safe_load(self.secrets_file.read_text())["provision_secrets"])

    @property
    def monitor(self) -> str:
        return self.stage.fleet.site.monitor.name

    @property
    def workers(self) -> tuple[str, ...]:
        return tuple(host.name for host in self.stage.fleet.site.workers)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.monitor, *self.workers)

    def provision(self, *words: str | Path, **options: Any) -> Outcome:
        """`provision COMMAND -i this site's inventory ...`, with --yes where it would ask."""
        return execute(*self.command(*words), **options)

    def command(self, *words: str | Path) -> list[str | Path]:
        return answered([*self.asking(*words)])

    def asking(self, *words: str | Path) -> list[str | Path]:
        """The command as a person gives it, who is asked."""
        return [*PROVISION, words[0], *self.inventory, *words[1:]]

    def on(self, host: str, script: str, *, check: bool = True, user: str = "root") -> str:
        """What a shell script prints on a host."""
        done = self.stage.rehearsal.execute(
            host, "bash", "-c", script, check=check, user=user, timeout=120
        )
        return done.stdout

    def put(self, host: str, source: Path, target: str, mode: str = "0644") -> None:
        """Put a file on a host, as scp does."""
        words = [*self.stage.rehearsal.ssh(host), f"install -D -m {mode} /dev/stdin {target}"]
        subprocess.run(words, input=source.read_bytes(), check=True)

    def await_placed(self, host: str, text: str) -> None:
        """Wait until a run that is under way has placed a configuration of Telegraf with a text."""
        words = shlex.quote(text)
        self.on(host, f"until grep -qF {words} /etc/telegraf/telegraf.conf; do sleep 0.05; done")

    def reloads(self, host: str) -> int:
        """How often Telegraf on a host was told to take up its files while it runs."""
        said = "journalctl -u telegraf -o cat | grep -c '^[^ ]* I! Reloading Telegraf config'"
        return int(self.on(host, said, check=False))

    def metrics(self, *hosts: str) -> list[MetricOutcome]:
        """Send everything that is documented, to all workers or some; what came of it."""
        site = self.stage.fleet.site
        kept = tuple(
            host for host in site.hosts if host.monitor or host.name in (hosts or self.names)
        )
        fleet = replace(
            self.stage.fleet, site=replace(site, hosts=kept), secrets_file=self.secrets_file
        )
        stage = replace(self.stage, fleet=fleet)
        start = int(time.time() * 1000) - 1000
        sent = send_everything(stage, Quiet())
        outcomes = self.ask(lambda database: wait_for_metrics(database, sent, start))
        return [outcome for outcome in outcomes if outcome.was_sent]

    def ask(self, question: Callable[[InfluxDB], Answer]) -> Answer:
        """What the database answers, asked with the rights that Grafana has."""
        database = reader(replace(self.stage.fleet, secrets_file=self.secrets_file))
        try:
            return question(database)
        finally:
            database.close()

    def pid(self, host: str, unit: str) -> str:
        """The main process of a running unit."""
        shown = self.on(host, f"systemctl show -p ActiveState -p MainPID {unit}")
        values = dict(line.split("=", 1) for line in shown.split())
        assert values["ActiveState"] == "active", f"{unit} on {host} is {values['ActiveState']}"
        return values["MainPID"]


def pids(site: Site) -> dict[str, str]:
    """The main process of each host's service."""
    found = {worker: site.pid(worker, "telegraf") for worker in site.workers}
    return {**found, site.monitor: site.pid(site.monitor, "influxdb")}


def ask(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    body: str | None = None,
    method: str | None = None,
) -> tuple[int, str]:
    """Status and text of an HTTP answer."""
    data = urllib.parse.urlencode(form).encode() if form else body.encode() if body else None
    request = urllib.request.Request(url, headers=dict(headers or {}), data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def described(outcomes: Sequence[MetricOutcome]) -> list[str]:
    """The metrics that did not arrive exactly."""
    return [f"{each.bucket} ({each.metric.type}): {each.wrong}" for each in outcomes if not each.ok]
