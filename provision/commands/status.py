"""`provision status`: what runs where, since when, and whether it is as it should be."""

from __future__ import annotations

from collections.abc import Sequence

from provision.errors import EXIT_ERROR, EXIT_OK
from provision.fleet.applying import apply
from provision.fleet.reading import read_fleet
from provision.run.standing import as_json, show, standings
from provision.run.view import RunView


def status(*, hosts: Sequence[str], options: Sequence[str], form: str, verbosity: int) -> int:
    """Look at hosts (at all without any), in one round trip each, and show how they stand.

    Returns the exit status: 1 where something does not run, differs or cannot be reached. Raises
    ProvisionError for an inventory or a host that is wrong.
    """
    result = apply(
        read_fleet(options),
        hosts=hosts,
        check=True,
        verbose=verbosity > 0,
        view=RunView(quiet=verbosity > 0),
        playbook="status.yml",
    )
    found = standings(result.hosts)
    if form == "json":
        print(as_json(found))  # noqa: T201
    else:
        show(found)
    return EXIT_OK if all(each.problem is None for each in found) else EXIT_ERROR
