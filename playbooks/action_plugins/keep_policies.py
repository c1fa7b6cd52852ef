"""Keep the notification policies that people made in Grafana before a file replaces them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import converging

from ansible.module_utils.provision import alerting  # isort: skip


class ActionModule(converging.ConvergingAction):
    """Has the module converge_state do so, where the comparison saw some.

    Result: changed, converged.
    """

    _VALID_ARGS = frozenset()

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        result.update(changed=False, converged=[])
        compared = self.comparison(task_vars).get("differences", ())
        if self._task.check_mode:
            return result
        if alerting.POLICIES in {each["name"] for each in compared if each["kind"] == "state"}:
            known = self.secrets(task_vars)
            for entry in self.manifest(task_vars).state:
                if entry["role"] == "grafana":
                    self.converge(entry, known, task_vars, result, keep=True)
        return result
