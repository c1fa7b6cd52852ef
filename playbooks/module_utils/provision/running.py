"""Having services run with the files that were placed, or that are back."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Tuple

from ansible.module_utils.provision import (
    letting_in,
    old_files,
    reloading,
    services,
    taking_up,
    trouble,
)


def with_new(
    wanted: Dict[str, Any],
    placed: List[str],
    seen: Optional[List[reloading.Running]] = None,
) -> Tuple[bool, Dict[str, List[str]]]:
    """Have the services of a module (options.WORKING) run with what is placed.

    seen is how they ran before, if that was asked already (reloading.Asked). Gives whether anything
    was done with them, and which were restarted though they should have taken up their files, with
    the drop-ins by which others change their units.
    """
    new = [path for path in placed if not re.search(wanted["polled"], path)]
    restart = wanted["recheck"] or bool(new)
    running = wanted["keep"] and not wanted["recheck"]
    reload = (
        running
        and bool(new)
        and all(taking_up.takes_up(each.get("reloads") or "", new) for each in wanted["services"])
    )
    taken_up = reload and _take_up(wanted, new, seen)
    if not taken_up:
        # A run that was killed may have placed a unit's file, and not have told systemd.
        unit_files = any(path.startswith("/etc/systemd/") for path in placed)
        services.start(wanted["services"], restart, daemon_reload=unit_files or not running)
        services.await_working(wanted)
    # A run that was killed may have removed more.
    letting_in.again({*placed, *old_files.of(wanted["unfinished"])})
    if wanted["unfinished"] and not wanted["unproven"]:
        services.proven(wanted["unfinished"])
    return restart or not wanted["keep"], _changed(wanted) if reload and not taken_up else {}


def _take_up(
    wanted: Dict[str, Any], new: List[str], seen: Optional[List[reloading.Running]]
) -> bool:
    """Have the services take up what is new while they run. Gives whether they have.

    Trouble, with the old files back, where the rules of one cannot be loaded.
    """
    past = seen or reloading.Asked(wanted["services"]).answer()
    if not reloading.at_work(past):
        return False
    names = _names(wanted)
    # A unit that is started loads its rules itself; one that runs need not end over them.
    for name in names:
        why = letting_in.loading(name) if letting_in.path_of(name) in new else ""
        if why:
            with trouble.told():
                old_files.restore(wanted["unfinished"])
            raise letting_in.refused(name, why, "The old files are back, and it runs with them")
    return letting_in.are_all(new, names) or reloading.reload(wanted, past)


def _names(wanted: Dict[str, Any]) -> List[str]:
    return [each["name"] for each in wanted["services"]]


def _changed(wanted: Dict[str, Any]) -> Dict[str, List[str]]:
    """By service: the drop-ins by which others change its unit."""
    from ansible.module_utils.provision import diagnosis

    return {name: diagnosis.changed(name + ".service") for name in _names(wanted)}


def with_old(wanted: Dict[str, Any]) -> Dict[str, Any]:
    """Put the old files back, and have the services run with them. Gives the module's result."""
    with trouble.told():
        paths = old_files.restore(wanted["unfinished"]) if wanted["keep"] else []
    changed = bool(paths or wanted["downgraded"])
    recovered = changed and _recovered(wanted)
    letting_in.again(paths)
    # Of a host that is put into a group, Ansible itself says what is changed.
    return {"paths": paths, "changed": changed, "restored": changed, "recovered": recovered}


def _recovered(wanted: Dict[str, Any]) -> bool:
    """Have the services run with their old files. Gives whether they do."""
    try:
        services.start(wanted["services"], restart=True, daemon_reload=True)
        services.await_working(wanted, restored=True)
    except services.NotWorkingError as error:
        if error.stopping:
            raise
        return False
    if wanted["downgraded"] and not wanted["unproven"]:
        services.proven(wanted["unfinished"])
    return True
