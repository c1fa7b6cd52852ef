"""A certificate that the site brings: every fault is told before anything is touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from cryptography.hazmat.primitives import serialization

from provision.errors import InvalidInput
from provision.fleet.keeping import keep_secrets, with_certificates
from provision.fleet.model import Fleet
from provision.tls.certificates import PEM, Key, make_ca, make_certificate, new_key, pem
from tests.conftest import INVENTORY

Make = Callable[..., Fleet]

NOW = datetime.now(UTC)
SITE = INVENTORY + (
    "all: {vars: {tls: files, tls_certificate: own/server.pem, tls_key: own/key.pem,"
    " tls_ca: own/ca.pem, influxdb_url: 'https://db.example.com',"
    " grafana_url: 'https://g.example.com/x'}}\n"
)
NAMES = ["*.example.com"]


def key_pem(key: Key, password: bytes | None = None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, encryption)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A site's own files, all in order."""
    directory = tmp_path / "own"
    directory.mkdir()
    write(directory)
    return directory


CA_KEY = new_key()
AUTHORITY = make_ca(CA_KEY, NOW)


def write(directory: Path, names: list[str] = NAMES, now: datetime = NOW) -> Key:
    key = new_key()
    (directory / "ca.pem").write_text(pem([AUTHORITY]))
    (directory / "server.pem").write_text(
        pem([make_certificate(key, names, AUTHORITY, CA_KEY, now)])
    )
    (directory / "key.pem").write_bytes(key_pem(key))
    (directory / "key.pem").chmod(0o600)
    return key


def problems(fleet: Fleet) -> str:
    with pytest.raises(InvalidInput) as caught:
        with_certificates(fleet)
    return caught.value.message


def test_files_in_order_are_taken_and_the_key_is_not_read_along(fleet_of: Make, own: Path) -> None:
    both = (own / "server.pem").read_text() + (own / "key.pem").read_text()
    (own / "server.pem").write_text(both)  # as some write it
    fleet = fleet_of(SITE)
    keep_secrets(fleet, str)
    tls = with_certificates(fleet).tls
    assert tls.certificate.count("BEGIN CERTIFICATE") == 1 and "PRIVATE" not in tls.certificate
    assert tls.ca == pem([AUTHORITY])
    assert not (own.parent / "tls").exists()
    assert "tls_" not in (own.parent / "secrets.yml").read_text()


def test_without_tls_ca_the_system_s_authorities_count(fleet_of: Make, own: Path) -> None:
    (own / "ca.pem").unlink()
    fleet = fleet_of(SITE.replace(" tls_ca: own/ca.pem,", ""))
    assert with_certificates(fleet).tls.ca is None


def test_a_key_may_be_vaulted(fleet_of: Make, own: Path, tmp_path: Path) -> None:
    vault = VaultLib([("default", VaultSecret(b"of-the-test"))])
    (own / "key.pem").write_bytes(vault.encrypt((own / "key.pem").read_bytes()))
    (own / "key.pem").chmod(0o644)
    (tmp_path / "password").write_text("of-the-test")
    fleet = fleet_of(SITE, "--vault-password-file", str(tmp_path / "password"))
    assert with_certificates(fleet).tls.on
    assert "vault's password" in problems(fleet_of(SITE)) or "decrypt" in problems(fleet_of(SITE))


def test_a_key_of_another_certificate_is_told(fleet_of: Make, own: Path) -> None:
    (own / "key.pem").write_bytes(key_pem(new_key()))
    assert f"{own}/key.pem: tls_key: not the key of tls_certificate" in problems(fleet_of(SITE))


def test_a_key_that_everybody_may_read_is_told(fleet_of: Make, own: Path) -> None:
    (own / "key.pem").chmod(0o644)
    assert "everybody may read it (chmod 0600" in problems(fleet_of(SITE))


def test_a_key_with_a_password_is_told(fleet_of: Make, own: Path) -> None:
    (own / "key.pem").write_bytes(key_pem(write(own), b"password"))
    assert "it has a password" in problems(fleet_of(SITE))


def test_names_that_do_not_fit_are_told(fleet_of: Make, own: Path) -> None:
    write(own, ["monitor.example.com"])
    said = problems(fleet_of(SITE))
    for name in ("db", "g"):
        assert f"not for {name}.example.com, but for monitor.example.com" in said
    assert "set influxdb_url and grafana_url" in said
    without = SITE.replace("tls: files", "tls: files, grafana_enabled: false")
    assert "not for g." not in problems(fleet_of(without))


@pytest.mark.parametrize(("days", "word"), [(-400, "ended on"), (+3, "begins only on")])
def test_a_certificate_out_of_its_time_is_told(
    fleet_of: Make, own: Path, days: int, word: str
) -> None:
    write(own, now=NOW + timedelta(days=days))
    assert word in problems(fleet_of(SITE))


def test_an_authority_that_has_not_signed_it_is_told(fleet_of: Make, own: Path) -> None:
    (own / "ca.pem").write_text(pem([make_ca(new_key(), NOW)]))
    assert "none of the authorities in it has signed" in problems(fleet_of(SITE))


def test_files_that_are_missing_or_garbled_are_told_at_once(fleet_of: Make, own: Path) -> None:
    (own / "server.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
    (own / "ca.pem").unlink()
    said = problems(fleet_of(SITE))
    assert f"{own}/server.pem: tls_certificate: not a certificate in PEM form" in said
    assert f"{own}/ca.pem: tls_ca: No such file or directory" in said
    write(own)
    (own / "key.pem").write_text("no key")
    assert "not a private key in PEM form" in problems(fleet_of(SITE))
