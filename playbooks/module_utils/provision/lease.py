"""Who works on a host: one operator's run at a time, as a file tells that goes with the boot.

The file is locked for as long as one of our modules is at work, and says whose run it was last.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import time
from typing import Any, Dict, Optional

from ansible.module_utils.provision.trouble import Trouble

PATH = "/run/provision/operator.json"
#: A run that has changed nothing for so many seconds, and has no module at work, is over.
STALE = 120.0
#: For how many seconds what a dead run has left at work on the host is waited for.
PATIENCE = 120.0
#: What /proc/uptime leaves out of a time.
_RESOLUTION = 0.01
_FIELDS = ("run", "who", "command", "since")


class HeldError(Trouble):
    """Somebody else works on the host."""


def now() -> float:
    """Seconds since the host booted, which no one sets: clocks may be far off."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def parse(text: str) -> Optional[Dict[str, Any]]:
    """The lease in a text; None where there is none (released, or just being written)."""
    try:
        found = json.loads(text)
        return dict(found, renewed=float(found["renewed"]), **{f: str(found[f]) for f in _FIELDS})
    except (ValueError, KeyError, TypeError):
        return None


def fresh(held: Dict[str, Any], uptime: float) -> bool:
    """Whether a lease counts at a time (seconds since boot, as /proc/uptime says them)."""
    return -_RESOLUTION <= uptime - held["renewed"] < STALE


def told(held: Dict[str, Any]) -> HeldError:
    """What to say to whoever comes while another works."""
    return HeldError(
        "%s works on this host since %s (%s)." % (held["who"], held["since"], held["command"]),
        "ask, or wait until that is done; what was killed counts for %d s at most" % STALE,
    )


def take(mine: Optional[Dict[str, Any]], path: str = PATH, patience: float = PATIENCE) -> None:
    """Note that a run works here, until it is released; the lock lasts as long as this process.

    mine is {"run", "who", "command", "since", "over"}; over lists runs that are known to be dead.
    Raises HeldError where another is at work; does nothing where no run is named.
    """
    if not mine:
        return
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience
    while True:
        locked = _lock(descriptor)
        held = parse(_read(descriptor))
        others = held is not None and held["run"] not in (mine["run"], *mine.get("over", ()))
        if held is not None and others and (fresh(held, now()) or not locked):
            os.close(descriptor)
            raise told(held)
        if locked:
            break
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise HeldError(
                "Something that a killed run has left is still at work on this host.",
                "see what it is (fuser %s), wait for it or end it, then run again" % path,
            )
        time.sleep(0.2)
    _write(descriptor, json.dumps(dict({f: mine[f] for f in _FIELDS}, renewed=now())))


def release(mine: Optional[Dict[str, Any]], path: str = PATH) -> None:
    """Let others in, once this process, which has taken the lease, has ended."""
    if mine:
        with contextlib.suppress(FileNotFoundError):
            os.truncate(path, 0)


def abandoned(output: int = 1) -> bool:
    """Whether nobody reads any more what is written to a pipe or a socket (file descriptor).

    A run that was killed is seen so by its modules: sshd closes what they print to (poll(2)).
    """
    poll = select.poll()
    poll.register(output, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def take_for(module: Any) -> None:
    """Take the lease that an Ansible module was given as `operator`, or let the module fail.

    A module of a run that is over does not begin: the next run may be at work by then.
    """
    if module.check_mode:
        return
    if module.params["operator"] and abandoned():
        module.fail_json(msg="The run that this is a part of is over; nothing was done.")
    try:
        take(module.params["operator"])
    except HeldError as error:
        module.fail_json(**error.result())


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> str:
    return os.pread(descriptor, 65536, 0).decode("utf-8", "replace")


def _write(descriptor: int, text: str) -> None:
    content = text.encode("utf-8")
    os.pwrite(descriptor, content, 0)
    os.ftruncate(descriptor, len(content))
