"""What a role places on a host, read from the rendered tree, as arguments of a module."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from comparing import actions, logins, wanted
from comparing.manifest import ManifestError

from ansible.module_utils.provision import trial  # isort: skip


def arguments(
    action: actions.ProvisionAction,
    role: str,
    task_vars: Mapping[str, Any],
    login: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The options files, directories, absent and record, with secrets filled in.

    login has the paths of Telegraf's configuration, environment and folder of credentials, which
    are tried before they are placed (the options credentials and logins). Refusal where a file
    can't be filled in.
    """
    manifest = action.manifest(task_vars)
    try:
        files = wanted.wanted_files(
            manifest, action.secrets(task_vars), action.fill, roles=[role], read=action.read
        )
    except ManifestError as error:
        raise actions.Refusal(error.message, error.remedy) from None
    missing = sorted({name for each in files for name in each.missing})
    if missing:
        raise actions.Refusal(*wanted.unknown_secret(missing))
    found: dict[str, Any] = {
        "record": {**manifest.touched(), "role": role, "author": actions.author()},
        "files": [
            {
                "path": each.file.path,
                "owner": each.file.owner,
                "group": each.file.group,
                "mode": each.file.mode,
                "content": base64.b64encode(each.content or b"").decode(),
                "digest": each.digest,
            }
            for each in files
        ],
        "directories": [
            {
                "path": entry.path,
                "owner": entry.owner,
                "group": entry.group,
                "mode": entry.mode,
                "exclusive": entry.exclusive,
            }
            for entry in manifest.directories
            if entry.role == role
        ],
        "absent": [entry.path for entry in manifest.absent if entry.role == role],
    }
    if login:
        texts = {each.file.path: (each.content or b"").decode("utf-8") for each in files}
        folder = login["credentials"] + "/"
        held = {path: text for path, text in texts.items() if path.startswith(folder)}
        found["credentials"] = [login["environment"], login["configuration"], *held]
        found["logins"] = logins.logins(
            texts.get(login["configuration"], ""),
            trial.environment(texts.get(login["environment"], "")),
            {path.removeprefix(folder): text for path, text in held.items()},
            texts,
        )
    return found
