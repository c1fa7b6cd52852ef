"""What systemd tells of a unit."""

from __future__ import annotations

import subprocess
from typing import Dict, Sequence

_PROPERTIES = (
    "LoadState,ActiveState,SubState,UnitFileState,Result,NRestarts,MainPID,ControlGroup,Job,"
    "ExecReload"
)


def properties(text: str) -> Dict[str, str]:
    """The output of systemctl show as a mapping."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def has_job(seen: Dict[str, str]) -> bool:
    """Whether a start, a restart or the like that was asked for is still under way."""
    return seen.get("Job", "0") not in ("", "0")


def asked(unit: str) -> "subprocess.Popen[str]":
    """A question to systemd about a unit, answered with what properties() reads."""
    command = ["systemctl", "show", "-p", _PROPERTIES, unit]
    away = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=away, universal_newlines=True)


def shown(unit: str, name: str) -> str:
    """One of a unit's properties."""
    return printed(["systemctl", "show", "--value", "-p", name, unit]).strip()


def printed(command: Sequence[str]) -> str:
    """What a command prints, whatever comes of it."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True
    )
    return done.stdout
