"""Just enough of OpenPGP (RFC 9580) to pick one key block out of a file by its fingerprint."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Iterator

_PUBLIC_KEY = 6
_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.S
)


class OpenPgpError(ValueError):
    """The bytes are no OpenPGP public keys."""


def dearmour(data: bytes) -> bytes:
    """Give the binary packets of every armoured block in data, or data itself if it is binary."""
    blocks = _ARMOUR.findall(data)
    if not blocks:
        if not data or not data[0] & 0x80:
            raise OpenPgpError("this is no OpenPGP key, neither binary nor armoured")
        return data
    return b"".join(_decoded(block) for block in blocks)


def _decoded(block: bytes) -> bytes:
    lines = [line.strip() for line in block.splitlines()]
    start = lines.index(b"") + 1 if b"" in lines else 0
    # The line that begins with "=" is the checksum, which newer armour leaves out.
    body = b"".join(line for line in lines[start:] if not line.startswith(b"="))
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise OpenPgpError("the armour is damaged: %s" % error) from None


def packets(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (tag, body, the packet as it stands) of each packet in data."""
    position = 0
    while position < len(data):
        start = position
        try:
            tag, length, position = _header(data, position)
        except IndexError:
            raise OpenPgpError("the key ends in the middle of a packet") from None
        end = position + length
        if end > len(data):
            raise OpenPgpError("the key ends in the middle of a packet")
        yield tag, data[position:end], data[start:end]
        position = end


def _header(data: bytes, position: int) -> tuple[int, int, int]:
    first = data[position]
    position += 1
    if not first & 0x80:
        raise OpenPgpError("this is no OpenPGP packet")
    if first & 0x40:
        return (first & 0x3F, *_new_length(data, position))
    size = 1 << (first & 3)
    if size == 8:
        raise OpenPgpError("a packet of indeterminate length is no key")
    if position + size > len(data):
        raise IndexError
    return (
        (first >> 2) & 0xF,
        int.from_bytes(data[position : position + size], "big"),
        position + size,
    )


def _new_length(data: bytes, position: int) -> tuple[int, int]:
    first = data[position]
    if first < 192:
        return first, position + 1
    if first < 224:
        return ((first - 192) << 8) + data[position + 1] + 192, position + 2
    if first == 255:
        if position + 5 > len(data):
            raise IndexError
        return int.from_bytes(data[position + 1 : position + 5], "big"), position + 5
    raise OpenPgpError("a packet of partial length is no key")


def fingerprint(body: bytes) -> str:
    """The fingerprint of a public key packet (RFC 9580, 5.5.4), in capital hexadecimal."""
    version = body[0] if body else 0
    if version == 4:
        # S324: version 4 is defined with SHA-1.
        return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper()  # noqa: S324
    if version == 6:
        return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
    raise OpenPgpError("a key of version %d is not understood" % version)


def key_blocks(data: bytes) -> list[tuple[str, bytes]]:
    """The key blocks in data (binary or armoured): (primary fingerprint, binary block) each."""
    blocks: list[tuple[str, bytes]] = []
    for tag, body, whole in packets(dearmour(data)):
        if tag == _PUBLIC_KEY:
            blocks.append((fingerprint(body), whole))
        elif blocks:
            blocks[-1] = (blocks[-1][0], blocks[-1][1] + whole)
    if not blocks:
        raise OpenPgpError("there is no public key in it")
    return blocks


def normal(text: str) -> str:
    """A fingerprint as people write it, without its spaces and in capitals."""
    return re.sub(r"[\s:]", "", text).upper()
