#!/usr/bin/python
"""Bring a service's own state (users, databases, tokens) to what the manifest wants."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import lease, record, state
from ansible.module_utils.provision.http import ServiceError

DOCUMENTATION = """
module: converge_state
short_description: Converges one state entry of the manifest
description:
  - Converges users, database and tokens of InfluxDB 1 or 2, or the login of Grafana.
  - Called by the action plugin of the same name, which adds the secrets and keeps new ones.
options:
  entry:
    description: The state entry of the manifest.
    type: dict
    required: true
  secrets:
    description: The secrets that the entry names.
    type: dict
    required: true
  renew:
    description: The names of secrets that are to be made anew.
    type: list
    elements: str
    default: []
  settled:
    description:
      - Instead of converging, revoke what is stale and used by nobody. By host, since when it has
        what the secrets file has (seconds since 1970, by its own clock).
    type: dict
  keep:
    description: Instead of converging, keep of people's in Grafana what is about to be replaced.
    type: bool
    default: false
  refused:
    description: Whether Grafana was seen to refuse the login, which then is set without a trial.
    type: bool
    default: false
  author:
    description: Who changes this host, and with which version, for its record.
    type: dict
  patience:
    description: For how many seconds a service that does not answer yet is asked again.
    type: float
    default: 60
  operator:
    description: Whose run it is; nothing is changed while another's is at work (M(lease)).
    type: dict
author: provision
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "entry": {"type": "dict", "required": True},
            "secrets": {"type": "dict", "required": True, "no_log": True},
            "patience": {"type": "float", "default": 60},
            "renew": {"type": "list", "elements": "str", "default": []},
            "settled": {"type": "dict"},
            "keep": {"type": "bool", "default": False},
            "refused": {"type": "bool", "default": False},
            "author": {"type": "dict"},
            "operator": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    lease.take_for(module)
    entry, secrets = module.params["entry"], module.params["secrets"]
    settled, patience = module.params["settled"], module.params["patience"]
    try:
        if settled is not None:
            since = {host: float(then) for host, then in settled.items()}
            result = state.revoke(entry, secrets, since, patience=patience)
            module.exit_json(changed=bool(result["differences"]), **result)
        if module.params["keep"]:
            result = state.keep(entry, secrets, patience=patience, refused=module.params["refused"])
            module.exit_json(
                changed=bool(result["differences"]),
                differences=result["differences"],
                new_secrets=result["secrets"],
            )
        result = state.converge(
            entry,
            secrets,
            check=module.check_mode,
            patience=patience,
            renew=module.params["renew"],
            refused=module.params["refused"],
        )
        if result["differences"] and not module.check_mode:
            _note(module, result["differences"])
    except ServiceError as error:
        remedy = " Remedy: %s." % error.remedy if error.remedy else ""
        module.fail_json(msg=error.message + remedy, problem=error.message, remedy=error.remedy)
    module.exit_json(
        changed=bool(result["differences"]),
        differences=result["differences"],
        new_secrets=result["secrets"],
        stale=result.get("stale", []),
    )


def _note(module: AnsibleModule, differences: "list[dict[str, str]]") -> None:
    """Have in the record what was made; tokens that were made now must not be lost for it."""
    role = module.params["entry"]["role"]
    made = [each["name"] for each in differences if each["action"] == "create"]
    try:
        with record.writing() as kept:
            kept.note_made(role, made)
            kept.note_role(role, module.params["author"] or {})
    except (OSError, record.RecordError) as error:
        module.warn("%s: %s" % (record.ROOT, error))


if __name__ == "__main__":
    main()
