"""Where the services of a host listen, and which of them would be in each other's way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from provision.catalog.model import Transport
from provision.settings import Settings

_ANY = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


@dataclass(frozen=True)
class Listener:
    """A socket that a service of ours listens on, and the variable that sets its port.

    variable is None where no variable does.
    """

    service: str
    protocol: str
    address: str
    port: int
    variable: str | None

    def in_the_way_of(self, other: Listener) -> bool:
        """Whether the two cannot both be there."""
        if (self.protocol, self.port) != (other.protocol, other.port):
            return False
        addresses = {self.address, other.address}
        return len(addresses) == 1 or bool(addresses & _ANY)


def statsd(settings: Settings, transports: frozenset[Transport]) -> Iterator[Listener]:
    """Where Telegraf listens for statsd."""
    if Transport.UDP in transports:
        address, port = settings.telegraf_statsd_address, settings.telegraf_statsd_port
        yield Listener("telegraf", "udp", address, port, "telegraf_statsd_port")
    if Transport.TCP in transports:
        address, port = settings.telegraf_statsd_tcp_address, settings.telegraf_statsd_tcp_port
        yield Listener("telegraf", "tcp", address, port, "telegraf_statsd_tcp_port")


def web(settings: Settings, role: str, service: str) -> Listener:
    """Where the service of a role answers over HTTP: influxdb, grafana or pushgateway."""
    address, port = getattr(settings, f"{role}_address"), getattr(settings, f"{role}_port")
    return Listener(service, "tcp", address, port, f"{role}_port")


def listeners(
    settings: Settings, *, monitor: bool, transports: frozenset[Transport], pushgateway: bool
) -> list[Listener]:
    """Every socket that the services of a host listen on."""
    found = list(statsd(settings, transports))
    if pushgateway:
        found.append(web(settings, "pushgateway", "prometheus-pushgateway"))
    if monitor:
        if not settings.external:
            found.append(web(settings, "influxdb", "influxdb"))
        if settings.influxdb_engine == 1 and not settings.external:
            # For backups of its own; templates/influxdb has it.
            found.append(Listener("influxdb", "tcp", "127.0.0.1", 8088, None))
        if settings.grafana_enabled:
            found.append(web(settings, "grafana", "grafana-server"))
    return found


def clashes(found: list[Listener]) -> Iterator[tuple[Listener, Listener]]:
    """The pairs that are in each other's way; the first has a variable that can be set."""
    for one, other in combinations(found, 2):
        if one.in_the_way_of(other):
            yield (one, other) if one.variable else (other, one)
