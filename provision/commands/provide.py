"""`provision up`, `monitor-server` and `worker`: bring hosts to what is rendered for them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from provision.adhoc import adhoc_inventory, adhoc_path, remember_settings, unless_wrong
from provision.errors import EXIT_ERROR, EXIT_OK, ProvisionError
from provision.fleet import Fleet, apply, names_inventory, read_fleet
from provision.view import RunView, show_result


def provide(
    *,
    targets: str,
    hosts: Sequence[str] = (),
    monitor: str | None = None,
    apps: Sequence[str] = (),
    options: Sequence[str],
    check: bool,
    diff: bool,
    verbosity: int,
) -> int:
    """Run the playbooks on the hosts of a pattern and show what came of it.

    monitor names the monitoring host of a site that has no inventory (its own is then kept, see
    provision.adhoc). Returns the exit status. Raises ProvisionError before anything is touched.
    """
    fleet = _fleet(hosts, monitor, apps, options)
    view = RunView(quiet=verbosity > 0)
    started = time.monotonic()
    result = apply(
        fleet, targets=targets, hosts=hosts, check=check, verbose=verbosity > 0, view=view
    )
    show_result(result, check=check, diff=diff, seconds=time.monotonic() - started)
    return EXIT_OK if result.ok else EXIT_ERROR


def _fleet(
    hosts: Sequence[str], monitor: str | None, apps: Sequence[str], options: Sequence[str]
) -> Fleet:
    if monitor is None:
        return read_fleet(options)
    if names_inventory(options):
        raise ProvisionError(
            "a monitoring host is named, and an inventory as well",
            remedy="leave out -i, or put the host into the inventory's group `monitor`",
        )
    workers = [host for host in hosts if host != monitor]
    with unless_wrong(adhoc_path(monitor)):
        path = adhoc_inventory(monitor, workers, apps)
        fleet = read_fleet(["-i", str(path), *options])
        remember_settings(path, fleet)
    return fleet
