from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret, is_encrypted
from comparing import secrets_file

TEXT = """\
# Ours.
other: 1
provision_secrets:
    # a comment
    a: one
    token: old  # gone with the old one
    b: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      3132
last: 2
"""


def test_sets_and_adds_and_leaves_the_rest_as_it_is() -> None:
    merged = secrets_file.merge(TEXT, {"token": "new'=", "more": "x: y"})
    assert secrets_file.values(merged)["token"] == "new'="
    assert secrets_file.values(merged)["more"] == "x: y"
    kept = set(TEXT.splitlines()) - {"    token: old  # gone with the old one"}
    assert kept <= set(merged.splitlines())


@pytest.mark.parametrize(
    "text",
    ["", "---\n", "# nothing\n", "provision_secrets: {}\n", "provision_secrets: {a: b}\n",
     "provision_secrets:\n", "a: 1", "provision_secrets:\n  token: |\n    two\n    lines\n"],
)  # fmt: skip
def test_any_form_of_file(text: str) -> None:
    merged = secrets_file.merge(text, {"token": "new"})
    assert secrets_file.values(merged) == {**secrets_file.values(text), "token": "new"}
    assert set(yaml.safe_load(merged)) == set(yaml.safe_load(text) or ()) | {"provision_secrets"}


def test_a_file_that_must_be_written_anew_keeps_vaulted_values() -> None:
    text = 'provision_secrets: {a: !vault "x\\ny", token: old}\n'
    merged = secrets_file.merge(text, {"token": "new"})
    assert "a: !vault |-\n    x\n    y\n" in merged
    assert secrets_file.values(merged) == {"a": "x\ny", "token": "new"}


def test_a_vaulted_file_stays_vaulted_and_private(tmp_path: Path) -> None:
    loader = DataLoader()
    loader.set_vault_secrets([("default", VaultSecret(b"password"))])
    path = tmp_path / "secrets.yml"
    path.write_bytes(loader._vault.encrypt(b"provision_secrets:\n  a: one\n"))
    secrets_file.remember(path, {"token": "new"}, loader)
    assert is_encrypted(path.read_bytes())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secrets_file.read(path, loader) == {"a": "one", "token": "new"}


def test_makes_the_file_if_there_is_none(tmp_path: Path) -> None:
    loader = DataLoader()
    secrets_file.remember(tmp_path / "new" / "s.yml", {"token": "new"}, loader)
    assert secrets_file.read(tmp_path / "new" / "s.yml", loader) == {"token": "new"}


def test_takes_away_and_leaves_the_rest_as_it_is() -> None:
    left = secrets_file.without(TEXT, ["token", "b", "not there"])
    gone = {"    token: old  # gone with the old one", "    b: !vault |",
            "      $ANSIBLE_VAULT;1.1;AES256", "      3132"}  # fmt: skip
    assert left.splitlines() == [line for line in TEXT.splitlines() if line not in gone]


@pytest.mark.parametrize(
    "text",
    ["provision_secrets: {token: x, a: 1}\n", "o:\n  token: 1\nprovision_secrets:\n  token: x\n",
     "provision_secrets:\n  token: |\n    two\n    lines\n  a: 1\n"],
)  # fmt: skip
def test_takes_away_from_any_form_of_file(text: str) -> None:
    left = secrets_file.without(text, ["token"])
    assert "token" not in secrets_file.values(left)
    wanted = yaml.safe_load(text)
    del wanted["provision_secrets"]["token"]
    assert yaml.safe_load(left) == wanted


def test_a_vaulted_file_is_vaulted_again_with_its_own_password_and_id(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yml"
    loader = DataLoader()
    mine, another = VaultSecret(b"mine"), VaultSecret(b"another")
    loader.set_vault_secrets([("first", another), ("prod", mine)])
    text = b"provision_secrets: {a: one}\n"
    path.write_bytes(loader._vault.encrypt(text, secret=mine, vault_id="prod"))
    secrets_file.remember(path, {"b": "two"}, loader)
    assert path.read_bytes().startswith(b"$ANSIBLE_VAULT;1.2;AES256;prod\n")
    loader.set_vault_secrets([("prod", mine)])
    assert secrets_file.read(path, loader) == {"a": "one", "b": "two"}
