"""The secrets file: a YAML mapping under provision_secrets, perhaps encrypted by ansible-vault."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import is_encrypted

_TOP = "provision_secrets"


class _Tolerant(yaml.SafeLoader):
    """Reads tags such as !vault as the text that they are."""


_Tolerant.add_multi_constructor("!", lambda loader, suffix, node: loader.construct_scalar(node))


def values(text: str) -> dict[str, Any]:
    """The mapping under provision_secrets; values with a tag stay as they stand there."""
    document = yaml.load(text, Loader=_Tolerant)  # noqa: S506 - it is a SafeLoader
    found = (document or {}).get(_TOP) or {}
    return dict(found)


def merge(text: str, new: Mapping[str, str]) -> str:
    """text with new secrets set, everything else (comments, order, tags) left as it is."""
    merged = text
    for name, value in new.items():
        merged = _set(merged, name, value)
    wanted = {**values(text), **new}
    if values(merged) == wanted:
        return merged
    rest = yaml.load(text, Loader=_Tolerant) or {}  # noqa: S506 - it is a SafeLoader
    return str(yaml.safe_dump({**rest, _TOP: wanted}, sort_keys=False))


def _set(text: str, name: str, value: str) -> str:
    lines = text.splitlines()
    top = next((at for at, line in enumerate(lines) if re.match(rf"{_TOP}\s*:", line)), None)
    if top is None:
        return text.rstrip("\n") + f"\n{_TOP}:\n  {name}: {_scalar(value)}\n".lstrip(
            "\n" if not text.strip() else ""
        )
    indent = "  "
    for at in range(top + 1, len(lines)):
        if lines[at].strip() and not lines[at].startswith((" ", "#")):
            break
        match = re.match(r"(\s+)([\w-]+)\s*:", lines[at])
        if match and not lines[at].lstrip().startswith("#"):
            indent = match.group(1) if at == top + 1 else indent
            if match.group(2) == name:
                lines[at] = f"{match.group(1)}{name}: {_scalar(value)}"
                return "\n".join(lines) + "\n"
    lines[top] = f"{_TOP}:"
    lines.insert(top + 1, f"{indent}{name}: {_scalar(value)}")
    return "\n".join(lines) + "\n"


def _scalar(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def read(path: Path, loader: DataLoader) -> dict[str, str]:
    """The secrets that path has now, decrypted."""
    document = loader.load_from_file(str(path), cache="none", unsafe=True)
    return {str(name): str(value) for name, value in (document or {}).get(_TOP, {}).items()}


def remember(path: Path, new: Mapping[str, str], loader: DataLoader) -> None:
    """Write new secrets into path: atomically, mode 0600, encrypted again if it was.

    Raises OSError if the file can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.parent):
        content = path.read_bytes() if path.exists() else b""
        encrypted = is_encrypted(content)
        text = (loader._vault.decrypt(content) if encrypted else content).decode("utf-8")
        merged = merge(text, new).encode("utf-8")
        _replace(path, loader._vault.encrypt(merged) if encrypted else merged)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    real = path.resolve()
    descriptor, temporary = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, real)
    except BaseException:
        os.unlink(temporary)
        raise
