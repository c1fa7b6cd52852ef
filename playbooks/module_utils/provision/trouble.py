"""Faults that an operator can mend, and what to say of a file that can't be written."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any, Dict, Iterator, Tuple


class Trouble(Exception):
    """Something can't be done: message, and what an operator can do (without its full stop)."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def result(self) -> Dict[str, Any]:
        """What a module fails with."""
        text = "%s Remedy: %s." % (self.message, self.remedy)
        return {"msg": text, "problem": self.message, "remedy": self.remedy}


def writing(error: OSError, path: str = "") -> Tuple[str, str]:
    """Problem and remedy. path is meant where the error itself names no file."""
    # Of a rename, the second is where the file was to go.
    path = str(error.filename2 or error.filename or path)
    place = mount_of(path)
    problem = "%s can't be written: %s" % (path, error.strerror)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        seen = os.statvfs(place)
        # Some file systems have no number of inodes, and tell none.
        inodes = " and %d inodes" % seen.f_favail if seen.f_files else ""
        left = seen.f_bavail * seen.f_frsize // 1024
        problem += " (%s has %d KiB%s left)" % (place, left, inodes)
        remedy = "make room on %s (df -h %s; df -i %s) and run again" % (place, place, place)
    elif error.errno == errno.EROFS:
        problem += " (it is on %s)" % place
        remedy = (
            "see why %s is mounted read-only (findmnt %s; journalctl -k), make it writable"
            " (mount -o remount,rw %s) and run again" % (place, place, place)
        )
    elif error.errno in (errno.EPERM, errno.EACCES):
        remedy = (
            "see what protects it (lsattr -d %s %s); if it is an attribute, take it away"
            " (chattr -ia) and run again" % (path, os.path.dirname(path))
        )
    else:
        remedy = "mend that on the host and run again"
    return problem + ".", remedy


@contextlib.contextmanager
def told(path: str = "") -> Iterator[None]:
    """Have an OSError in what is done within be Trouble, as writing() has it."""
    try:
        yield
    except OSError as error:
        raise Trouble(*writing(error, path)) from None


def mount_of(path: str) -> str:
    """Where the file system of a path (or of what is there above it) is mounted."""
    path = os.path.realpath(path)
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    while not os.path.ismount(path) and path != "/":
        path = os.path.dirname(path)
    return path
