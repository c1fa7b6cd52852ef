"""What is being done and for how long: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn
from rich.table import Column


class Step(Protocol):
    """One thing that is being done."""

    def note(self, line: str) -> None:
        """Show this line (a program's last one) beside the step, until the next."""


class Progress(Protocol):
    """Shows steps; several may run at once, in threads."""

    def step(self, text: str) -> AbstractContextManager[Step]:
        """Show text as being done while the context lasts, then how long it took."""


class Quiet:
    """Shows nothing."""

    def note(self, line: str) -> None:
        """Nothing."""

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        """Nothing."""
        yield self


class Lines:
    """For logs: a line when a step starts, and one with its duration when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        """Print the text, and again with its duration in seconds."""
        self._print(f"{text} ...")
        start = time.monotonic()
        try:
            yield Quiet()
        except BaseException:
            self._print(f"{text}: failed after {time.monotonic() - start:.1f} s")
            raise
        self._print(f"{text}: {time.monotonic() - start:.1f} s")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _LiveStep:
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def note(self, line: str) -> None:
        self._bars.update(self._task, note=escape(line[:200]))


def _one_line() -> Column:
    return Column(no_wrap=True, overflow="ellipsis")


class Live:
    """For terminals: a spinner, the seconds so far and the last line of what runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._bars: Bars | None = None
        self._steps = 0

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        """Show the text with a spinner, then leave a line with its duration in seconds."""
        with self._lock:
            if self._bars is None:
                self._bars = Bars(
                    SpinnerColumn(),
                    TextColumn("{task.description}"),
                    TextColumn("[cyan]{task.elapsed:.0f} s"),
                    TextColumn("[dim]{task.fields[note]}", table_column=_one_line()),
                    console=self._console,
                    transient=True,
                )
                self._bars.start()
            bars = self._bars
            self._steps += 1
            task = bars.add_task(escape(text), total=None, note="")
        start = time.monotonic()
        mark = "[red]failed[/]"
        try:
            yield _LiveStep(bars, task)
            mark = "[green]done[/]  "
        finally:
            with self._lock:
                bars.remove_task(task)
                took = time.monotonic() - start
                bars.console.print(f"{mark} {escape(text)} [cyan]{took:.1f} s", highlight=False)
                self._steps -= 1
                if self._steps == 0:
                    bars.stop()
                    self._bars = None


def progress(console: Console | None = None) -> Progress:
    """Progress that fits the console: live on a terminal, lines elsewhere; standard error's."""
    console = console or Console(stderr=True)
    return Live(console) if console.is_terminal else Lines(console)
