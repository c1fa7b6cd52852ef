#!/usr/bin/python
"""Write a keyring that holds one pinned OpenPGP key and nothing else."""

from __future__ import annotations

import os
import tempfile
import urllib.request

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import lease, openpgp, record

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
    pinned = openpgp.normal(wanted["fingerprint"])
    try:
        with open(wanted["keyring"], "rb") as file:
            old = file.read()
        mode = os.stat(wanted["keyring"]).st_mode & 0o7777
        held = [each for each, _ in openpgp.key_blocks(old)]
        if held == [pinned] and openpgp.dearmour(old) == old and mode == 0o644:
            module.exit_json(changed=False)
    except (OSError, openpgp.OpenPgpError):
        pass
    try:
        found = openpgp.key_blocks(_fetch(wanted["key_url"], wanted["timeout"]))
    except (OSError, ValueError) as error:
        _fail(
            module,
            "The key of the repository %s can't be read from %s: %s."
            % (wanted["name"], wanted["key_url"], getattr(error, "reason", error)),
            "see that this host reaches the URL, or set the repository's key_url to one that it"
            " reaches",
        )
    content = b"".join(block for each, block in found if each == pinned)
    if not content:
        _fail(
            module,
            "The key at %s is %s, expected %s."
            % (wanted["key_url"], ", ".join(each for each, _ in found), pinned),
            "ask %s whether its key has changed, and only then set the new fingerprint"
            % (wanted["url"] or wanted["name"]),
        )
    if not module.check_mode:
        try:
            with record.writing() as kept:
                kept.note_paths("packages", [wanted["keyring"]])
                kept.note_placing(wanted["keyring"], content)
                kept.note_role("packages", wanted["author"] or {})
        except record.RecordError as error:
            _fail(module, error.message, error.remedy)
        _write(wanted["keyring"], content)
    module.exit_json(changed=True)


def _fetch(url: str, timeout: float) -> bytes:
    if url.startswith("/"):
        url = "file://" + url
    with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310
        return bytes(answer.read())


def _fail(module: AnsibleModule, problem: str, remedy: str) -> None:
    module.fail_json(msg="%s Remedy: %s." % (problem, remedy), problem=problem, remedy=remedy)


def _write(path: str, content: bytes) -> None:
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=".provision-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), 0o644)
    os.rename(temporary, path)


if __name__ == "__main__":
    main()
