#!/usr/bin/python
"""Have apt's sources, keys and packages, each from where it shall come, with errors that help."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Tuple

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import (
    apt,
    installing,
    keyrings,
    lease,
    options,
    placing,
    previous,
    record,
    trouble,
)

DOCUMENTATION = """
module: packages
short_description: Installs Debian packages from the repositories they are pinned to
description:
  - Places O(files) (apt's sources and preferences) and the keys of O(keys) first. All of it is one
    module, as each costs a start of Python on the host.
  - Mends a half-configured dpkg, reads the indexes of the given repositories alone (all of them
    only if that is not enough), asserts where each candidate comes from, and installs. A package
    without a repository is the distribution's own, apt's candidate.
  - Unlike M(ansible.builtin.apt) it waits for dpkg's lock by apt's own option, keeps package
    scripts from starting services that are not configured yet (only while it lives itself), and
    needs no python3-apt.
  - What it replaces of services that keep no data of their own is kept, until M(place_files) has
    seen the new version to work.
options:
  state:
    description: C(restored) goes back to the version that was kept of O(role).
    choices: [installed, restored]
    default: installed
    type: str
  files:
    description: The files to place first; with them O(directories), O(absent) and O(record), all as
      of M(place_files), are given by the action plugin, which reads the rendered tree.
    type: list
    elements: dict
    default: []
  keys:
    description: Those of O(repositories) whose keyring is missing or has another key.
    type: list
    elements: dict
    default: []
  packages:
    description: The packages, as in the manifest.
    type: list
    elements: dict
    default: []
  repositories:
    description: The repositories, as in the manifest.
    type: list
    elements: dict
    default: []
  sources:
    description: The files in /etc/apt/sources.list.d that hold O(repositories).
    type: list
    elements: path
    default: []
  author:
    description: Who changes this host, and with which version, for its record.
    type: dict
  unfinished:
    description: Where each role whose package is replaced gets a folder, which says that its
      service has yet to be seen to work.
    type: path
  role:
    description: The role to go back with.
    type: str
  lock_timeout:
    description: Seconds to wait for apt's and dpkg's locks.
    type: int
    default: 300
  operator:
    description: Whose run it is; nothing is changed while another's is at work (M(lease)).
    type: dict
  patience:
    description: Of them, for how many it is waited now; the result then says C(locked).
    type: int
author: provision
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **options.PLACED,
            "state": {"choices": ["installed", "restored"], "default": "installed"},
            "keys": {"type": "list", "elements": "dict", "default": [], "no_log": False},
            "packages": {"type": "list", "elements": "dict", "default": []},
            "repositories": {"type": "list", "elements": "dict", "default": []},
            "sources": {"type": "list", "elements": "path", "default": []},
            "author": {"type": "dict"},
            "unfinished": {"type": "path"},
            "role": {"type": "str"},
            "lock_timeout": {"type": "int", "default": 300},
            "patience": {"type": "int"},
            "operator": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    lease.take_for(module)
    wanted = module.params
    patience = wanted["lock_timeout"] if wanted["patience"] is None else wanted["patience"]
    try:
        if wanted["state"] == "restored":
            version = previous.restore(wanted["role"], wanted["lock_timeout"])
            module.exit_json(changed=version is not None, version=version)
        placed = placing.place(dict(wanted, unfinished=None), module.check_mode)["changed"]
        keyed = _keep_keys(wanted, module.check_mode)
        missing = apt.to_install(wanted["packages"])
        if module.check_mode or not missing:
            module.exit_json(
                changed=bool(placed or keyed or missing),
                installed=[each["name"] for each in missing],
            )
        with record.writing() as kept:
            kept.note_paths("packages", [each["keyring"] for each in wanted["repositories"]])
            installing.begin(kept, missing)
        try:
            installed = _install(missing, wanted, patience)
        finally:
            with record.writing() as kept:
                installing.settle(kept)
                _note_keyrings(kept, wanted["repositories"])
                kept.note_role("packages", wanted["author"] or {})
    except apt.AptLocked as error:
        waiting = error.message
        error.message += " It was waited for for %d s." % wanted["lock_timeout"]
        module.fail_json(locked=True, waiting=waiting, **error.result())
    except trouble.Trouble as error:
        module.fail_json(**error.result())
    except OSError as error:
        module.fail_json(**trouble.Trouble(*trouble.writing(error)).result())
    module.exit_json(changed=True, installed=installed)


def _keep_keys(wanted: Dict[str, Any], check_mode: bool) -> bool:
    """Write keyrings that hold one pinned key and nothing else. Gives whether there were any."""
    missing = [k for k in wanted["keys"] if not keyrings.holds(k["keyring"], k["fingerprint"])]
    for each in missing:
        arguments = (each["name"], each["url"], each["key_url"], each["fingerprint"])
        content = keyrings.fetch(*arguments)
        if check_mode:
            continue
        with record.writing() as kept:
            kept.note_paths("packages", [each["keyring"]])
            kept.note_placing(each["keyring"], record.digest(content))
            kept.note_role("packages", wanted["author"] or {})
        with trouble.told(each["keyring"]):
            keyrings.write(each["keyring"], content)
    return bool(missing)


def _install(missing: List[Dict[str, Any]], wanted: Dict[str, Any], patience: int) -> List[str]:
    before = {each["name"]: apt.state_of(each["name"]) for each in missing}
    begun = []
    for each in missing:
        state, version = before[each["name"]]
        whole = state.endswith(" ok installed")
        if not version or not wanted["unfinished"]:
            continue
        # What runs is not what is installed from now on, whatever becomes of this run.
        folder = os.path.join(wanted["unfinished"], each["role"])
        if not os.path.isdir(folder):
            os.makedirs(folder, mode=0o700)
            begun.append(folder)
            if whole:
                # Of a run that the host's end cut short: that folder is in memory, and what is
                # installed now has run since.
                previous.drop(each["role"])
        if each["role"] in previous.ROLES and whole:
            previous.keep(each["role"], each["name"], version)
    try:
        return apt.install(missing, wanted["repositories"], wanted["sources"], patience)
    except trouble.Trouble as error:
        back = _back(missing, before, patience) if isinstance(error, apt.DpkgError) else ""
        if all(apt.state_of(name) == state for name, state in before.items()):
            for folder in begun:
                os.rmdir(folder)
                previous.drop(os.path.basename(folder))
        if back:
            raise apt.DpkgError("%s %s" % (error.message, back), error.remedy) from None
        raise


def _note_keyrings(kept: Any, repositories: List[Dict[str, Any]]) -> None:
    """Of keys that were taken anew, too, the record says that they are ours."""
    for path in (repository["keyring"] for repository in repositories):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                kept.note_placing(path, record.digest(file.read()))


def _back(missing: List[Dict[str, Any]], before: Dict[str, Tuple[str, str]], patience: int) -> str:
    """Go back to what was installed as a whole, where that was; gives what to say of it."""
    said = []
    for each in missing:
        state, version = before[each["name"]]
        whole = state.endswith(" ok installed")
        if whole and apt.installed_version(each["name"]) != version:
            restored = previous.restore(each["role"], patience)
            if restored:
                said.append("%s %s is back." % (each["name"], restored))
    return " ".join(said)


if __name__ == "__main__":
    main()
