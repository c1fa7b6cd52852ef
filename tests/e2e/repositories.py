"""Apt repositories as they can be found one morning: half updated, out of date, of another key."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from provision.rehearsal import processes
from provision.rehearsal.packages import deb
from provision.rehearsal.repository import publish, serve
from tests.e2e.operating import Site

LONG_AGO, FAR_AHEAD = "Thu, 02 Jan 2020 00:00:00 UTC", "Fri, 02 Jan 2037 00:00:00 UTC"


class Key:
    """A primary key and a subkey that signs for it; both may have expired long ago."""

    def __init__(self, home: Path, *, expired: bool = False) -> None:
        self.home = home
        home.mkdir(mode=0o700)
        self._then = ("--faked-system-time", "20200101T000000") if expired else ()
        usage, until = ("sign", "1y") if expired else ("cert", "never")
        self._gpg("--quick-generate-key", "InfluxData (test)", "ed25519", usage, until)
        self.fingerprint = self._fingerprints()[0]
        self.signer = self.fingerprint
        if not expired:
            self.add_subkey()

    def add_subkey(self) -> None:
        """From now on another subkey signs."""
        self._gpg("--quick-add-key", self.fingerprint, "ed25519", "sign", "never")
        self.signer = self._fingerprints()[-1]

    def sign(self, directory: Path, change: Callable[[str], str] = lambda text: text) -> None:
        """Sign a repository's Release, changed, and put the public key beside it."""
        release = directory / "dists/stable/Release"
        text = change(release.read_text())
        for name in ("Release", "InRelease", "Release.gpg"):
            (release.parent / name).unlink()
        release.write_text(text)
        who = ("--local-user", f"{self.signer}!")
        self._gpg(*who, "--clearsign", "--output", release.with_name("InRelease"), release)
        detached = ("--armor", "--detach-sign", "--output", release.with_name("Release.gpg"))
        self._gpg(*who, *detached, release)
        self.export(directory / "archive.key")

    def export(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._gpg("--armor", "--output", path, "--export", self.fingerprint)

    def end(self) -> None:
        processes.run("gpgconf", "--homedir", self.home, "--kill", "all", check=False)

    def _gpg(self, *words: str | Path) -> str:
        gpg = ("gpg", "--homedir", self.home, "--batch", "--yes", "--quiet", "--no-options")
        secret = ("--passphrase", "", "--pinentry-mode", "loopback")
        return processes.run(*gpg, *self._then, *secret, *words).stdout

    def _fingerprints(self) -> list[str]:
        listing = self._gpg("--with-colons", "--list-keys")
        return [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")]


class Repositories:
    """Repositories of the same packages, each by a name that is its path on one server."""

    def __init__(self, root: Path, url: str, packages: list[Path], keys: Path) -> None:
        self.root, self.url = root, url
        self.key, self.stranger = Key(keys / "key"), Key(keys / "stranger")
        self.expired = Key(keys / "expired", expired=True)
        publish(packages, root / "good")
        self.key.sign(root / "good")
        self.key.export(root / "before.key")

    def like_good(
        self, name: str, key: Key | None = None, change: Callable[[str], str] = lambda text: text
    ) -> Path:
        """Another one of the same packages, signed by a key, its Release changed."""
        processes.run("cp", "-al", self.root / "good", self.root / name)
        (key or self.key).sign(self.root / name, change)
        return self.root / name

    def out_of_date(self) -> None:
        self.like_good("old", change=lambda text: f"Valid-Until: {LONG_AGO}\n{text}")

    def ahead(self) -> None:
        date = re.compile(r"^Date: .*$", re.M)
        self.like_good("ahead", change=lambda text: date.sub(f"Date: {FAR_AHEAD}", text))

    def corrupt(self) -> None:
        """What a mirror gives that is updated while it is read."""
        (index,) = self.like_good("corrupt").glob("dists/stable/main/*/Packages")
        text = index.read_text()
        index.unlink()
        index.write_text(text.replace("Maintainer: ", "Maintained: "))

    def of(self, name: str, fingerprint: str | None = None, key: str = "") -> dict[str, str]:
        """The settings of a host that uses one of them."""
        return {
            "influxdata_repository_url": f"{self.url}/{name}",
            "influxdata_repository_key_url": f"{self.url}/{key or name + '/archive.key'}",
            "influxdata_repository_key_fingerprint": fingerprint or self.key.fingerprint,
        }


@contextmanager
def repositories(site: Site, packages: list[Path]) -> Iterator[Repositories]:
    """Serve them to the hosts of a site."""
    rehearsal = site.stage.rehearsal
    root = rehearsal.directory / "morning"
    root.mkdir()
    server = serve(root, rehearsal.gateway, rehearsal=rehearsal)
    # gpg-agent's socket has to fit into 107 characters.
    keys = Path(tempfile.mkdtemp(prefix="provision-test-gpg.", dir="/tmp"))
    made = Repositories(root, server.url, packages, keys)
    try:
        yield made
    finally:
        for key in (made.key, made.stranger, made.expired):
            key.end()
        shutil.rmtree(keys, ignore_errors=True)


@contextmanager
def host_settings(site: Site, changes: Mapping[str, Mapping[str, object]]) -> Iterator[None]:
    """Give hosts other settings for a while, as their host_vars."""
    paths = {host: Path(site.inventory[1]).parent / f"host_vars/{host}.yml" for host in changes}
    before = {path: path.read_text() for path in paths.values()}
    try:
        for host, path in paths.items():
            values = {**yaml.safe_load(before[path]), **changes[host]}
            path.write_text(yaml.safe_dump(values))
        yield
    finally:
        for path, text in before.items():
            path.write_text(text)


def newer(package: Path, version: str, directory: Path, wrapper: str | None = None) -> Path:
    """A package as upstream could publish it next: the same in another version.

    With wrapper the program is moved to telegraf.real, and a script of this text takes its place.
    """
    root = directory / version
    processes.run("dpkg-deb", "-R", package, root)
    control = root / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", f"Version: {version}", control.read_text()))
    if wrapper:
        program = root / "usr/bin/telegraf"
        program.rename(program.with_name("telegraf.real"))
        program.write_text(f'#!/bin/sh\n{wrapper}\nexec /usr/bin/telegraf.real "$@"\n')
        program.chmod(0o755)
    (root / "DEBIAN/md5sums").unlink(missing_ok=True)
    made = directory / f"telegraf_{version}_{deb.architecture()}.deb"
    processes.run("dpkg-deb", "--root-owner-group", "-Znone", "--build", root, made)
    shutil.rmtree(root)
    return made


def broken_package(directory: Path) -> Path:
    """A stranger's package whose postinst fails until /run/mended is there."""
    content = deb.Content(
        name="stranger",
        version="1",
        description="fails",
        files={"/usr/share/doc/stranger/readme": "nothing\n"},
        scripts={"postinst": "#!/bin/sh\n[ -e /run/mended ] || { echo it is broken; exit 1; }\n"},
    )
    return deb.pack(content, directory)


def put(site: Site, host: str, source: Path, target: str) -> None:
    """Copy a file to a host."""
    content = source.read_bytes()
    subprocess.run([*site.stage.rehearsal.ssh(host), f"cat > {target}"], input=content, check=True)
