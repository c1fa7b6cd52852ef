"""Take away what was put on a host with the module of the same name, one operator at a time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions, operators

from ansible.module_utils.provision import lease  # isort: skip


class ActionModule(actions.ProvisionAction):
    """Adds who works on the host to the module's arguments."""

    _VALID_ARGS = frozenset({"data", "lock_timeout"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        super().run(tmp, task_vars)
        mine = operators.mine("provision remove")
        if not self._task.check_mode:
            seen = self._low_level_execute_command(f"cat {lease.PATH} 2>/dev/null || :")
            held = lease.parse(str(seen["stdout"]))
            if held and operators.is_over(held["run"]):
                mine["over"].append(held["run"])
        return self.module("take_away", {**self._task.args, "operator": mine})
