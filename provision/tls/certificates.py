"""Certificates: made, read, and held against what they must be. Pure: the time is an argument."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFE = timedelta(days=3650)
# Browsers take none that is for longer than 398 days.
SERVER_LIFE = timedelta(days=397)
# A host's clock may be a little behind.
EARLIER = timedelta(days=1)
# X.520's upper bound of a common name.
_LONGEST_NAME = 64
PEM = serialization.Encoding.PEM

Certificate = x509.Certificate
Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    """A key on P-256, which everything since Go 1.0 and OpenSSL 1.0 knows."""
    return ec.generate_private_key(ec.SECP256R1())


def key_text(key: Key) -> str:
    """A key in one line, as the secrets file has it: PKCS #8 (DER) in base64."""
    content = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return base64.b64encode(content).decode()


def read_key(text: str) -> Key:
    """The key in such a line; ValueError for another text."""
    try:
        key = serialization.load_der_private_key(base64.b64decode(text, validate=True), None)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError("no key (PKCS #8 in base64)") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("no key on an elliptic curve")
    return key


def pem(certificates: Iterable[Certificate]) -> str:
    """Certificates, one after the other."""
    return "".join(each.public_bytes(PEM).decode() for each in certificates)


def read_pem(text: str) -> list[Certificate]:
    """The certificates in a text; ValueError where there are none, or something else is."""
    return x509.load_pem_x509_certificates(text.encode())


def make_ca(key: Key, now: datetime) -> Certificate:
    """The certificate of an authority, by itself. Its name follows from its key."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _name(f"provision CA {identifier.digest.hex()[:16]}")
    return (
        _builder(name, name, key, now - EARLIER, now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def make_certificate(
    key: Key, names: Sequence[str], ca: Certificate, ca_key: Key, now: datetime
) -> Certificate:
    """A server's certificate for names and addresses, signed by an authority."""
    common = next((name for name in names if len(name) <= _LONGEST_NAME), "provision")
    end = min(now + SERVER_LIFE, ca.not_valid_after_utc)
    return (
        _builder(_name(common), ca.subject, key, now - EARLIER, end)
        .add_extension(x509.SubjectAlternativeName(map(_alternative, names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def names_of(certificate: Certificate) -> tuple[str, ...]:
    """The names and addresses that a certificate is for: the common name counts nowhere today."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (
        *found.get_values_for_type(x509.DNSName),
        *map(str, found.get_values_for_type(x509.IPAddress)),
    )


def is_for(certificate: Certificate, name: str) -> bool:
    """Whether it is for a name or address; `*` is one label, the first (RFC 6125, 6.4.3)."""
    try:
        return str(ipaddress.ip_address(name)) in names_of(certificate)
    except ValueError:
        pass
    wanted = name.lower().rstrip(".")
    _, _, parent = wanted.partition(".")
    return any(
        each.lower() == wanted or (bool(parent) and each.lower() == f"*.{parent}")
        for each in names_of(certificate)
    )


def fits(key: object, certificate: Certificate) -> bool:
    """Whether a private key is that of a certificate."""
    public = getattr(key, "public_key", None)
    return public is not None and public() == certificate.public_key()


def is_signed_by(certificate: Certificate, issuers: Iterable[Certificate]) -> bool:
    """Whether one of the issuers signed it itself."""
    for issuer in issuers:
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, TypeError, ValueError):
            continue
        return True
    return False


def is_over(certificate: Certificate, now: datetime) -> bool:
    """Whether its time has passed."""
    return certificate.not_valid_after_utc <= now


def is_due(certificate: Certificate, now: datetime) -> bool:
    """Whether less than a third of its life is left."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - now < life / 3
