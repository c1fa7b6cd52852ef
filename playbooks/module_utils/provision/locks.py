"""Who holds the locks of apt and dpkg."""

from __future__ import annotations

import os
import re
import time
from typing import List, Optional, Sequence

APT = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)


class Holder:
    """A process: its number, program, systemd unit (or none) and seconds since its start."""

    def __init__(self, pid: int, program: str, unit: str, seconds: float) -> None:
        self.pid, self.program, self.unit, self.seconds = pid, program, unit, seconds

    def __str__(self) -> str:
        unit = ", of %s" % self.unit if self.unit else ""
        return "%s (pid %d%s, running for %s)" % (
            self.program,
            self.pid,
            unit,
            _duration(self.seconds),
        )

    @property
    def ending(self) -> str:
        """The command that ends it."""
        return "systemctl stop %s" % self.unit if self.unit else "kill %d" % self.pid


def holders(paths: Sequence[str] = APT) -> List[Holder]:
    """The processes that hold a lock on one of the files (proc(5): locks, fd)."""
    found = {}
    locked = _locked()
    for path in paths:
        try:
            inode = os.stat(path).st_ino
        except OSError:
            continue
        for pid in locked.get(inode, ()):
            # File systems number their files alike: it must have this very one open.
            if pid != os.getpid() and _has_open(pid, path):
                holder = describe(pid)
                if holder:
                    found[pid] = holder
    return list(found.values())


def _locked() -> "dict[int, set[int]]":
    """The processes that have write locks, by the inode of the file."""
    found: "dict[int, set[int]]" = {}
    try:
        with open("/proc/locks") as file:
            lines = file.read().splitlines()
    except OSError:
        return {}
    for line in lines:
        # "1: POSIX  ADVISORY  WRITE 353 00:28:10899706 0 EOF"; waiting ones have "->" second.
        words = line.split()
        if len(words) > 5 and words[1] != "->" and words[3] == "WRITE":
            found.setdefault(int(words[5].rpartition(":")[2]), set()).add(int(words[4]))
    return found


def _has_open(pid: int, path: str) -> bool:
    folder = "/proc/%d/fd" % pid
    try:
        return any(os.readlink(os.path.join(folder, name)) == path for name in os.listdir(folder))
    except OSError:
        return False


def describe(pid: int) -> Optional[Holder]:
    """What a process is; None if it is gone."""
    try:
        with open("/proc/%d/comm" % pid) as file:
            program = file.read().strip()
        with open("/proc/%d/cgroup" % pid) as file:
            units = re.findall(r"/([^/\s]+\.(?:service|scope))(?=/|$)", file.read(), re.M)
        with open("/proc/%d/stat" % pid) as file:
            started = int(file.read().rpartition(") ")[2].split()[19])
    except OSError:
        return None
    seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    # Scopes are people's logins; what they run has no unit of its own.
    unit = units[-1] if units and units[-1].endswith(".service") else ""
    return Holder(pid, program, unit, seconds)


def _duration(seconds: float) -> str:
    return "%d min" % (seconds / 60) if seconds >= 120 else "%d s" % seconds
