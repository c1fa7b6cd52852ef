"""Runs of the playbooks for one command: to see what would be done, and to do it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from provision.fleet.applying import apply
from provision.fleet.model import Fleet
from provision.run.plan import Plan, plan_of
from provision.run.view import RunView


@dataclass(frozen=True)
class Run:
    """What the runs of one command have in common."""

    fleet: Fleet
    targets: str
    hosts: tuple[str, ...]
    verbosity: int
    command: str = "provision"
    variables: Mapping[str, str] | None = None
    regenerate: Collection[str] = ()

    def __call__(self, *, check: bool) -> tuple[Plan, bool, float]:
        """Run the playbooks: what they did or would do, whether all is well, how many seconds."""
        started = time.monotonic()
        result = apply(
            self.fleet,
            targets=self.targets,
            hosts=self.hosts,
            check=check,
            verbose=self.verbosity > 0,
            view=RunView(quiet=self.verbosity > 0),
            command=self.command,
            variables=self.variables,
            regenerate=self.regenerate,
        )
        return plan_of(result), result.ok, time.monotonic() - started

    def look(self) -> tuple[Plan, bool, float]:
        """What would be done, where check is none of the options."""
        options = (*self.fleet.options, "--check")
        return replace(self, fleet=replace(self.fleet, options=options))(check=True)
