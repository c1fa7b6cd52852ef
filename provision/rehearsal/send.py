"""Sends what a catalog documents to the statsd of a host, from that host."""

from __future__ import annotations

from collections.abc import Sequence

from provision.rehearsal.hosts import Rehearsal

# One packet a line, a pause after every twenty: what is proven here is what arrives, not how fast.
_SENDER = """
import socket, sys, time
address, port = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as sender:
    for number, line in enumerate(sys.stdin):
        sender.sendto(line.rstrip("\\n").encode(), (address, port))
        if number % 20 == 0:
            time.sleep(0.005)
"""


def send_statsd(
    rehearsal: Rehearsal, host: str, lines: Sequence[str], *, address: str, port: int
) -> None:
    """Send lines, one packet each, to an address as it is seen from the host."""
    rehearsal.execute(
        host, "python3", "-c", _SENDER, address, str(port), stdin="\n".join(lines) + "\n"
    )
