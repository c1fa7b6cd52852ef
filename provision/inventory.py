"""An Ansible inventory, as it was read, and the vaulted secrets beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.errors import ProvisionError

if TYPE_CHECKING:
    from ansible.parsing.dataloader import DataLoader

MONITOR_GROUP = "monitor"
WORKERS_GROUP = "workers"
# All hosts of a site, as Ansible's patterns have it.
ALL_HOSTS = f"{MONITOR_GROUP}:{WORKERS_GROUP}"

# The connection plugins that go over ssh; smart is Ansible's default of old. And what a host is
# reached through (Ansible documentation, ansible.builtin.ssh connection).
SSH = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh"})
THROUGH = ("ansible_ssh_common_args", "ansible_ssh_extra_args")
PORTS = ("ansible_port", "ansible_ssh_port")
# All by which two hosts of one address may be two machines.
WAY = (*PORTS, *THROUGH, "ansible_ssh_args", "ansible_ssh_host", "ansible_paramiko_proxy_command")

# How what ansible-vault encrypted begins.
VAULTED = b"$ANSIBLE_VAULT"
VAULT_REMEDY = "give the vault's password (--ask-vault-pass, --vault-password-file)"

#: Gives the names of the variables to evaluate, for the directory that an inventory is in.
Wanted = Callable[[Path], frozenset[str]]


@dataclass(frozen=True)
class InventoryHost:
    """A host as the inventory has it: name, groups, and the variables that were asked for.

    names are those of all its variables, whoever they are for; origins are the files and lines in
    which they stand, where Ansible tells.
    """

    name: str
    groups: frozenset[str]
    variables: Mapping[str, Any]
    names: frozenset[str] = frozenset()
    origins: Mapping[str, tuple[str, int]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Inventory:
    """The hosts of an inventory, where it stands, and those that a limit leaves.

    Only hosts of our groups have variables: those of others may be templates of other things.

    sources are the inventory's files or directories; directory is where a site keeps what belongs
    to it (secrets, catalogs). vault_secrets are (id, password) pairs, for the run that follows and
    for the files beside the inventory.
    """

    sources: tuple[str, ...]
    directory: Path
    hosts: tuple[InventoryHost, ...]
    limited: frozenset[str]
    vault_secrets: tuple[tuple[str, bytes], ...]

    def read_yaml(self, path: Path) -> Any:
        """The content of a YAML file, decrypted if it is vaulted.

        Raises ProvisionError where it is neither YAML nor can be decrypted.
        """
        import yaml

        # Ansible, which takes long to load, has something to say of one that is not plain.
        try:
            content = path.read_bytes()
            if VAULTED not in content:
                return yaml.load(content, yaml.CSafeLoader)
        except (OSError, yaml.YAMLError):
            pass
        from ansible.errors import AnsibleError

        try:
            return _decrypted(self._loader().load_from_file(str(path), cache="none"))
        except AnsibleError as error:
            raise ProvisionError(
                f"{path}: {str(error).splitlines()[0]}", remedy=remedy(path)
            ) from error

    def read_bytes(self, path: Path) -> bytes:
        """What is in a file, decrypted if it is vaulted.

        Raises ProvisionError where it cannot be read or decrypted.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ProvisionError(f"{path}: {error.strerror}") from error
        if not content.startswith(VAULTED):
            return content
        from ansible.errors import AnsibleError

        try:
            decrypted: bytes = self._loader()._vault.decrypt(content)
        except AnsibleError as error:
            raise ProvisionError(
                f"{path}: {str(error).splitlines()[0]}", remedy=remedy(path)
            ) from error
        return decrypted

    def encrypt_like(self, path: Path) -> Callable[[str], str]:
        """What vaults a text as a vaulted file is: with its password, under its vault id."""

        def encrypt(text: str) -> str:
            vault, content = self._loader()._vault, path.read_bytes()
            _, _, secret = vault.decrypt_and_get_vault_id(content)
            encrypted: bytes = vault.encrypt(text, secret=secret, vault_id=_vault_id(content))
            return encrypted.decode()

        return encrypt

    def _loader(self) -> DataLoader:
        """What reads files with the vault's passwords."""
        from ansible.parsing.dataloader import DataLoader
        from ansible.parsing.vault import VaultSecret, VaultSecretsContext

        secrets = [(name, VaultSecret(text)) for name, text in self.vault_secrets]
        loader = DataLoader()
        loader.set_vault_secrets(secrets)
        # With which single values are decrypted; Ansible takes it once in a process.
        VaultSecretsContext._current = VaultSecretsContext(secrets)
        return loader


def _vault_id(content: bytes) -> str | None:
    """The id in the header of what ansible-vault encrypted ($ANSIBLE_VAULT;1.2;AES256;ID)."""
    return (content.partition(b"\n")[0].decode().strip().split(";") + [""] * 4)[3] or None


def is_encrypted_file(path: Path) -> bool:
    """Whether anything in a file is of ansible-vault: all of it, or some value."""
    try:
        return VAULTED in path.read_bytes()
    except OSError:
        return False


def remedy(path: Path) -> str:
    """What to do about a YAML file that cannot be read."""
    if path.exists() and not os.access(path, os.R_OK):
        return f"run as a user who may read it, or let yours (chown, chmod u+r {path})"
    if is_encrypted_file(path):
        return VAULT_REMEDY
    return "put the file right, or back from where you keep a copy"


def _decrypted(value: Any) -> Any:
    """A YAML value with each single one that is vaulted (`!vault`) as its text."""
    from ansible.parsing.vault import EncryptedString

    if isinstance(value, Mapping):
        return {key: _decrypted(item) for key, item in value.items()}
    return str(value) if isinstance(value, EncryptedString) else value
