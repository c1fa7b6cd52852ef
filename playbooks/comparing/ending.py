"""Processes that end with those that started them, however these end (prctl(2))."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Let this process be asked to end when its parent ends, whose number it was told."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it had ended before
        os.kill(os.getpid(), signal.SIGTERM)


def end_with_ansible() -> None:
    """Let a process that Ansible forked for a task be killed when Ansible is.

    It is the leader of a session of its own, and would otherwise come to its end: long after the
    run, it might write into the secrets file of the next one.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if not parent.is_alive():
        os.kill(os.getpid(), signal.SIGKILL)
