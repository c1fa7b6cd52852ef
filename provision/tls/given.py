"""A certificate that the site brings: read, and held against its key, the names and the time.

What is wrong is told at once, before anything on a host is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from provision.errors import InvalidInput, Problem, ProvisionError
from provision.secrets import is_vaulted
from provision.tls.certificates import (
    Certificate,
    fits,
    is_for,
    is_over,
    is_signed_by,
    names_of,
    read_pem,
)
from provision.tls.model import Tls


def read_given(
    tls: Tls, read_bytes: Callable[[Path], bytes], now: datetime
) -> tuple[str, str | None]:
    """(certificate with what is between it and its authority, authorities or None) as PEM.

    read_bytes decrypts what ansible-vault encrypted. Raises InvalidInput with all that is wrong.
    """
    given = tls.given
    assert given is not None
    problems: list[Problem] = []
    chain, certificate = read_file(given.certificate, "tls_certificate", read_bytes, problems)
    authorities, ca = None, None
    if given.ca:
        authorities, ca = read_file(given.ca, "tls_ca", read_bytes, problems)
    file = str(given.certificate)
    if chain:
        leaf = chain[0]
        problems += _key_problems(given.key, leaf, read_bytes)
        problems += _names(file, leaf, [name for name in (tls.influxdb, tls.grafana) if name])
        for each in chain:
            problems += _times(file, each, now)
        if authorities:
            trusted = any(each in authorities for each in chain)
            if not trusted and not any(is_signed_by(each, authorities) for each in chain):
                problems.append(
                    Problem(
                        str(given.ca),
                        "tls_ca",
                        f"none of the authorities in it has signed {given.certificate}",
                        "put the certificates between them into tls_certificate, behind its own",
                    )
                )
    if problems:
        raise InvalidInput(problems)
    return certificate, ca


def read_authorities(path: Path, setting: str, read_bytes: Callable[[Path], bytes]) -> str:
    """The certificates of a file as PEM; setting is what names it. Raises InvalidInput."""
    problems: list[Problem] = []
    _, text = read_file(path, setting, read_bytes, problems)
    if problems:
        raise InvalidInput(problems)
    return text


def read_file(
    path: Path, setting: str, read_bytes: Callable[[Path], bytes], problems: list[Problem]
) -> tuple[list[Certificate], str]:
    """The certificates of a file, and them as PEM, without what else is in it.

    setting is what names the file; what is wrong with it is added to problems.
    """
    try:
        text = _text(path, read_bytes)
        return read_pem(text), text
    except ProvisionError as error:
        problems.append(Problem(str(path), setting, error.message.removeprefix(f"{path}: ")))
    except ValueError:
        problems.append(Problem(str(path), setting, "not a certificate in PEM form"))
    return [], ""


def _text(path: Path, read_bytes: Callable[[Path], bytes]) -> str:
    """A file of certificates alone: what else is in it, a key perhaps, is not taken along."""
    text, inside = "", False
    for line in read_bytes(path).decode("ascii", "replace").splitlines():
        inside = inside or line.strip() == "-----BEGIN CERTIFICATE-----"
        if inside:
            text += f"{line.strip()}\n"
        inside = inside and line.strip() != "-----END CERTIFICATE-----"
    return text


def _key_problems(
    path: Path, certificate: Certificate, read_bytes: Callable[[Path], bytes]
) -> list[Problem]:
    where = "tls_key"
    try:
        content = read_bytes(path)
        if path.stat().st_mode & 0o007 and not is_vaulted(path):
            return [Problem(str(path), where, "everybody may read it", f"chmod 0600 {path}")]
    except ProvisionError as error:
        return [Problem(str(path), where, error.message.removeprefix(f"{path}: "))]
    try:
        key = serialization.load_pem_private_key(content, None)
    except TypeError:
        hint = "write it without (openssl pkey), and encrypt it with ansible-vault"
        return [
            Problem(str(path), where, "it has a password, which the services do not know", hint)
        ]
    except ValueError:
        return [Problem(str(path), where, "not a private key in PEM form")]
    if not fits(key, certificate):
        return [Problem(str(path), where, "not the key of tls_certificate")]
    return []


def _names(file: str, certificate: Certificate, names: Sequence[str]) -> list[Problem]:
    has = ", ".join(names_of(certificate)) or "no name at all (subjectAltName)"
    return [
        Problem(
            file,
            "tls_certificate",
            f"not for {name}, but for {has}",
            "set influxdb_url and grafana_url to https:// and a name that it is for",
        )
        for name in dict.fromkeys(names)
        if not is_for(certificate, name)
    ]


def _times(file: str, certificate: Certificate, now: datetime) -> list[Problem]:
    what = certificate.subject.rfc4514_string()
    if is_over(certificate, now):
        told = f"{what} ended on {certificate.not_valid_after_utc:%Y-%m-%d}"
        return [Problem(file, "tls_certificate", told, "put a renewed one there")]
    if certificate.not_valid_before_utc > now:
        told = f"{what} begins only on {certificate.not_valid_before_utc:%Y-%m-%d}"
        return [Problem(file, "tls_certificate", told, "see whether the clock here is right")]
    return []
