"""The module converge_state, as actions call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from comparing import actions, secrets_file

from ansible.module_utils.provision import entries  # isort: skip

#: What the module says of the state, beside how it went.
_SAID = ("new_secrets", "stale", "unseen", "left")


class ConvergingAction(actions.ProvisionAction):
    """An action that has the state of a service converged, entry by entry."""

    def converge(
        self,
        entry: Mapping[str, Any],
        known: Mapping[str, str],
        task_vars: dict[str, Any],
        result: dict[str, Any],
        **options: Any,
    ) -> dict[str, Any]:
        """Call the module for an entry, with the secrets that it names of those that are known.

        result is brought on: converged and changed are added to, and what says that it failed is
        put there. Gives what else the module said.
        """
        wanted = dict(entry)
        names = entries.all_names(wanted)
        arguments = {
            "entry": wanted,
            "secrets": {name: known[name] for name in names if known.get(name)},
            "operator": self.operator(task_vars),
            "refused": self._is_refused(entry, task_vars),
            **options,
        }
        # What the module prints holds new tokens, and ssh's -vvv would show it.
        self._play_context.no_log = self._connection._play_context.no_log = True
        try:
            done = self.module("converge_state", arguments)
        finally:
            self._play_context.no_log = self._connection._play_context.no_log = False
        result["converged"] += [
            {"role": entry["role"], "kind": "state", **each} for each in done.pop("differences", [])
        ]
        result["changed"] = bool(result["changed"] or done.pop("changed", False))
        said = {name: done.pop(name) for name in _SAID if name in done}
        result.update(done)
        return said

    def _is_refused(self, entry: Mapping[str, Any], task_vars: Mapping[str, Any]) -> bool:
        """Whether the comparison saw that Grafana does not take the login."""
        user = {"role": "grafana", "kind": "state", "action": "change"}
        user["name"] = f"user {entry['username']}"
        return entry["role"] == "grafana" and any(
            user.items() <= each.items() for each in self.comparison(task_vars)["differences"]
        )

    def remember(
        self, made: dict[str, str], task_vars: dict[str, Any], *, forget: Sequence[str] = ()
    ) -> None:
        """Have new secrets in the secrets file, and others no more."""
        path = self.secrets_path(task_vars)
        try:
            secrets_file.remember(path, made, self._loader, forget=forget)
        except OSError as error:
            raise actions.Refusal(
                f"There are new secrets, but {path} can't be written: {error.strerror}.",
                "make the file writable and run again",
            ) from None
