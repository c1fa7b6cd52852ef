#!/usr/bin/python
"""Wait until services really work, or say why one does not."""

from __future__ import annotations

import os
import subprocess
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import lease, previous, readiness, swap
from ansible.module_utils.provision.http import know

DOCUMENTATION = """
module: service_ready
short_description: Waits until systemd units are active, stay so, listen and answer
options:
  services:
    description: The services, as in the manifest.
    type: list
    elements: dict
    required: true
  timeout:
    description: Seconds until this is a failure.
    type: float
    default: 60
  stable_seconds:
    description: For how long each must stay active without being started again.
    type: float
    default: 0
  unfinished:
    description: A folder with the old files, to be dropped once the new ones are seen to work, and
      with it the old version of the package of the role that it is called after.
    type: path
  restored:
    description: Whether they run with their old files, and may do without TLS where it is wanted.
    type: bool
    default: false
  operator:
    description: Whose run this is, to hold others off; none where nothing is changed.
    type: dict
author: provision
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True},
            "timeout": {"type": "float", "default": 60},
            "stable_seconds": {"type": "float", "default": 0},
            "unfinished": {"type": "path"},
            "restored": {"type": "bool", "default": False},
            "operator": {"type": "dict"},
        }
    )
    lease.take_for(module)
    wanted = module.params
    waited = 0.0
    for service in wanted["services"]:
        unit = service["name"] + ".service"
        if service.get("health"):
            know(service["health"], service.get("tls"))
        waiting = readiness.Waiting(
            show=lambda unit=unit: _run(["systemctl", "show", "-p", readiness.PROPERTIES, unit]),
            listen=service.get("listen") or [],
            health=service.get("health"),
            timeout=wanted["timeout"],
            stable=wanted["stable_seconds"],
            restored=wanted["restored"],
        )
        why = waiting.wait()
        waited += waiting.waited
        if why:
            _fail(module, service, unit, why)
    if wanted["unfinished"]:
        previous.drop(os.path.basename(wanted["unfinished"]))
        swap.drop(wanted["unfinished"])
    module.exit_json(changed=False, waited=round(waited, 1))


def _fail(module: AnsibleModule, service: Dict[str, Any], unit: str, why: str) -> None:
    name = service["name"]
    lines: "list[str]" = []
    # What the service says itself, and only if it says nothing what systemd says about it.
    for which in ("_SYSTEMD_UNIT=" + unit, "--unit=" + unit):
        lines = lines or readiness.telling(
            _run(["journalctl", which, "-n", "500", "--no-pager", "-o", "cat"])
        )
    problem = "%s does not work: %s." % (name, why)
    if lines:
        problem += " Its journal ends: " + " / ".join(lines[-4:])[-800:].rstrip(".") + "."
    status = readiness.properties(_run(["systemctl", "show", "-p", "ExecMainStatus", unit]))
    remedy = readiness.remedy(name, status.get("ExecMainStatus", ""))
    taken = readiness.strangers(_run(["ss", "-Hlntup"]), service.get("listen") or [], unit)
    if taken:
        problem += " %s." % " and ".join(taken)
        remedy = "stop it, or give %s another port" % name
    changed = readiness.drop_ins(_run(["systemctl", "show", "--value", "-p", "DropInPaths", unit]))
    if changed:
        problem += " Its unit is changed by %s." % " and ".join(changed)
        remedy += "; see whether it works without those drop-ins"
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
