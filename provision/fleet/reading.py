"""A fleet as it is read: the inventory, what stands beside it, and what it may not mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from provision.catalog.load import load_catalogs
from provision.catalog.model import Catalog
from provision.errors import InvalidInput, ProvisionError
from provision.fleet.model import Fleet
from provision.inventory import MONITOR_GROUP, WORKERS_GROUP, Inventory
from provision.options import first_inventory, with_inventory
from provision.output import note
from provision.paths import CATALOGS_DIRECTORY
from provision.run.engine import read_inventory
from provision.secrets import FILE_NAME
from provision.settings import WANTED
from provision.site.build import build_site
from provision.site.model import Site
from provision.site.unread import of_nobody, one_machine, unread


def read_fleet(options: Sequence[str]) -> Fleet:
    """Read the inventory that the options name, and everything that stands beside it.

    Without -i that is ./inventory.yml where there is one, else what Ansible is configured to use.
    Raises ProvisionError (InvalidInput with every problem at once), also for a link to secrets that
    are not there.
    """
    options = with_inventory(options)
    ahead = _catalogs_ahead(options)
    catalogs: dict[str, Catalog] = {}

    def wanted(directory: Path) -> frozenset[str]:
        found = ahead.get(directory) or load_catalogs(directory / CATALOGS_DIRECTORY)
        catalogs.update(found)
        return _known(catalogs)

    inventory = read_inventory(options, wanted)
    site = build_site(inventory, catalogs)
    _tell_unread(inventory, site, catalogs)
    secrets_file = inventory.directory / FILE_NAME
    if secrets_file.is_symlink() and not secrets_file.exists():
        raise ProvisionError(
            f"{secrets_file}: a link to {secrets_file.readlink()}, which is not there",
            remedy="bring back what it leads to (mount it), or remove the link: secrets are made"
            " anew then",
        )
    return Fleet(inventory, site, secrets_file, tuple(options), catalogs=catalogs)


def _tell_unread(inventory: Inventory, site: Site, catalogs: Mapping[str, Catalog]) -> None:
    """Say what the inventory may not mean."""
    ours = [host for host in inventory.hosts if host.groups & {MONITOR_GROUP, WORKERS_GROUP}]
    secrets = {*site.generated_secrets, *site.database_secrets, *site.given_secrets}
    apps = {f"{catalog.stem}_": catalog.variables for catalog in catalogs.values()}
    for line in [
        *unread(ours, _known(catalogs), secrets, apps),
        *one_machine(ours),
        *of_nobody(inventory.directory, inventory.hosts),
    ]:
        note(line)


def _known(catalogs: Mapping[str, Catalog]) -> frozenset[str]:
    """The variables that are read of hosts, with those of applications."""
    return WANTED.union(*(each.variables for each in catalogs.values()))


def _catalogs_ahead(options: Sequence[str]) -> dict[Path, dict[str, Catalog]]:
    """The catalogs by the directory that the first inventory is in, while Ansible reads that.

    What is wrong with them is told once the inventory has been read.
    """
    source = first_inventory(options)
    if source is None:
        return {}
    directory = Path.cwd() if "," in source else Path(source).absolute().parent
    with suppress(InvalidInput, OSError):
        return {directory: load_catalogs(directory / CATALOGS_DIRECTORY)}
    return {}
