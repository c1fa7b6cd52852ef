"""Who listens on a host, and whether it is a unit's own processes."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

_LISTENING = {"tcp": "0A", "udp": "07"}
#: Where control groups are, of version 2 and of version 1.
_GROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd")


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


def answers(wanted: str, socket: Socket) -> bool:
    """Whether a socket serves protocol:address:port."""
    address, _, port = wanted.split(":", 1)[1].rpartition(":")
    everywhere = ("", "*", "0.0.0.0", "::")  # noqa: S104
    return socket.port == int(port) and socket.address in (address.strip("[]"), *everywhere)


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


def serving(wanted: str) -> Set[int]:
    """The sockets, by their inodes, that serve protocol:address:port, whoever's they are."""
    protocol = wanted.split(":", 1)[0]
    there = [each for text in _kernels(protocol) for each in sockets(text, protocol)]
    return {each.inode for each in there if answers(wanted, each)}


def serve(own: Set[int], listen: Iterable[str]) -> bool:
    """Whether these sockets, given by their inodes, serve all of protocol:address:port."""
    return all(serving(wanted) & own for wanted in listen)


def _kernels(protocol: str) -> Iterator[str]:
    """The kernel's lists of the sockets of a protocol."""
    for name in (protocol, protocol + "6"):
        with contextlib.suppress(OSError), open("/proc/net/" + name) as file:
            yield file.read()
