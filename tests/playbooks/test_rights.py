"""Whose a token or user is, and when it may go."""

from __future__ import annotations

from typing import Any

import pytest
import trees
from ansible.module_utils.provision import rights

from provision.credentials import fingerprint

OLD: dict[str, Any] = {"name": "t", "why": "w"}


@pytest.mark.parametrize(
    ("text", "owners"),
    [
        ("provision: telegraf on w1 (1a2b3c4d)", ["w1"]),
        ("provision: telegraf on w1", ["w1"]),
        ("provision: telegraf on w9 (1a2b3c4d)", []),
        ("provision: telegraf on w9", None),
        ("provision: telegraf", ["w1", "w2"]),
        ("provision: telegraf (1a2b3c4d)", None),
        ("provision: grafana", ["monitor"]),
        ("provision: grafana (1a2b3c4d)", ["monitor"]),
        ("provision: something else (1a2b3c4d)", None),
        ("admin's Token", None),
        ("", None),
    ],
)
def test_whose_a_token_is(text: str, owners: list[str] | None) -> None:
    entry = trees.state(2)
    holders = [dict(each, base=each["description"]) for each in entry["tokens"]]
    assert rights.owners(entry, holders, rights.description(text)) == owners


@pytest.mark.parametrize(
    ("text", "owners"),
    [
        ("telegraf-w1-1a2b3c4d", ["w1"]),
        ("telegraf-w9-1a2b3c4d", []),
        ("telegraf-w9", None),
        ("telegraf", ["w1", "w2"]),
        ("grafana", ["monitor"]),
        ("grafana-theirs", None),
        ("admin", None),
        ("telegraf_1a2b3c4d", None),
    ],
)
def test_whose_a_user_is(text: str, owners: list[str] | None) -> None:
    entry = trees.state(1)
    holders = [dict(each, base=each["name"]) for each in entry["users"]]
    assert rights.owners(entry, holders, rights.user(text)) == owners


def test_what_a_host_may_still_use_stays() -> None:
    stale = [{**OLD, "name": str(owners), "owners": owners} for owners in ([], ["a"], ["a", "b"])]
    deleted: list[str] = []

    def revoke(settled: dict[str, float], seen: dict[str, float]) -> dict[str, Any]:
        deleted.clear()
        return rights.revoke(
            stale, settled, {"a", "b"}, lambda _: seen, lambda each: deleted.append(each["name"]), 0
        )

    assert revoke({}, {}) == {
        "differences": [{"name": "[]", "action": "remove", "why": "w"}], "unseen": [], "left": 2,
    }  # fmt: skip
    assert revoke({"a": 100.0}, {"a": 101.0})["unseen"] == ["a"], "times are rounded"
    assert deleted == ["[]"]
    assert revoke({"a": 100.0}, {"a": 102.0, "b": 200.0})["left"] == 1
    assert deleted == ["[]", "['a']"]
    assert revoke({"a": 100.0, "b": 100.0}, {"a": 102.0, "b": 102.0})["left"] == 0


def test_a_fingerprint_is_the_same_here_and_on_hosts() -> None:
    assert fingerprint("a secret") == rights.fingerprint("a secret")
    assert rights.described("x", "a secret") == f"x ({fingerprint('a secret')})"


def test_times_of_an_answer() -> None:
    series = [{"tags": {"host": "a"}, "columns": ["time", "last"], "values": [[1500, 7]]}]
    assert rights.seen_times({"results": [{"series": series}]}) == {"a": 1.5}
    assert rights.seen_times({"results": [{}]}) == {}
    assert rights.seen_times("nothing") == {}
