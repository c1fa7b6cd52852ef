from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.provision import keyrings

WHO = ("influxdata", "http://repo")


class Home:
    """A gpg that can make keys and subkeys."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.run("--quick-generate-key", "test", "ed25519", "cert", "never")
        self.fingerprint = self.run("--with-colons", "--list-keys").split("fpr:::::::::")[1][:40]

    def run(self, *words: str) -> str:
        gpg = ("gpg", "--homedir", self.home, "--batch", "--quiet", "--no-options")
        secret = ("--passphrase", "", "--pinentry-mode", "loopback")
        return subprocess.run(
            [*gpg, *secret, *words], check=True, capture_output=True, text=True
        ).stdout

    def export(self, path: Path) -> str:
        path.write_text(self.run("--armor", "--export"))
        return str(path)


@pytest.fixture
def home() -> Iterator[Home]:
    # gpg-agent's socket has to fit into 107 characters.
    with tempfile.TemporaryDirectory(prefix="provision-test-", dir="/tmp") as directory:
        yield Home(directory)
        subprocess.run(["gpgconf", "--homedir", directory, "--kill", "all"], check=False)


def test_a_new_subkey_of_the_same_primary_key_is_taken(home: Home, tmp_path: Path) -> None:
    keyring, key = tmp_path / "ring.gpg", home.export(tmp_path / "key.asc")
    assert keyrings.renew(*WHO, key, home.fingerprint, str(keyring))
    assert keyrings.holds(str(keyring), home.fingerprint)
    before = keyring.read_bytes()
    assert not keyrings.renew(*WHO, key, home.fingerprint, str(keyring)), "nothing is new"
    home.run("--quick-add-key", home.fingerprint, "ed25519", "sign", "never")
    home.export(tmp_path / "key.asc")
    assert keyrings.renew(*WHO, key, home.fingerprint, str(keyring))
    assert keyring.read_bytes() != before
    assert keyrings.holds(str(keyring), home.fingerprint)
    assert keyring.stat().st_mode & 0o777 == 0o644


def test_another_primary_key_is_refused_and_the_old_one_stays(home: Home, tmp_path: Path) -> None:
    keyring, key = tmp_path / "ring.gpg", home.export(tmp_path / "key.asc")
    keyring.write_bytes(b"old")
    with pytest.raises(keyrings.KeyringError, match=home.fingerprint) as error:
        keyrings.renew(*WHO, key, "0" * 40, str(keyring))
    assert "has changed" in error.value.remedy
    assert keyring.read_bytes() == b"old"


def test_a_key_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(keyrings.KeyringError, match="can't be read from"):
        keyrings.fetch(*WHO, str(tmp_path / "none"), "0" * 40)
