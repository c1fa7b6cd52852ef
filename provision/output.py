"""What a person sees: one console for results, one for progress and errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from provision.errors import ProvisionError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Where nobody looks at a screen (a file, a pipe, CI), nothing needs to be folded to one.
WIDE = 240
NARROWEST = 132
# All control characters but line feed and tab (ECMA-48: C0, DEL, C1).
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Screen:
    """Where a person reads. rich, which takes 40 ms to load, is loaded with the first word."""

    def __init__(self, *, stderr: bool) -> None:
        """Print to standard output or to standard error."""
        self._stderr = stderr

    @cached_property
    def console(self) -> Console:
        """Rich's own."""
        from rich.console import Console

        # An IPv6 address such as 2001:db8:a::1 has no emoji in it.
        console = Console(stderr=self._stderr, highlight=False, soft_wrap=True, emoji=False)
        if not console.is_terminal:
            console.width = WIDE
        return console

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks at it."""
        return self.console.is_terminal

    @property
    def width(self) -> int:
        """How many characters go into a line."""
        return self.console.width

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich.console.Console.print does it."""
        self.console.print(*objects, **options)


out = Screen(stderr=False)
err = Screen(stderr=True)


def show_error(error: ProvisionError) -> None:
    """The message, and on a line of its own what to do."""
    err.print(f"[red]error:[/red] {shown(error.message)}")
    if error.remedy:
        err.print(f"[yellow]remedy:[/yellow] {shown(error.remedy)}")


def note(text: str) -> None:
    """A line beside the result; not part of it."""
    err.print(shown(text))


def table(*headings: str, title: str | None = None) -> Table:
    """A table in the house's style, columns on the left."""
    from rich.table import Table

    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def show_table(made: Table) -> None:
    """A table whose names stay whole: a narrow screen wraps its lines, it does not break words."""
    out.print(made, width=max(out.width, NARROWEST), crop=False, soft_wrap=False)


def few(names: Sequence[str], most: int) -> str:
    """Some names, and how many more there are: a, b and 3 more."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def shown(text: object) -> str:
    """Any text, such that rich prints it as it is, and a terminal takes nothing in it for orders.

    What was sent to statsd is shown as well, and anyone could have sent that.
    """
    from rich.markup import escape

    return escape(_CONTROL.sub("\ufffd", str(text)))
