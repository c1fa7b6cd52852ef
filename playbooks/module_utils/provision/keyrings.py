"""Keyrings of apt that hold one pinned OpenPGP key and nothing else."""

from __future__ import annotations

import os
import tempfile
import urllib.request
from typing import Optional

from ansible.module_utils.provision import openpgp
from ansible.module_utils.provision.trouble import Trouble


class KeyringError(Trouble):
    """The key can't be had, or is another."""


def holds(keyring: str, fingerprint: str) -> bool:
    """Whether the keyring can be read by apt and holds the key of that fingerprint alone."""
    try:
        with open(keyring, "rb") as file:
            old = file.read()
        mode = os.stat(keyring).st_mode & 0o7777
        held = [each for each, _ in openpgp.key_blocks(old)]
        whole = openpgp.dearmour(old) == old
    except (OSError, openpgp.OpenPgpError):
        return False
    return held == [openpgp.normal(fingerprint)] and whole and mode == 0o644


def fetch(
    name: str, url: Optional[str], key_url: str, fingerprint: str, timeout: float = 30
) -> bytes:
    """The pinned key as it is at key_url now, with its subkeys. KeyringError if it is not there."""
    pinned = openpgp.normal(fingerprint)
    try:
        found = openpgp.key_blocks(_read(key_url, timeout))
    except (OSError, ValueError) as error:
        raise KeyringError(
            "The key of the repository %s can't be read from %s: %s."
            % (name, key_url, getattr(error, "reason", error)),
            "see that this host reaches the URL, or set the repository's key_url to one that it"
            " reaches",
        ) from None
    content = b"".join(block for each, block in found if each == pinned)
    if not content:
        raise KeyringError(
            "The key at %s is %s, expected %s."
            % (key_url, ", ".join(each for each, _ in found), pinned),
            "ask %s whether its key has changed, and only then set the new fingerprint"
            % (url or name),
        )
    return content


def renew(name: str, url: str, key_url: str, fingerprint: str, keyring: str) -> bool:
    """Take the pinned key anew: its subkeys and its dates change. Gives whether it did.

    KeyringError if it can't be had, or if there is another one in its place.
    """
    content = fetch(name, url, key_url, fingerprint)
    try:
        with open(keyring, "rb") as file:
            if file.read() == content:
                return False
    except OSError:
        pass
    write(keyring, content)
    return True


def _read(url: str, timeout: float) -> bytes:
    if url.startswith("/"):
        url = "file://" + url
    with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310
        return bytes(answer.read())


def write(path: str, content: bytes) -> None:
    """Write a keyring as a whole, readable for apt's own user."""
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=".provision-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
