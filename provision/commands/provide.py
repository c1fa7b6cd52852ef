"""`provision up`, `monitor-server` and `worker`: bring hosts to what is rendered for them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from provision.adhoc import (
    adhoc_inventory,
    adhoc_path,
    for_a_look,
    remember_settings,
    unless_wrong,
)
from provision.errors import EXIT_ERROR, EXIT_OK, ProvisionError
from provision.fleet.applying import assert_ready
from provision.fleet.batches import Batches
from provision.fleet.model import Fleet
from provision.fleet.reading import read_fleet
from provision.fleet.twice import Run
from provision.inventory import WORKERS_GROUP
from provision.options import names_inventory
from provision.output import note, out
from provision.paths import INVENTORY_FILE
from provision.run.asking import agreed, assert_answerable, password_of_sudo
from provision.run.plan import Plan, surprises
from provision.run.plan_view import show_outcome, show_plan


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
    yes: bool,
    command: str = "provision",
    serial: int | None = None,
    max_failures: int = 0,
) -> int:
    """Show what would be done on the hosts of a pattern, ask, do it, and show what came of it.

    With serial it is done on so many workers at a time, until more than max_failures hosts failed.
    With check it is shown alone; with yes it is done without being shown or asked before.
    monitor names the monitoring host of a site that has no inventory (its own is then kept, see
    provision.adhoc). Returns the exit status. Raises ProvisionError, and UsageError where nobody
    can be asked, before anything is touched.
    """
    if not check:
        assert_answerable(yes=yes)
    with ExitStack() as kept:
        looked = kept.enter_context(for_a_look(adhoc_path(monitor))) if check and monitor else None
        fleet = _fleet(hosts if targets == WORKERS_GROUP else (), monitor, apps, options)
        if looked:
            looked()
        elif monitor:
            note(f"this site's inventory is kept in {adhoc_path(monitor)}")
        asks = not (check or yes)
        if asks:
            assert_ready(fleet, targets, hosts)
            fleet = replace(fleet, become_password=password_of_sudo(options))
        run = Run(fleet, targets, tuple(hosts), verbosity, command)
        does = Batches(run, serial, max_failures) if serial else run
        if asks:
            return ask_and_do(does, diff=diff)
        plan, ok, seconds = does(check=check)
        show_plan(plan, check=check, diff=diff, seconds=seconds)
        return EXIT_OK if ok else EXIT_ERROR


def ask_and_do(
    run: Run | Batches, *, diff: bool, looked: tuple[Plan, bool, float] | None = None
) -> int:
    """Show what a run would do, ask, do it and show what came of it; gives the exit status.

    looked is what run.look() gave, where that was done already.
    """
    shown, ok, seconds = looked or run.look()
    show_plan(shown, check=True, diff=diff, seconds=seconds)
    if not shown.differing:
        out.print("nothing would change: there is nothing to apply")
        return EXIT_OK if ok else EXIT_ERROR
    if not agreed("Apply?", yes=False):
        out.print("nothing was changed")
        return EXIT_ERROR
    done, ok, seconds = run(check=False)
    show_outcome(done, surprises(shown, done), seconds=seconds)
    return EXIT_OK if ok else EXIT_ERROR


def _fleet(
    workers: Sequence[str], monitor: str | None, apps: Sequence[str], options: Sequence[str]
) -> Fleet:
    if monitor is None:
        return read_fleet(options)
    if Path(INVENTORY_FILE).is_file() and not names_inventory(options):
        raise ProvisionError(
            f"a monitoring host is named, and there is {INVENTORY_FILE} here",
            remedy="leave out --monitor and --app, and put the workers into that inventory; or run"
            " it in another directory",
        )
    if names_inventory(options):
        raise ProvisionError(
            "a monitoring host is named, and an inventory as well",
            remedy="leave out -i, or put the host into the inventory's group `monitor`",
        )
    with unless_wrong(adhoc_path(monitor)):
        path = adhoc_inventory(monitor, workers, apps)
        fleet = read_fleet(["-i", str(path), *options])
        remember_settings(path, fleet)
    return fleet
