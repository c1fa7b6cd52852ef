"""Packages of Debian's own, downloaded with this machine's apt."""

from __future__ import annotations

import tempfile
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


def _own_lists(cache: Path) -> tuple[str, ...]:
    lists = cache / "apt" / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    options = ("-o", f"Dir::State::lists={lists}", "-o", "APT::Sandbox::User=root")
    processes.run("apt-get", *options, "-q", "update", timeout=300)
    return options


def _available(package: str, options: tuple[str, ...]) -> bool:
    # Unlike policy, this leaves out what is installed but in no source.
    return bool(processes.run("apt-cache", *options, "madison", package, check=False).stdout)
