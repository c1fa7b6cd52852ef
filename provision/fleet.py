"""From an inventory to a run on its hosts: read, check, render, run, tell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from provision.applications import variables as variables_of
from provision.catalog.load import load_catalogs
from provision.catalog.model import Catalog
from provision.errors import InvalidInput, ProvisionError
from provision.inventory import (
    ALL_HOSTS,
    MONITOR_GROUP,
    WORKERS_GROUP,
    Inventory,
)
from provision.options import LISTS, first_inventory, with_inventory
from provision.output import note
from provision.paths import CATALOGS_DIRECTORY
from provision.paths import INVENTORY_FILE as INVENTORY_FILE
from provision.render.tree import write_tree
from provision.run import clocks
from provision.run.alone import alone
from provision.run.ansible import RunResult, account_for, run_playbook
from provision.run.engine import read_inventory
from provision.run.view import RunView
from provision.scratch import scratch
from provision.secrets import (
    FILE_NAME,
    KEY,
    complete,
    ensure_secrets,
    is_vaulted,
    load_secrets,
    write_secrets,
)
from provision.settings import WANTED
from provision.site.build import build_site
from provision.site.model import Site
from provision.site.unread import one_machine, unread
from provision.tls.keeping import keep_certificates, prepare
from provision.tls.model import OWN_CA

SITE_PLAYBOOK = "site.yml"
# Bytes that a rendered tree takes: its dashboards, and each host.
_TREE, _HOST = 16 << 20, 128 << 10


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
    apps = {f"{catalog.stem}_": variables_of(catalog) for catalog in catalogs.values()}
    for line in [*unread(ours, _known(catalogs), secrets, apps), *one_machine(ours)]:
        note(line)


def _known(catalogs: Mapping[str, Catalog]) -> frozenset[str]:
    """The variables that are read of hosts, with those of applications."""
    return WANTED.union(*map(variables_of, catalogs.values()))


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


def apply(
    fleet: Fleet,
    *,
    targets: str = ALL_HOSTS,
    hosts: Sequence[str] = (),
    check: bool,
    verbose: bool,
    view: RunView,
    playbook: str = SITE_PLAYBOOK,
    variables: Mapping[str, str] | None = None,
    command: str = "provision",
    regenerate: Collection[str] = (),
) -> RunResult:
    """Bring hosts to what is rendered for them; with check, only say what would change.

    targets is an Ansible host pattern; hosts narrows it to some of them by name. Another playbook
    may be run on the same tree and secrets, with variables of its own. command is what others are
    told who want to change the same hosts. regenerate names secrets of ours that are made anew. For
    workers that InfluxDB does not know yet, the database's state on the monitoring host is
    converged too. Raises ProvisionError for a host that is not in it, where the secrets cannot be
    read or kept, where another run works on the site, and where Ansible fails as a whole: with what
    it said, since no host can say it.
    """
    selected = hosts_of(fleet, targets, hosts)
    strangers: frozenset[str] = frozenset()
    if playbook != "status.yml":  # which asks nobody but systemd
        strangers = _assert_credentials(fleet, selected, check=check)
    if playbook == SITE_PLAYBOOK and fleet.site.external:
        from provision.external import assert_usable

        assert_usable(fleet.site, load_secrets(fleet.secrets_file, fleet.inventory.read_yaml))
    pattern = ",".join([",".join(hosts) or targets, *sorted(strangers)])
    selected |= strangers
    lock = nullcontext() if check else alone(fleet.secrets_file.resolve().parent, command)
    with lock, scratch(_TREE + _HOST * len(selected)) as directory:
        tree = directory / "tree"
        if check:
            renews = playbook == SITE_PLAYBOOK
            secrets_file, site = _secrets_for_check(fleet, directory, view.note, renews, regenerate)
        else:
            secrets_file = keep_secrets(fleet, view.note, regenerate)
            site = with_certificates(fleet)
        write_tree(site, tree, hosts=selected, only_database=strangers)
        view.begin(sorted(selected))
        try:
            result = run_playbook(
                playbook,
                fleet.options,
                {
                    **(variables or {}),
                    "targets": pattern,
                    "provision_command": command,
                    "provision_tree": str(tree),
                    "provision_secrets_file": str(secrets_file),
                },
                secrets=secrets_file,
                vault_secrets=fleet.inventory.vault_secrets,
                become_password=fleet.become_password,
                on_event=view.take,
                verbose=verbose,
            )
        finally:
            view.end()
    account_for(result, selected, listed=bool(LISTS & set(fleet.options)))
    _warn_of_clocks(result, fleet.site.monitor.name)
    return result


def _warn_of_clocks(result: RunResult, monitor: str) -> None:
    told = {name: host.clock for name, host in result.hosts.items() if host.clock is not None}
    for name, what in clocks.off(told, monitor).items():
        kept = result.hosts[name].warnings if name else result.warnings
        kept.append(f"{what}; {clocks.REMEDY}")


def keep_secrets(
    fleet: Fleet, note: Callable[[str], None], regenerate: Collection[str] = ()
) -> Path:
    """The site's secrets file, with everything in it that is made here; some of it anew."""
    inventory, path = fleet.inventory, fleet.secrets_file.resolve()
    wanted = fleet.site.generated_secrets
    encrypt = inventory.encrypt_like(path)
    _, new = ensure_secrets(path, wanted, inventory.read_yaml, encrypt, regenerate)
    if new:
        note(f"new secrets are in {fleet.secrets_file}: keep that file")
    if fleet.site.tls.mode == OWN_CA:
        keep_certificates(fleet.site.tls, path, inventory.read_yaml, encrypt, note)
    return path


def with_certificates(fleet: Fleet) -> Site:
    """The site with the certificates that it has, as rendering takes it."""
    if not fleet.site.tls.on:
        return fleet.site
    secrets = load_secrets(fleet.secrets_file, fleet.inventory.read_yaml)
    prepared = prepare(fleet.site.tls, fleet.secrets_file, secrets, fleet.inventory.read_bytes)
    return replace(fleet.site, tls=prepared.tls)


def _secrets_for_check(
    fleet: Fleet,
    directory: Path,
    note: Callable[[str], None],
    renews: bool,
    regenerate: Collection[str],
) -> tuple[Path, Site]:
    """The secrets that there are, with others made for the comparison alone; the site to render.

    renews says whether certificates are as a run would make them, or as they are.
    """
    inventory, path = fleet.inventory, fleet.secrets_file.resolve()
    known = load_secrets(path, inventory.read_yaml)
    kept = {name: value for name, value in known.items() if name not in regenerate}
    secrets = complete(kept, fleet.site.generated_secrets)
    prepared = prepare(fleet.site.tls, path, secrets, inventory.read_bytes, as_is=not renews)
    for line in prepared.news:
        note(f"{'would change' if renews else 'to be done by `provision up`'}: {line}")
    site = replace(fleet.site, tls=prepared.tls)
    secrets |= prepared.secrets
    if secrets == known:
        return path, site
    temporary = directory / FILE_NAME
    write_secrets(temporary, secrets, inventory.encrypt_like(path) if is_vaulted(path) else None)
    return temporary, site


def assert_given(fleet: Fleet) -> None:
    """Raise ProvisionError where secrets are missing that nobody but the operator can know."""
    wanted = fleet.site.given_secrets
    known = load_secrets(fleet.secrets_file, fleet.inventory.read_yaml) if wanted else {}
    if missing := [name for name in wanted if name not in known]:
        database = [name for name in missing if name.startswith("influxdb_external_")]
        if database:
            raise ProvisionError(
                f"{fleet.secrets_file}: no {' and no '.join(database)}, with which"
                f" {fleet.site.influxdb_url} is written to and read",
                remedy=f"write what you were given for it under {KEY}: in that file (0600)",
            )
        raise ProvisionError(
            f"{fleet.secrets_file}: no {' and no '.join(missing)}, with which alerts are sent",
            remedy=f"write it under {KEY}: in that file (0600); docs/alerts.md says what it is",
        )


def assert_provisioned(fleet: Fleet) -> None:
    """Raise ProvisionError where no run has been: a site's secrets are made by its first."""
    known = load_secrets(fleet.secrets_file, fleet.inventory.read_yaml)
    made = fleet.site.generated_secrets or fleet.site.given_secrets
    if not known.keys() & set(made):
        raise ProvisionError(
            f"{fleet.secrets_file}: no secrets of this site, so nothing was provisioned yet",
            remedy="run `provision up` first, or put the secrets file back",
        )


def assert_ready(fleet: Fleet, targets: str, hosts: Sequence[str]) -> None:
    """Raise ProvisionError, as apply() would, where something is missing that it needs."""
    _assert_credentials(fleet, hosts_of(fleet, targets, hosts), check=False)


def _assert_credentials(fleet: Fleet, chosen: frozenset[str], *, check: bool) -> frozenset[str]:
    """What is missing that lets Telegraf write is made on the monitoring host.

    Gives that host, where it is needed for this and is not among those chosen.
    """
    site, monitor = fleet.site, fleet.site.monitor.name
    if monitor in chosen or site.external:
        assert_given(fleet)
        return frozenset()
    known = load_secrets(fleet.secrets_file, fleet.inventory.read_yaml)
    wanted = [site.write_secret(host) for host in site.workers if host.name in chosen]
    missing = [name for name in wanted if name not in known]
    provisioned = all(name in known for name in site.database_secrets)
    if missing and provisioned and monitor in fleet.inventory.limited:
        return frozenset({monitor})
    if missing and not check:
        raise ProvisionError(
            f"{fleet.secrets_file}: no {missing[0]}, with which Telegraf writes to InfluxDB",
            remedy="run `provision monitor-server` first, or put the secrets file back",
        )
    return frozenset()


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
