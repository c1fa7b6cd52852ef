"""What the scripts of comparing.script print, read into typed values."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.provision import lease

_SECTION = re.compile(r"^@@ (.*) @@$")


@dataclass(frozen=True)
class Seen:
    """A path as it is on the host. kind is find's letter: f, d, l and so on."""

    kind: str
    mode: str
    owner: str
    group: str


@dataclass(frozen=True)
class Report:
    """What the comparing script saw."""

    paths: Mapping[str, Seen] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, Seen] = field(default_factory=dict)
    keyrings: Mapping[int, bytes] = field(default_factory=dict)
    packages: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    services: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    state: tuple[Mapping[str, Any], ...] | None = None
    #: Its clock, in seconds since 1970; None if it told none.
    clock: int | None = None
    #: The lease of whoever works on it, if one counts.
    operator: Mapping[str, Any] | None = None
    # Seconds since a file that says that its service is at work was written, and since boot.
    alive: Mapping[str, float] = field(default_factory=dict)
    uptime: float = 0.0


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
    """Read the output of compare_script."""
    parts = sections(output)
    state = parts.get("state", "")
    return Report(
        paths=_paths(parts.get("paths", "")),
        sums=_sums(parts.get("sums", "")),
        contents=_paths(parts.get("contents", "")),
        keyrings={
            int(name.split()[1]): _decoded(text)
            for name, text in parts.items()
            if name.startswith("keyring ")
        },
        packages=_packages(parts.get("packages", "")),
        services=_services(parts.get("services", "")),
        state=tuple(json.loads(state)) if state else None,
        clock=int(clock) if (clock := parts.get("clock", "")).isdigit() else None,
        operator=_operator(parts.get("operator", ""), parts.get("uptime", "")),
        **_signs(parts.get("clocks", ""), parts.get("alive", "")),
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


def _fields(text: str) -> list[str]:
    return _decoded(text).decode("utf-8", "surrogateescape").split("\0")[:-1]


def _paths(text: str) -> dict[str, Seen]:
    fields = _fields(text)
    return {
        fields[at + 4]: Seen(fields[at], fields[at + 1].zfill(4), fields[at + 2], fields[at + 3])
        for at in range(0, len(fields) - 4, 5)
    }


def _sums(text: str) -> dict[str, str]:
    return {line[66:]: line[:64] for line in _fields(text)}


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


def _operator(text: str, uptime: str) -> dict[str, Any] | None:
    held = lease.parse(text)
    seconds = float(uptime.split()[0]) if uptime else 0.0
    return held if held and lease.fresh(held, seconds) else None


def _release(text: str) -> dict[str, str]:
    pairs = [line.split("=", 1) for line in text.splitlines() if "=" in line]
    return {key: value.strip().strip("\"'") for key, value in pairs}


def _signs(clocks: str, alive: str) -> dict[str, Any]:
    """How old each sign of life is, and how long the host is up."""
    times = clocks.split()
    if len(times) != 2:
        return {}
    signs = {}
    for line in alive.splitlines():
        written, _, path = line.partition(" ")
        signs[path] = float(times[0]) - float(written)
    return {"alive": signs, "uptime": float(times[1])}


def _free(text: str) -> dict[str, Room]:
    """The lines of comparing.script's loop over places."""
    rooms = {}
    for line in text.splitlines():
        words = line.split(None, 5)
        if len(words) == 6 and all(word.isdigit() for word in words[:5]):
            blocks, size, inodes, every, writable = map(int, words[:5])
            left = inodes if every else None
            rooms[words[5]] = Room(blocks * size // 1024, left, bool(writable))
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
