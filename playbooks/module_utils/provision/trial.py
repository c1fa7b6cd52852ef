"""New files tried, in a private copy, by the program that is to read them."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from typing import Any, Callable, Dict, List, Sequence

from ansible.module_utils.provision import swap

_CHECKS = "/run/provision"
_CHECK = "check-"


def environment(text: str) -> Dict[str, str]:
    """The variables of a file that systemd reads as EnvironmentFile (simple quoting alone)."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s*([A-Za-z_]\w*)=(.*)$", line)
        if not match:
            continue
        value = match.group(2).strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = re.sub(r'\\(["\\$`])', r"\1", value[1:-1])
        elif len(value) >= 2 and value[0] == value[-1] == "'":
            value = value[1:-1]
        found[match.group(1)] = value
    return found


def check(
    wanted: Dict[str, Any],
    files: Sequence[swap.Entry],
    doomed: Sequence[str],
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Run the check on a private copy with the new files laid over it; SwapError if it fails.

    meanwhile is called while it runs.
    """
    account = pwd.getpwnam(wanted["user"])
    os.makedirs(_CHECKS, mode=0o755, exist_ok=True)
    for name in os.listdir(_CHECKS):
        if name.startswith(_CHECK):  # of a check that was killed; no other is at work by now
            shutil.rmtree(os.path.join(_CHECKS, name), ignore_errors=True)
    root = tempfile.mkdtemp(dir=_CHECKS, prefix=_CHECK)
    try:
        for path in wanted["copies"]:
            _copy(path, root)
        for entry in files:
            entry.rooted(root, wanted.get("rooted") or ()).write(root)
        for path in doomed:
            if os.path.isdir(root + path):
                shutil.rmtree(root + path)
            elif os.path.lexists(root + path):
                os.unlink(root + path)
        os.chown(root, account.pw_uid, account.pw_gid)
        variables = {}
        if wanted.get("environment") and os.path.isfile(root + wanted["environment"]):
            with open(root + wanted["environment"]) as file:
                variables = environment(file.read())
        variables.update(
            (name, value.replace("{root}", root))
            for name, value in wanted.get("variables", {}).items()
        )
        command = [word.replace("{root}", root) for word in wanted["command"]]
        _run(command, account, variables, root, meanwhile)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def reason(said: str) -> str:
    """The lines of a program's output that are its errors (or its last ones), without times."""
    lines = [re.sub(r"^\d{4}-\d\d-\d\dT\S+ ", "", line).strip() for line in said.splitlines()]
    lines = [line for line in lines if line]
    errors = [line for line in lines if line.startswith("E!")]
    return " / ".join((errors or lines)[-5:])[:1500].rstrip(".")


def _copy(path: str, root: str) -> None:
    """Copy a file or a folder with its owners."""
    if os.path.isdir(path):
        os.makedirs(root + path, exist_ok=True)
        shutil.copystat(path, root + path)
        seen = os.stat(path)
        os.chown(root + path, seen.st_uid, seen.st_gid)
        for name in os.listdir(path):
            _copy(os.path.join(path, name), root)
    elif os.path.isfile(path):
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        shutil.copy2(path, root + path)
        seen = os.stat(path)
        os.chown(root + path, seen.st_uid, seen.st_gid)


def _run(
    command: List[str],
    account: pwd.struct_passwd,
    variables: Dict[str, str],
    root: str,
    meanwhile: Callable[[], None],
) -> None:
    def become() -> None:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)

    try:
        with subprocess.Popen(
            command,
            env=dict(variables, PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME=account.pw_dir),
            preexec_fn=become,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
        ) as trial:
            try:
                meanwhile()
                said, _ = trial.communicate(timeout=60)
            except BaseException:
                trial.kill()
                raise
    except (OSError, subprocess.SubprocessError) as error:
        raise swap.SwapError(
            "%s can't check the new configuration: %s." % (command[0], error),
            "see that the package is installed as a whole",
        ) from None
    if trial.returncode:
        said = said.replace(root, "")
        for value in variables.values():
            if len(value) > 3:
                said = said.replace(value, "(secret)")
        raise swap.SwapError(
            "%s refuses the new configuration, and the old one stays: %s."
            % (os.path.basename(command[0]), reason(said)),
            "mend the setting that it names and render again; a file that it names and"
            " that is not provision's, mend or remove on the host, then run again",
        )
