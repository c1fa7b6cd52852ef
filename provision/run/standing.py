"""How each host of a fleet stands, worst first: as a table, and for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from provision.output import out, show_table, shown, table
from provision.run.ansible import HostResult

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Service:
    """A service on a host; seconds: since when it runs; outdated: what runs is not what is
    installed any more."""

    name: str
    package: str
    version: str
    state: str
    seconds: int | None
    restarts: int
    outdated: bool


@dataclass(frozen=True)
class Standing:
    """A host. problem is None where all is as it should be, rank the lower the worse.

    changed is the last change of provision's that the host's record knows: when (seconds since
    1970), by whom, with which version. data is in bytes, by path; free in bytes, of /var/lib.
    """

    host: str
    rank: int
    problem: str | None
    remedy: str | None
    services: tuple[Service, ...]
    differences: int | None
    changed: Mapping[str, Any]
    data: Mapping[str, int]
    free: int | None


def standings(hosts: Mapping[str, HostResult]) -> list[Standing]:
    """What a run of status.yml has found, worst first."""
    found = [_standing(name, host) for name, host in hosts.items()]
    return sorted(found, key=lambda each: (each.rank, each.host))


def _standing(name: str, host: HostResult) -> Standing:
    seen = host.standing
    services = tuple(Service(**each) for each in seen.get("services", ()))
    rank, problem = _problem(host, services)
    changes = seen.get("changed", {}).values()
    return Standing(
        host=name,
        rank=rank,
        problem=problem,
        remedy=host.remedy,
        services=services,
        differences=None if host.failed else len(host.differences),
        changed=max(changes, key=lambda each: each.get("changed", 0), default={}),
        data=seen.get("data", {}),
        free=seen.get("free"),
    )


def _problem(host: HostResult, services: Sequence[Service]) -> tuple[int, str | None]:
    if host.unreachable:
        return 0, "cannot be reached"
    idle = [f"{each.name} is {_idle(each)}" for each in services if each.state != "active"]
    if idle:
        return 1, ", ".join(idle)
    if host.failed:
        return 2, host.failed
    old = [f"{each.name} runs older than installed" for each in services if each.outdated]
    if old:
        return 3, ", ".join(old)
    if host.differences:
        return 4, "differs"
    return 5, None


def _idle(service: Service) -> str:
    """What a unit of which nothing runs is; systemd says of one without its package the same as of
    one that was stopped."""
    gone = service.state == "inactive" and service.package and not service.version
    return "not installed" if gone else service.state


def as_json(found: Sequence[Standing]) -> str:
    """A list of hosts, worst first."""
    return json.dumps([asdict(each) for each in found], indent=2)


def show(found: Sequence[Standing]) -> None:
    """One line for each host, then what helps, then how many there are of what."""
    made = table(
        *("host", "state", "services", "up", "restarts", "last changed", "differences"),
        *("data", "free"),
    )
    for each in found:
        made.add_row(shown(each.host), *_row(each))
    show_table(made)
    for each in found:
        if each.remedy:
            out.print(f"{shown(each.host)}: {shown(each.problem)}")
            out.print(f"  [yellow]remedy:[/yellow] {shown(each.remedy)}")
    well = sum(each.problem is None for each in found)
    differing = sum(bool(each.differences) for each in found)
    summary = f"{len(found)} {'host' if len(found) == 1 else 'hosts'}, {well} as it should be"
    if differing:
        summary += f", {differing} {'differs' if differing == 1 else 'differ'} (provision plan)"
    out.print(summary)


def _row(each: Standing) -> list[str]:
    state = "[green]as it should be[/green]"
    if each.problem is not None:
        # The whole of it, where it has a remedy, is told below.
        problem = "failed" if each.rank == 2 else each.problem
        state = f"[{'yellow' if each.rank > 2 else 'red'}]{shown(problem)}[/]"
    return [
        state,
        shown(", ".join(f"{s.name} {s.version}".strip() for s in each.services)) or "-",
        ", ".join(duration(s.seconds) for s in each.services) or "-",
        "-" if not each.services else str(sum(s.restarts for s in each.services)),
        shown(_changed(each.changed)),
        "-" if each.differences is None else str(each.differences),
        size(sum(each.data.values())) if each.data else "-",
        "-" if each.free is None else size(each.free),
    ]


def _changed(change: Mapping[str, Any]) -> str:
    if not change:
        return "-"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(change["changed"]))
    version = f" ({change['version']})" if change.get("version") else ""
    return f"{when} {change.get('by', '')}{version}"


def duration(seconds: int | None) -> str:
    """A time in one unit: 3 d."""
    if seconds is None:
        return "-"
    for length, unit in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def size(number: int) -> str:
    """Bytes in one unit: 1.2 GB."""
    amount = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
