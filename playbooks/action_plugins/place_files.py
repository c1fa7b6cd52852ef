"""Give a role's files, with their secrets filled in, to the module of the same name."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions, logins, script, wanted
from comparing.manifest import ManifestError

from ansible.module_utils.provision import swap  # isort: skip


class ActionModule(actions.ProvisionAction):
    """Places what the manifest names for a role. Arguments: role, and state, check,
    recheck and keep of the module; login, with the paths of Telegraf's configuration, environment
    and folder of credentials, to try those before they are placed."""

    _VALID_ARGS = frozenset({"role", "state", "check", "recheck", "keep", "login"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        role = self._task.args["role"]
        manifest = self.manifest(task_vars)
        arguments: dict[str, Any] = {
            "state": self._task.args.get("state", "placed"),
            "check": self._task.args.get("check") or None,
            "keep": self._task.args.get("keep", True),
            "operator": self.operator(task_vars),
            "recheck": self._task.args.get("recheck", False),
        }
        if manifest.services_of(role):
            arguments["unfinished"] = f"{script.UNFINISHED}/{role}"
        if arguments["state"] == "placed":
            arguments["record"] = {**manifest.touched(), "role": role, "author": actions.author()}
            try:
                files = wanted.wanted_files(
                    manifest, self.secrets(task_vars), self.fill, roles=[role], read=self.read
                )
            except ManifestError as error:
                raise actions.Refusal(error.message, error.remedy) from None
            missing = sorted({name for each in files for name in each.missing})
            if missing:
                raise actions.Refusal(*wanted.unknown_secret(missing))
            arguments["files"] = [
                {
                    "path": each.file.path,
                    "owner": each.file.owner,
                    "group": each.file.group,
                    "mode": each.file.mode,
                    "content": base64.b64encode(each.content or b"").decode(),
                }
                for each in files
            ]
            login = self._task.args.get("login")
            if login:
                texts = {each.file.path: (each.content or b"").decode("utf-8") for each in files}
                folder = login["credentials"] + "/"
                held = {path: text for path, text in texts.items() if path.startswith(folder)}
                arguments["credentials"] = [login["environment"], login["configuration"], *held]
                arguments["logins"] = logins.logins(
                    texts.get(login["configuration"], ""),
                    swap.environment(texts.get(login["environment"], "")),
                    {path.removeprefix(folder): text for path, text in held.items()},
                    texts,
                )
            arguments["directories"] = [
                {
                    "path": entry.path,
                    "owner": entry.owner,
                    "group": entry.group,
                    "mode": entry.mode,
                    "exclusive": entry.exclusive,
                }
                for entry in manifest.directories
                if entry.role == role
            ]
            arguments["absent"] = [entry.path for entry in manifest.absent if entry.role == role]
        result: dict[str, Any] = self._execute_module(
            module_name="place_files", module_args=arguments, task_vars=task_vars
        )
        return result
