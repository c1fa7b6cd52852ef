"""What an operator has: the command line, ssh to the hosts, and eyes."""

from __future__ import annotations

import base64
import difflib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from provision.commands.rehearse import reader, send_everything, wait_for_metrics
from provision.rehearsal import cgroups, mounts, network, processes
from provision.rehearsal.progress import Quiet
from provision.rehearsal.stage import Stage
from provision.verify import MetricOutcome

ROOT = Path(__file__).resolve().parents[2]
PROVISION = (sys.executable, "-m", "provision")


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
        """The lines of the result that are about a host."""
        lines: list[str] = []
        mine = False
        for line in self.out.splitlines():
            if not line.startswith(" "):
                mine = line.startswith(f"{host} ")
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


def at_terminal(
    *argv: str | Path, answers: Mapping[str, str], timeout: float = 300
) -> tuple[int, str]:
    """Run a program on a terminal of its own, and type each answer when its question is read."""
    started = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(str(argv[0]), [str(word) for word in argv], environment({"TERM": "xterm"}))
    seen, open_questions = "", dict(answers)
    try:
        while True:
            if time.monotonic() - started > timeout:
                raise TimeoutError(seen)
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            seen += piece.decode(errors="replace")
            for question in [question for question in open_questions if question in seen]:
                os.write(terminal, f"{open_questions.pop(question)}\n".encode())
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), seen


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
        """`provision COMMAND -i this site's inventory ...`."""
        return execute(*self.command(*words), **options)

    def command(self, *words: str | Path) -> list[str | Path]:
        return [*PROVISION, words[0], *self.inventory, *words[1:]]

    def on(self, host: str, script: str, *, check: bool = True, user: str = "root") -> str:
        """What a shell script prints on a host."""
        done = self.stage.rehearsal.execute(
            host, "bash", "-c", script, check=check, user=user, timeout=120
        )
        return done.stdout

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
        database = reader(stage)
        try:
            return wait_for_metrics(database, sent, start)
        finally:
            database.close()

    def pid(self, host: str, unit: str) -> str:
        """The main process of a running unit."""
        shown = self.on(host, f"systemctl show -p ActiveState -p MainPID {unit}")
        values = dict(line.split("=", 1) for line in shown.split())
        assert values["ActiveState"] == "active", f"{unit} on {host} is {values['ActiveState']}"
        return values["MainPID"]


# Everything an installation could change, as text: packages, files with owner, mode and content,
# units. Left out is what a running system and a running database write by themselves.
SNAPSHOT = r"""
dpkg-query -W -f '${Package} ${Version} ${Status}\n'
find /etc /root /home /opt /srv /usr/local /var/lib /tmp /run/provision -xdev \
  \( -path '/var/lib/systemd/*' -o -path '/var/lib/influxdb/*' -o -path '/var/lib/grafana/*' \
     -o -path '/tmp/systemd-private-*' \) -prune -o \
  -printf '%M %u %g %p %l\n' -type f -exec sha256sum {} + 2>/dev/null | sort -k 2
cut -d : -f 1 /etc/passwd /etc/group
systemctl list-unit-files --no-legend --no-pager
systemctl list-units --no-legend --no-pager --plain --type=service --state=active \
  | awk '$1 !~ /^user(@|-runtime-dir@)/ { print $1, $3 }'
ss -Hlntu | awk '{ print $1, $5 }' | sort
"""


def snapshot(site: Site, host: str) -> list[str]:
    return site.on(host, SNAPSHOT).splitlines()


def changes(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The lines that went (-) and came (+)."""
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


class Spy(threading.Thread):
    """Looks at the arguments of every process, of this machine and of its throwaway hosts."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                self.seen.add(content(path))

    def __enter__(self) -> Spy:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.join()


def content(path: Path) -> bytes:
    """What is in a file, nothing if it is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


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


@dataclass
class Run:
    """A program that runs, and what it has said so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def until(self, words: str, *, timeout: float = 120) -> None:
        """Wait until it has said these words."""
        deadline = time.monotonic() + timeout
        while not any(words in line for line in self.lines):
            assert time.monotonic() < deadline, f"{words!r} was not said: {self.text}"
            assert self.process.poll() is None, f"it ended without {words!r}: {self.text}"
            time.sleep(0.02)

    def wait(self, timeout: float = 120) -> int:
        return self.process.wait(timeout)

    @property
    def text(self) -> str:
        return "".join(self.lines)


@contextmanager
def running(
    *argv: str | Path, cwd: Path | None = None, changes: Mapping[str, str] | None = None
) -> Iterator[Run]:
    """Start a program in a process group of its own; killed at the end if it still runs."""
    with subprocess.Popen(
        [str(word) for word in argv],
        cwd=cwd,
        env=environment({"PYTHONUNBUFFERED": "1", **(changes or {})}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        run = Run(process)

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                run.lines.append(line)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield run
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            thread.join(10)


def traces(name: str, number: str, directory: Path) -> dict[str, object]:
    """All that a rehearsal could leave on this machine, empty if nothing."""
    bridge = network.bridge_name(int(number))
    rules = [
        words
        for table in ("nat", "filter")
        for words in network.marked(
            processes.run("iptables", "-w", "-t", table, "-S").stdout, bridge
        )
    ]
    groups = list(cgroups.MOUNTED.glob(f"**/provision/{name}.{number}"))
    links = [i for i in network.interfaces() if i == bridge or i.startswith(f"vb-p{number}-")]
    mine = str(directory).encode()
    running = [
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if mine in content(path) and path.parent.name != str(os.getpid())
    ]
    found = {
        "rules": rules,
        "cgroups": groups,
        "links": links,
        "mounts": mounts.beneath(directory),
        "processes": running,
        "directory": [directory] if directory.exists() else [],
    }
    return {what: left for what, left in found.items() if left}


def number_in(directory: Path) -> str | None:
    """The number of the network of the rehearsal that stands in a directory; None before it has."""
    try:
        number = json.loads((directory / "state.json").read_text()).get("number")
    except (OSError, ValueError):
        return None
    return None if number is None else str(number)


def described(outcomes: Sequence[MetricOutcome]) -> list[str]:
    """The metrics that did not arrive exactly."""
    return [f"{each.bucket} ({each.type}): {each.wrong}" for each in outcomes if not each.ok]
