"""Keeping package scripts from starting services before they are configured."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Iterator, Optional, TextIO

_POLICY = "/usr/sbin/policy-rc.d"
_POLICY_LOCK = "/run/provision-policy-rc.d.lock"
_MARK = "# written by provision"
#: A number of a process may be another's later; together with when it was started it is not.
_POLICY_TEXT = """#!/bin/sh
%(mark)s
started=$(sed 's/.*) //' /proc/%(pid)d/stat 2>/dev/null | cut -d ' ' -f 20)
[ "$started" = %(started)s ] && exit 101
exit 0
"""


class StillBusy(Exception):
    """Another run installs packages on this host for too long."""


@contextlib.contextmanager
def denied(lock_timeout: int) -> Iterator[None]:
    """Keep package scripts from starting services before they are configured.

    The policy holds only while this process lives, so one that is killed leaves nothing that harms.
    A second run on the host waits for the first. StillBusy if that takes too long.
    """
    with open(_POLICY_LOCK, "w") as lock:
        _lock(lock, lock_timeout)
        old = _policy_text()
        if old is not None and _MARK not in old:
            yield
            return
        text = _POLICY_TEXT % {"mark": _MARK, "pid": os.getpid(), "started": _started(os.getpid())}
        with open(_POLICY + ".new", "w") as file:
            os.fchmod(file.fileno(), 0o755)
            file.write(text)
        os.rename(_POLICY + ".new", _POLICY)
        try:
            yield
        finally:
            if _policy_text() == text:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(_POLICY)


def forget() -> None:
    """Take away the policy that a run which was killed has left."""
    text = _policy_text()
    if text is not None and _MARK in text:
        os.unlink(_POLICY)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_POLICY + ".new")


def _lock(file: TextIO, timeout: int) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StillBusy() from None
        time.sleep(0.2)


def _policy_text() -> Optional[str]:
    try:
        with open(_POLICY, errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _started(pid: int) -> str:
    """When a process was started, in the kernel's ticks (proc(5): field 22 of stat)."""
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rpartition(") ")[2].split()[19]
