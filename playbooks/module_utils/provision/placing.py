"""Putting a set of files into place together, checked before."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List

from ansible.module_utils.provision import swap, trial
from ansible.module_utils.provision.change import Change


def place(
    wanted: Dict[str, Any], check_mode: bool, meanwhile: Callable[[], None] = lambda: None
) -> Dict[str, Any]:
    """Place the files that a module was given (options.PLACED); gives its result.

    meanwhile is called while another program tries them. Raises SwapError, RecordError and OSError;
    where they do not pass, or it is room that is lacking, none is placed.
    """
    if not check_mode:
        swap.sweep([each["path"] for each in wanted["files"]])
    change = Change(wanted)
    differs = bool(change.paths or change.touched)
    unproven = bool(wanted["unfinished"]) and os.path.isdir(wanted["unfinished"])
    if not check_mode and unproven and not differs:
        _log_in(wanted["logins"], "the new files do not work")
    recheck = bool(wanted["check"] and wanted["recheck"])
    if not check_mode and (differs or recheck):
        # By now the accounts must be there: better no file than one that its service can't read.
        for entry in change.files + change.directories:
            entry.account()
        if wanted["check"] and (change.paths or recheck):
            trial.check(wanted["check"], change.files, change.doomed, meanwhile)
        if set(wanted["credentials"]) & {entry.path for entry in change.changed}:
            _log_in(wanted["logins"], "the old files stay")
        # Loaded by now, where there was a trial.
        from ansible.module_utils.provision import writing

        writing.write(wanted, change)
    return {
        "changed": differs,
        "paths": sorted(change.paths),
        "owned": sorted(change.touched),
    }


def _log_in(wanted: List[Dict[str, Any]], result: str) -> None:
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
