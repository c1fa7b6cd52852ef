"""Give apt's sources and preferences, as rendered, to the module of the same name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions, placing


class ActionModule(actions.ProvisionAction):
    """Adds what the manifest names for the role packages to the options of the module."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        arguments: dict[str, Any] = {
            **self._task.args,
            "author": actions.author(),
            "operator": self.operator(task_vars),
        }
        if arguments.get("state") != "restored":
            arguments.update(placing.arguments(self, "packages", task_vars))
        return self.module("packages", arguments)
