"""Locks between processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provision.rehearsal.progress import Progress, Quiet

MACHINE = Path("/run/lock/provision.lock")  # for what a machine has one of: addresses, forwarding


@contextmanager
def exclusive(path: Path, progress: Progress | None = None) -> Iterator[int]:
    """Hold the lock (flock(2)) of a file; gives its file descriptor.

    Where another process has it, it is waited for, which progress tells.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with (progress or Quiet()).step(f"waiting for another rehearsal, which has {path}"):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
