"""`provision remove`: take away again what was put on hosts, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from provision.errors import EXIT_ERROR, EXIT_OK, ProvisionError
from provision.inventory import MONITOR_GROUP, WORKERS_GROUP, Inventory
from provision.options import with_inventory
from provision.output import note, out
from provision.run.alone import alone
from provision.run.ansible import RunResult, account_for, run_playbook
from provision.run.asking import agreed, assert_answerable, password_of_sudo
from provision.run.engine import read_inventory
from provision.run.removing import show_removal
from provision.run.view import RunView
from provision.scratch import scratch
from provision.secrets import FILE_NAME

# Ansible's own words for what is asked first and then done.
_CHECK = frozenset({"-C", "--check"})


def remove(
    *,
    hosts: Sequence[str],
    options: Sequence[str],
    data: bool,
    yes: bool,
    check: bool,
    verbosity: int,
) -> int:
    """Show what would be taken away from hosts (from all without any), ask, and do it.

    It goes by the record that each host keeps, so it needs neither catalogs nor secrets, nor that
    a host still has its place in the fleet. Returns the exit status. Raises ProvisionError (and
    UsageError, where nobody can be asked) before anything is touched.
    """
    if not check:
        assert_answerable(yes=yes)
    options = with_inventory([each for each in options if each not in _CHECK])
    inventory = read_inventory(options, lambda directory: frozenset())
    chosen = chosen_hosts(inventory, hosts)
    verbose = verbosity > 0

    become = None if check or yes else password_of_sudo(options)

    def run(*more: str) -> RunResult:
        words = [*options, *more]
        return _run(inventory, words, chosen, data=data, verbose=verbose, become=become)

    if yes and not check:
        return _do(inventory, chosen, run)
    started = time.monotonic()
    seen = run("--check")
    show_removal(seen, check=True, seconds=time.monotonic() - started)
    if check or not any(host.differences for host in seen.hosts.values()):
        return EXIT_OK if seen.ok else EXIT_ERROR
    what = "this, with the data," if data else "this"
    if not agreed(f"Take {what} away?", yes=yes):
        out.print("nothing was taken away")
        return EXIT_ERROR
    return _do(inventory, chosen, run)


def _do(inventory: Inventory, hosts: Sequence[str], run: Callable[[], RunResult]) -> int:
    started = time.monotonic()
    done = run()
    show_removal(done, check=False, seconds=time.monotonic() - started)
    _say_what_is_left(inventory, [name for name in hosts if not done.hosts[name].failed])
    return EXIT_OK if done.ok else EXIT_ERROR


def chosen_hosts(inventory: Inventory, hosts: Sequence[str]) -> list[str]:
    """The hosts that are meant, monitoring hosts last. Raises ProvisionError for others."""
    known = {host.name: host.groups for host in inventory.hosts}
    for name in hosts:
        if name not in known:
            raise ProvisionError(
                f"{name}: not in {', '.join(inventory.sources) or 'any inventory'}",
                remedy="--limit takes groups; a host that has left the inventory is named twice, "
                f"with how it is reached: provision remove -i {name}, {name} -e ansible_host=…",
            )
    ours = {name for name, groups in known.items() if groups & {MONITOR_GROUP, WORKERS_GROUP}}
    chosen = (set(hosts) or ours) & inventory.limited
    if not chosen:
        raise ProvisionError(
            "no host is left to take anything away from",
            remedy="name hosts that are in the inventory, and within --limit",
        )
    return sorted(chosen, key=lambda name: (MONITOR_GROUP in known[name], name))


def _say_what_is_left(inventory: Inventory, hosts: Sequence[str]) -> None:
    """Of a worker whose monitoring host stays, InfluxDB still knows."""
    groups = {host.name: host.groups for host in inventory.hosts}
    if any(MONITOR_GROUP in groups[name] for name in hosts):
        return
    if workers := [name for name in hosts if WORKERS_GROUP in groups[name]]:
        note(
            f"take {', '.join(workers)} out of the inventory; `provision monitor-server` then"
            ' revokes what let it write to InfluxDB. Its alert "Host silent" comes, and is over'
            " after a day: silence it in Grafana"
        )


def _run(
    inventory: Inventory,
    options: Sequence[str],
    hosts: Sequence[str],
    *,
    data: bool,
    verbose: bool,
    become: str | None,
) -> RunResult:
    view = RunView(quiet=verbose)
    variables = {"targets": ",".join(hosts), "provision_remove_data": "true" if data else "false"}
    looks = bool(_CHECK & set(options))
    lock = (
        nullcontext()
        if looks
        else alone((inventory.directory / FILE_NAME).resolve().parent, "provision remove")
    )
    with lock, scratch(0) as directory:
        nothing = directory / "secrets.json"  # none are needed
        nothing.write_text("{}")
        view.begin(hosts)
        try:
            result = run_playbook(
                "remove.yml",
                options,
                variables,
                secrets=nothing,
                vault_secrets=inventory.vault_secrets,
                become_password=become,
                on_event=view.take,
                verbose=verbose,
            )
        finally:
            view.end()
    account_for(result, hosts)
    return result
