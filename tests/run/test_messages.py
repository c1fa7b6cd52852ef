from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

from provision.run.messages import received, send


def test_a_message_and_its_descriptors_arrive() -> None:
    here, there = socket.socketpair()
    reading, writing = os.pipe()
    with here, there:
        send(here, ("run", {"a": [1, None]}, Path("/x")), [writing])
        os.close(writing)
        answer = received(there)
        assert answer is not None
        message, (given,) = answer
        assert message == ("run", {"a": [1, None]}, Path("/x"))
        os.write(given, b"told")
        os.close(given)
    assert os.read(reading, 10) == b"told"
    os.close(reading)


def test_one_that_is_larger_than_a_sockets_buffer_arrives_whole() -> None:
    here, there = socket.socketpair()
    text = "x" * (8 << 20)
    with here, there:
        sending = threading.Thread(target=send, args=(here, text))
        sending.start()
        assert received(there) == (text, [])
        sending.join()


def test_where_the_other_has_ended_nothing_is_sent_or_received() -> None:
    here, there = socket.socketpair()
    with here:
        there.close()
        send(here, "to nobody")
        assert received(here) is None
