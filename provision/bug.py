"""A bug of ours: a log file that can be sent, never a bare traceback."""

from __future__ import annotations

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
    name = f"bug-{time.strftime('%Y%m%d-%H%M%S')}.log"
    text = "\n".join(
        [
            f"provision {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"arguments: {list(arguments)}",
            traceback.format_exc(),
        ]
    )
    for directory in (cache() / "log", Path(tempfile.gettempdir())):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            path = directory / name
            path.write_text(text)
        except OSError:
            continue
        break
    else:
        err.print(shown(text))
        return
    err.print(f"[red]bug:[/red] {shown(repr(sys.exception()))}")
    err.print(f"this should not have happened; what is known of it is in {shown(path)}")
