"""What a removal would take away, or took, as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping

from provision.output import out, shown
from provision.run.ansible import HostResult, RunResult


def show_removal(result: RunResult, *, check: bool, seconds: float) -> None:
    """Hosts of which the same is to be said are told together, those that failed last."""
    told = sorted(groups(result.hosts), key=lambda names: bool(result.hosts[names[0]].failed))
    for names in told:
        host = result.hosts[names[0]]
        out.print(f"[bold]{shown(', '.join(names))}[/bold]  {_verdict(host, check=check)}")
        for each in host.differences:
            out.print(f"  {each.action} {each.kind} {shown(each.name)} ({shown(each.why)})")
        for stay in host.stays:
            out.print(f"  [green]leave[/green] {stay.kind} {shown(stay.name)} ({shown(stay.why)})")
        if host.failed:
            out.print(f"  [red]{shown(host.failed)}[/red]")
        if host.remedy:
            out.print(f"  [yellow]remedy:[/yellow] {shown(host.remedy)}")
    hosts = result.hosts.values()
    touched = sum(bool(host.differences) and not host.failed for host in hosts)
    failed = sum(bool(host.failed) for host in hosts)
    word = "would be taken from" if check else "taken from"
    count = f"{len(hosts)} {'host' if len(hosts) == 1 else 'hosts'}"
    out.print(f"{count}, {touched} {word}, {failed} failed, {seconds:.1f} s")


def groups(hosts: Mapping[str, HostResult]) -> list[tuple[str, ...]]:
    """The names of hosts with the same result, in the order of their first names."""
    found: dict[object, list[str]] = {}
    for name in sorted(hosts):
        host = hosts[name]
        same = (tuple(host.differences), tuple(host.stays), host.failed, host.remedy)
        found.setdefault(same, []).append(name)
    return [tuple(names) for names in found.values()]


def _verdict(host: HostResult, *, check: bool) -> str:
    if host.unreachable:
        return "[red]cannot be reached[/red]"
    if host.failed:
        return "[red]failed[/red]"
    if not host.differences:
        data = any(stay.kind == "data" for stay in host.stays)
        return f"[green]nothing of provision is on it{' but data' if data else ''}[/green]"
    return f"[yellow]{'would take away' if check else 'taken away'}[/yellow]"
