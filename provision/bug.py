"""A bug of ours: a log file that can be sent, never a bare traceback."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from provision import __version__
from provision.output import err, shown
from provision.paths import cache


def report(arguments: Sequence[str]) -> None:
    """Write the exception that is being handled to a log file, and say where it is."""
    name = f"bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    text = "\n".join(
        [
            f"provision {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"arguments: {redacted(arguments)}",
            traceback.format_exc(),
        ]
    )
    for directory in (cache() / "log", Path(tempfile.gettempdir())):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            path = directory / name
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            continue
        break
    else:
        err.print(shown(text))
        return
    err.print(f"[red]bug:[/red] {shown(repr(sys.exception())[:300])}")
    err.print(f"this should not have happened; what is known of it is in {shown(path)}")


def redacted(arguments: Sequence[str]) -> list[str]:
    """The arguments without the values of -e, which may hold a password."""
    shown_ones: list[str] = []
    hide = False
    for argument in arguments:
        name, _, value = argument.partition("=")
        if hide:
            shown_ones.append("...")
        elif (name == "--extra-vars" and value) or (argument.startswith("-e") and argument != "-e"):
            shown_ones.append(f"{name if name == '--extra-vars' else '-e'}...")
        else:
            shown_ones.append(argument)
        hide = not hide and argument in {"-e", "--extra-vars"}
    return shown_ones
