"""A Go toolchain: the machine's own, or one that comes through Go's module proxy."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provision.errors import ProvisionError
from provision.rehearsal import locks, processes
from provision.rehearsal.packages import debian
from provision.rehearsal.progress import Progress, Step

TOOLCHAIN = "go1.26.9"
_OLDEST = (1, 21)  # from here on Go fetches the toolchain that a module asks for by itself


@dataclass(frozen=True)
class Go:
    """A go program and the environment to run it with."""

    program: Path
    environment: Mapping[str, str]

    def module(self, module: str, version: str) -> Path:
        """Where a module's files are, downloaded if they are not there."""
        result = processes.run(
            *(self.program, "mod", "download", "-json", f"{module}@{version}"),
            check=False,
            environment=self.environment,
            cwd=Path("/"),
        )
        answer = _parse(result.stdout)
        if result.returncode != 0 or "Dir" not in answer:
            reason = answer.get("Error") or result.stderr.strip()
            raise ProvisionError(
                f"the Go module {module}@{version} can't be had: {reason}",
                remedy="give .deb files with --packages, or set GOPROXY to a proxy that has it",
            )
        return Path(answer["Dir"])

    def install(self, package: str, directory: Path, log: Path, step: Step, *options: str) -> None:
        """go install of module/package@version into a directory."""
        processes.build(
            [self.program, "install", "-v", *options, package],
            log=log,
            step=step,
            environment={**self.environment, "GOBIN": str(directory)},
            cwd=Path("/"),
        )


def environment(cache: Path) -> dict[str, str]:
    """What go is told: to keep modules and builds in the cache, as files that can be deleted."""
    return {
        "GOMODCACHE": str(cache / "go" / "mod"),
        "GOCACHE": str(cache / "go" / "build"),
        "GOFLAGS": "-modcacherw",
        "GOTOOLCHAIN": "auto",  # whatever this machine says: modules ask for one
        "GOWORK": "off",
    }


def version(text: str) -> tuple[int, int] | None:
    """Major and minor of the answer to go version; None if it isn't one."""
    match = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def toolchain(cache: Path, progress: Progress) -> Go:
    """go on PATH if it is recent enough, otherwise one that is fetched into the cache."""
    found = processes.find("go")
    if found:
        answer = processes.run(found, "version", check=False, cwd=Path("/")).stdout
        if (version(answer) or (0, 0)) >= _OLDEST:
            return Go(Path(found), environment(cache))
    return fetch(cache, progress)


def fetch(cache: Path, progress: Progress) -> Go:
    """A toolchain from Go's module proxy, fetched with Debian's go: some 70 MB, once.

    Debian's is unpacked into the cache only; nothing is installed on this machine.
    """
    own = environment(cache)
    marker = cache / "go" / f"{TOOLCHAIN}.path"
    with locks.exclusive(cache / "go" / "fetch.lock", progress):
        if marker.is_file() and (program := Path(marker.read_text().strip())).is_file():
            return Go(program, own)
        with progress.step("Go toolchain") as step:
            step.note("Debian's go")
            small = _from_debian(cache)
            name = f"v0.0.1-{TOOLCHAIN}.linux-{_architecture()}"
            step.note(TOOLCHAIN)
            without_flags = Go(small, {**own, "GOTOOLCHAIN": "local"})
            directory = without_flags.module("golang.org/toolchain", name)
            # The module cache has no modes, which are the go command's to set.
            for pattern in ("bin/*", "pkg/tool/*/*"):
                for path in directory.glob(pattern):
                    path.chmod(path.stat().st_mode | 0o755)
            marker.write_text(f"{directory / 'bin' / 'go'}\n")
        return Go(directory / "bin" / "go", own)


def _architecture() -> str:
    known = {"x86_64": "amd64", "aarch64": "arm64"}
    try:
        return known[platform.machine()]
    except KeyError:
        raise ProvisionError(f"no Go toolchain is known for {platform.machine()}") from None


def _from_debian(cache: Path) -> Path:
    """Debian's go program, unpacked into the cache."""
    directory = cache / "go" / "debian"
    found = sorted(directory.glob("usr/lib/go-*/bin/go"))
    if found:
        return found[-1]
    listing = processes.run("apt-cache", "depends", "--important", "golang-go").stdout
    names = re.findall(r"Depends: (golang-[0-9.]+-go)\b", listing)
    if not names:
        raise ProvisionError("Debian's golang-go is not in this machine's package lists")
    part = directory.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    for package in (names[0], names[0].removesuffix("-go") + "-src"):
        file = debian.download(package, cache)
        processes.run("dpkg-deb", "--extract", file, part)
    os.replace(part, directory)  # noqa: PTH105
    return sorted(directory.glob("usr/lib/go-*/bin/go"))[-1]


def _parse(text: str) -> dict[str, str]:
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return {name: str(value) for name, value in answer.items()} if isinstance(answer, dict) else {}
