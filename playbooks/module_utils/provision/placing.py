"""Putting a set of files into place together, checked before."""

from __future__ import annotations

import base64
import os
import shutil
import stat
from typing import Any, Dict, List

from ansible.module_utils.provision import installing, old_files, record, swap, trial

_FILE = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "required": True},
    "group": {"type": "str", "required": True},
    "mode": {"type": "str", "required": True},
}
_CHECK = {
    "command": {"type": "list", "elements": "str", "required": True},
    "copies": {"type": "list", "elements": "path", "required": True},
    "environment": {"type": "path"},
    "variables": {"type": "dict", "default": {}},
    "rooted": {"type": "list", "elements": "path"},
    "user": {"type": "str", "required": True},
}
_LOGIN = {
    "server": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "authorization": {"type": "str", "required": True, "no_log": True},
    "ca": {"type": "str"},
}
#: Of the options of M(place_files), those that say what is placed.
SPEC: Dict[str, Any] = {
    "unfinished": {"type": "path"},
    "keep": {"type": "bool", "default": True},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": dict(_FILE, content={"type": "str", "required": True, "no_log": True}),
    },
    "directories": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": dict(_FILE, exclusive={"type": "bool", "default": False}),
    },
    "absent": {"type": "list", "elements": "path", "default": []},
    "check": {"type": "dict", "options": _CHECK},
    "record": {"type": "dict"},
    "recheck": {"type": "bool", "default": False},
    "credentials": {"type": "list", "elements": "path", "default": [], "no_log": False},
    "logins": {"type": "list", "elements": "dict", "default": [], "options": _LOGIN},
}


def place(wanted: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Place the files that a module was given by the options of SPEC; gives its result.

    Raises SwapError, RecordError and OSError; nothing is half placed then.
    """
    files = [
        swap.Entry(each["path"], each["owner"], each["group"], int(each["mode"], 8),
                   base64.b64decode(each["content"]))
        for each in wanted["files"]
    ]  # fmt: skip
    directories = [
        swap.Entry(each["path"], each["owner"], each["group"], int(each["mode"], 8), None)
        for each in wanted["directories"]
    ]
    doomed = [path for path in wanted["absent"] if os.path.lexists(path)]
    for each in wanted["directories"]:
        if each["exclusive"]:
            doomed += swap.strays(
                each["path"], [entry.path for entry in files + directories] + doomed
            )
    changed = [entry for entry in files if entry.content_differs()]
    owned = [entry for entry in files if entry not in changed and entry.ownership_differs()]
    made = [entry for entry in directories if entry.ownership_differs()]
    paths = [entry.path for entry in changed] + doomed
    touched = [entry.path for entry in owned + made]
    unproven = bool(wanted["unfinished"]) and os.path.isdir(wanted["unfinished"])
    if not check_mode and unproven and not (paths or touched):
        _try(wanted["logins"], "the new files do not work")
    recheck = bool(wanted["check"] and wanted["recheck"])
    if not check_mode and (paths or touched or recheck):
        swap.sweep([entry.path for entry in files])
        # By now the accounts must be there: better no file than one that its service can't read.
        for entry in files + directories:
            entry.account()
        if wanted["check"] and (paths or recheck):
            trial.check(wanted["check"], files, doomed)
        if set(wanted["credentials"]) & {entry.path for entry in changed}:
            _try(wanted["logins"], "the old files stay")
        if wanted["record"]:
            _note(wanted["record"], files, doomed)
        for entry in sorted(made, key=lambda entry: entry.path):
            entry.make_directory()

        def swap_begins() -> None:
            if wanted["unfinished"] and paths:
                old_files.keep(wanted["unfinished"], paths if wanted["keep"] else [])
            _remove(doomed)

        # Where there is no room for all of them, none is changed.
        swap.write_all(changed, swap_begins)
        for entry in owned:
            entry.own()
        if wanted["record"]:
            with record.writing() as kept:
                kept.note_role(wanted["record"]["role"], wanted["record"]["author"])
    return {
        "changed": bool(paths or touched),
        "paths": sorted(paths),
        "owned": sorted(touched),
    }


def _note(wanted: Dict[str, Any], files: List[swap.Entry], doomed: List[str]) -> None:
    """Have in the record what is there now, before it is changed."""
    record.note(wanted)
    with record.writing() as kept:
        installing.note_there(kept, wanted["packages"])
        for path in doomed:
            inside = [os.path.join(at, name) for at, _, names in os.walk(path) for name in names]
            kept.note_paths(wanted["role"], inside if os.path.isdir(path) else [path])
        for entry in files:
            kept.note_placing(entry.path, entry.content or b"")


def _remove(doomed: List[str]) -> None:
    for path in sorted(doomed, reverse=True):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def _try(wanted: List[Dict[str, Any]], result: str) -> None:
    # What speaks HTTP takes 20 ms to load, and is seldom needed.
    from ansible.module_utils.provision import logins

    strange = logins.strange(wanted)
    if strange:
        raise swap.SwapError(
            "%s Telegraf could not write there, and %s." % (strange, result),
            "run `provision monitor-server` first; where the certificate is not to be trusted, see"
            " that this host's clock is right and that influxdb_url has a name of the certificate",
        )
    server = logins.refused(wanted)
    if server:
        raise swap.SwapError(
            "InfluxDB at %s refuses the credentials of the secrets file, and %s."
            % (server, result),
            "run `provision monitor-server` first, or restore the secrets file",
        )
