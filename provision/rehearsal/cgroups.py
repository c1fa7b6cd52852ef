"""A cgroup for each host, in every hierarchy: without, all hosts would share one systemd tree.

It is also how every process of a rehearsal is found again, whoever started it.
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from pathlib import Path, PurePosixPath

from provision.errors import ProvisionError
from provision.rehearsal import processes

MOUNTED = Path("/sys/fs/cgroup")
PARENT = "provision"


def unified() -> bool:
    """Whether this machine has cgroup v2 alone (as systemd mounts it), not v1's hierarchies."""
    return (MOUNTED / "cgroup.controllers").exists()


def hierarchies(mounts: str) -> list[Path]:
    """The mount points of cgroup hierarchies, from the text of /proc/self/mounts."""
    found: dict[str, Path] = {}
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) > 3 and fields[2] in ("cgroup", "cgroup2"):
            point = Path(fields[1])
            if point == MOUNTED or MOUNTED in point.parents:
                found.setdefault(str(point), point)
    return sorted(found.values())


def _hierarchies() -> list[Path]:
    return hierarchies(Path("/proc/self/mounts").read_text(encoding="utf-8"))


def create(group: PurePosixPath) -> list[Path]:
    """Create provision/<group> in every hierarchy; gives their cgroup.procs, to be entered.

    Raises ProvisionError if this machine has no cgroups, or does not let them be made.
    """
    found = _hierarchies()
    if not found:
        raise ProvisionError(
            f"no cgroup hierarchy is mounted under {MOUNTED}", remedy="mount -t cgroup2, or systemd"
        )
    entered = []
    for hierarchy in found:
        at = hierarchy
        for part in (PARENT, *group.parts):
            above, at = at, at / part
            try:
                at.mkdir(exist_ok=True)
            except OSError as error:
                raise ProvisionError(f"{at}: the cgroup can't be made: {error.strerror}") from error
            _delegate(above, at)
        entered.append(at / "cgroup.procs")
    return entered


def _delegate(above: Path, at: Path) -> None:
    """Hand down what a new cgroup doesn't get by itself, as far as the kernel lets us."""
    for name in ("cpuset.cpus", "cpuset.mems"):  # v1: empty, and then nothing can enter
        with contextlib.suppress(OSError):
            if (at / name).exists() and not (at / name).read_text().strip():
                (at / name).write_text((above / name).read_text())
    if (above / "cgroup.subtree_control").exists():  # v2
        for controller in (above / "cgroup.controllers").read_text().split():
            with contextlib.suppress(OSError):
                (above / "cgroup.subtree_control").write_text(f"+{controller}")


def processes_of(group: PurePosixPath) -> set[int]:
    """The ids of all processes in a cgroup and those beneath it."""
    found: set[int] = set()
    for hierarchy in _hierarchies():
        for directory, _, names in os.walk(hierarchy / PARENT / group):
            if "cgroup.procs" in names:
                with contextlib.suppress(OSError):
                    text = (Path(directory) / "cgroup.procs").read_text()
                    found.update(int(word) for word in text.split())
    return found - {0}


def kill(group: PurePosixPath, timeout: float = 15) -> None:
    """Kill all processes of a cgroup and wait, timeout seconds at most, until none is left.

    Raises ProvisionError if some are.
    """
    processes.kill_all(partial(processes_of, group), group, timeout)


def remove(group: PurePosixPath) -> None:
    """Remove a cgroup, those beneath it, and those above it that are empty then."""
    for hierarchy in _hierarchies():
        top = hierarchy / PARENT / group
        for directory, _, _ in os.walk(top, topdown=False):
            _rmdir(Path(directory))
        for above in top.parents:
            if above == hierarchy:
                break
            with contextlib.suppress(OSError):
                above.rmdir()


def _rmdir(directory: Path) -> None:
    # The kernel may be a moment late in letting go of the last process.
    for _ in range(100):
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return
