"""Give a role's files, with secrets filled in, and its services to the module of that name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ansible.module_utils.parsing.convert_bool import boolean
from comparing import actions, effects, placing, script
from comparing.manifest import ROLES


class ActionModule(actions.ProvisionAction):
    """Places what the manifest names for a role, and has its services run with it.

    Arguments: role, and options of the module that are neither of the manifest nor of what was
    compared; login, with the paths of Telegraf's configuration, environment and folder of
    credentials, to try those first, unless it is unproven; last, whether the role does nothing
    after it: where that is all that is done on the host, as it is where old files were put back,
    other operators are let in, and it is put into the group provision_released.
    """

    _VALID_ARGS = frozenset(
        {"role", "state", "login", "check", "unproven", "downgraded", "timeout", "stable_seconds"}
        | {"last"}
    )

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        given = dict(self._task.args)
        if failed := self._failed_together(given, task_vars):
            return failed
        arguments = self.arguments(given, task_vars)
        result = self.module("place_files", arguments)
        if arguments["last"] and not result.get("failed"):
            self.join(["provision_released"], result, task_vars)
        return result

    def arguments(self, given: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the module, of those of the task. Refuses where a file can't be filled in."""
        role, login = given["role"], given.get("login")
        compared = self.comparison(task_vars)
        mine = [each for each in compared.get("differences", ()) if each["role"] == role]
        found = {each["action"] for each in mine if each["kind"] == "service"}
        unproven = boolean(given.get("unproven", False))
        restored = given.get("state") == "restored"
        last = boolean(given.get("last", False)) and not unproven
        arguments: dict[str, Any] = {
            **{name: value for name, value in given.items() if name not in ("role", "login")},
            "polled": effects.polled([role], task_vars, self._templar.template).get(role),
            # It ran before this run: what it ran with is worth going back to.
            "keep": "start" not in found,
            "recheck": "restart" in found,
            "unguarded": any(each["kind"] == "rules" for each in mine),
            "check": given.get("check") or None,
            "last": restored or (last and self._is_last(role, task_vars)),
            "operator": self.operator(task_vars),
            "services": [asdict(each) for each in self.manifest(task_vars).services_of(role)],
        }
        if arguments["services"]:
            arguments["unfinished"] = f"{script.UNFINISHED}/{role}"
        if not restored:
            tried = None if unproven else login
            arguments.update(placing.arguments(self, role, task_vars, tried))
        return arguments

    @staticmethod
    def _failed_together(
        given: Mapping[str, Any], task_vars: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """How it failed already where it was done on many hosts together (place_together)."""
        if given.get("state") == "restored":
            return None
        undone = (task_vars.get(f"{given['role']}_placed") or {}).get("undone") or {}
        found: dict[str, Any] | None = undone.get(task_vars["inventory_hostname"])
        return found

    def _is_last(self, role: str, task_vars: Mapping[str, Any]) -> bool:
        """Whether nothing is done on the host after this role.

        Nobody is let in anywhere while something is yet to be revoked.
        """
        after = ROLES[ROLES.index(role) + 1 :]
        roles = self.comparison(task_vars).get("roles", ())
        revoking = (task_vars.get("groups") or {}).get("provision_revoking")
        return not revoking and not set(after) & set(roles)
