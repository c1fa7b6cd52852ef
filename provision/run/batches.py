"""A run in batches of hosts, which ends where too many have failed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from provision.fleet import hosts_of
from provision.output import out
from provision.run.plan import HostPlan, Plan
from provision.run.twice import Run


@dataclass(frozen=True)
class Batches:
    """A run on so many workers at a time, after the monitoring host by itself.

    The next batch begins only while no more than failures hosts have failed.
    """

    run: Run
    size: int
    failures: int

    def look(self) -> tuple[Plan, bool, float]:
        """What would be done, on all hosts together."""
        return self.run.look()

    def __call__(self, *, check: bool) -> tuple[Plan, bool, float]:
        """As the run itself; what was not begun is told beside."""
        if check:
            return self.run(check=True)
        started, plans, well = time.monotonic(), [], True
        run = self.run
        hosts = hosts_of(run.fleet, run.targets, run.hosts)
        left = list(in_batches(hosts, run.fleet.site.monitor.name, self.size))
        while left:
            batch = left.pop(0)
            out.print(f"{', '.join(batch)} ({len(left)} batches to go)")
            plan, ok, _ = replace(run, hosts=batch)(check=False)
            plans.append(plan)
            well = well and ok
            failed = len(together(plans).failed)
            if left and failed > self.failures:
                rest = ", ".join(host for each in left for host in each)
                stopped = f"stopped, as {failed} failed (--max-failures {self.failures}): {rest}"
                plans.append(Plan((), (f"{stopped} not begun",)))
                break
        return together(plans), well, time.monotonic() - started


def in_batches(hosts: Iterable[str], monitor: str, size: int) -> Iterator[tuple[str, ...]]:
    """The monitoring host, if it is one of the hosts; the others by their names, so many each."""
    names = sorted(hosts)
    if monitor in names:
        names.remove(monitor)
        yield (monitor,)
    for first in range(0, len(names), size):
        yield tuple(names[first : first + size])


def together(plans: Sequence[Plan]) -> Plan:
    """What several runs did. A host of more than one of them counts once, failed if it ever did."""
    hosts: dict[str, HostPlan] = {}
    for host in (host for plan in plans for host in plan.hosts):
        former = hosts.get(host.name)
        if former is None or host.failed or (host.differs and not former.failed):
            hosts[host.name] = host
    beside = dict.fromkeys(each for plan in plans for each in plan.beside)
    return Plan(tuple(hosts[name] for name in sorted(hosts)), tuple(beside))
