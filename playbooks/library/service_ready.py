#!/usr/bin/python
"""Wait until a service really works, or say why it does not."""

from __future__ import annotations

import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import readiness

DOCUMENTATION = """
module: service_ready
short_description: Waits until a systemd unit is active, stays so, listens and answers
options:
  name:
    description: The unit, without .service.
    type: str
    required: true
  listen:
    description: Sockets that must be listened on, as protocol:address:port.
    type: list
    elements: str
    default: []
  health:
    description: A URL that must answer 200.
    type: str
  timeout:
    description: Seconds until this is a failure.
    type: float
    default: 60
  stable_seconds:
    description: For how long it must stay active without being started again.
    type: float
    default: 0
author: provision
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "listen": {"type": "list", "elements": "str", "default": []},
            "health": {"type": "str"},
            "timeout": {"type": "float", "default": 60},
            "stable_seconds": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    unit = wanted["name"] + ".service"
    waiting = readiness.Waiting(
        show=lambda: _run(["systemctl", "show", "-p", readiness.PROPERTIES, "--", unit]),
        listen=wanted["listen"],
        health=wanted["health"],
        timeout=wanted["timeout"],
        stable=wanted["stable_seconds"],
    )
    why = waiting.wait()
    if not why:
        module.exit_json(changed=False, waited=round(waiting.waited, 1))
    journal = _run(["journalctl", "-u", unit, "-n", "500", "--no-pager", "-o", "cat"])
    lines = readiness.telling(journal)
    problem = "%s does not work: %s." % (wanted["name"], why)
    if lines:
        problem += " Its journal ends: " + " / ".join(lines[-5:])[-800:]
    remedy = "see `journalctl -u %s` on the host" % wanted["name"]
    module.fail_json(
        msg="%s Remedy: %s." % (problem, remedy), problem=problem, remedy=remedy, journal=lines
    )


def _run(command: "list[str]") -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True
    )
    return done.stdout


if __name__ == "__main__":
    main()
