"""Converge a service's state with the module of the same name, and keep the secrets it made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions, converging, wanted

from ansible.module_utils.provision import entries, rights  # isort: skip


class ActionModule(converging.ConvergingAction):
    """Converges every state entry of a role. Arguments: role, patience (seconds).

    Result: changed, converged (what was done), made (the names of new secrets), concerned (the
    hosts that were compared with a secret that is not the right one any more) and stale (whether
    there is something to revoke).
    """

    _VALID_ARGS = frozenset({"role", "patience"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        result.update(changed=False, converged=[], made=[], concerned=[], stale=False)
        role = self._task.args["role"]
        known = self.secrets(task_vars)
        for entry in self.manifest(task_vars).state:
            if entry["role"] != role:
                continue
            missing = [name for name in entries.secret_names(entry) if not known.get(name)]
            if missing:
                raise actions.Refusal(*wanted.unknown_secret(missing))
            renew = self.renewed(task_vars)
            if entries.NEXT in entries.optional_secret_names(entry) and entries.ADMIN in renew:
                # Kept before it is set: nobody but the one who has it could set another.
                following = {entries.NEXT: known.get(entries.NEXT) or rights.new_secret()}
                self.remember(following, task_vars)
                known = {**known, **following}
            said = self.converge(
                entry,
                known,
                task_vars,
                result,
                patience=self._task.args.get("patience", 60),
                renew=renew,
                author=actions.author(),
            )
            made: dict[str, str] = said.get("new_secrets", {})
            result["stale"] = bool(result["stale"] or said.get("stale"))
            if result.get("failed"):
                break
            done = [entries.NEXT] if entries.ADMIN in made else []
            if done:
                # A module's answer hides what it was given as a secret.
                made[entries.ADMIN] = known[entries.NEXT]
            if made:
                self.remember(made, task_vars, forget=done)
                result["made"] += sorted(made)
        if result["made"]:
            result["concerned"] = self._concerned(result["made"], task_vars)
        return result

    def _concerned(self, made: list[str], task_vars: dict[str, Any]) -> list[str]:
        """The hosts whose files hold one of the made secrets and were compared with an old one."""
        hosts = []
        for host in task_vars["groups"]["all"]:
            compared = self.comparison(task_vars["hostvars"][host])
            if "awaiting" not in compared:
                continue
            manifest = self.manifest_of(host, task_vars)
            texts = (
                manifest.source(file.path).read_text("utf-8")
                for file in manifest.files
                if file.secret and file.source is None
            )
            named = {name for text in texts for name in wanted.secrets_in(text)}
            if named & set(made) - set(compared["awaiting"]):
                hosts.append(str(host))
        return hosts
