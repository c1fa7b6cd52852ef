"""The kernel's settings that a rehearsal needs, and what they were before the first one."""

from __future__ import annotations

from pathlib import Path

SYSCTL = Path("/proc/sys")
KEPT = Path("/run")

#: The least that each must be. A host's systemd and its services hold some five inotify instances,
#: all of one user: of the kernel's default of 128 (inotify(7)) twenty hosts use all, and no more
#: would boot.
LEAST = {"net.ipv4.ip_forward": 1, "fs.inotify.max_user_instances": 4096}


def raise_all(least: dict[str, int] = LEAST) -> None:
    """Raise what is lower, and note what it was. Hold the machine's lock."""
    for name, value in least.items():
        before = _setting(name).read_text().strip()
        if int(before) < value:
            if not _kept(name).exists():
                _kept(name).write_text(before)
            _setting(name).write_text(str(value))


def put_back(names: dict[str, int] = LEAST) -> None:
    """Put back what raise_all() changed, when no rehearsal is left. Hold the machine's lock."""
    for name in names:
        if _kept(name).exists():
            _setting(name).write_text(_kept(name).read_text())
            _kept(name).unlink()


def _setting(name: str) -> Path:
    return SYSCTL / name.replace(".", "/")


def _kept(name: str) -> Path:
    return KEPT / f"provision-{name}-was"
