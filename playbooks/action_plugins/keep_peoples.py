"""Keep what people have in Grafana, where what is placed is about to replace it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions, converging

from ansible.module_utils.provision import alerting, secret_key  # isort: skip

_KEPT = {alerting.POLICIES, secret_key.NAME}


class ActionModule(converging.ConvergingAction):
    """Has the module converge_state do so, where there is something, or may be.

    Policies are not seen where Grafana does not run, or its password is not known: the module looks
    again before the file is placed that replaces them. Result: changed, converged, made (the names
    of secrets that were taken over; the host is in the group of those that have made some then).
    """

    _VALID_ARGS = frozenset()

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        result.update(changed=False, converged=[], made=[])
        if self._task.check_mode:
            return result
        compared = self.comparison(task_vars)
        differences = compared.get("differences", ())
        told = {each["name"] for each in differences if each["kind"] == "state"}
        known = self.secrets(task_vars)
        for entry in self.manifest(task_vars).state:
            if entry["role"] != "grafana":
                continue
            if told & _KEPT or entry["alerting"]["file"] in compared.get("files", ()):
                said = self.converge(entry, known, task_vars, result, keep=True)
                made: dict[str, str] = said.get("new_secrets", {})
                if made:
                    self.remember(made, task_vars)
                    result["made"] += sorted(made)
                    self.join([actions.MADE_SECRETS], result, task_vars)
        return result
