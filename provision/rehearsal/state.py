"""What a rehearsal has made, written down before it is made, so that anyone can take it down."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from provision.errors import ProvisionError
from provision.rehearsal import processes

FILE = "state.json"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_HOST = re.compile(r"(?=.{1,64}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


@dataclass(frozen=True)
class Process:
    """A process, by number and start (clock ticks since boot): a number alone may be reused."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this number now; None if there is none."""
        started = processes.start_time(pid)
        return None if started is None else cls(pid, started)

    @property
    def alive(self) -> bool:
        """Whether it still runs (a zombie doesn't)."""
        return processes.start_time(self.pid) == self.started


@dataclass
class State:
    """The record of one rehearsal, kept as <directory>/state.json.

    number is that of its subnet (None before it has one), hosts maps names to addresses in order,
    processes are those started on this machine, by what they are.
    """

    name: str
    creator: Process
    number: int | None = None
    hosts: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    ready: bool = False
    kept: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def group(self) -> PurePosixPath:
        """Its cgroup, beneath provision/."""
        return PurePosixPath(f"{self.name}.{self.number}")

    def machine(self, host: str) -> str:
        """The name of a host as a machine: short, as interfaces are named after it."""
        return f"p{self.number}-{list(self.hosts).index(host)}"

    def write(self, directory: Path) -> None:
        """Write the record; whoever reads sees the old one or the new one."""
        with self._lock:
            content = {
                name: value
                for name, value in vars(self).items()
                if name not in ("_lock", "creator", "processes")
            }
            content["creator"] = asdict(self.creator)
            content["processes"] = {what: asdict(p) for what, p in dict(self.processes).items()}
            part = directory / f".{FILE}.part"
            part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            part.replace(directory / FILE)


def read(directory: Path) -> State | None:
    """The record of the rehearsal in a directory; None if it has none that can be read."""
    try:
        content = json.loads((directory / FILE).read_text(encoding="utf-8"))
        return State(
            name=content["name"],
            creator=Process(**content["creator"]),
            number=content["number"],
            hosts=content["hosts"],
            processes={what: Process(**p) for what, p in content["processes"].items()},
            ready=content["ready"],
            kept=content["kept"],
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


def check_names(name: str, hosts: tuple[str, ...]) -> None:
    """Raise ProvisionError unless the rehearsal and its hosts can be called so."""
    if not _NAME.fullmatch(name):
        raise ProvisionError(
            f"{name!r} can't be a rehearsal's name",
            remedy="use up to 32 lower-case letters, digits and dashes",
        )
    if not hosts:
        raise ProvisionError("a rehearsal needs at least one host")
    if len(hosts) > 200:
        raise ProvisionError("a rehearsal has 200 hosts at most")
    if wrong := [repr(host) for host in hosts if not _HOST.fullmatch(host)]:
        raise ProvisionError(
            f"{', '.join(wrong)} can't be the name of a rehearsal's host",
            remedy="rehearse with a copy of the inventory in which it has lower-case letters,"
            " digits, dashes and dots alone, 64 characters at most",
        )
    doubled = sorted({host for host in hosts if hosts.count(host) > 1})
    if doubled:
        raise ProvisionError(f"{', '.join(doubled)}: named more than once")
