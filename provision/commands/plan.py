"""`provision plan`: what would change on the whole fleet, and why; nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence

from provision.errors import EXIT_CHANGES, EXIT_ERROR, EXIT_OK
from provision.fleet.reading import read_fleet
from provision.fleet.twice import Run
from provision.inventory import ALL_HOSTS
from provision.run.plan_view import as_json, show_plan


def plan(
    *,
    hosts: Sequence[str],
    options: Sequence[str],
    diff: bool,
    verbosity: int,
    form: str,
    detailed: bool,
) -> int:
    """Show what would be done on all hosts, or on some by name; nothing is changed.

    form is text or json. With detailed the exit status is EXIT_CHANGES where something would be
    done; it is EXIT_ERROR in any case where a host cannot be looked at, or worked on.
    """
    run = Run(read_fleet(options), ALL_HOSTS, tuple(hosts), verbosity)
    found, ok, seconds = run.look()
    if form == "json":
        print(as_json(found, diff=diff))  # noqa: T201
    else:
        show_plan(found, check=True, diff=diff, seconds=seconds)
    if not ok:
        return EXIT_ERROR
    return EXIT_CHANGES if detailed and found.differing else EXIT_OK
