"""Sites without an inventory of their own: one is kept for them, so that nothing is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from provision.errors import ProvisionError
from provision.fleet.model import Fleet
from provision.inventory import MONITOR_GROUP, WORKERS_GROUP
from provision.paths import INVENTORY_FILE, config
from provision.secrets import replace_file
from provision.settings import Settings
from provision.site.model import HOST_NAME, NAMED_SO, NO_HOST_NAME
from provision.values import listed

_HEADER = """\
# Kept by provision for the site of {monitor}. An ordinary Ansible inventory: edit it freely.
"""


def adhoc_inventory(monitor: str, workers: Sequence[str], apps: Sequence[str]) -> Path:
    """The path of the inventory that is kept for a monitoring host, with these workers in it.

    Raises ProvisionError for a host name that is none, and where the file cannot be kept.
    """
    for worker in workers:
        _assert_name(worker)
    path = adhoc_path(monitor)
    content = _read(path)
    _hosts(content, MONITOR_GROUP, path).setdefault(monitor, None)
    entries = _hosts(content, WORKERS_GROUP, path)
    for worker in workers:
        entry = entries[worker] = entries.get(worker) or {}
        if apps:
            entry["apps"] = sorted({*listed(entry.get("apps", [])), *apps})
    _write(path, monitor, content)
    return path


def adhoc_path(monitor: str) -> Path:
    """Where the inventory of a monitoring host is kept. Raises ProvisionError if it is no host."""
    _assert_name(monitor)
    return config() / "sites" / monitor / INVENTORY_FILE


def _assert_name(host: str) -> None:
    if not HOST_NAME.fullmatch(host):
        raise ProvisionError(f"{host!r}: {NO_HOST_NAME}", remedy=NAMED_SO)


@contextmanager
def unless_wrong(path: Path) -> Iterator[None]:
    """What is written to a file in this context is undone if it turns out to be wrong."""
    before = _content(path)
    try:
        yield
    except BaseException:
        _put_back(path, before)
        raise


@contextmanager
def for_a_look(path: Path) -> Iterator[Callable[[], None]]:
    """A site that is only looked at: its inventory is as it was, and one that was not kept is not.

    Gives what is to be called when the inventory is written: what another run writes later stays.
    """
    before, ours = _content(path), list[bytes | None]()
    try:
        yield lambda: ours.append(_content(path))
    finally:
        if not ours or _content(path) == ours[-1]:
            _put_back(path, before)
            with suppress(OSError):  # something is kept there
                path.parent.rmdir()
                path.parent.parent.rmdir()


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _put_back(path: Path, before: bytes | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(before)


def remember_settings(path: Path, fleet: Fleet) -> None:
    """Keep what was set on the command line (-e), so that the next run means the same."""
    content = _read(path)
    defaults = Settings()
    for host in fleet.site.hosts:
        entries = _hosts(content, MONITOR_GROUP if host.monitor else WORKERS_GROUP, path)
        entry = entries[host.name] = entries.get(host.name) or {}
        for name in sorted(Settings.model_fields.keys() - {"apps"}):
            value = getattr(host.settings, name)
            if value != entry.get(name, getattr(defaults, name)):
                entry[name] = value
    _write(path, fleet.site.monitor.name, content)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ProvisionError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise ProvisionError(f"{path}: not an inventory of groups")
    return content


def _hosts(content: dict[str, Any], group: str, path: Path) -> dict[str, Any]:
    """The hosts of a group of an inventory, which are made if it has none."""
    entry = content[group] = {} if content.get(group) is None else content[group]
    if isinstance(entry, dict):
        hosts = entry["hosts"] = {} if entry.get("hosts") is None else entry["hosts"]
        if isinstance(hosts, dict):
            return hosts
    raise ProvisionError(
        f"{path}: {group}.hosts is not a mapping of host names",
        remedy="put it right, or name the file with -i instead",
    )


def _write(path: Path, monitor: str, content: dict[str, Any]) -> None:
    if path.exists() and _read(path) == content:
        return  # nothing new: a person's comments stay
    text = _HEADER.format(monitor=monitor) + yaml.safe_dump(content, sort_keys=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)
    except OSError as error:
        raise ProvisionError(f"{path}: {error.strerror}") from error
