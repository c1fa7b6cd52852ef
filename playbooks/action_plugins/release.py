"""Let other operators in on a host, once a run has done its work there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions, operators


class ActionModule(actions.ProvisionAction):
    """Releases the lease that the modules which change a host take and renew by themselves."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset()

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        mine = self.operator(task_vars or {})
        if mine and not self._task.check_mode:
            self.shell(operators.release_script(mine["run"]))
        result.update(changed=False)
        return result
