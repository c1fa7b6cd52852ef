"""What a run needs no longer when it is over, and what runs that were killed have left of it."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "provision-run-"
# One that is younger may not be locked yet, in seconds.
_YOUNG = 60


@contextmanager
def scratch(size: int) -> Iterator[Path]:
    """A directory for about so many bytes, for as long as the block lasts.

    In memory, where that has room four times over: thousands of small files keep a disk busy. Where
    TMPDIR names a place, it is there. What killed runs of this user have left is deleted before:
    each holds a lock on its directory, which ends with it.
    """
    place = _place(size)
    _sweep(Path(place or tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place) as name:
        held = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(held)


def _place(size: int) -> str | None:
    """Where it is; None, which tempfile takes for its own choice, where TMPDIR or nothing says."""
    if os.environ.get("TMPDIR"):
        return None
    for place in filter(None, (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm")):  # noqa: S108
        try:
            room = os.statvfs(place)
        except OSError:
            continue
        if room.f_bavail * room.f_frsize >= 4 * size and os.access(place, os.W_OK | os.X_OK):
            return place
    return None


def _sweep(place: Path) -> None:
    for path in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            seen = path.lstat()
            mine = stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid()
            if not mine or time.time() - seen.st_ctime < _YOUNG:
                continue
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(held)
