"""Give a role's files, with secrets filled in, and its services to the module of that name."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions, placing, script


class ActionModule(actions.ProvisionAction):
    """Places what the manifest names for a role, and has its services run with it.

    Arguments: role, and options of the module that are not of the manifest; login, with the paths
    of Telegraf's configuration, environment and folder of credentials, to try those first; last,
    to let other operators in, which puts the host into the group provision_released.
    """

    _VALID_ARGS = frozenset(
        {"role", "state", "login", "check", "recheck", "keep", "polled", "unproven"}
        | {"downgraded", "timeout", "stable_seconds", "last"}
    )

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        given = dict(self._task.args)
        role, login = given.pop("role"), given.pop("login", None)
        arguments: dict[str, Any] = {
            **given,
            "check": given.get("check") or None,
            "operator": self.operator(task_vars),
            "services": [asdict(each) for each in self.manifest(task_vars).services_of(role)],
        }
        if arguments["services"]:
            arguments["unfinished"] = f"{script.UNFINISHED}/{role}"
        if given.get("state") != "restored":
            arguments.update(placing.arguments(self, role, task_vars, login))
        result = self.module("place_files", arguments)
        if arguments.get("last") and not result.get("failed"):
            self.join("provision_released", result)
        return result
