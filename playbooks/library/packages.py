#!/usr/bin/python
"""Install packages, each from the repository that it shall come from, with errors that help."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import apt, installing, lease, record

DOCUMENTATION = """
module: packages
short_description: Installs Debian packages from the repositories they are pinned to
description:
  - Mends a half-configured dpkg, reads the indexes of the given repositories alone (all of them
    only if that is not enough), asserts where each candidate comes from, and installs. A package
    without a repository is the distribution's own, apt's candidate.
  - Unlike M(ansible.builtin.apt) it waits for dpkg's lock by apt's own option, keeps package
    scripts from starting services that are not configured yet (only while it lives itself), and
    needs no python3-apt.
options:
  packages:
    description: The packages, as in the manifest.
    type: list
    elements: dict
    required: true
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
  lock_timeout:
    description: Seconds to wait for apt's and dpkg's locks.
    type: int
    default: 300
  operator:
    description: Whose run it is; nothing is changed while another's is at work (M(lease)).
    type: dict
author: provision
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "dict", "required": True},
            "repositories": {"type": "list", "elements": "dict", "default": []},
            "sources": {"type": "list", "elements": "path", "default": []},
            "author": {"type": "dict"},
            "lock_timeout": {"type": "int", "default": 300},
            "operator": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    lease.take_for(module)
    wanted = module.params
    missing = apt.to_install(wanted["packages"])
    if module.check_mode or not missing:
        module.exit_json(changed=bool(missing), installed=[each["name"] for each in missing])
    try:
        with record.writing() as kept:
            installing.begin(kept, missing)
        try:
            installed = apt.install(
                missing, wanted["repositories"], wanted["sources"], wanted["lock_timeout"]
            )
        finally:
            with record.writing() as kept:
                installing.settle(kept)
                kept.note_role("packages", wanted["author"] or {})
    except (apt.AptError, record.RecordError) as error:
        module.fail_json(
            msg="%s Remedy: %s." % (error.message, error.remedy),
            problem=error.message,
            remedy=error.remedy,
        )
    module.exit_json(changed=True, installed=installed)


if __name__ == "__main__":
    main()
