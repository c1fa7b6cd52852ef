#!/usr/bin/python
"""Write a keyring that holds one pinned OpenPGP key and nothing else."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import keyrings, lease, record, trouble

DOCUMENTATION = """
module: keyring
short_description: Keeps the key of an apt repository
options:
  name:
    description: The name of the repository, for messages.
    type: str
    required: true
  url:
    description: Where the repository is, for messages.
    type: str
  key_url:
    description: Where the key is, armoured or binary (https://, http://, file:// or a path).
    type: str
    required: true
  fingerprint:
    description: The fingerprint of the primary key that must be in it.
    type: str
    required: true
  keyring:
    description: The keyring to write, in binary.
    type: path
    required: true
  author:
    description: Who changes this host, and with which version, for its record.
    type: dict
  timeout:
    description: Seconds to wait for the key.
    type: float
    default: 30
  operator:
    description: Whose run it is; nothing is changed while another's is at work (M(lease)).
    type: dict
author: provision
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "url": {"type": "str"},
            "key_url": {"type": "str", "required": True, "no_log": False},
            "fingerprint": {"type": "str", "required": True},
            "keyring": {"type": "path", "required": True, "no_log": False},
            "author": {"type": "dict"},
            "timeout": {"type": "float", "default": 30},
            "operator": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    lease.take_for(module)
    wanted = module.params
    if keyrings.holds(wanted["keyring"], wanted["fingerprint"]):
        module.exit_json(changed=False)
    try:
        content = keyrings.fetch(
            wanted["name"],
            wanted["url"],
            wanted["key_url"],
            wanted["fingerprint"],
            wanted["timeout"],
        )
        if not module.check_mode:
            with record.writing() as kept:
                kept.note_paths("packages", [wanted["keyring"]])
                kept.note_placing(wanted["keyring"], content)
                kept.note_role("packages", wanted["author"] or {})
            keyrings.write(wanted["keyring"], content)
    except (keyrings.KeyringError, record.RecordError) as error:
        _fail(module, error.message, error.remedy)
    except OSError as error:
        _fail(module, *trouble.writing(error, wanted["keyring"]))
    module.exit_json(changed=True)


def _fail(module: AnsibleModule, problem: str, remedy: str) -> None:
    module.fail_json(msg="%s Remedy: %s." % (problem, remedy), problem=problem, remedy=remedy)


if __name__ == "__main__":
    main()
