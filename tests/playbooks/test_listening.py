from __future__ import annotations

from ansible.module_utils.provision import listening


def test_the_kernels_addresses() -> None:
    text = (
        "  sl  local_address rem_address   st\n"
        "   0: 0100007F:1F96 00000000:0000 0A 0:0 0:0 0 0 0 71\n"
        "   1: 00000000000000000000000001000000:1F97 0:0 0A 0:0 0:0 0 0 0 72\n"
        "   2: 0000000000000000FFFF00000100007F:1F98 0:0 0A 0:0 0:0 0 0 0 73\n"
        "   3: 0100007F:1F99 00000000:0000 01 0:0 0:0 0 0 0 74\n"
    )
    assert listening.sockets(text, "tcp") == [
        ("127.0.0.1", 8086, 71), ("::1", 8087, 72), ("127.0.0.1", 8088, 73),
    ]  # fmt: skip
