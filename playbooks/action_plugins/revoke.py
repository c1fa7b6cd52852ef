"""Revoke InfluxDB's tokens or users that nobody uses any more, and forget their secrets."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions, converging, secrets_file

from ansible.module_utils.provision import entries  # isort: skip

#: What once let workers in: for all of them together, and each for one.
_WRITES = re.compile(r"influxdb_write_(token|password)(_\w+)?")


class ActionModule(converging.ConvergingAction):
    """Asks the module converge_state, for hosts that are settled. Result: changed, converged."""

    _VALID_ARGS = frozenset()

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        result.update(changed=False, converged=[])
        known = self.secrets(task_vars)
        for entry in self.manifest(task_vars).state:
            if entry["role"] == "influxdb":
                self._revoke(dict(entry), known, task_vars, result)
        return result

    def _revoke(
        self,
        entry: dict[str, Any],
        known: dict[str, str],
        task_vars: dict[str, Any],
        result: dict[str, Any],
    ) -> None:
        settled = self._settled(task_vars)
        said = self.converge(entry, known, task_vars, result, settled=settled)
        unseen, left = said.get("unseen", []), said.get("left", 1)
        if not left and not result.get("failed"):
            self._forget(entry, known, task_vars)
        why = dict.fromkeys(unseen, "nothing has come to InfluxDB from it since then")
        why |= {host: str(each["why"]) for host, each in self._said(task_vars) if each.get("why")}
        if why:
            told = "; ".join(f"{host}: {why[host]}" for host in sorted(why))
            result.update(
                actions.failure(
                    f"Hosts with new credentials do not work with them yet ({told}); what they had"
                    " before stays valid.",
                    "see `journalctl -u telegraf` there and that it reaches InfluxDB, then run"
                    " again",
                )
            )

    def _said(self, task_vars: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """What hosts said that may still use what is stale; those that failed say nothing."""
        hosts = [str(host) for host in task_vars["groups"].get(actions.OWNERS, ())]
        return [(host, task_vars["hostvars"][host].get("settled") or {}) for host in hosts]

    def _settled(self, task_vars: dict[str, Any]) -> dict[str, float]:
        """The hosts that were seen to have what the secrets file has, and since when."""
        said = self._said(task_vars)
        return {host: float(each["since"]) for host, each in said if each.get("since")}

    def _forget(
        self, entry: dict[str, Any], known: dict[str, str], task_vars: dict[str, Any]
    ) -> None:
        """Take away what let in workers that have another secret now, or are not there any more."""
        kind = "token" if entry["engine"] == 2 else "password"
        wanted = entries.made_names(entry)
        gone = [
            name
            for name in known
            if (match := _WRITES.fullmatch(name)) and match[1] == kind and name not in wanted
        ]
        path = self.secrets_path(task_vars)
        if gone and path.is_file():
            secrets_file.remember(path, {}, self._loader, forget=gone)
