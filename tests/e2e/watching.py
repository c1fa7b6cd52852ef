"""What there is on a host and on this machine, before and after."""

from __future__ import annotations

import difflib
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from provision.rehearsal import cgroups, locks, mounts, network, processes
from tests.e2e.operating import Site

# Everything an installation could change, as text: packages, files with owner, mode and content,
# units. Left out is what a running system and a running database write by themselves.
SNAPSHOT = r"""
dpkg-query -W -f '${Package} ${Version} ${Status}\n'
find /etc /root /home /opt /srv /usr/local /var/lib /tmp /run/provision -xdev \
  \( -path '/var/lib/systemd/*' -o -path '/var/lib/influxdb/*' -o -path '/var/lib/grafana/*' \
     -o -path '/var/lib/telegraf/buffer/*' \
     -o -path '/tmp/systemd-private-*' \) -prune -o \
  -printf '%M %u %g %p %l\n' -type f -exec sha256sum {} + 2>/dev/null | sort -k 2
cut -d : -f 1 /etc/passwd /etc/group
systemctl list-unit-files --no-legend --no-pager
systemctl list-units --no-legend --no-pager --plain --type=service --state=active \
  | awk '$1 !~ /^user(@|-runtime-dir@)/ { print $1, $3 }'
ss -Hlntu | awk '{ print $1, $5 }' | sort
"""


def snapshot(site: Site, host: str) -> list[str]:
    return site.on(host, SNAPSHOT).splitlines()


def changes(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The lines that went (-) and came (+)."""
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


class Spy(threading.Thread):
    """Looks at the arguments of every process, of this machine and of its throwaway hosts."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(0.01):
            self.seen.update(command_lines().values())

    def __enter__(self) -> Spy:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.is_alive(), "it has not looked to the end"
        self._stopped.set()
        self.join()


def content(path: Path) -> bytes:
    """What is in a file, nothing if it is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def command_lines() -> dict[str, bytes]:
    """The arguments of every process, by its number."""
    # Not by glob, which fails where a process ends meanwhile.
    found = (path for path in Path("/proc").iterdir() if path.name.isdigit())
    return {path.name: content(path / "cmdline") for path in found}


def traces(name: str, number: str, directory: Path) -> dict[str, object]:
    """All that a rehearsal could leave on this machine, empty if nothing."""
    with locks.exclusive(locks.MACHINE):
        numbered = _numbered(name, number, directory)
    mine = str(directory).encode()
    running = [
        number
        for number, words in command_lines().items()
        if mine in words and number != str(os.getpid())
    ]
    found = {
        **numbered,
        "mounts": mounts.beneath(directory),
        "processes": running,
        "directory": [directory] if directory.exists() else [],
    }
    return {what: left for what, left in found.items() if left}


def _numbered(name: str, number: str, directory: Path) -> dict[str, object]:
    """What tells by a number alone whose it is; nothing where the number is another's by now."""
    bridge = network.bridge_name(int(number))
    owner = content(Path("/sys/class/net", bridge, "ifalias")).decode().strip()
    if owner not in ("", network.alias(directory)):
        return {}
    return {
        "rules": [
            words
            for table in ("nat", "filter")
            for words in network.marked(
                processes.run("iptables", "-w", "-t", table, "-S").stdout, bridge
            )
        ],
        "cgroups": list(cgroups.MOUNTED.glob(f"**/provision/{name}.{number}")),
        "links": [
            link
            for link in network.interfaces()
            if link == bridge or link.startswith(f"vb-p{number}-")
        ],
    }


def number_in(directory: Path) -> str | None:
    """The number of the network of the rehearsal that stands in a directory; None before it has."""
    try:
        number = json.loads((directory / "state.json").read_text()).get("number")
    except (OSError, ValueError):
        return None
    return None if number is None else str(number)
