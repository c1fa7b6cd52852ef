"""Whose run this is, and whether another run on this machine is over."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shlex
import socket
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.provision import lease

#: For how many seconds something that a dead run has left may still begin on a host, amply.
_LINGERS = 600.0
#: What joins the parts of a run's name: machine, boot, process namespace, process, its start.
_JOIN = " "


def mine(command: str) -> dict[str, Any]:
    """The run that this process (one that Ansible forked for a task) works for (see M(lease)).

    A worker that outlives its killed run may reach a host after the next run has compared it. So
    runs are noted on this machine, and `over` names those that are there no more.
    """
    process = os.getppid()
    started = _started(process) or "0"
    seconds = float(_text("/proc/uptime").split()[0]) - int(started) / os.sysconf("SC_CLK_TCK")
    run = _JOIN.join([_machine(), str(process), started])
    return {
        "run": run,
        "who": f"{_user()}@{socket.gethostname()}",
        "command": f"{command}, process {process}",
        "since": time.strftime("%H:%M:%S %Z", time.localtime(time.time() - seconds)),
        "over": _note(run),
    }


def is_over(run: str) -> bool:
    """Whether a run was one of this machine, and is there no more."""
    machine, _, process = run.rpartition(_JOIN)[0].rpartition(_JOIN)
    return machine == _machine() and _started(int(process)) != run.rpartition(_JOIN)[2]


def release_script(run: str, path: str = lease.PATH) -> str:
    """What gives up a run's lease of a host, in the shell, which starts sooner than Python."""
    ours = shlex.quote(f'"run": {json.dumps(run)}')
    file = shlex.quote(path)
    return (
        f"[ ! -e {file} ] || flock --nonblock {file}"
        f' sh -c \'grep -qF -- "$1" "$2" && : > "$2"\' release {ours} {file} || :\n'
    )


def _note(run: str) -> list[str]:
    """Note a run as an empty file of its name; give those noted that are over. Needs no success."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    directory = Path(cache, "provision", "runs")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / run).touch()
        # Those of an earlier boot are of no use to anybody, and would be there for ever.
        ours = f"{_machine()}{_JOIN}"
        noted = list(directory.iterdir())
        over = [path.name for path in noted if is_over(path.name)]
        for path in noted:
            if path.name in over or not path.name.startswith(ours):
                # Another worker of this run may have taken it away by now.
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > _LINGERS:
                        path.unlink()
    except OSError:
        return []
    return over


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
