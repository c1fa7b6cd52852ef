"""An inventory, read by Ansible: what is done in the process that has loaded it.

Ansible's own command-line parser and loaders are used (ansible.cli.playbook), so an inventory, a
vault, an extra variable or an ansible.cfg means here what it means to ansible-playbook.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from provision.errors import ProvisionError
from provision.inventory import (
    MONITOR_GROUP,
    VAULT_REMEDY,
    WORKERS_GROUP,
    Inventory,
    InventoryHost,
    Wanted,
)
from provision.paths import INVENTORY_FILE
from provision.run.environment import WHOLE_INVENTORY
from provision.run.loading import find_plugins
from provision.run.unreadable import directory_of, mismatch_told, told, warnings_if_read

# What the loader of the inventory has read: variables of hosts, which the run wants too.
_files: dict[str, Any] = {}


def read(options: Sequence[str], wanted: Wanted) -> Inventory:
    """The inventory, as provision.run.engine.read_inventory() gives it."""
    return Reading(options).inventory(wanted)


class Reading:
    """An inventory that is read in two steps: its files, and what they say of hosts.

    Ansible keeps options for the whole process: one is read to its end before another is begun.
    """

    def __init__(self, options: Sequence[str], *, ahead: bool = False) -> None:
        """Read the files; ahead of time only where nobody is asked for a password.

        Raises ProvisionError for an inventory that Ansible cannot read.
        """
        os.environ.setdefault(*WHOLE_INVENTORY)
        from ansible import context
        from ansible.cli.playbook import PlaybookCLI

        start_over()
        self._command = PlaybookCLI(["ansible-playbook", *options, "site.yml"])
        self._read: tuple[Any, Any, Any] | None = None
        with told():
            self._command.parse()
            find_plugins(context.CLIARGS.get("collections_path") or [])
            if not (ahead and _may_ask()):
                self._files()

    def inventory(self, wanted: Wanted) -> Inventory:
        """What it says of the variables that are wanted. Raises ProvisionError."""
        from ansible import context

        with told():
            loader, inventory, variables = self._read or self._files()
            sources = tuple(str(source) for source in inventory._sources)
            directory = directory_of(sources)
            names = wanted(directory)
            hosts = [_host(host, names, loader, variables) for host in inventory.get_hosts("all")]
            if context.CLIARGS["subset"]:
                inventory.subset(context.CLIARGS["subset"])
            with mismatch_told():
                limited = frozenset(str(host.name) for host in inventory.get_hosts("all"))
        _files.update(getattr(loader, "_FILE_CACHE", {}))
        secrets = tuple((str(name), secret.bytes) for name, secret in loader._vault.secrets or ())
        return Inventory(sources, directory, tuple(hosts), limited, secrets)

    def _files(self) -> tuple[Any, Any, Any]:
        from ansible import context

        _assert_sources(context.CLIARGS["inventory"])
        with warnings_if_read():
            made: tuple[Any, Any, Any] = self._command._play_prereqs()
        self._read = made
        return made


def _host(host: Any, names: frozenset[str], loader: Any, variables: Any) -> InventoryHost:
    """A host with the variables that are wanted of it."""
    from ansible.errors import AnsibleError
    from ansible.template import Templar

    # Ansible's names know where they are from, and YAML takes no such thing for a text.
    name, groups = str(host.name), frozenset(str(group.name) for group in host.get_groups())
    if not groups & {MONITOR_GROUP, WORKERS_GROUP}:
        return InventoryHost(name, groups, {})
    raw = variables.get_vars(host=host)
    templar = Templar(loader, variables=raw)
    values = {}
    for variable in sorted(names & raw.keys()):
        try:
            values[variable] = templar.template(raw[variable])
        except AnsibleError as error:
            what = str(error).splitlines()[0]
            raise ProvisionError(
                f"{name}: variable {variable}: {what}",
                remedy=VAULT_REMEDY if "undecryptable" in what else None,
            ) from error
    return InventoryHost(
        name, groups, _plain(values), frozenset(map(str, raw)), _origins(raw, _beginnings(names))
    )


@cache
def _beginnings(names: frozenset[str]) -> frozenset[str]:
    """How the variables begin that may be told of: those of others are very many at times."""
    return frozenset(name[:4] for name in names)


def _origins(raw: Mapping[str, Any], beginnings: frozenset[str]) -> dict[str, tuple[str, int]]:
    """The files and lines of a host's variables. That Ansible tags them so is not public."""
    try:
        from ansible._internal._datatag._tags import Origin
    except ImportError:
        return {}
    found = {}
    for name in raw:
        if name[:4] not in beginnings:
            continue
        origin = Origin.get_tag(name)
        if origin and origin.path and origin.line_num:
            found[str(name)] = (sys.intern(str(origin.path)), int(origin.line_num))
    return found


def _may_ask() -> bool:
    """Whether somebody may be asked for the vault's password, by Ansible or a program of theirs."""
    from ansible import constants, context
    from ansible.utils.path import unfrackpath

    given = context.CLIARGS
    identities = [*constants.DEFAULT_VAULT_IDENTITY_LIST, *given["vault_ids"]]
    sources = [
        *(each.partition("@")[2] or each for each in identities),
        *given["vault_password_files"],
        *filter(None, [constants.DEFAULT_VAULT_PASSWORD_FILE]),
    ]
    return given["ask_vault_pass"] or any(
        source.startswith("prompt") or os.access(unfrackpath(source, follow=False), os.X_OK)
        for source in sources
    )


def hand_on(loader: Any) -> None:
    """Let a run's loader know what was read with the inventory: to read it is most of its work.

    It is not public how a loader remembers files; where it does otherwise, it reads them again.
    """
    with suppress(AttributeError):
        loader._FILE_CACHE.update(_files)


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


# Ansible documentation, configuration settings, DEFAULT_HOST_LIST.
_DEFAULT = "/etc/ansible/hosts"


def _assert_sources(sources: Sequence[str]) -> None:
    """Ansible only warns of an inventory that is not there, and goes on without hosts."""
    for source in sources:
        if "," not in source and not Path(source).exists():
            # Where none is named and none is here, it is Ansible's own default.
            nowhere = f"there is no inventory: no {INVENTORY_FILE} here, and no {source}"
            raise ProvisionError(
                nowhere if source == _DEFAULT else f"{source}: there is no such inventory",
                remedy="write one with `provision init`, name it with -i, or do without one: "
                "provision monitor-server HOST, provision worker HOST --monitor HOST",
            )


def _plain(value: Any) -> Any:
    """Ansible's tagged values as plain ones, which YAML, JSON and pydantic take as they are."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, date):  # and a time with it, where it has one
        kind_of_date = datetime if isinstance(value, datetime) else date
        return kind_of_date.fromisoformat(value.isoformat())
    return value
