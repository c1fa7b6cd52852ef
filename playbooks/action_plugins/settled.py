"""See whether a host's services work with the secrets that the secrets file has, and since when."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions, effects, settling, wanted
from comparing.manifest import ManifestError


class ActionModule(actions.ProvisionAction):
    """Result: since (seconds since 1970, by the host's clock), or why it is not so."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset()

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        manifest = self.manifest(task_vars)
        try:
            files = wanted.wanted_files(
                manifest, self.secrets(task_vars), self.fill, read=self.read
            )
        except ManifestError as error:
            raise actions.Refusal(error.message, error.remedy) from None
        done = self.shell(settling.script(manifest))
        still = effects.polled(settling.roles(manifest), task_vars, self._templar.template)
        since, why = settling.since(manifest, files, str(done["stdout"]), still)
        result.update(changed=False, since=since, why=why)
        return result
