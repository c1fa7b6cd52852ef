"""Whose run this is, and whether another run on this machine is over."""

from __future__ import annotations

import getpass
import os
import socket
import time
from pathlib import Path

#: What joins the parts of a run's name: machine, boot, process namespace, process, its start.
_JOIN = " "


def mine(command: str) -> dict[str, str]:
    """The run that this process (one that Ansible forked for a task) works for."""
    process = os.getppid()
    started = _started(process) or "0"
    seconds = float(_text("/proc/uptime").split()[0]) - int(started) / os.sysconf("SC_CLK_TCK")
    return {
        "run": _JOIN.join([_machine(), str(process), started]),
        "who": f"{_user()}@{socket.gethostname()}",
        "command": f"{command}, process {process}",
        "since": time.strftime("%H:%M:%S %Z", time.localtime(time.time() - seconds)),
        "over": "",
    }


def is_over(run: str) -> bool:
    """Whether a run was one of this machine, and is there no more."""
    machine, _, process = run.rpartition(_JOIN)[0].rpartition(_JOIN)
    return machine == _machine() and _started(int(process)) != run.rpartition(_JOIN)[2]


def _machine() -> str:
    """What tells this machine, since it booted, from others; containers count for themselves."""
    boot = _text("/proc/sys/kernel/random/boot_id").strip()
    return _JOIN.join([socket.gethostname(), boot, os.readlink("/proc/self/ns/pid")])


def _started(process: int) -> str | None:
    """When a process started (clock ticks since boot); None if there is none, or a zombie."""
    try:
        words = _text(f"/proc/{process}/stat").rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] in ("Z", "X") else words[19]


def _user() -> str:
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")
