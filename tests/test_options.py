from __future__ import annotations

from pathlib import Path

import pytest

from provision.options import (
    ansible_options,
    first_inventory,
    names_inventory,
    split_words,
    with_inventory,
)
from tests.conftest import INVENTORY


def test_ansibles_options_reach_ansible_under_their_own_names() -> None:
    values = {
        "inventory": ("a", "b"),
        "limit": "w1",
        "extra_vars": ("x=1",),
        "user": "admin",
        "private_key": "/k",
        "ask_become_pass": True,
        "become": True,
        "forks": 3,
        "check": True,
        "diff": True,
        "verbose": 3,
        "vault_id": ("prod@p",),
    }
    assert ansible_options(values) == [
        *("--inventory", "a", "--inventory", "b", "--limit", "w1", "--extra-vars", "x=1"),
        *("--vault-id", "prod@p", "--user", "admin", "--private-key", "/k", "--become"),
        *("--ask-become-pass", "--forks", "3", "--check", "--diff", "-vvv"),
    ]


def test_words_are_host_names_until_the_first_option() -> None:
    assert split_words(["w1", "w2", "--tags", "x"]) == (("w1", "w2"), ("--tags", "x"))
    assert split_words([]) == ((), ())


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ([], None),
        (["-i", "x"], "x"),
        (["-ix"], "x"),
        (["--inventory", "x"], "x"),
        (["--inventory=x"], "x"),
        (["--inventory-file", "x"], "x"),
        (["-l", "w1", "-e", "i=1", "--private-key", "/k"], None),
        (["-e", "x=1", "-i", "x"], "x"),
    ],
)
def test_an_inventory_is_named_as_ansible_takes_it(
    options: list[str], first: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = first is not None
    assert names_inventory(options) is named
    assert first_inventory(options) == first
    monkeypatch.chdir(tmp_path)
    assert with_inventory(options) == options
    Path("inventory.yml").write_text(INVENTORY)
    assert with_inventory(options) == (options if named else ["-i", "inventory.yml", *options])


def test_a_directory_of_that_name_is_no_inventory_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inventory.yml").mkdir()
    assert with_inventory(["-l", "x"]) == ["-l", "x"]
