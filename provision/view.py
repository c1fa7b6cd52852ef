"""A run as a person sees it: who is at what for how long, then what came of it."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from provision.ansible import Diff, HostResult, RunResult
from provision.output import err, out, shown

# More hosts than lines: those that are at work are shown, up to this many.
MOST_LINES = 12


class RunView:
    """Shows a run while it goes: live lines on a terminal, one line for each change elsewhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        """With quiet (Ansible prints for itself), nothing is shown while it runs."""
        self._quiet = quiet
        self._at: dict[str, tuple[str, float]] = {}
        self._live: Live | None = None

    def note(self, text: str) -> None:
        """A line beside the run."""
        err.print(shown(text))

    def begin(self, hosts: Sequence[str]) -> None:
        """The run starts on these hosts."""
        now = time.monotonic()
        self._at = dict.fromkeys(hosts, ("connecting", now))
        if not self._quiet and err.is_terminal:
            self._live = Live(get_renderable=self._lines, console=err, transient=True)
            self._live.start()

    def end(self) -> None:
        """The run is over; the lines go."""
        if self._live:
            self._live.stop()
            self._live = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Show what an event says."""
        kind = event.get("event")
        if kind == "host_task":
            self._at[str(event["host"])] = (str(event["task"]), time.monotonic())
        elif kind == "result":
            host = str(event["host"])
            visible = event["status"] in {"changed", "failed", "unreachable"}
            if visible and not self._live and not self._quiet and "differences" not in event:
                err.print(f"{shown(host)}: {shown(event.get('task', ''))}: {event['status']}")
        elif kind == "stats":
            self._at.clear()

    def _lines(self) -> Group:
        now = time.monotonic()
        rows = sorted(self._at.items())[:MOST_LINES]
        lines: list[Any] = [
            Spinner("dots", Text(f"{host}  {task}  {now - since:.0f} s"))
            for host, (task, since) in rows
        ]
        hidden = len(self._at) - len(rows)
        if hidden > 0:
            lines.append(Text(f"and {hidden} more hosts"))
        return Group(*lines)


def show_result(result: RunResult, *, check: bool, diff: bool, seconds: float) -> None:
    """What a run did, host by host, and what to do about what failed."""
    for name in sorted(result.hosts):
        host = result.hosts[name]
        out.print(f"[bold]{shown(name)}[/bold]  {_verdict(host, check=check)}")
        for difference in host.differences:
            why = f" ({difference.why})" if difference.why else ""
            out.print(
                f"  {shown(difference.action)} {difference.kind} {shown(difference.name + why)}"
            )
        if diff:
            for entry in host.diffs:
                show_diff(entry)
        if host.failed:
            out.print(f"  [red]{shown(host.failed)}[/red]")
            if host.remedy:
                out.print(f"  [yellow]remedy:[/yellow] {shown(host.remedy)}")
    out.print(_summary(result, check=check, seconds=seconds))


def show_diff(entry: Diff) -> None:
    """A unified diff, coloured on a terminal."""
    lines = difflib.unified_diff(
        entry.before.splitlines(), entry.after.splitlines(), entry.header, entry.header, lineterm=""
    )
    for line in lines:
        colour = {"+": "green", "-": "red"}.get(line[:1])
        out.print(f"  [{colour}]{shown(line)}[/{colour}]" if colour else f"  {shown(line)}")


def _verdict(host: HostResult, *, check: bool) -> str:
    if host.unreachable:
        return "[red]cannot be reached[/red]"
    if host.failed:
        return "[red]failed[/red]"
    if not host.differences and not host.changed:
        return "[green]as it should be[/green]"
    return "[yellow]would change[/yellow]" if check else "[yellow]changed[/yellow]"


def _summary(result: RunResult, *, check: bool, seconds: float) -> str:
    hosts = result.hosts.values()
    changed = sum(bool(host.differences or host.changed) and not host.failed for host in hosts)
    failed = sum(bool(host.failed) for host in hosts)
    word = "would change" if check else "changed"
    count = f"{len(hosts)} {'host' if len(hosts) == 1 else 'hosts'}"
    return f"{count}, {changed} {word}, {failed} failed, {seconds:.1f} s"
