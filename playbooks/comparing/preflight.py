"""What speaks against changing a host, known before anything changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from comparing.differences import Difference
from comparing.manifest import Manifest, Package
from comparing.report import Listener, Preflight, Report

#: The systems that are supported, by ID and VERSION_ID of /etc/os-release: the one such list.
SUPPORTED = {
    "debian": ("11", "12", "13"),
    "ubuntu": ("22.04", "22.10", "23.04", "23.10", "24.04", "24.10", "25.04", "25.10", "26.04"),
}
ARCHITECTURES = ("amd64", "arm64")
#: What any run writes: a few files, and Ansible's own.
_LEAST_KIB = 512
_LEAST_INODES = 64
_FOR_PACKAGES = ("/", "/var")
_ANY_ADDRESS = ("", "*", "0.0.0.0", "::")  # noqa: S104


@dataclass(frozen=True)
class Problem:
    """Why a host is not touched, and what to do about it (a sentence without its full stop)."""

    problem: str
    remedy: str


@dataclass(frozen=True)
class Listen:
    """A wanted socket."""

    protocol: str
    address: str
    port: int


def parse_listen(text: str) -> Listen:
    """Read protocol:address:port; an IPv6 address may stand in brackets."""
    protocol, _, rest = text.partition(":")
    address, _, port = rest.rpartition(":")
    return Listen(protocol, address.strip("[]"), int(port))


def wanted_ports(manifest: Manifest) -> list[int]:
    """The ports on which the manifest's services listen."""
    return [parse_listen(text).port for service in manifest.services for text in service.listen]


def conflicting_package(manifest: Manifest, report: Report) -> Problem | None:
    """The package that would have to go for a wanted one, and with it perhaps its data."""
    for package in manifest.packages:
        for name in package.conflicts:
            if report.packages.get(name, ("", ""))[1].endswith(" installed"):
                return Problem(
                    f"The package {name} is installed, and {package.name} can't be installed beside"
                    " it.",
                    _conflict_remedy(package, name),
                )
    return None


def _conflict_remedy(package: Package, name: str) -> str:
    return (
        f"save the data that {name} has if you need it, then remove it (apt-get remove {name}), or"
        f" choose the version of {package.role.capitalize()} that {name} is"
    )


def problem(
    manifest: Manifest,
    report: Report,
    seen: Preflight,
    found: Sequence[Difference],
    *,
    minimum_free_mib: int,
) -> Problem | None:
    """The first thing that speaks against doing the work of found; None if nothing does."""
    versions = SUPPORTED.get(seen.system)
    if versions is None or seen.version not in versions:
        return Problem(
            f"{seen.name} is not supported.", "use Debian 11 to 13 or Ubuntu 22.04 to 26.04"
        )
    if seen.user != "0":
        return Problem(
            "The tasks don't run as root on this host.",
            "let the user become root with sudo (-K asks for its password)",
        )
    if seen.init != "systemd":
        return Problem(
            f"This host is not run by systemd (its first process is {seen.init or 'unknown'}).",
            "use a host or a container that boots systemd",
        )
    if installs(found) and seen.architecture not in ARCHITECTURES:
        return Problem(
            f"There are no packages for {seen.architecture}.",
            f"use a host of {' or '.join(ARCHITECTURES)}",
        )
    if not seen.python:
        return Problem("There is no python3, which Ansible needs.", "apt-get install python3")
    return (
        conflicting_package(manifest, report)
        or _masked(manifest, report)
        or _space(seen, found, minimum_free_mib)
        or _ports(manifest, seen)
    )


def installs(found: Sequence[Difference]) -> bool:
    """Whether packages are to be installed."""
    return any(difference.kind == "package" for difference in found)


def places(manifest: Manifest, found: Sequence[Difference]) -> list[str]:
    """The directories in which files are going to be changed."""
    named = {each.name for each in found if each.kind in ("file", "absent")}
    keyrings = {each.name: each.keyring for each in manifest.repositories}
    named |= {keyrings[each.name] for each in found if each.kind == "repository"}
    return sorted({str(PurePosixPath(path).parent) for path in named})


def _masked(manifest: Manifest, report: Report) -> Problem | None:
    for service in manifest.services:
        if report.services.get(service.name, {}).get("LoadState") == "masked":
            return Problem(
                f"{service.name}.service is masked, so somebody wants that it never starts.",
                f"ask why, then systemctl unmask {service.name}, or take the host out of its group",
            )
    return None


def _space(seen: Preflight, found: Sequence[Difference], minimum_mib: int) -> Problem | None:
    packages = installs(found)
    for place, room in seen.free.items():
        if packages and place in _FOR_PACKAGES and room.kib < minimum_mib * 1024:
            return Problem(
                f"{place} has {room.kib // 1024} MiB left, and packages are to be installed.",
                f"make room for at least {minimum_mib} MiB (apt-get clean, journalctl"
                " --vacuum-size) or lower provision_minimum_free_mib",
            )
        if not room.writable:
            return Problem(
                f"{place} is read-only.",
                f"see why (findmnt -T {place}; journalctl -k), and make it writable:"
                " mount -o remount,rw",
            )
        if room.kib < _LEAST_KIB:
            return Problem(
                f"{place} has {room.kib} KiB left.",
                f"make room for at least {_LEAST_KIB} KiB: see df -h {place}",
            )
        if room.inodes is not None and room.inodes < _LEAST_INODES:
            return Problem(
                f"{place} has {room.inodes} inodes left, so no more files can be made.",
                f"remove files that nobody needs: see df -i {place}",
            )
    return None


def _ports(manifest: Manifest, seen: Preflight) -> Problem | None:
    for service in manifest.services:
        for text in service.listen:
            wanted = parse_listen(text)
            for listener in seen.listeners:
                if listener.unit != service.name and overlap(wanted, listener):
                    who = listener.program or "another program"
                    if listener.unit:
                        who += f" (of {listener.unit}.service)"
                    return Problem(
                        f"{who} already listens on {wanted.protocol} port {wanted.port}, which"
                        f" {service.name} needs.",
                        f"stop {listener.program or 'it'}, or give {service.name} another port"
                        + (f": set {service.settings[text]}" if text in service.settings else ""),
                    )
    return None


def overlap(wanted: Listen, listener: Listener) -> bool:
    """Whether a listener leaves no room for the wanted socket."""
    if (wanted.protocol, wanted.port) != (listener.protocol, listener.port):
        return False
    addresses = {wanted.address, listener.address}
    return len(addresses) == 1 or bool(addresses & set(_ANY_ADDRESS))
