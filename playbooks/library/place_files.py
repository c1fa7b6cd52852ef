#!/usr/bin/python
"""Swap a role's files together and have its services run with them."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, List

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import lease, letting_in, options, placing, trouble

DOCUMENTATION = """
module: place_files
short_description: Places a role's files, and has its services run with them
description:
  - Writes each file atomically, makes directories, removes what must not be there. Then the
    services are started, or restarted where it takes that, and waited for. All of it is one module,
    as each costs a start of Python on the host.
  - Called by the action plugin of the same name, which reads the rendered tree.
options:
  state:
    description:
      - C(placed) writes the files; the old ones are kept in O(unfinished), which is dropped once
        the services are seen to work with the new ones.
      - C(restored) puts the old ones back, and says whether that was anything (C(restored)), and
        whether the services C(recovered) with them.
    choices: [placed, restored]
    default: placed
    type: str
  unfinished:
    description: The folder for the old files; while it exists, the swap is not finished.
    type: path
  keep:
    description: Whether there are old files to keep (there are none before a service first ran).
    type: bool
    default: true
  files:
    description: The files, their content in base64, and its digest (SHA-256, hexadecimal).
    type: list
    elements: dict
    default: []
  directories:
    description: The directories; an exclusive one holds nothing but O(files).
    type: list
    elements: dict
    default: []
  absent:
    description: The paths that must not be there.
    type: list
    elements: path
    default: []
  check:
    description:
      - A program that must pass before anything is changed. O(check.copies) are copied to a private
        folder, the files are laid over them, and C({root}) in O(check.command) is that folder.
      - What the files say of the paths in O(check.rooted) is of the private folder, too.
      - O(check.environment) is a file of KEY="value" lines for its environment, to which
        O(check.variables) are added; it runs as O(check.user).
    type: dict
  record:
    description:
      - What the host's record must know before anything is changed, as C(paths), C(directories),
        C(packages) and C(services) by role; C(role) is the one that changes now, C(author) by whom.
    type: dict
  recheck:
    description: Whether O(check) must pass and the services are restarted though no file changes,
      as their program is a new one, or a run was interrupted.
    type: bool
    default: false
  credentials:
    description: Files of credentials, which must let in before they are changed.
    type: list
    elements: path
    default: []
  logins:
    description: Where O(credentials) are tried, with a write of nothing to InfluxDB.
    type: list
    elements: dict
    default: []
  services:
    description:
      - The services that run with the files, as in the manifest. C(reloads) is a regular expression
        of files that one takes up while it runs, when it is told to (M(reloading)); where it is
        not seen to do so, it is restarted, and C(restarted) of the result has its name, with the
        drop-ins by which others change its unit.
    type: list
    elements: dict
    default: []
  polled:
    description: A regular expression of files after whose change nothing is restarted.
    type: str
    default: ^$
  timeout:
    description: Seconds until a service that does not work is a failure.
    type: float
    default: 60
  stable_seconds:
    description: For how long each must stay active without being started again, where C(stable)
      of the service is not more.
    type: float
    default: 0
  unproven:
    description: Whether the old files are kept though the services work.
    type: bool
    default: false
  unguarded:
    description: Whether the rules of who may send to the services are to be loaded (M(letting_in)),
      as somebody has dropped them.
    type: bool
    default: false
  downgraded:
    description: Whether the old version of the package is back, which takes a restart, too.
    type: bool
    default: false
  operator:
    description: Whose run it is; nothing is changed while another's is at work (M(lease)).
    type: dict
  last:
    description: Whether the run does no more on this host, so that others may work there.
    type: bool
    default: false
author: provision
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["placed", "restored"], "default": "placed"},
            "polled": {"type": "str", "default": "^$"},
            "unproven": {"type": "bool", "default": False},
            "unguarded": {"type": "bool", "default": False},
            "downgraded": {"type": "bool", "default": False},
            "operator": {"type": "dict"},
            "last": {"type": "bool", "default": False},
            **options.PLACED,
            **options.WORKING,
        },
        supports_check_mode=True,
    )
    lease.take_for(module)
    try:
        if module.params["state"] == "restored":
            result = _restored(module.params)
        else:
            result = _placed(module.params, module.check_mode)
    except trouble.Trouble as error:
        module.fail_json(**error.result())
    if module.params["last"] and not module.check_mode:
        lease.release(module.params["operator"])
    module.exit_json(**result)


# What comes after the trial of the files is compiled while that runs.
def _placed(wanted: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    seen: List[Any] = []

    def meanwhile() -> None:
        from ansible.module_utils.provision import reloading

        # What cannot be asked now is asked again.
        with contextlib.suppress(OSError):
            asked = reloading.Asked(wanted["services"])
            from ansible.module_utils.provision import running, writing  # noqa: F401

            seen.extend(asked.answer())

    if wanted["unguarded"] and not check_mode:
        # Before anything that would have to be put back: to start, its unit loads them as well.
        letting_in.guard(each["name"] for each in wanted["services"])
    with trouble.told():
        result = placing.place(wanted, check_mode, meanwhile)
    result["changed"] |= wanted["unguarded"]
    if wanted["services"] and not check_mode:
        from ansible.module_utils.provision import running

        started, result["restarted"] = running.with_new(wanted, result["paths"], seen)
        result["changed"] |= started
    return result


def _restored(wanted: Dict[str, Any]) -> Dict[str, Any]:
    from ansible.module_utils.provision import running

    return running.with_old(wanted)


if __name__ == "__main__":
    main()
