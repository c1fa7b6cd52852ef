#!/usr/bin/python
"""Wait until services really work, or say why one does not."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import services

DOCUMENTATION = """
module: service_ready
short_description: Waits until systemd units are active, listen and answer
options:
  services:
    description: The services, as in the manifest.
    type: list
    elements: dict
    default: []
  timeout:
    description: Seconds until this is a failure.
    type: float
    default: 60
  stable_seconds:
    description: For how long each must stay active without being started again.
    type: float
    default: 0
author: provision
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=dict(services.SPEC), supports_check_mode=True)
    try:
        module.exit_json(changed=False, waited=services.await_working(module.params))
    except services.NotWorkingError as error:
        module.fail_json(**error.result())


if __name__ == "__main__":
    main()
