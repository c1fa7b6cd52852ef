"""What the scripts of comparing.script print, read into typed values."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.provision import lease, letting_in

from comparing.script import END, SEEN

_SECTION = re.compile(r"^@@ (.*) @@$")
#: How many fields a path has.
_FIELDS = 6


@dataclass(frozen=True)
class Seen:
    """A path as it is on the host. kind is find's letter: f, d, l and so on.

    changed is when its content last did, in seconds since 1970 by the host's clock.
    """

    kind: str
    mode: str
    owner: str
    group: str
    changed: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Report:
    """What the comparing script saw. paths has what is in exclusive directories, too."""

    paths: Mapping[str, Seen] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    keyrings: Mapping[int, bytes] = field(default_factory=dict)
    packages: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    services: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: By unit: what its rules keep out, as nftables prints it; none of those where it cannot.
    rules: Mapping[str, frozenset[str]] = field(default_factory=dict)
    state: tuple[Mapping[str, Any], ...] | None = None
    #: Its clock, in seconds since 1970; None if it told none.
    clock: int | None = None
    #: The lease of whoever works on it, if one counts.
    operator: Mapping[str, Any] | None = None
    #: Seconds since boot.
    uptime: float = 0.0

    def age(self, path: str) -> float | None:
        """For how many seconds a file has not been written; None where that is not known."""
        seen = self.paths.get(path)
        return self.clock - seen.changed if seen and self.clock is not None else None


@dataclass(frozen=True)
class Room:
    """What is left of a place: KiB, inodes (None: of no number), and whether it can be written."""

    kib: int
    inodes: int | None = None
    writable: bool = True


@dataclass(frozen=True)
class Listener:
    """A socket that somebody listens on: protocol, address, port, program and its systemd unit."""

    protocol: str
    address: str
    port: int
    program: str
    unit: str


@dataclass(frozen=True)
class Preflight:
    """What the preflight script saw. free is what room there is, by the places asked for."""

    system: str
    version: str
    name: str
    init: str
    architecture: str
    user: str
    python: bool
    free: Mapping[str, Room]
    listeners: tuple[Listener, ...]
    texts: Mapping[int, str]


class CutOff(Exception):
    """A part of an answer is missing."""


def is_whole(output: str) -> bool:
    """Whether a script came to its end."""
    return f"\n{END}" in output


def sections(output: str) -> dict[str, str]:
    """Cut the output into its sections; what comes before the first one (a banner) is dropped."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in output.splitlines():
        match = _SECTION.match(line.strip("\r"))
        if match:
            current = found.setdefault(match.group(1), [])
        elif current is not None:
            current.append(line)
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def read(output: str) -> Report:
    """Read the output of compare_script. Raises CutOff."""
    parts = sections(output)
    state = parts.get("state", "")
    uptime = float((parts.get("uptime", "").split() or ["0"])[0])
    paths, sums = _paths(parts.get("paths", ""))
    return Report(
        paths=paths,
        sums=sums,
        keyrings={
            int(name.split()[1]): _decoded(text)
            for name, text in parts.items()
            if name.startswith("keyring ")
        },
        packages=_packages(parts.get("packages", "")),
        services=_services(parts.get("services", "")),
        rules={
            name.split()[1]: frozenset(letting_in.drops(text))
            for name, text in parts.items()
            if name.startswith("rules ") and text.startswith(SEEN)
        },
        state=tuple(json.loads(state)) if state else None,
        clock=int(clock) if (clock := parts.get("clock", "")).isdigit() else None,
        operator=_operator(parts.get("operator", ""), uptime),
        uptime=uptime,
    )


def read_preflight(output: str) -> Preflight:
    """Read the output of preflight_script."""
    parts = sections(output)
    release = _release(parts.get("os-release", ""))
    return Preflight(
        system=release.get("ID", "unknown"),
        version=release.get("VERSION_ID", ""),
        name=release.get("PRETTY_NAME", release.get("ID", "an unknown system")),
        init=parts.get("init", ""),
        architecture=parts.get("architecture", ""),
        user=parts.get("user", ""),
        python=bool(parts.get("python", "")),
        free=_free(parts.get("space", "")),
        listeners=_listeners(parts.get("listeners", ""), _units(parts.get("units", ""))),
        texts={
            int(name.split()[1]): _decoded(text).decode("utf-8", "replace")
            for name, text in parts.items()
            if name.startswith("text ")
        },
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


def _paths(text: str) -> tuple[dict[str, Seen], dict[str, str]]:
    """Paths, and the sums of files."""
    if not text:
        return {}, {}
    fields = _decoded(text).decode("utf-8", "surrogateescape").split("\0")
    paths = {}
    # An empty field ends them.
    try:
        while fields[0]:
            kind, mode, owner, group, changed, path = fields[:_FIELDS]
            paths[path] = Seen(kind, mode.zfill(4), owner, group, float(changed))
            del fields[:_FIELDS]
    except (IndexError, ValueError):
        raise CutOff from None
    return paths, {line[66:]: line[:64] for line in fields[1:] if line}


def _packages(text: str) -> dict[str, tuple[str, str]]:
    """Version and status ("install ok installed") of each package that dpkg knows."""
    lines = [line.split("\t") for line in text.splitlines()]
    return {line[0]: (line[1], line[2]) for line in lines if len(line) == 3}


def _services(text: str) -> dict[str, dict[str, str]]:
    services = {}
    for block in text.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in values:
            services[values["Id"].removesuffix(".service")] = values
    return services


def _operator(text: str, uptime: float) -> dict[str, Any] | None:
    held = lease.parse(text)
    return held if held and lease.fresh(held, uptime) else None


def _release(text: str) -> dict[str, str]:
    pairs = [line.split("=", 1) for line in text.splitlines() if "=" in line]
    return {key: value.strip().strip("\"'") for key, value in pairs}


def _free(text: str) -> dict[str, Room]:
    """By place, as comparing.script asks for them."""
    fields = [line.split("\t") for line in text.splitlines()]
    places = {words[1]: (words[2], words[0] == "1") for words in fields if len(words) == 3}
    sizes = {words[1]: words[0].split() for words in fields if len(words) == 2}
    rooms = {}
    for place, (where, writable) in places.items():
        numbers = sizes.get(where, ())
        if len(numbers) == 4 and all(word.isdigit() for word in numbers):
            blocks, size, inodes, every = map(int, numbers)
            rooms[place] = Room(blocks * size // 1024, inodes if every else None, writable)
    return rooms


def _units(text: str) -> dict[str, str]:
    """The systemd unit of each process, out of /proc/<pid>/cgroup."""
    units = {}
    for line in text.splitlines():
        pid, _, groups = line.partition(" ")
        names = re.findall(r"/([^/\s]+\.service)(?=[/\s]|$)", groups)
        units[pid] = names[-1].removesuffix(".service") if names else ""
    return units


def _listeners(text: str, units: Mapping[str, str]) -> tuple[Listener, ...]:
    found = []
    for line in text.splitlines():
        words = line.split(None, 6)
        if len(words) < 6:
            continue
        address, _, port = words[4].rpartition(":")
        who = re.search(r'\(\("(.*?)",pid=(\d+)', line)
        found.append(
            Listener(
                protocol=words[0],
                address=address.split("%")[0].strip("[]"),
                port=int(port) if port.isdigit() else 0,
                program=who.group(1) if who else "",
                unit=units.get(who.group(2), "") if who else "",
            )
        )
    return tuple(found)
