"""Real packages for rehearsals: from a folder that is given, or made on this machine."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from provision.errors import ProvisionError
from provision.rehearsal.packages import deb, influxdb, telegraf
from provision.rehearsal.progress import Progress
from provision.rehearsal.threads import concurrently

_MAKERS = {
    "telegraf": telegraf.telegraf,
    "influxdb": influxdb.influxdb1,
    "influxdb2": influxdb.influxdb2,
}
_ORIGINS = {
    "telegraf": "built from its Go module",
    "influxdb": "Debian's package",
    "influxdb2": "built from its Go module",
}


@dataclass(frozen=True)
class Package:
    """A .deb: its version, the file, and in words where it came from."""

    name: str
    version: str
    path: Path
    origin: str


@dataclass(frozen=True)
class Packages:
    """Packages by name."""

    by_name: dict[str, Package]

    @property
    def paths(self) -> list[Path]:
        """The files, sorted by package name."""
        return [package.path for _, package in sorted(self.by_name.items())]


def collect(
    engine: Literal[1, 2], folder: Path | None, cache: Path, progress: Progress
) -> Packages:
    """Telegraf and InfluxDB of that major version, and whatever else a folder of .debs has.

    What the folder lacks is made: telegraf is built, influxdb is Debian's, influxdb2 is built.
    Raises ProvisionError for a folder without packages, or if something can't be made.
    """
    given = read_folder(folder) if folder is not None else {}
    database = "influxdb" if engine == 1 else "influxdb2"
    other = "influxdb2" if engine == 1 else "influxdb"
    found = {name: package for name, package in given.items() if name != other}
    missing = [name for name in ("telegraf", database) if name not in found]
    paths = concurrently(*(partial(_MAKERS[name], cache, progress) for name in missing))
    for name, path in zip(missing, paths, strict=True):
        version = deb.fields(path)["Version"]
        found[name] = Package(name, version, path, _ORIGINS[name])
    return Packages(found)


def read_folder(folder: Path) -> dict[str, Package]:
    """The packages of a folder by name, the newest of each that fits this machine.

    Raises ProvisionError if there is no such folder, or no .deb in it, or a broken one.
    """
    if not folder.is_dir():
        raise ProvisionError(f"{folder}: no such folder", remedy="name a folder with .deb files")
    files = sorted(folder.glob("*.deb"))
    if not files:
        raise ProvisionError(f"{folder}: no .deb files in it")
    return newest((path, deb.fields(path)) for path in files)


def newest(files: Iterable[tuple[Path, dict[str, str]]]) -> dict[str, Package]:
    """Of several versions of a package the newest; other architectures' are left out."""
    machine = deb.architecture()
    found: dict[str, Package] = {}
    for path, fields in files:
        name, version = fields["Package"], fields["Version"]
        if fields["Architecture"] not in (machine, "all"):
            continue
        if name not in found or deb.newer(version, found[name].version):
            found[name] = Package(name, version, path, f"given ({path.name})")
    return found


def reachable(url: str, timeout: float = 3) -> bool:
    """Whether a web server gives that page; timeout in seconds. It never raises."""
    if not url.startswith(("http://", "https://")):
        return False
    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 (checked above)
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
            return bool(answer.status < 400)
    except (OSError, urllib.error.URLError, http.client.HTTPException, ValueError):
        return False
