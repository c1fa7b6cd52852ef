"""Whether a unit is active, stays so, listens and answers.

What speaks HTTP is compiled where a service is asked: most are not.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from typing import (
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from ansible.module_utils.provision import locks

PROPERTIES = (
    "LoadState,ActiveState,SubState,UnitFileState,Result,NRestarts,MainPID,ControlGroup,Job,"
    "ExecReload"
)
#: The exit statuses of systemd itself where it cannot hold a service in: CAPABILITIES, NAMESPACE,
#: NO_NEW_PRIVILEGES, SECCOMP, ADDRESS_FAMILIES (systemd.exec(5), Process Exit Codes).
_CANNOT_HOLD_IN = ("218", "226", "227", "228", "232")
#: For how many seconds it is waited between two looks, which take 5 ms of a core each and hold up
#: what systemd starts; and for how many until it is seen again whether somebody listens, which
#: takes next to nothing.
_SHORTEST, _LONGEST, _GLANCE = 0.02, 0.25, 0.005
#: For how many seconds one is watched at least of which it is not known whether it is what listens:
#: of one that has just ended there is no control group any more.
_UNPROVEN = 0.1
#: A unit that systemd has started again so many times while we look will not come up.
_HOPELESS = 5
_LISTENING = {"tcp": "0A", "udp": "07"}
#: Where control groups are, of version 2 and of version 1.
_GROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd")


def properties(text: str) -> Dict[str, str]:
    """The output of systemctl show as a mapping."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


class Socket(NamedTuple):
    """Where somebody listens, and the number by which a process's files name it (0: unknown)."""

    address: str
    port: int
    inode: int = 0


def sockets(text: str, protocol: str) -> List[Socket]:
    """The listening sockets in the text of /proc/net/<protocol>[6] (proc(5))."""
    found = []
    for place, inode in _listed(text, protocol):
        address, _, port = place.rpartition(":")
        found.append(Socket(_address(address), int(port, 16), inode))
    return found


def _listed(text: str, protocol: str) -> Iterator[Tuple[str, int]]:
    """Where somebody listens, as the kernel prints it, and by which inode."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 9 and words[3] == _LISTENING[protocol]:
            yield words[1], int(words[9])


def held(group: str) -> Optional[Set[int]]:
    """The sockets, by their inodes, of the processes in a unit's control group.

    None where that is not to be seen: processes may be in groups below it, and in a container root
    may not be allowed to look at those of others (CAP_SYS_PTRACE).
    """
    for root in _GROUPS:
        try:
            with open("%s%s/cgroup.procs" % (root, group)) as file:
                pids = file.read().split()
            return {inode for pid in pids for inode in _held(pid)} if pids else None
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _held(pid: str) -> Iterator[int]:
    folder = "/proc/%s/fd" % pid
    gone = (FileNotFoundError, ProcessLookupError)
    with contextlib.suppress(*gone):
        for name in os.listdir(folder):
            with contextlib.suppress(*gone):
                match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(os.path.join(folder, name)))
                if match:
                    yield int(match.group(1))


def _address(text: str) -> str:
    """An address as the kernel prints it: 32-bit words in the machine's (little-endian) order."""
    raw = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    # Most are one of these, and this takes 2 ms to load.
    if len(raw) == 4:
        return ".".join(map(str, raw))
    if not any(raw):
        return "::"
    import ipaddress

    address = ipaddress.ip_address(raw)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def answers(wanted: str, listening: Iterable[Socket]) -> bool:
    """Whether one of the sockets serves protocol:address:port."""
    address, _, port = wanted.split(":", 1)[1].rpartition(":")
    address = address.strip("[]")
    everywhere = ("", "*", "0.0.0.0", "::")  # noqa: S104
    return any(
        each.port == int(port) and (each.address == address or each.address in everywhere)
        for each in listening
    )


def is_heard(own: Set[int], listen: Iterable[str]) -> bool:
    """Whether one of these sockets, given by their inodes, listens, by a protocol of listen.

    Where TCP is none of them, the kernel's list of its sockets is not read: that takes 7 ms.
    """
    return any(
        inode in own
        for protocol in {wanted.split(":", 1)[0] for wanted in listen}
        for text in _kernels(protocol)
        for _, inode in _listed(text, protocol)
    )


def _listening(protocol: str) -> List[Socket]:
    return [each for text in _kernels(protocol) for each in sockets(text, protocol)]


def serve(own: Set[int], listen: Iterable[str]) -> bool:
    """Whether these sockets, given by their inodes, serve all of protocol:address:port."""
    return all(
        answers(wanted, [each for each in _listening(wanted.split(":", 1)[0]) if each.inode in own])
        for wanted in listen
    )


def _kernels(protocol: str) -> Iterator[str]:
    """The kernel's lists of the sockets of a protocol."""
    for name in (protocol, protocol + "6"):
        with contextlib.suppress(OSError), open("/proc/net/" + name) as file:
            yield file.read()


def strangers(listing: str, listen: Sequence[str], unit: str) -> List[str]:
    """Who listens where the unit should, in words; listing is what ss -Hlntup prints."""
    found = {}
    for line in listing.splitlines():
        words = line.split(None, 6)
        pids = re.findall(r"pid=(\d+)", line)
        if len(words) < 6 or not pids:
            continue
        address, _, port = words[4].rpartition(":")
        socket = Socket(address.split("%")[0].strip("[]"), int(port) if port.isdigit() else 0)
        for wanted in listen:
            protocol, number = wanted.split(":", 1)[0], int(wanted.rpartition(":")[2])
            if words[0] != protocol or socket.port != number:
                continue
            taken = "*" in socket.address or answers(wanted, [socket])
            holder = locks.describe(int(pids[0]))
            if holder and taken and holder.unit != unit:
                found[wanted] = "%s listens on %s port %d" % (holder, protocol, number)
    return list(found.values())


_OURS = re.compile(r"(\d\d-)?provision(-[a-z]+)?\.conf")


def drop_ins(paths: str) -> List[str]:
    """Those of a unit's drop-ins (its property DropInPaths) that are not ours or of the system."""
    found = [path for path in paths.split() if path.startswith("/etc/")]
    return [path for path in found if not _OURS.fullmatch(path.rpartition("/")[2])]


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


class Waiting:
    """One wait. show gives the output of systemctl show for PROPERTIES."""

    def __init__(
        self,
        show: Callable[[], str],
        listen: Sequence[str],
        health: Optional[str],
        timeout: float,
        stable: float,
        restored: bool = False,
    ) -> None:
        """With restored it runs with its old files, and may speak TLS otherwise than it should."""
        self.show, self.listen, self.health = show, listen, health
        self.timeout, self.stable, self.restored = timeout, stable, restored
        self.waited = 0.0
        self._proven = True

    def wait(self) -> str:
        """Wait; gives why the service does not work, empty if it does."""
        start = time.monotonic()
        pause, since, first = _LONGEST if self.listen else _SHORTEST, 0.0, None
        same: Optional[Tuple[str, str]] = None
        while True:
            now = time.monotonic()
            seen = properties(self.show())
            restarts = int(seen.get("NRestarts") or 0)
            first = restarts if first is None else first
            why, hopeless = self._not_yet(seen, restarts - first)
            process = (seen.get("MainPID", ""), seen.get("NRestarts", ""))
            if why or process != same:
                same, since = None if why else process, now
            self.waited = now - start
            stable = self.stable if self._proven else max(self.stable, _UNPROVEN)
            if not why and now - since >= stable:
                return ""
            if hopeless:
                return why
            if self.waited >= self.timeout:
                return "%s after %d s" % (why or "it does not stay active", self.waited)
            # What works is looked at once more as soon as it has done so for long enough.
            if self._changes(pause if why else min(pause, since + stable - now)):
                pause = _SHORTEST
            else:
                pause = min(pause * 1.1, _LONGEST)

    def _changes(self, seconds: float) -> bool:
        """Wait so long, but no longer than until all is listened on by others than before."""
        end = time.monotonic() + seconds
        before = self._sockets()
        pause = _GLANCE if self.listen else seconds
        while time.monotonic() < end:
            time.sleep(max(0.0, min(pause, end - time.monotonic())))
            asked = time.monotonic()
            now = self._sockets()
            if now and now != before:
                return True
            pause = max(pause, 5 * (time.monotonic() - asked))  # where there are thousands
        return False

    def _sockets(self) -> Set[int]:
        """Those in the places where it shall listen, whoever's; empty where one is missing."""
        found: Set[int] = set()
        for wanted in self.listen:
            listening = _listening(wanted.split(":", 1)[0])
            there = {each.inode for each in listening if answers(wanted, [each])}
            if not there:
                return set()
            found |= there
        return found

    def _not_yet(self, seen: Dict[str, str], restarts: int) -> Tuple[str, bool]:
        """What is missing, and whether there is no hope that it will come."""
        state = "%s (%s)" % (seen.get("ActiveState"), seen.get("SubState"))
        if seen.get("LoadState") != "loaded":
            return "there is no such unit", True
        if restarts >= _HOPELESS:
            return "systemd has started it %d times again" % restarts, True
        # Job is set while a start or restart that was asked for is still under way.
        if seen.get("Job", "0") not in ("", "0"):
            return "it is still starting, %s" % state, False
        if seen.get("ActiveState") != "active":
            over = seen.get("ActiveState") in ("failed", "inactive")
            return "it is %s, %s" % (state, seen.get("Result")), over
        group = seen.get("ControlGroup")
        own = held(group) if group and self.listen else None
        self._proven = own is not None or not self.listen
        for wanted in self.listen:
            listening = _listening(wanted.split(":", 1)[0])
            if not answers(wanted, listening):
                return "nothing listens on %s" % wanted, False
            if own is not None and not answers(wanted, [s for s in listening if s.inode in own]):
                return "it is not what listens on %s" % wanted, False
        return (self._ill(self.health) if self.health else ""), False

    def _ill(self, url: str) -> str:
        """How the service answers, if it does not do so well."""
        from ansible.module_utils.provision.http import ServiceError, Untrusted, call

        try:
            status, _ = call(url, timeout=5)
        except Untrusted as error:
            return "" if self.restored else error.message.rstrip(".")
        except ServiceError as error:
            return error.message.rstrip(".")
        return "" if 200 <= status < 300 else "%s answers %d" % (url, status)
