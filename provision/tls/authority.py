"""An authority of a site's own: what is kept of it, and what is made anew and why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from provision.tls.certificates import (
    Certificate,
    Key,
    fits,
    is_due,
    is_over,
    is_signed_by,
    key_text,
    make_ca,
    make_certificate,
    names_of,
    new_key,
    pem,
    read_key,
    read_pem,
)


@dataclass(frozen=True)
class Kept:
    """Bundle of authorities (the newest first) and certificate as PEM; keys as in the secrets."""

    ca: str = ""
    certificate: str = ""
    ca_key: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)


def renewed(kept: Kept, names: Sequence[str], now: datetime) -> tuple[Kept, list[str]]:
    """What is to be kept from now on, and in words what is new; the same and nothing if it is well.

    An authority is followed by a new one long before its end. Both are then in the bundle, and the
    old one signs for the last time: until the certificate is renewed the next time, every host has
    the new one. Raises ValueError for a key that is none: `tls_ca_key: …`.
    """
    why: list[str] = []
    authorities = [each for each in _certificates(kept.ca) if not is_over(each, now)]
    ca_key = _key("tls_ca_key", kept.ca_key)
    ca = next((each for each in authorities if fits(ca_key, each)), None)
    if ca is None or ca_key is None:
        if ca_key is None or _was(kept.ca, ca_key):
            ca_key = new_key()
        ca = make_ca(ca_key, now)
        authorities.insert(0, ca)
        why.append("a certificate authority of this site is made")
    certificate, key = kept.certificate, kept.key
    if reason := _not_good(kept, authorities, names, now):
        server = new_key()
        certificate = pem([make_certificate(server, names, ca, ca_key, now)])
        key = key_text(server)
        why.append(f"a certificate for InfluxDB and Grafana is made: {reason}")
    if is_due(ca, now):
        ca_key = new_key()
        authorities.insert(0, make_ca(ca_key, now))
        why.append(
            "a new certificate authority is made, and the old one is trusted until"
            f" {ca.not_valid_after_utc:%Y-%m-%d}"
        )
    bundle = pem(authorities)
    if not why and bundle == kept.ca:
        return kept, []
    return replace(kept, ca=bundle, certificate=certificate, ca_key=key_text(ca_key), key=key), why


def _not_good(
    kept: Kept, authorities: Sequence[Certificate], names: Sequence[str], now: datetime
) -> str:
    """Why a server's certificate is made anew; empty if it stays."""
    found = _certificates(kept.certificate)
    key = _key("tls_server_key", kept.key)
    if not found or key is None:
        return "there is none yet"
    certificate = found[0]
    if not fits(key, certificate):
        return "the key in the secrets file is another's"
    if not is_signed_by(certificate, authorities):
        return "none of the authorities has signed the old one"
    if is_due(certificate, now):
        return f"the old one ends on {certificate.not_valid_after_utc:%Y-%m-%d}"
    before, after = set(names_of(certificate)), set(names)
    if before != after:
        return "its names change: " + ", ".join(
            [*(f"+{name}" for name in names if name not in before)]
            + [f"-{name}" for name in names_of(certificate) if name not in after]
        )
    return ""


def _certificates(text: str) -> list[Certificate]:
    """The certificates in a file of ours; what cannot be read is made anew."""
    try:
        return read_pem(text)
    except ValueError:
        return []


def _key(name: str, text: str | None) -> Key | None:
    if text is None:
        return None
    try:
        return read_key(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _was(bundle: str, key: Key) -> bool:
    """Whether there is a certificate of a key, so that only its time can have passed."""
    return any(fits(key, each) for each in _certificates(bundle))
