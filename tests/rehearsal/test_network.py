from __future__ import annotations

import os
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.rehearsal import network


def test_the_first_free_subnet_is_taken() -> None:
    assert network.free([], []) == 0
    used = [IPv4Network("10.213.0.0/24"), IPv4Network("10.213.1.64/26"), IPv4Network("0.0.0.0/0")]
    assert network.free(used, []) == 2
    assert network.free(used, ["provision2", "eth0"]) == 3


def test_without_a_free_subnet_it_says_so() -> None:
    with pytest.raises(ProvisionError, match=r"10\.213\.0\.0/16"):
        network.free([IPv4Network("10.0.0.0/8")], [])


def test_names_and_addresses() -> None:
    assert len(network.bridge_name(255)) <= 15
    assert network.gateway(7) == "10.213.7.1"
    assert [network.address(7, i) for i in (0, 1, 199)] == [
        "10.213.7.10",
        "10.213.7.11",
        "10.213.7.209",
    ]


def test_only_the_rules_of_a_bridge_are_found_again() -> None:
    listing = (
        "-P FORWARD ACCEPT\n"
        "-A FORWARD -i provision1 -m comment --comment provision1 -j ACCEPT\n"
        "-A FORWARD -i provision11 -m comment --comment provision11 -j ACCEPT\n"
        '-A FORWARD -m comment --comment "of another" -j DROP\n'
    )
    assert network.marked(listing, "provision1") == [
        ["FORWARD", "-i", "provision1", "-m", "comment", "--comment", "provision1", "-j", "ACCEPT"]
    ]


def test_a_bridge_is_called_by_the_end_of_its_rehearsal_s_path() -> None:
    assert network.alias(Path("/a/rehearsals/one")) == "/a/rehearsals/one"
    assert network.alias(Path("/" + "ä" * 200 + "/one")) == "ä" * 125 + "/one"
    assert network.alias(Path(os.fsdecode(b"/\xff/one"))) == "//one"


def test_every_rule_carries_the_mark_by_which_it_is_deleted() -> None:
    for _, chain, *specification in network.rules(3):
        line = f"-A {chain} {' '.join(specification)}"
        assert network.marked(line, "provision3") == [[chain, *specification]]
