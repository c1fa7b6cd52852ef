"""What a person sees: one console for results, one for progress and errors."""

from __future__ import annotations

import re

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from provision.errors import ProvisionError

# Where nobody looks at a screen (a file, a pipe, CI), nothing needs to be folded to one.
WIDE = 240
NARROWEST = 132
# All control characters but line feed and tab (ECMA-48: C0, DEL, C1).
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _console(*, stderr: bool) -> Console:
    # An IPv6 address such as 2001:db8:a::1 has no emoji in it.
    console = Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    return console


out = _console(stderr=False)
err = _console(stderr=True)


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
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def show_table(made: Table) -> None:
    """A table whose names stay whole: a narrow screen wraps its lines, it does not break words."""
    out.print(made, width=max(out.width, NARROWEST), crop=False, soft_wrap=False)


def shown(text: object) -> str:
    """Any text, such that rich prints it as it is, and a terminal takes nothing in it for orders.

    What was sent to statsd is shown as well, and anyone could have sent that.
    """
    return escape(_CONTROL.sub("\ufffd", str(text)))
