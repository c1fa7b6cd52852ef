"""Which listeners of a worker other hosts can reach, and who of them may send."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from provision.catalog.model import Transport
from provision.settings import Settings

TELEGRAF, PUSHGATEWAY = "telegraf", "prometheus-pushgateway"


@dataclass(frozen=True)
class Listener:
    """Where a unit listens, which variable says so, and which says who may send."""

    unit: str
    protocol: str
    address: str
    port: int
    variable: str
    allowed_variable: str
    allowed: tuple[str, ...]

    @property
    def public(self) -> bool:
        """Whether anybody but the host itself reaches it."""
        return not self.address or not _is_loopback(self.address)

    @property
    def families(self) -> tuple[int, ...]:
        """The versions of IP that it is reached by."""
        if self.address in ("", "::"):  # what listens on all of IPv6 listens on IPv4 as well
            return (4, 6)
        return (ipaddress.ip_address(self.address).version,)

    def networks(self, family: int) -> list[str]:
        """The networks of one version of IP that may send, none within another."""
        kind = ipaddress.IPv4Network if family == 4 else ipaddress.IPv6Network
        found = [ipaddress.ip_network(each) for each in self.allowed]
        return _collapsed([each for each in found if isinstance(each, kind)])

    @property
    def guarded(self) -> bool:
        """Whether somebody is kept out of it."""
        everybody = {4: ["0.0.0.0/0"], 6: ["::/0"]}
        return self.public and any(self.networks(each) != everybody[each] for each in self.families)


@lru_cache
def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _collapsed(networks: list[Any]) -> list[str]:
    return [str(each) for each in ipaddress.collapse_addresses(networks)]


def listeners(
    settings: Settings, transports: Collection[Transport], pushgateway: bool
) -> list[Listener]:
    """All that a worker with these settings listens on."""
    allowed = settings.telegraf_statsd_allowed
    names = {Transport.UDP: "telegraf_statsd", Transport.TCP: "telegraf_statsd_tcp"}
    found = [
        Listener(
            TELEGRAF,
            transport.value,
            getattr(settings, f"{name}_address"),
            getattr(settings, f"{name}_port"),
            f"{name}_address",
            "telegraf_statsd_allowed",
            allowed,
        )
        for transport, name in names.items()
        if transport in transports
    ]
    if pushgateway:
        where = (settings.pushgateway_address, settings.pushgateway_port, "pushgateway_address")
        allowed = settings.pushgateway_allowed
        found.append(Listener(PUSHGATEWAY, "tcp", *where, "pushgateway_allowed", allowed))
    return found


def guarded(
    unit: str, settings: Settings, transports: Collection[Transport], pushgateway: bool
) -> list[Listener]:
    """The listeners of a unit that somebody is kept out of."""
    every = listeners(settings, transports, pushgateway)
    return [each for each in every if each.unit == unit and each.guarded]


def unsaid(listener: Listener) -> tuple[str, str] | None:
    """What is wrong with a listener of which nobody has said who may send, and what to do."""
    if not listener.public or listener.allowed:
        return None
    return (
        f"whoever reaches this host could send to {listener.protocol} port {listener.port}",
        f"say who may, as in {listener.allowed_variable}: [10.0.0.0/8, 192.0.2.7]; "
        "everybody is ['0.0.0.0/0', '::/0']",
    )
