"""For whom a certificate is, held against what OpenSSL makes of the same names."""

from __future__ import annotations

import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provision.tls.certificates import (
    is_for,
    key_text,
    make_ca,
    make_certificate,
    names_of,
    new_key,
    pem,
    read_key,
    read_pem,
)

HAS = ("monitor.example.com", "*.wild.example.com", "192.0.2.1", "2001:db8::1", "under_score")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    ca_key, now = new_key(), datetime.now(UTC)
    ca = make_ca(ca_key, now)
    certificate = make_certificate(new_key(), HAS, ca, ca_key, now)
    (directory / "ca.crt").write_text(pem([ca]))
    (directory / "server.crt").write_text(pem([certificate]))
    return directory


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("monitor.example.com", True),
        ("MONITOR.example.com", True),
        ("other.example.com", False),
        ("example.com", False),
        ("a.wild.example.com", True),
        ("wild.example.com", False),
        ("a.b.wild.example.com", False),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("2001:db8::1", True),
        ("2001:db8:0::0:1", True),
        ("2001:db8::2", False),
        ("under_score", True),
    ],
)
def test_names_are_as_openssl_has_them(files: Path, name: str, good: bool) -> None:
    (certificate,) = read_pem((files / "server.crt").read_text())
    assert is_for(certificate, name) == good
    kind = "ip" if ":" in name or name[0].isdigit() else "hostname"
    said = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile",
         files / "ca.crt", f"-verify_{kind}", name, files / "server.crt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (said.returncode == 0) == good, said.stderr


def test_python_takes_the_authority(files: Path) -> None:
    context = ssl.create_default_context(cadata=(files / "ca.crt").read_text())
    assert context.cert_store_stats()["x509_ca"] == 1


def test_a_certificate_without_alternative_names_is_for_nobody(files: Path) -> None:
    (authority,) = read_pem((files / "ca.crt").read_text())
    assert names_of(authority) == ()
    assert not is_for(authority, "localhost")


def test_keys_come_back_as_they_were() -> None:
    key = new_key()
    assert read_key(key_text(key)).private_numbers() == key.private_numbers()
