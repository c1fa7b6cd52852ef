"""A run in batches of hosts, which ends where too many have failed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from provision.errors import ProvisionError
from provision.fleet.model import hosts_of
from provision.fleet.twice import Run
from provision.output import out
from provision.run.plan import HostPlan, Plan


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
        started, well = time.monotonic(), True
        plans: list[Plan] = []
        run = self.run
        hosts = hosts_of(run.fleet, run.targets, run.hosts)
        left = list(in_batches(hosts, run.fleet.site.monitor.name, self.size))
        while left:
            batch = left.pop(0)
            to_go = f"{len(left)} {'batch' if len(left) == 1 else 'batches'} to go"
            out.print(f"{', '.join(batch)} ({to_go})")
            try:
                plan, ok, _ = replace(run, hosts=batch)(check=False)
            except ProvisionError as error:
                if not plans:
                    raise
                # Of what is done already the operator is told as well.
                plans.append(Plan((), (_ended(error, [batch, *left]),)))
                well = False
                break
            plans.append(plan)
            well = well and ok
            failed = len(together(plans).failed)
            if left and failed > self.failures:
                stopped = f"stopped, as {failed} failed (--max-failures {self.failures})"
                plans.append(Plan((), (f"{stopped}: {_names(left)} not begun",)))
                break
        return together(plans), well, time.monotonic() - started


def _ended(error: ProvisionError, left: Sequence[Sequence[str]]) -> str:
    remedy = f"; {error.remedy}" if error.remedy else ""
    return f"stopped, with {_names(left)} left: {error.message}{remedy}"


def _names(batches: Sequence[Sequence[str]]) -> str:
    return ", ".join(host for batch in batches for host in batch)


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
