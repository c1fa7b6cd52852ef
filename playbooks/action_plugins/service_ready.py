"""See whether a host's services work with the module of the same name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions


class ActionModule(actions.ProvisionAction):
    """Has the module run in the host's Python alone."""

    _VALID_ARGS = frozenset({"services", "timeout", "stable_seconds"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        super().run(tmp, task_vars)
        return self.module("service_ready", self._task.args)
