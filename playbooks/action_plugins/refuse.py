"""Fail with what failed before, and say what the host runs with now."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions


class ActionModule(actions.ProvisionAction):
    """Arguments: failed (the result of the failed task), restored and recovered (booleans), and
    version, of the package, if an old one is back."""

    _VALID_ARGS = frozenset({"failed", "restored", "recovered", "version"})
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        super().run(tmp, task_vars)
        failed = self._task.args["failed"]
        failed = next((each for each in failed.get("results", ()) if each.get("failed")), failed)
        problem = str(failed.get("problem") or failed.get("msg"))
        if self._task.args["restored"]:
            version = self._task.args.get("version")
            problem += f" Version {version} and the" if version else " The"
            problem += (
                " old files are back, and the service works with them."
                if self._task.args["recovered"]
                else " old files are back, but the service does not work with them either."
            )
        return actions.failure(problem, str(failed.get("remedy") or ""))
