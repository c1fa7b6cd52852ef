"""Locks between processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MACHINE = Path("/run/lock/provision.lock")  # for what a machine has one of: addresses, forwarding


@contextmanager
def exclusive(path: Path) -> Iterator[int]:
    """Hold the lock (flock(2)) of a file, waiting for it; gives its file descriptor."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
