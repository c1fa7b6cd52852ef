"""The secrets file: a YAML mapping under provision_secrets, perhaps encrypted by ansible-vault."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import is_encrypted

_TOP = "provision_secrets"


class _Tagged(str):
    """A value with a tag, such as !vault: kept as the text that it is."""

    tag: str


class _Loader(yaml.SafeLoader):
    """Reads values with a tag as _Tagged."""


class _Dumper(yaml.SafeDumper):
    """Writes them as they were."""


def _construct(loader: yaml.SafeLoader, suffix: str, node: yaml.ScalarNode) -> _Tagged:
    value = _Tagged(loader.construct_scalar(node))
    value.tag = "!" + suffix
    return value


_Loader.add_multi_constructor("!", _construct)
_Dumper.add_representer(
    _Tagged, lambda dumper, value: dumper.represent_scalar(value.tag, str(value), style="|")
)


def _load(text: str) -> dict[str, Any]:
    return dict(yaml.load(text, Loader=_Loader) or {})  # noqa: S506 - it is a SafeLoader


def values(text: str) -> dict[str, Any]:
    """The mapping under provision_secrets; values with a tag stay as they stand there."""
    return dict(_load(text).get(_TOP) or {})


def merge(text: str, new: Mapping[str, str]) -> str:
    """text with new secrets set, everything else (comments, order, tags) left as it is.

    Where that is not possible line by line, at least every value is kept.
    """
    merged = text
    for name, value in new.items():
        merged = _set(merged, name, value)
    wanted = {**_load(text), _TOP: {**values(text), **new}}
    with contextlib.suppress(yaml.YAMLError):
        if _load(merged) == wanted:
            return merged
    return str(yaml.dump(wanted, Dumper=_Dumper, sort_keys=False))


def without(text: str, names: Collection[str]) -> str:
    """text without some secrets, everything else (comments, order, tags) left as it is."""
    lines, kept, dropping = text.splitlines(), [], False
    for line in lines:
        match = re.match(r"\s+([\w-]+)\s*:", line)
        if match:
            dropping = match.group(1) in names
        elif line.strip():
            dropping = dropping and line.startswith("   ")  # a value of several lines
        if not dropping:
            kept.append(line)
    wanted = {
        **_load(text),
        _TOP: {name: value for name, value in values(text).items() if name not in names},
    }
    with contextlib.suppress(yaml.YAMLError):
        if _load("\n".join(kept)) == wanted:
            return "\n".join(kept) + "\n"
    return str(yaml.dump(wanted, Dumper=_Dumper, sort_keys=False))


def _set(text: str, name: str, value: str) -> str:
    lines = text.splitlines()
    top = next((at for at, line in enumerate(lines) if re.match(rf"{_TOP}\s*:", line)), None)
    if top is None:
        return text.rstrip("\n") + f"\n{_TOP}:\n  {name}: {_scalar(value)}\n".lstrip(
            "\n" if not text.strip() else ""
        )
    indent = ""
    for at in range(top + 1, len(lines)):
        if lines[at].strip() and not lines[at].startswith((" ", "#")):
            break
        match = re.match(r"(\s+)([\w-]+)\s*:", lines[at])
        if match and not lines[at].lstrip().startswith("#"):
            indent = indent or match.group(1)
            if match.group(2) == name:
                lines[at] = f"{match.group(1)}{name}: {_scalar(value)}"
                return "\n".join(lines) + "\n"
    lines[top] = f"{_TOP}:"
    lines.insert(top + 1, f"{indent or '  '}{name}: {_scalar(value)}")
    return "\n".join(lines) + "\n"


def _scalar(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def read(path: Path, loader: DataLoader) -> dict[str, str]:
    """The secrets that path has now, decrypted."""
    document = loader.load_from_file(str(path), cache="none", unsafe=True)
    return {str(name): str(value) for name, value in (document or {}).get(_TOP, {}).items()}


def remember(
    path: Path, new: Mapping[str, str], loader: DataLoader, *, forget: Collection[str] = ()
) -> None:
    """Write new secrets into path, and take others away: atomically, 0600, encrypted if it was.

    Raises OSError if the file can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.parent):
        content = path.read_bytes() if path.exists() else b""
        if not is_encrypted(content):
            _replace(path, _changed(content, new, forget).encode("utf-8"))
            return
        # Encrypted as it was: whoever has another of several passwords could not read it any more.
        text, _, secret = loader._vault.decrypt_and_get_vault_id(content)
        changed = _changed(text, new, forget)
        _replace(path, loader._vault.encrypt(changed, secret=secret, vault_id=_vault_id(content)))


def _changed(content: bytes, new: Mapping[str, str], forget: Collection[str]) -> str:
    text = content.decode("utf-8")
    return merge(without(text, forget) if forget else text, new)


def _vault_id(content: bytes) -> str | None:
    """The id in the header of what ansible-vault encrypted ($ANSIBLE_VAULT;1.2;AES256;ID)."""
    return (content.partition(b"\n")[0].decode().strip().split(";") + [""] * 4)[3] or None


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
