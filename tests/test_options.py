from __future__ import annotations

from provision.options import ansible_options, split_words


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
