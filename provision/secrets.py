"""A site's secrets: generated once, kept beside the inventory, 0600, vaulted if the site did so."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from provision.errors import InvalidInput, Problem, ProvisionError
from provision.paths import PLAYBOOKS

FILE_NAME = "secrets.yml"
KEY = "provision_secrets"
# What needs no quoting in an environment file, a header or a URL; InfluxDB's own tokens are of it.
PLAIN = re.compile(r"[A-Za-z0-9._~+/=:@-]+")
# Secrets of others, which the operator was given and cannot choose: what stays itself in double
# quotes in an environment file (systemd.exec(5)), and in Grafana, to which $ and %( are variables.
GIVEN = re.compile(r"grafana_(contact_.*|smtp_password)|influxdb_external_.*")
QUOTABLE = re.compile(r"(?!.*%\()[A-Za-z0-9._~+/=:@!#%&*(),;<>?\[\]^|-]+")

_HEADER = """\
# The secrets of this site, made by provision. Keep this file; keep it to yourself.
# It can be encrypted: ansible-vault encrypt {name}
"""


def load_secrets(path: Path, read_yaml: Callable[[Path], Any]) -> dict[str, str]:
    """The secrets of a file by name; none where there is no file yet.

    read_yaml decrypts where it must (provision.inventory.Inventory.read_yaml). Raises InvalidInput
    with all that is wrong with the file, and ProvisionError where others may read it.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ProvisionError(f"{path}: {error.strerror}") from error
    if not path.is_file():
        raise ProvisionError(f"{path}: not a file", remedy="put the secrets file back in its place")
    vaulted = is_vaulted(path)
    if mode & 0o077 and not vaulted:
        raise ProvisionError(
            f"{path}: others than its owner may read it (mode {mode:04o})",
            remedy=f"chmod 0600 {path}",
        )
    content = read_yaml(path)
    if not isinstance(content, Mapping) or not isinstance(content.get(KEY), Mapping):
        raise InvalidInput(
            [Problem(str(path), KEY, "missing, or not a mapping of names to secrets")],
            remedy="put the file back from where you keep a copy; nothing was changed anywhere",
        )
    problems = [
        Problem(str(path), f"{KEY}.{name}", *wrong)
        for name, value in content[KEY].items()
        if (wrong := _wrong(str(name), value))
    ]
    if problems:
        raise InvalidInput(problems)
    return {str(name): str(value) for name, value in content[KEY].items()}


def _wrong(name: str, value: Any) -> tuple[str, str] | None:
    """What is wrong with a secret, and what to do about it."""
    given = GIVEN.fullmatch(name)
    if isinstance(value, str) and (QUOTABLE if given else PLAIN).fullmatch(value):
        return None
    allowed = "A-Z a-z 0-9 . _ ~ + / = : @ -"
    if given:
        return f"not a text of the characters {allowed} ! # % & * ( ) , ; < > ? [ ] ^ |", (
            "quote it; have another one made where it has others"
        )
    what = f"not a text of the characters {allowed}"
    return what, "quote a number; leave the line out to have a new secret made"


def complete(known: Mapping[str, str], wanted: Iterable[str]) -> dict[str, str]:
    """The known secrets and a new random one (256 bits) for each name that is missing."""
    return {**{name: secrets.token_urlsafe(32) for name in wanted}, **known}


def is_vaulted(path: Path) -> bool:
    """Whether a file is encrypted by ansible-vault as a whole."""
    try:
        with path.open("rb") as file:
            return file.read(14) == b"$ANSIBLE_VAULT"
    except OSError:
        return False


def ensure_secrets(
    path: Path,
    wanted: Iterable[str],
    read_yaml: Callable[[Path], Any],
    encrypt: Callable[[str], str],
    regenerate: Collection[str] = (),
) -> tuple[dict[str, str], bool]:
    """The secrets of a file, completed and kept; and whether the file is new.

    Those of regenerate are made anew.

    Two runs at once make one set: the directory is locked while the file is read and written.
    """
    with locked(path):
        known = load_secrets(path, read_yaml)
        kept = {name: value for name, value in known.items() if name not in regenerate}
        secrets = complete(kept, wanted)
        if secrets != known:
            keep_new(path, known, secrets, encrypt)
        return secrets, not known


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone with what is in a file's directory, which is made where there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise _not_kept(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def keep_new(
    path: Path, known: Mapping[str, str], secrets: Mapping[str, str], encrypt: Callable[[str], str]
) -> None:
    """Add what is new to a file: what else it has stays as it is, single vaulted values too."""
    if is_vaulted(path) or not path.exists():
        return write_secrets(path, secrets, encrypt if is_vaulted(path) else None)
    new = {name: value for name, value in secrets.items() if known.get(name) != value}
    try:
        replace_file(path, _merge()(path.read_text(encoding="utf-8"), new))
    except OSError as error:
        raise _not_kept(path, error) from error


def _not_kept(path: Path, error: OSError) -> ProvisionError:
    return ProvisionError(
        f"{path}: the secrets cannot be kept: {error.strerror}",
        remedy="make room there, or the directory writable, and run again",
    )


def _merge() -> Callable[[str, Mapping[str, str]], str]:
    """The way in which a run that made tokens writes them: that of the playbooks."""
    place = PLAYBOOKS / "comparing" / "secrets_file.py"
    spec = importlib.util.spec_from_file_location("provision_secrets_file", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    merge: Callable[[str, Mapping[str, str]], str] = module.merge
    return merge


def write_secrets(
    path: Path, values: Mapping[str, str], encrypt: Callable[[str], str] | None = None
) -> None:
    """Replace a file, whole or not at all; encrypted where a way to do so is given."""
    text = _HEADER.format(name=path.name) + yaml.safe_dump({KEY: dict(values)}, sort_keys=True)
    try:
        replace_file(path, encrypt(text) if encrypt else text)
    except OSError as error:
        raise _not_kept(path, error) from error


def replace_file(path: Path, text: str) -> None:
    """Write a file of mode 0600 beside the old one and put it in its place; OSError if it fails."""
    real = path.resolve()
    descriptor, temporary = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(real)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
