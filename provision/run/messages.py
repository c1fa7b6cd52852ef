"""What the two processes of a run say to each other, over a socket: a message, and descriptors."""

from __future__ import annotations

import contextlib
import pickle
import socket
from collections.abc import Sequence
from typing import Any

_MOST = 64


def send(connection: socket.socket, message: object, descriptors: Sequence[int] = ()) -> None:
    """Send what received() gives; where the other has ended, its status says why."""
    content = pickle.dumps(message)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        socket.send_fds(connection, [len(content).to_bytes(8, "big")], descriptors)
        connection.sendall(content)


def received(connection: socket.socket) -> tuple[Any, list[int]] | None:
    """A message and the descriptors that came with it; None where the other has ended."""
    content = b""
    with contextlib.suppress(ConnectionResetError):
        size, given, _, _ = socket.recv_fds(connection, 8, _MOST)
        left = int.from_bytes(size, "big")
        while piece := connection.recv(left - len(content)):
            content += piece
    # Both ends are processes of ours.
    return (pickle.loads(content), given) if content else None  # noqa: S301
