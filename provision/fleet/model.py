"""A site with the inventory that it was read from, and its hosts by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provision.catalog.model import Catalog
from provision.errors import ProvisionError
from provision.inventory import MONITOR_GROUP, WORKERS_GROUP, Inventory
from provision.site.model import Site


@dataclass(frozen=True)
class Fleet:
    """A site, the inventory that it was read from, and where its secrets are.

    become_password is that of sudo, where it was asked for here (-K). catalogs are all that there
    are, by application, those of no host too.
    """

    inventory: Inventory
    site: Site
    secrets_file: Path
    options: tuple[str, ...]
    become_password: str | None = field(default=None, repr=False)
    catalogs: Mapping[str, Catalog] = field(default_factory=dict, repr=False, compare=False)


def hosts_of(fleet: Fleet, targets: str, hosts: Sequence[str]) -> frozenset[str]:
    """The hosts that a run is about: of the groups, named, and within the limit."""
    groups = set(targets.split(":"))
    members = {
        host.name
        for host in fleet.site.hosts
        if (MONITOR_GROUP in groups and host.monitor) or (WORKERS_GROUP in groups and host.worker)
    }
    for name in hosts:
        if name not in members:
            where = f"{' or '.join(sorted(groups))} of {', '.join(fleet.inventory.sources)}"
            raise ProvisionError(
                f"{name}: not in {where}",
                remedy=f"add it there; the hosts are {', '.join(sorted(members))}",
            )
    chosen = (set(hosts) or members) & fleet.inventory.limited
    if not chosen:
        raise ProvisionError(
            "no host is left to work on",
            remedy=f"--limit leaves none of {', '.join(sorted(members))}",
        )
    return frozenset(chosen)
