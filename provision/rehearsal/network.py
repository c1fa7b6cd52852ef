"""The network of a rehearsal: a bridge, a free /24 for it, and masquerading to the world."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable
from ipaddress import IPv4Network
from itertools import pairwise
from pathlib import Path

from provision.errors import ProvisionError
from provision.rehearsal import kernel, processes

RANGE = IPv4Network("10.213.0.0/16")
BRIDGE_PREFIX = "provision"  # provision255: 12 of the 15 characters that an interface name may have
_LONGEST_ALIAS = 255  # bytes (linux/if.h, IFALIASZ, with the 0 at its end)


def bridge_name(number: int) -> str:
    """The bridge of subnet 10.213.<number>.0/24."""
    return f"{BRIDGE_PREFIX}{number}"


def subnet(number: int) -> IPv4Network:
    """10.213.<number>.0/24."""
    return list(RANGE.subnets(new_prefix=24))[number]


def gateway(number: int) -> str:
    """This machine's address in the subnet."""
    return str(subnet(number)[1])


def address(number: int, index: int) -> str:
    """The address of the host of that index (from 0) in the subnet: .10, .11, ..."""
    return str(subnet(number)[10 + index])


def free(networks: Iterable[IPv4Network], interfaces: Iterable[str]) -> int:
    """The first number whose subnet overlaps no network and whose bridge does not exist.

    Raises ProvisionError if there is none.
    """
    taken = [network for network in networks if network.prefixlen > 0]
    names = set(interfaces)
    for number, candidate in enumerate(RANGE.subnets(new_prefix=24)):
        if bridge_name(number) in names:
            continue
        if not any(candidate.overlaps(network) for network in taken):
            return number
    raise ProvisionError(
        f"no /24 of {RANGE} is free on this machine", remedy="take rehearsals down that still stand"
    )


def networks_in_use() -> list[IPv4Network]:
    """The IPv4 networks of this machine's addresses and routes, of all routing tables."""
    links = json.loads(processes.run("ip", "-json", "-4", "address").stdout or "[]")
    routes = json.loads(
        processes.run("ip", "-json", "-4", "route", "show", "table", "all").stdout or "[]"
    )
    found = [f"{info['local']}/{info['prefixlen']}" for link in links for info in link["addr_info"]]
    found += [route["dst"] for route in routes if route.get("dst", "default") != "default"]
    return [IPv4Network(network, strict=False) for network in found]


def interfaces() -> list[str]:
    """The names of this machine's network interfaces."""
    return sorted(path.name for path in Path("/sys/class/net").iterdir())


def rules(number: int) -> list[list[str]]:
    """The iptables rules of a subnet: table, chain and specification, as words after -A.

    FORWARD and INPUT are opened because other software (Docker, ufw) sets them to DROP.
    """
    bridge, net = bridge_name(number), str(subnet(number))
    mark = ["-m", "comment", "--comment", bridge]
    return [
        ["nat", "POSTROUTING", "-s", net, "!", "-d", net, *mark, "-j", "MASQUERADE"],
        ["filter", "FORWARD", "-i", bridge, *mark, "-j", "ACCEPT"],
        ["filter", "FORWARD", "-o", bridge, *mark, "-j", "ACCEPT"],
        ["filter", "INPUT", "-i", bridge, *mark, "-j", "ACCEPT"],
    ]


def set_up(number: int, owner: Path) -> None:
    """Create the bridge with its address, forward and masquerade. Hold the machine's lock.

    owner is the directory of the rehearsal, which `ip link` shows as the bridge's alias: numbers
    are free for another once a rehearsal is taken down.
    """
    bridge = bridge_name(number)
    processes.run(
        *("ip", "link", "add", bridge, "type", "bridge", "stp_state", "0", "forward_delay", "0")
    )
    processes.run("ip", "link", "set", bridge, "alias", alias(owner))
    no_ipv6 = Path(f"/proc/sys/net/ipv6/conf/{bridge}/disable_ipv6")
    if no_ipv6.exists():
        no_ipv6.write_text("1")
    processes.run("ip", "address", "add", f"{gateway(number)}/24", "dev", bridge)
    processes.run("ip", "link", "set", bridge, "up")
    kernel.raise_all()
    for table, chain, *specification in rules(number):
        processes.run("iptables", "-w", "-t", table, "-I", chain, *specification)


def alias(owner: Path) -> str:
    """What the bridge of the rehearsal in a directory is called besides: the end of its path."""
    return os.fsencode(owner)[-_LONGEST_ALIAS:].decode(errors="ignore")


def tear_down(number: int) -> None:
    """Delete what set_up made, also if only part of it is there. Hold the machine's lock."""
    bridge = bridge_name(number)
    for table in ("nat", "filter"):
        listing = processes.run("iptables", "-w", "-t", table, "-S").stdout
        for words in marked(listing, bridge):
            processes.run("iptables", "-w", "-t", table, "-D", *words, check=False)
    for name in ports(bridge):
        processes.run("ip", "link", "delete", name, check=False)
    if bridge in interfaces():
        processes.run("ip", "link", "delete", bridge)
    others = [name for name in interfaces() if name.startswith(BRIDGE_PREFIX)]
    if not others:
        kernel.put_back()


def ports(bridge: str) -> list[str]:
    """The interfaces that are ports of a bridge."""
    directory = Path(f"/sys/class/net/{bridge}/brif")
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def marked(listing: str, bridge: str) -> list[list[str]]:
    """Of the output of iptables -S: the rules whose comment is the bridge, as words after -D."""
    found = []
    for line in listing.splitlines():
        words = shlex.split(line)
        if words[:1] == ["-A"] and ("--comment", bridge) in pairwise(words):
            found.append(words[1:])
    return found
