"""A fleet brought to what is rendered for it: rendered, run, told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext

from provision.errors import ProvisionError
from provision.fleet.keeping import (
    assert_given,
    keep_secrets,
    secrets_for_check,
    with_certificates,
)
from provision.fleet.model import Fleet, hosts_of
from provision.inventory import ALL_HOSTS
from provision.options import LISTS
from provision.render.tree import write_tree
from provision.run import clocks
from provision.run.alone import alone
from provision.run.ansible import RunResult, account_for, run_playbook
from provision.run.view import RunView
from provision.scratch import scratch
from provision.secrets import load_secrets

SITE_PLAYBOOK = "site.yml"
# Bytes that a rendered tree takes: its dashboards, and each host.
_TREE, _HOST = 16 << 20, 128 << 10


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
            secrets_file, site = secrets_for_check(fleet, directory, view.note, renews, regenerate)
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
