from __future__ import annotations

from ansible.module_utils.provision import tokens


def test_rights_are_the_same_whatever_names_the_server_adds() -> None:
    wanted = tokens.permissions("read", "o", "b")
    told = [
        {"action": "read",
         "resource": {"type": "buckets", "id": "b", "orgID": "o", "name": "x", "org": "y"}}
    ]  # fmt: skip
    assert tokens.same_rights(wanted, told)
    assert not tokens.same_rights(wanted, told + tokens.permissions("write", "o", "b"))
    everywhere = [{"action": "read", "resource": {"type": "buckets", "orgID": "o"}}]
    assert not tokens.same_rights(wanted, everywhere)
