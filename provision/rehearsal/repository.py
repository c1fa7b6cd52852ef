"""A signed apt repository of a few packages, and the web server that hosts fetch it from."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from provision.errors import ProvisionError
from provision.rehearsal import machine, processes
from provision.rehearsal.hosts import Rehearsal
from provision.rehearsal.packages import deb
from provision.rehearsal.state import Process

KEY = "archive.key"


@dataclass(frozen=True)
class Repository:
    """An apt repository: "deb [signed-by=...] <url of directory> stable main".

    fingerprint is that of the primary key, 40 hexadecimal digits; the key is in key, armoured.
    """

    directory: Path
    fingerprint: str
    origin: str

    @property
    def key(self) -> Path:
        """The public key, armoured, as archive.key beside dists."""
        return self.directory / KEY


def publish(
    packages: Iterable[Path], directory: Path, *, origin: str = "InfluxData", suite: str = "stable"
) -> Repository:
    """Make a repository of these .debs in a directory that is empty or does not exist.

    It is signed with a key made for it, whose secret part is deleted in the end. The layout is
    that of Debian's wiki, DebianRepository/Format.
    """
    processes.require(["apt-ftparchive", "gpg", "gpgconf"], purpose="an apt repository")
    pool = directory / "pool" / "main"
    pool.mkdir(parents=True)
    for path in packages:
        target = pool / f"{path.name.replace(':', '%3a')}"
        _link_or_copy(path, target)
    architecture = deb.architecture()
    index = Path("dists") / suite / "main" / f"binary-{architecture}"
    (directory / index).mkdir(parents=True)
    # One digest is enough, and each takes its time with packages of 100 MB.
    only = [w for name in ("MD5", "SHA1", "SHA512") for w in ("-o", f"APT::FTPArchive::{name}=no")]
    listing = processes.run("apt-ftparchive", *only, "packages", "pool", cwd=directory).stdout
    (directory / index / "Packages").write_text(listing, encoding="utf-8")
    options = {
        "Origin": origin,
        "Label": origin,
        "Suite": suite,
        "Codename": suite,
        "Architectures": architecture,
        "Components": "main",
        "Description": f"{origin} packages for a rehearsal",
    }
    words = [w for k, v in options.items() for w in ("-o", f"APT::FTPArchive::Release::{k}={v}")]
    release = directory / "dists" / suite
    text = processes.run("apt-ftparchive", *words, "release", release).stdout
    (release / "Release").write_text(text, encoding="utf-8")
    fingerprint = _sign(release, directory / KEY, origin)
    return Repository(directory, fingerprint, origin)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _sign(release: Path, key: Path, origin: str) -> str:
    """Sign Release as InRelease and Release.gpg; gives the fingerprint of the new key."""
    # gpg-agent's socket has to fit into 107 characters, so its home can't be just anywhere.
    home = Path(tempfile.mkdtemp(prefix="provision-gpg.", dir="/tmp"))
    gpg = ("gpg", "--homedir", home, "--batch", "--yes", "--quiet", "--no-options")
    try:
        processes.run(
            *(*gpg, "--passphrase", "", "--pinentry-mode", "loopback"),
            *("--quick-generate-key", f"{origin} (rehearsal)", "ed25519", "sign", "never"),
        )
        listing = processes.run(*gpg, "--with-colons", "--list-keys").stdout
        fingerprint = next(
            line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")
        )
        processes.run(*gpg, "--clearsign", "--output", release / "InRelease", release / "Release")
        processes.run(
            *(*gpg, "--armor", "--detach-sign", "--output", release / "Release.gpg"),
            release / "Release",
        )
        processes.run(*gpg, "--armor", "--export", "--output", key, fingerprint)
        return fingerprint
    finally:
        processes.run("gpgconf", "--homedir", home, "--kill", "all", check=False)
        shutil.rmtree(home, ignore_errors=True)


class Server:
    """A web server of a directory, in a process of its own. As a context manager it ends."""

    def __init__(self, url: str, process: Process) -> None:
        self.url = url
        self.process = process

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it. It may be called again."""
        processes.end(self.process.pid, self.process.started)
        machine.reap()


def serve(
    directory: Path,
    address: str,
    port: int = 0,
    *,
    rehearsal: Rehearsal | None = None,
) -> Server:
    """Serve a directory's files over HTTP on an address of this machine; port 0 is a free one.

    With a rehearsal it is part of that: it lasts as long as the hosts do, also after this process,
    and ends with down(). Without, it lasts until stop(). Raises ProvisionError if it can't listen.
    """
    name = f"serve-{hashlib.sha256(str(directory).encode()).hexdigest()[:8]}-{port}"
    place = rehearsal.directory if rehearsal else directory.parent
    told = place / f"{name}.port"
    told.unlink(missing_ok=True)
    argv = [sys.executable, "-I", _program(), str(directory), address, str(port), str(told)]
    if rehearsal is not None:
        process = rehearsal.start(name, argv)
    else:
        started = Process.of(machine.start(argv, [], place / f"{name}.log").pid)
        assert started is not None
        process = started
    deadline = time.monotonic() + 10
    while not told.exists():
        if not process.alive or time.monotonic() > deadline:
            raise ProvisionError(
                f"{directory} can't be served on {address}:{port}",
                remedy="take another port, or end what listens there",
            )
        time.sleep(0.01)
    return Server(f"http://{address}:{told.read_text().strip()}", process)


def _program() -> str:
    return str(Path(__file__).with_name("fileserver.py"))
