"""What happens in a run, written as JSON lines for a program to read."""

from __future__ import annotations

import json
import os
import time
from typing import Any

#: The variable of the environment that names the file; without it, nothing is told.
FILE = "PROVISION_EVENTS"
#: What of a result is told; anything else of it stays in Ansible.
_KEYS = (
    *("msg", "problem", "remedy", "differences", "diff", "roles", "made", "awaiting"),
    *("plan", "stays", "standing", "clock", "restarted", "fetched"),
)


def of_result(result: dict[str, Any]) -> dict[str, Any]:
    """What of a result is told."""
    return {key: result[key] for key in _KEYS if key in result}


def of_task(task: Any) -> dict[str, Any]:
    """What of a task is told."""
    role = getattr(task, "_role", None)
    return {"task": task.get_name().strip(), "role": role.get_name() if role else None}


class Events:
    """The file of events, opened to append to. Raises OSError."""

    def __init__(self, path: str) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")

    def tell(self, event: str, **values: Any) -> None:
        """Write an event. Raises what can go wrong."""
        told = {"event": event, "time": round(time.time(), 3), **values}
        self._file.write(json.dumps(told, default=str) + "\n")
        self._file.flush()
