"""Packages of Debian's own, downloaded with this machine's apt."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from provision.errors import ProvisionError
from provision.rehearsal import locks, processes


def download(package: str, cache: Path) -> Path:
    """Download a package's candidate, or take the one that was; gives the .deb in the cache.

    If this machine's lists don't know it, they are fetched into the cache, not in their place.
    Raises ProvisionError if no source has it.
    """
    processes.require(["apt-get", "apt-cache", "dpkg-deb"], purpose=f"downloading {package}")
    with locks.exclusive(cache / "packages" / "debian.lock"):
        directory = cache / "packages" / "debian"
        for path in directory.glob(f"{package}_*.deb"):
            return path
        options: tuple[str, ...] = ()
        if not _available(package, options):
            options = _own_lists(cache)
        if options and not _available(package, options):
            raise ProvisionError(
                f"{package}: in none of this machine's apt sources",
                remedy=f"give it as a .deb in the folder of --packages, or add Debian's {package}",
            )
        directory.mkdir(parents=True, exist_ok=True)
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


def archives(packages: Sequence[str], base: Path, cache: Path) -> list[Path]:
    """The .debs that a host made from a base image would download for some packages of Debian's.

    apt works out which, what they depend on included, from the image's lists and from what is
    installed in it; each is downloaded once. What can't be is left to the hosts, which say why.
    """
    processes.require(["apt-get"], purpose=f"downloading {', '.join(packages)}")
    with locks.exclusive(cache / "packages" / "debian.lock"):
        # Beside the image: another one may want other versions.
        directory = cache / "packages" / "debian" / base.name
        (directory / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        state = base / "var/lib"
        settings = {
            "Dir::Etc": base / "etc/apt",
            "Dir::State": state / "apt",
            "Dir::State::status": state / "dpkg/status",
            "Dir::Cache": directory,
            "Dir::Cache::archives": "archives",
            # The image is beneath the hosts, and nothing in it may change.
            "Debug::NoLocking": "1",
            "APT::Sandbox::User": "root",
        }
        with contextlib.suppress(ProvisionError):
            processes.run(
                *("apt-get", *(f"-o{name}={value}" for name, value in settings.items())),
                *("-q", "-y", "--no-install-recommends", "--download-only", "install", *packages),
                timeout=300,
            )
        return sorted((directory / "archives").glob("*.deb"))


def _own_lists(cache: Path) -> tuple[str, ...]:
    lists = cache / "apt" / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    options = ("-o", f"Dir::State::lists={lists}", "-o", "APT::Sandbox::User=root")
    processes.run("apt-get", *options, "-q", "update", timeout=300)
    return options


def _available(package: str, options: tuple[str, ...]) -> bool:
    # Unlike policy, this leaves out what is installed but in no source.
    return bool(processes.run("apt-cache", *options, "madison", package, check=False).stdout)
