"""Against keys that gpg makes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.provision import openpgp

pytestmark = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")


def gpg(home: Path, *words: str) -> bytes:
    environment = {**os.environ, "GNUPGHOME": str(home)}
    return subprocess.run(
        ["gpg", "--batch", "--quiet", *words], env=environment, check=True, capture_output=True
    ).stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    for name in ("one", "two"):
        gpg(home, "--passphrase", "", "--quick-gen-key", name, "rsa2048", "sign", "never")
    gpg(home, "--passphrase", "", "--quick-add-key", fingerprint(home, "one"), "rsa2048", "encr")
    yield home
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


def fingerprint(home: Path, name: str) -> str:
    lines = gpg(home, "--list-keys", "--with-colons", name).decode().splitlines()
    return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))


@pytest.mark.parametrize("armour", [[], ["--armor"]])
def test_finds_the_blocks_of_each_primary_key(home: Path, armour: list[str]) -> None:
    both = gpg(home, *armour, "--export")
    blocks = dict(openpgp.key_blocks(both))
    assert set(blocks) == {fingerprint(home, "one"), fingerprint(home, "two")}
    assert blocks[fingerprint(home, "one")] == gpg(home, "--export", "one")
    assert blocks[fingerprint(home, "two")] == gpg(home, "--export", "two")


def test_two_armoured_blocks_in_one_file(home: Path) -> None:
    text = gpg(home, "--armor", "--export", "one") + gpg(home, "--armor", "--export", "two")
    assert len(openpgp.key_blocks(text)) == 2


@pytest.mark.parametrize("junk", [b"", b"<html>404</html>", b"\x99\x01"])
def test_refuses_what_is_no_key(junk: bytes) -> None:
    with pytest.raises(openpgp.OpenPgpError):
        openpgp.key_blocks(junk)


def test_refuses_a_key_cut_short(home: Path) -> None:
    with pytest.raises(openpgp.OpenPgpError):
        openpgp.key_blocks(gpg(home, "--export", "one")[:-10])


def test_version_6_is_known() -> None:
    # RFC 9580, appendix A.3: the certificate's primary key and its fingerprint.
    body = bytes.fromhex(
        "0663877fe31b00000020f94da7bb48d60a61e567706a6587d0331999bb9d891a08242ead84543df895a3"
    )
    expected = "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9"
    assert openpgp.fingerprint(body) == expected


def test_spaces_in_a_fingerprint_do_not_count() -> None:
    assert openpgp.normal("24c9 75CB A61A\n") == "24C975CBA61A"
