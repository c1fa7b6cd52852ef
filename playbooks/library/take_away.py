#!/usr/bin/python
"""Take away what provision put on this host, by the record that it kept of it."""

from __future__ import annotations

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import installing, lease, record, removal
from ansible.module_utils.provision.trouble import Trouble

DOCUMENTATION = """
module: take_away
short_description: Takes away what the record of this host says that provision put there
description:
  - Stops and disables services that did not run before, removes packages and files that were not
    there, and puts back those that were. What somebody changed since is set aside, not lost.
  - In check mode it only says what it would do.
options:
  data:
    description: Whether what the services have stored is deleted, too.
    type: bool
    default: false
  operator:
    description: Who works on this host.
    type: dict
  lock_timeout:
    description: Seconds to wait for apt's and dpkg's locks.
    type: int
    default: 300
author: provision
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "data": {"type": "bool", "default": False},
            "operator": {"type": "dict"},
            "lock_timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    if not os.path.isdir(record.ROOT):
        module.exit_json(changed=False, differences=[], stays=[])
    lease.take_for(module)
    try:
        with record.locked():
            _take_away(module)
    except Trouble as error:
        module.fail_json(**error.result())
    except OSError as error:
        text = "%s: %s." % (error.filename, error.strerror)
        module.fail_json(**Trouble(text, "mend it and run again").result())


def _take_away(module: AnsibleModule) -> None:
    kept = record.Record()
    if not module.check_mode:
        installing.settle(kept)
    going = removal.Removal(kept, module.params["data"])
    going.plan()
    if not module.check_mode:
        problems = going.carry_out(module.params["lock_timeout"])
        if problems:
            remedy = "see `journalctl` on the host; all else is taken away"
            raise Trouble("%s." % ", ".join(problems), remedy)
    module.exit_json(changed=bool(going.steps), differences=going.steps, stays=going.stays)


if __name__ == "__main__":
    main()
