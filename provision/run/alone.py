"""One run at a time for each site on this machine; hosts hold off those of other machines."""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provision.errors import ProvisionError

FILE_NAME = ".provision.lock"


@contextmanager
def alone(directory: Path, command: str) -> Iterator[None]:
    """Hold a site's lock while a run changes its hosts; a killed process holds none.

    directory is where its secrets are. Raises ProvisionError with who works on it. Where no file
    can be made, there is no lock.
    """
    path = directory / FILE_NAME
    descriptor = _locked(path)
    try:
        if descriptor is not None:
            _tell(descriptor, command)
        yield
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            said = os.pread(descriptor, 1000, 0).decode("utf-8", "replace")
            os.close(descriptor)
            raise ProvisionError(
                f"{path.parent}: another run works on this site: {said or 'it has just begun'}",
                remedy="wait until it is done, then run again; --check may look at any time",
            ) from None
        try:
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)  # its last holder has just removed it


def _tell(descriptor: int, command: str) -> None:
    text = f"{_who()} since {time.strftime('%H:%M:%S %Z')} ({command}, process {os.getpid()})"
    with suppress(OSError):  # a full disk keeps nobody from holding a lock
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def _who() -> str:
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
