"""A run as a person sees it while it goes on: who is at what, and for how long."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from provision.output import err, shown

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

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
        """The run is to be on these hosts; what shows it is loaded once it is on its way."""
        self._at = dict.fromkeys(hosts, ("connecting", time.monotonic()))

    def end(self) -> None:
        """The run is over; the lines go."""
        if self._live:
            self._live.stop()
            self._live = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Show what an event says."""
        kind = event.get("event")
        if kind == "begun" and not self._quiet and err.is_terminal:
            from rich.live import Live

            self._live = Live(get_renderable=self._lines, console=err.console, transient=True)
            self._live.start()
        elif kind == "host_task":
            self._at[str(event["host"])] = (str(event["task"]), time.monotonic())
        elif kind == "result":
            host = str(event["host"])
            visible = event["status"] in {"changed", "failed", "unreachable"}
            if visible and not self._live and not self._quiet and "differences" not in event:
                err.print(f"{shown(host)}: {shown(event.get('task', ''))}: {event['status']}")
            self._at.pop(host, None)
        elif kind == "quiet" and not self._live and not self._quiet:
            err.print(f"waiting for {', '.join(map(shown, self._waiting()))}")
        elif kind == "waiting":
            host, why = str(event["host"]), f"waits: {event['waiting']}"
            told = self._at.get(host, ("", 0.0))[0]
            if told != why:
                self._at[host] = (why, time.monotonic())
            if not self._live and not self._quiet:
                err.print(f"{shown(host)}: {shown(why)}")
        elif kind == "stats":
            self._at.clear()

    def _waiting(self) -> list[str]:
        now = time.monotonic()
        at = sorted(self._at.items())
        found = [f"{host} ({task}, {now - since:.0f} s)" for host, (task, since) in at[:MOST_LINES]]
        return [*found, *([f"{len(at) - MOST_LINES} more"] if len(at) > MOST_LINES else [])]

    def _lines(self) -> Group:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

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
