"""The manifest of one host's rendered tree, read once into frozen values (see CONTRIBUTING.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.provision import letting_in

#: The roles that a manifest may name, in the order in which their work is done.
ROLES = ("packages", "influxdb", "grafana", "pushgateway", "telegraf")


class ManifestError(Exception):
    """The rendered tree is missing or is not what the playbooks read: file, key and what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class Repository:
    """An apt repository, and the key that must have signed it (by primary fingerprint)."""

    name: str
    url: str
    key_url: str
    fingerprint: str
    keyring: str


@dataclass(frozen=True)
class Package:
    """A wanted package; version None means that any installed version is enough."""

    role: str
    name: str
    version: str | None
    repository: str | None
    conflicts: tuple[str, ...]


@dataclass(frozen=True)
class Directory:
    """A wanted directory; an exclusive one holds what the tree has and nothing else."""

    role: str
    path: str
    owner: str
    group: str
    mode: str
    exclusive: bool


@dataclass(frozen=True)
class File:
    """A wanted file; a secret one names secrets that are filled in on the way to the host.

    source is a file of the controller, perhaps vaulted, that it is a copy of: the tree has none.
    """

    role: str
    path: str
    owner: str
    group: str
    mode: str
    secret: bool
    source: str | None = None


@dataclass(frozen=True)
class Absent:
    """A file that must not be there."""

    role: str
    path: str


@dataclass(frozen=True)
class Service:
    """A systemd unit (without .service), where it listens and the URL that answers 200 then.

    settings names the variable that sets the port, by the text of listen.
    alive is a file that it writes to as long as it is at work, and for how many seconds at most it
    does not: {"path", "seconds"}.
    tls is how it is known at that URL (module_utils/provision/http.py).
    reloads is a regular expression of the files that it takes up while it runs, when it is told to.
    stable is for how many seconds it is watched at least.
    """

    role: str
    name: str
    listen: tuple[str, ...]
    health: str | None
    settings: Mapping[str, str] = field(default_factory=dict)
    alive: Mapping[str, Any] | None = None
    tls: Mapping[str, Any] | None = None
    reloads: str = ""
    stable: float = 0


@dataclass(frozen=True)
class Manifest:
    """Everything that is wanted of one host. state keeps the entries as they are in the file."""

    host: str
    tree: Path
    repositories: tuple[Repository, ...]
    packages: tuple[Package, ...]
    directories: tuple[Directory, ...]
    files: tuple[File, ...]
    absent: tuple[Absent, ...]
    services: tuple[Service, ...]
    state: tuple[Mapping[str, Any], ...]

    def source(self, path: str) -> Path:
        """Where the tree has the file that the host has at path."""
        return self.tree / path.lstrip("/")

    def touched(self) -> dict[str, dict[str, list[str]]]:
        """All that the work may touch: paths, directories, packages, services, each by role."""
        keyrings = [("packages", repository.keyring) for repository in self.repositories]
        return {
            "paths": _by_role(
                [*keyrings, *((each.role, each.path) for each in (*self.files, *self.absent))]
            ),
            "directories": _by_role([(each.role, each.path) for each in self.directories]),
            "packages": _by_role([(each.role, each.name) for each in self.packages]),
            "services": _by_role([(each.role, each.name) for each in self.services]),
        }

    @property
    def guarded(self) -> list[Service]:
        """The services that have rules of who may send to them."""
        paths = {file.path for file in self.files}
        return [each for each in self.services if letting_in.path_of(each.name) in paths]

    def services_of(self, role: str) -> list[Service]:
        """The services whose configuration is the work of role."""
        return [service for service in self.services if service.role == role]


_KINDS: dict[str, type[Any]] = {
    "repositories": Repository,
    "packages": Package,
    "directories": Directory,
    "files": File,
    "absent": Absent,
    "services": Service,
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "packages": {"version": None, "repository": None, "conflicts": ()},
    "directories": {"exclusive": False},
    "files": {"secret": False},
    "services": {"listen": (), "health": None, "settings": {}, "alive": None},
}


def load(tree: Path, host: str) -> Manifest:
    """Read <tree>/<host>/.manifest.json.

    Raises ManifestError when there is none, or when it does not follow CONTRIBUTING.md.
    """
    path = tree / host / ".manifest.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(
            f"Nothing is rendered for {host}: {path}: {error.strerror}.",
            "run `provision render` (or give the rendered tree as provision_tree)",
        ) from error
    except ValueError as error:
        raise ManifestError(f"{path} is not JSON: {error}.", "render the tree again") from error
    if not isinstance(document, dict):
        raise ManifestError(f"{path} is not a mapping.", "render the tree again")
    return parse(document, host=host, tree=tree / host, where=str(path))


def parse(document: Mapping[str, Any], *, host: str, tree: Path, where: str) -> Manifest:
    """Turn the JSON document into a Manifest; where names its file in errors."""
    problems = [f"unknown key {key}" for key in document if key not in (*_KINDS, "host", "state")]
    values: dict[str, tuple[Any, ...]] = {}
    for kind, made in _KINDS.items():
        entries = []
        for index, entry in enumerate(document.get(kind, ())):
            try:
                entries.append(made(**_frozen({**_DEFAULTS.get(kind, {}), **entry})))
            except TypeError as error:
                problems.append(f"{kind}[{index}]: {str(error).split('__init__() ')[-1]}")
        values[kind] = tuple(entries)
    state = tuple(document.get("state", ()))
    for kind, role in _roles_in({**values, "state": state}):
        if role not in ROLES:
            problems.append(f"{kind}: unknown role {role}")
    if problems:
        raise ManifestError(
            f"{where}: {'; '.join(problems)}.", "render the tree with the same version of provision"
        )
    return Manifest(host=host, tree=tree, state=state, **values)


def _by_role(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for role, name in pairs:
        found.setdefault(role, []).append(name)
    return found


def _frozen(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}


def _roles_in(values: Mapping[str, Iterable[Any]]) -> Iterable[tuple[str, str]]:
    for kind, entries in values.items():
        for entry in entries:
            if kind == "state":
                yield kind, str(entry.get("role"))
            elif kind != "repositories":
                yield kind, entry.role
