"""Packages of Debian's own, downloaded with this machine's apt."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from provision.errors import ProvisionError
from provision.rehearsal import locks, processes


def download(package: str, cache: Path) -> Path:
    """Download a package's candidate; gives the .deb in <cache>/packages/debian.

    If this machine's lists don't know it, they are fetched into the cache, not in their place.
    Raises ProvisionError if no source has it.
    """
    processes.require(["apt-get", "apt-cache", "dpkg-deb"], purpose=f"downloading {package}")
    with locks.exclusive(cache / "packages" / "debian.lock"):
        options: tuple[str, ...] = ()
        version = _candidate(package, options)
        if version is None:
            options = _own_lists(cache)
            version = _candidate(package, options)
        if version is None:
            raise ProvisionError(
                f"{package}: in none of this machine's apt sources",
                remedy=f"give it as a .deb in the folder of --packages, or add Debian's {package}",
            )
        directory = cache / "packages" / "debian"
        directory.mkdir(parents=True, exist_ok=True)
        epochless = version.partition(":")[2] or version
        for path in directory.glob(f"{package}_*{epochless.replace('~', '[~]')}_*.deb"):
            return path
        with tempfile.TemporaryDirectory(dir=directory, prefix=".part") as part:
            # As root apt would drop to a user of its own, which can't write here.
            processes.run(
                *("apt-get", *options, "-q", "-o", "APT::Sandbox::User=root"),
                *("download", package),
                cwd=Path(part),
                timeout=600,
            )
            file = next(Path(part).glob("*.deb"))
            return file.replace(directory / file.name.replace("%3a", ":").replace("%7e", "~"))


def _own_lists(cache: Path) -> tuple[str, ...]:
    lists = cache / "apt" / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    options = ("-o", f"Dir::State::lists={lists}", "-o", "APT::Sandbox::User=root")
    processes.run("apt-get", *options, "-q", "update", timeout=300)
    return options


def _candidate(package: str, options: tuple[str, ...]) -> str | None:
    result = processes.run("apt-cache", *options, "policy", package, check=False)
    match = re.search(r"Candidate: (\S+)", result.stdout)
    if match is None or match[1] == "(none)":
        return None
    # A version that is only installed, and in no source, can't be downloaded.
    downloadable = processes.run("apt-cache", *options, "madison", package, check=False).stdout
    return match[1] if match[1] in downloadable else None
