"""Writing what is to be placed: first into the record, then all of it together."""

from __future__ import annotations

import os
import shutil
import stat
from typing import Any, Dict, List

from ansible.module_utils.provision import installing, old_files, record, swap
from ansible.module_utils.provision.change import Change


def write(wanted: Dict[str, Any], change: Change) -> None:
    """Write a change of a module's files (options.PLACED).

    Raises SwapError, RecordError and OSError; where it is room that is lacking, no file is placed.
    """
    if wanted["record"]:
        _note(wanted["record"], change)
    for entry in sorted(change.made, key=lambda entry: entry.path):
        entry.make_directory()

    def swap_begins() -> None:
        if wanted["unfinished"] and change.paths:
            old_files.keep(wanted["unfinished"], change.paths if wanted["keep"] else [])
        _remove(change.doomed)

    # Where there is no room for all of them, none is changed.
    swap.write_all(change.changed, swap_begins)
    for entry in change.owned:
        entry.own()
    if wanted["record"]:
        with record.writing() as kept:
            kept.note_role(wanted["record"]["role"], wanted["record"]["author"])


def _note(wanted: Dict[str, Any], change: Change) -> None:
    """Have in the record what is there now, before it is changed."""
    record.note(wanted)
    with record.writing() as kept:
        installing.note_there(kept, wanted["packages"])
        for path in change.doomed:
            inside = [os.path.join(at, name) for at, _, names in os.walk(path) for name in names]
            kept.note_paths(wanted["role"], inside if os.path.isdir(path) else [path])
        for path, digest in change.digests.items():
            kept.note_placing(path, digest)


def _remove(doomed: List[str]) -> None:
    for path in sorted(doomed, reverse=True):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)
