"""An Ansible inventory, read by Ansible itself, and the vaulted secrets beside it.

Ansible's own command-line parser and loaders are used (ansible.cli.playbook), so an inventory, a
vault, an extra variable or an ansible.cfg means here what it means to ansible-playbook.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.errors import ProvisionError
from provision.run.engine import WHOLE_INVENTORY
from provision.run.loading import remember_routes

MONITOR_GROUP = "monitor"
WORKERS_GROUP = "workers"


@dataclass(frozen=True)
class InventoryHost:
    """A host as the inventory has it: name, groups, and the variables that were asked for.

    names are those of all its variables, whoever they are for.
    """

    name: str
    groups: frozenset[str]
    variables: Mapping[str, Any]
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Inventory:
    """The hosts of an inventory, where it stands, and those that a limit leaves.

    Only hosts of our groups have variables: those of others may be templates of other things.

    sources are the inventory's files or directories; directory is where a site keeps what belongs
    to it (secrets, catalogs). vault_secrets are (id, password) pairs, for the run that follows.
    """

    sources: tuple[str, ...]
    directory: Path
    hosts: tuple[InventoryHost, ...]
    limited: frozenset[str]
    vault_secrets: tuple[tuple[str, bytes], ...]
    _loader: Any

    def read_yaml(self, path: Path) -> Any:
        """The content of a YAML file, decrypted if it is vaulted.

        Raises ProvisionError where it is neither YAML nor can be decrypted.
        """
        from ansible.errors import AnsibleError

        try:
            return _decrypted(self._loader.load_from_file(str(path), cache="none"))
        except AnsibleError as error:
            raise ProvisionError(
                f"{path}: {str(error).splitlines()[0]}",
                remedy=_remedy(path),
            ) from error

    def read_bytes(self, path: Path) -> bytes:
        """What is in a file, decrypted if it is vaulted.

        Raises ProvisionError where it cannot be read or decrypted.
        """
        from ansible.errors import AnsibleError
        from ansible.parsing.vault import is_encrypted

        try:
            content = path.read_bytes()
            decrypted: bytes = (
                self._loader._vault.decrypt(content) if is_encrypted(content) else content
            )
        except OSError as error:
            raise ProvisionError(f"{path}: {error.strerror}") from error
        except AnsibleError as error:
            raise ProvisionError(
                f"{path}: {str(error).splitlines()[0]}", remedy=_remedy(path)
            ) from error
        return decrypted

    def encrypt_like(self, path: Path) -> Callable[[str], str]:
        """What vaults a text as a vaulted file is: with its password, under its vault id."""
        from ansible.parsing.vault import VaultLib

        def encrypt(text: str) -> str:
            vault, content = VaultLib(self._loader._vault.secrets), path.read_bytes()
            _, _, secret = vault.decrypt_and_get_vault_id(content)
            encrypted: bytes = vault.encrypt(text, secret=secret, vault_id=_vault_id(content))
            return encrypted.decode()

        return encrypt


def _vault_id(content: bytes) -> str | None:
    """The id in the header of what ansible-vault encrypted ($ANSIBLE_VAULT;1.2;AES256;ID)."""
    return (content.partition(b"\n")[0].decode().strip().split(";") + [""] * 4)[3] or None


def is_encrypted_file(path: Path) -> bool:
    """Whether anything in a file is of ansible-vault: all of it, or some value."""
    try:
        return b"$ANSIBLE_VAULT" in path.read_bytes()
    except OSError:
        return False


def read_inventory(options: Sequence[str], wanted: Callable[[Path], frozenset[str]]) -> Inventory:
    """Read the inventory that ansible-playbook would use with these options (-i, -l, -e, vault).

    wanted gives the names of the variables to evaluate, for the directory that the inventory is in;
    others may be templates that cannot be evaluated yet.
    Raises ProvisionError for an inventory that Ansible cannot read or a variable it cannot
    evaluate.
    """
    os.environ.setdefault(*WHOLE_INVENTORY)
    from ansible import context
    from ansible.cli.playbook import PlaybookCLI
    from ansible.errors import AnsibleError
    from ansible.template import Templar

    start_over()
    try:
        command = PlaybookCLI(["ansible-playbook", *options, "site.yml"])
        command.parse()
        _find_plugins()
        _assert_sources(context.CLIARGS["inventory"])
        with _warnings_if_read():
            loader, inventory, variables = command._play_prereqs()
        sources = tuple(str(source) for source in inventory._sources)
        directory = _directory(sources)
        names = wanted(directory)
        hosts = []
        for host in inventory.get_hosts("all"):
            # Ansible's names know where they are from, and YAML takes no such thing for a text.
            name, groups = str(host.name), frozenset(str(group.name) for group in host.get_groups())
            if not groups & {MONITOR_GROUP, WORKERS_GROUP}:
                hosts.append(InventoryHost(name, groups, {}))
                continue
            raw = variables.get_vars(host=host)
            templar = Templar(loader, variables=raw)
            values = {}
            for variable in sorted(names & raw.keys()):
                try:
                    values[variable] = templar.template(raw[variable])
                except AnsibleError as error:
                    raise ProvisionError(
                        f"{name}: variable {variable}: {str(error).splitlines()[0]}"
                    ) from error
            hosts.append(InventoryHost(name, groups, _plain(values), frozenset(map(str, raw))))
        if context.CLIARGS["subset"]:
            inventory.subset(context.CLIARGS["subset"])
        with _mismatch_told():
            limited = frozenset(str(host.name) for host in inventory.get_hosts("all"))
    except AnsibleError as error:
        raise _unread(context.CLIARGS.get("inventory") or (), error) from error
    secrets = tuple((str(name), secret.bytes) for name, secret in loader._vault.secrets or ())
    return Inventory(sources, directory, tuple(hosts), limited, secrets, loader)


@contextmanager
def _warnings_if_read() -> Iterator[None]:
    """Hold back what Ansible shows while it reads: where it fails, its cause is told instead.

    It warns of each plugin that did not understand an inventory, in a dozen lines.
    """
    from ansible.utils.display import Display

    display, held = Display(), list[tuple[tuple[Any, ...], dict[str, Any]]]()
    display.display = lambda *words, **options: held.append((words, options))
    read = False
    try:
        yield
        read = True
    finally:
        del display.display
        for words, options in held:
            if read or display.verbosity:
                display.display(*words, **options)


@contextmanager
def _mismatch_told() -> Iterator[None]:
    """Have Ansible warn of what a limit names and the inventory has not.

    Our ansible.cfg says not to, for groups that a run has only where there is need of them.
    """
    from ansible import constants

    said = constants.HOST_PATTERN_MISMATCH
    if said == "ignore":
        constants.HOST_PATTERN_MISMATCH = "warning"
    try:
        yield
    finally:
        constants.HOST_PATTERN_MISMATCH = said


def _remedy(path: Path) -> str:
    """What to do about a YAML file that cannot be read."""
    if path.exists() and not os.access(path, os.R_OK):
        return f"run as a user who may read it, or let yours (chown, chmod u+r {path})"
    if is_encrypted_file(path):
        return "give the vault's password (--ask-vault-pass, --vault-password-file)"
    return "put the file right, or back from where you keep a copy"


def _unread(sources: Sequence[str], error: Exception) -> ProvisionError:
    """Why an inventory is not read: its cause, which Ansible only warns of, where there is one."""
    import yaml
    from ansible.errors import AnsibleError
    from ansible.parsing.dataloader import DataLoader
    from ansible.parsing.vault import AnsibleVaultError
    from ansible.utils.vars import load_extra_vars

    try:
        load_extra_vars(DataLoader())
    except AnsibleVaultError:
        pass  # without the vault's password, which is another matter
    except AnsibleError as cause:
        said = " ".join(str(cause).split("\n\n")[0].split())
        return ProvisionError(f"-e: {said}", remedy="mend what follows it (--extra-vars)")
    for path in _paths(sources):
        if path.suffix not in {".yml", ".yaml", ".json"} or not path.is_file():
            continue
        try:
            yaml.compose(path.read_text("utf-8"))
        except OSError as cause:
            return ProvisionError(f"{path}: {cause.strerror}", remedy=_remedy(path))
        except yaml.MarkedYAMLError as cause:
            line = f"line {cause.problem_mark.line + 1}: " if cause.problem_mark else ""
            return ProvisionError(f"{path}: {line}{cause.problem}", remedy="mend the file")
        except ValueError as cause:
            return ProvisionError(f"{path}: {cause}", remedy="write it in UTF-8")
    return ProvisionError(str(error))


def _decrypted(value: Any) -> Any:
    """A YAML value with each single one that is vaulted (`!vault`) as its text."""
    from ansible.parsing.vault import EncryptedString

    if isinstance(value, Mapping):
        return {key: _decrypted(item) for key, item in value.items()}
    return str(value) if isinstance(value, EncryptedString) else value


def start_over() -> None:
    """Ansible takes options and vault once in a process; here several inventories are read."""
    from ansible.parsing.vault import VaultSecretsContext
    from ansible.utils.context_objects import GlobalCLIArgs
    from ansible.utils.vars import load_extra_vars, load_options_vars

    VaultSecretsContext._current = None
    for cached, name in ((load_extra_vars, "extra_vars"), (load_options_vars, "options_vars")):
        if hasattr(cached, name):
            delattr(cached, name)
    GlobalCLIArgs._Singleton__instance = None


def _find_plugins() -> None:
    """Let Ansible find plugins by their full names, as a cloud's inventory names its own.

    ansible-playbook does this as it begins to run (ansible.cli.CLI.run), once in a process.
    """
    from ansible import context
    from ansible.plugins.loader import init_plugin_loader
    from ansible.utils.collection_loader import AnsibleCollectionConfig

    if AnsibleCollectionConfig.collection_finder is None:
        remember_routes()
        init_plugin_loader(context.CLIARGS.get("collections_path") or [])


def _assert_sources(sources: Sequence[str]) -> None:
    """Ansible only warns of an inventory that is not there, and goes on without hosts."""
    for source in sources:
        if "," not in source and not Path(source).exists():
            raise ProvisionError(
                f"{source}: there is no such inventory",
                remedy="write one with `provision init`, name it with -i, or do without one: "
                "provision monitor-server HOST, provision worker HOST --monitor HOST",
            )


def _paths(sources: Sequence[str]) -> list[Path]:
    """The files and directories among an inventory's sources; a list of hosts has commas."""
    return [Path(source) for source in sources if "," not in source]


def _directory(sources: Sequence[str]) -> Path:
    for path in _paths(sources):
        if path.exists():
            return path.absolute().parent  # of a directory too: Ansible reads all that is in it
    return Path.cwd()


def _plain(value: Any) -> Any:
    """Ansible's tagged values as plain ones, which YAML, JSON and pydantic take as they are."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
