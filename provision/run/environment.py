"""The environment in which Ansible reads an inventory and runs a playbook."""

from __future__ import annotations

import os
from collections.abc import Mapping

from provision.paths import PLAYBOOKS

#: Half an inventory is none: Ansible would only warn, where it is read and in the run that follows.
WHOLE_INVENTORY = ("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "true")


def playbook_environment(base: Mapping[str, str], *, verbose: bool) -> dict[str, str]:
    """The environment of a run; what the caller set stands, and an ansible.cfg of theirs."""
    environment = dict(base)
    if not any(map(os.path.exists, _own_configurations(base))):
        environment["ANSIBLE_CONFIG"] = str(PLAYBOOKS / "ansible.cfg")
    environment["PROVISION_PARENT"] = str(os.getpid())
    enabled = [each for each in environment.get("ANSIBLE_CALLBACKS_ENABLED", "").split(",") if each]
    environment["ANSIBLE_CALLBACKS_ENABLED"] = ",".join(dict.fromkeys([*enabled, "events"]))
    environment["PYTHONUNBUFFERED"] = "1"
    environment.setdefault(*WHOLE_INVENTORY)
    if not verbose:
        environment["ANSIBLE_NOCOLOR"] = "1"
    return environment


def _own_configurations(base: Mapping[str, str]) -> list[str]:
    """Where an operator's ansible.cfg would be (Ansible documentation, configuration settings)."""
    named = base.get("ANSIBLE_CONFIG")
    home = base.get("HOME", "/")
    return [
        *([named] if named else []),
        "ansible.cfg",
        f"{home}/.ansible.cfg",
        "/etc/ansible/ansible.cfg",
    ]
