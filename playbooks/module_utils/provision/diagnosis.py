"""Why a service does not work, and what to do about it."""

from __future__ import annotations

import json
import re
import time
from typing import List, Sequence, Tuple

from ansible.module_utils.provision import listening, locks, units

#: The exit statuses of systemd itself where it cannot hold a service in: CAPABILITIES, NAMESPACE,
#: NO_NEW_PRIVILEGES, SECCOMP, ADDRESS_FAMILIES (systemd.exec(5), Process Exit Codes).
_CANNOT_HOLD_IN = ("218", "226", "227", "228", "232")
#: For so many seconds after a start of systemd's own the one before it is what is told of.
_YOUNG = 15


def of(name: str, listen: Sequence[str], why: str) -> Tuple[str, str, List[str]]:
    """What is wrong with a service (why), what to do, and the last lines of its journal."""
    unit = name + ".service"
    journal = ["journalctl", "-n", "500", "--no-pager", "-o"]
    # What the service says itself, and only if it says nothing what systemd says about it.
    itself = units.printed([*journal, "json", "_SYSTEMD_UNIT=" + unit])
    lines = telling(said(itself, _goes_on(unit))) or telling(
        units.printed([*journal, "cat", "--unit=" + unit])
    )
    problem = "%s does not work: %s." % (name, why)
    if lines:
        problem += " Its journal ends: " + " / ".join(lines[-4:])[-800:].rstrip(".") + "."
    what = remedy(name, units.shown(unit, "ExecMainStatus"))
    taken = strangers(units.printed(["ss", "-Hlntup"]), listen, unit)
    if taken:
        problem += " %s." % " and ".join(taken)
        what = "stop it, or give %s another port" % name
    others = changed(unit)
    if others:
        problem += " Its unit is changed by %s." % " and ".join(others)
        what += "; see whether it works without those drop-ins"
    return problem, what, lines


def _goes_on(unit: str) -> str:
    """The invocation that is under way, where systemd has just started the unit again by itself.

    One that has been at work since then says itself what is wrong now.
    """
    if units.shown(unit, "NRestarts") in ("", "0"):
        return ""
    state = units.shown(unit, "ActiveState")
    entered = units.shown(unit, "ActiveEnterTimestampMonotonic")
    since = int(entered) / 1e6 if entered.isdigit() else 0
    young = state == "active" and time.clock_gettime(time.CLOCK_MONOTONIC) - since < _YOUNG
    return units.shown(unit, "InvocationID") if young or state == "activating" else ""


def said(journal: str, goes_on: str) -> str:
    """What a service has said, of its journal as JSON lines.

    goes_on is the start that is under way, which does not say why the one before it ended; where
    there is one before it, that alone counts.
    """
    found = []
    for line in journal.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # it was cut off
            continue
        message = entry.get("MESSAGE") or ""
        if isinstance(message, list):  # bytes that are no UTF-8 (systemd, Journal Export Formats)
            message = bytes(message).decode("utf-8", "replace")
        found.append((entry.get("_SYSTEMD_INVOCATION_ID"), message))
    before = [start for start, _ in found if start != goes_on] if goes_on else []
    return "\n".join(message for start, message in found if not before or start == before[-1])


def strangers(listing: str, listen: Sequence[str], unit: str) -> List[str]:
    """Who listens where the unit should, in words; listing is what ss -Hlntup prints."""
    found = {}
    for line in listing.splitlines():
        words = line.split(None, 6)
        pids = re.findall(r"pid=(\d+)", line)
        if len(words) < 6 or not pids:
            continue
        address, _, port = words[4].rpartition(":")
        socket = listening.Socket(
            address.split("%")[0].strip("[]"), int(port) if port.isdigit() else 0
        )
        for wanted in listen:
            protocol, number = wanted.split(":", 1)[0], int(wanted.rpartition(":")[2])
            if words[0] != protocol or socket.port != number:
                continue
            taken = "*" in socket.address or listening.answers(wanted, socket)
            holder = locks.describe(int(pids[0]))
            if holder and taken and holder.unit != unit:
                found[wanted] = "%s listens on %s port %d" % (holder, protocol, number)
    return list(found.values())


_OURS = re.compile(r"(\d\d-)?provision(-[a-z]+)?\.conf")


def drop_ins(paths: str) -> List[str]:
    """Those of a unit's drop-ins (its property DropInPaths) that are not ours or of the system."""
    found = [path for path in paths.split() if path.startswith("/etc/")]
    return [path for path in found if not _OURS.fullmatch(path.rpartition("/")[2])]


def changed(unit: str) -> List[str]:
    """The drop-ins by which others change a unit."""
    return drop_ins(units.shown(unit, "DropInPaths"))


def telling(journal: str) -> List[str]:
    """The last lines of a journal that tell something: not those about our own questions."""
    from ansible.module_utils.provision.http import USER_AGENT

    lines = [line.strip()[:400] for line in journal.splitlines()]
    return [line for line in lines if line and USER_AGENT not in line][-15:]


def remedy(name: str, status: str) -> str:
    """What to do about a service that does not work; status is the unit's ExecMainStatus."""
    if status in _CANNOT_HOLD_IN:
        return (
            "set systemd_hardening: false for this host, as a container may need it:"
            " systemd cannot hold %s in here (status %s)" % (name, status)
        )
    return "see `journalctl -u %s` on the host" % name
