"""The wanted files with their secrets filled in: what to compare with."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from comparing.manifest import File, Manifest, ManifestError

_SECRET = re.compile(r"provision_secrets\.(\w+)")

#: Fills the templates of a secret file's text with secrets.
Fill = Callable[[str, Mapping[str, str]], str]
#: Reads a file of the controller, decrypted where ansible-vault encrypted it.
Read = Callable[[Path], bytes]


@dataclass(frozen=True)
class Wanted:
    """A file, its content and the names of the secrets in it.

    content None means that those in missing are not known yet.
    """

    file: File
    content: bytes | None
    secrets: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the content, empty if it is not known yet."""
        return "" if self.content is None else hashlib.sha256(self.content).hexdigest()


def secrets_in(text: str) -> tuple[str, ...]:
    """The names of the secrets that a secret file's text wants, each once."""
    return tuple(dict.fromkeys(_SECRET.findall(text)))


def wanted_files(
    manifest: Manifest,
    secrets: Mapping[str, str],
    fill: Fill,
    roles: Iterable[str] | None = None,
    read: Read = Path.read_bytes,
) -> list[Wanted]:
    """Read the manifest's files (of some roles, or all) and fill in their secrets.

    read gives what is in a file of the controller that a host has a copy of, decrypted.

    Raises ManifestError if the tree lacks one.
    """
    return [
        _wanted(manifest, file, secrets, fill, read)
        for file in manifest.files
        if roles is None or file.role in roles
    ]


def _wanted(
    manifest: Manifest, file: File, secrets: Mapping[str, str], fill: Fill, read: Read
) -> Wanted:
    if file.source is not None:
        try:
            return Wanted(file, read(Path(file.source)))
        except OSError as error:
            raise ManifestError(
                f"{file.source}, of which {manifest.host} gets a copy: {error.strerror}.",
                "put it back, or set tls_key to where it is",
            ) from error
    source = manifest.source(file.path)
    try:
        content = source.read_bytes()
    except OSError as error:
        raise ManifestError(
            f"The rendered tree of {manifest.host} lacks a file of its manifest:"
            f" {source}: {error.strerror}.",
            "render the tree again",
        ) from error
    if not file.secret:
        return Wanted(file, content)
    text = content.decode("utf-8")
    names = secrets_in(text)
    missing = tuple(name for name in names if not secrets.get(name))
    if missing:
        return Wanted(file, None, names, missing)
    filled = fill(text, {name: secrets[name] for name in names})
    return Wanted(file, filled.encode("utf-8"), names)


def unknown_secret(names: Iterable[str]) -> tuple[str, str]:
    """Problem and remedy when secrets are needed that are not known."""
    names = list(names)
    if any(re.match("influxdb_(read|write)_", name) for name in names):
        return (
            f"What lets in to InfluxDB ({', '.join(names)}) is not known yet.",
            "run `provision monitor-server` first, which lets it be made",
        )
    return (
        f"The secrets file has no {' and no '.join(names)}.",
        "add it to the secrets file, or give the right file (provision_secrets)",
    )
