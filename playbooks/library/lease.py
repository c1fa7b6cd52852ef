#!/usr/bin/python
"""Let other operators in on a host, once a run has done its work there."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import lease

DOCUMENTATION = """
module: lease
short_description: Takes or releases the lease of a host
description:
  - The modules that change a host take and renew the lease by themselves.
options:
  operator:
    description: Whose run it is, as M(compare) says in C(wanted.operator).
    type: dict
    required: true
  state:
    description: Whether to take the lease or to release it.
    choices: [taken, released]
    default: taken
    type: str
author: provision
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "operator": {"type": "dict", "required": True},
            "state": {"choices": ["taken", "released"], "default": "taken"},
        },
        supports_check_mode=True,
    )
    if module.params["state"] == "taken":
        lease.take_for(module)
    elif not module.check_mode:
        lease.release(module.params["operator"])
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
