from __future__ import annotations

import re

from provision.credentials import host_key

ALIKE = (
    *("w1.example.com", "w1-example-com", "w1_example_com", "w1--example.com", "w1.-example.com"),
    *("W1.example.com", "w1..example.com", "w1.example-com", "w1_.example_com", "w1:example:com"),
    *("w1__example_com", "-w1.example.com", "w1.example.com-", "w1.example.com.", "W1.EXAMPLE.COM"),
)


def test_hosts_that_are_called_alike_have_different_keys() -> None:
    keys = [host_key(name) for name in ALIKE]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch("[a-z0-9_]+", key) for key in keys)


def test_an_ordinary_name_is_read_in_its_key() -> None:
    assert host_key("w1.example.com") == "w1_example_com"
    assert host_key("worker-1.example.com") == "worker__1_example_com"
    assert re.fullmatch("eu_w1___[0-9a-f]{8}", host_key("EU_w1"))
    assert host_key("EU_w1") != host_key("eu_w1")
