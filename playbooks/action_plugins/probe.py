"""Look at a host's services and send a metric of our own, with the module of the same name."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions


class ActionModule(actions.ProvisionAction):
    """Gives the module the services of the host's manifest, and what it is to send and to fetch.

    That is in the variables provision_probes and provision_scraped, by host, in JSON. Argument:
    timeout, in seconds.
    """

    _VALID_ARGS = frozenset({"timeout"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        host = task_vars["inventory_hostname"]
        services = [asdict(each) for each in self.manifest(task_vars).services]
        return self.module(
            "probe",
            {
                **self._task.args,
                "services": services,
                "probes": self._by_host("provision_probes", task_vars).get(host, []),
                **self._by_host("provision_scraped", task_vars).get(host, {}),
            },
        )

    def _by_host(self, name: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._templar.template(task_vars.get(name) or "{}"))
        return found
