"""ICMP echo over IPv4 (RFC 792): messages without the IP header."""

from __future__ import annotations

import struct
from typing import Final

from discover.proto.icmp6 import Echo
from discover.proto.malformed import Malformed

ECHO_REQUEST: Final = 8
ECHO_REPLY: Final = 0

_ECHO: Final = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_MAX: Final = 65_535


def encode_echo_request(echo: Echo) -> bytes:
    """Return the message with its checksum. Raises ValueError for numbers beyond 16 bits."""
    return _encode(ECHO_REQUEST, echo)


def encode_echo_reply(echo: Echo) -> bytes:
    """Return the answer to a request; see :func:`encode_echo_request`."""
    return _encode(ECHO_REPLY, echo)


def _encode(kind: int, echo: Echo) -> bytes:
    if not (0 <= echo.identifier <= _MAX and 0 <= echo.sequence <= _MAX):
        raise ValueError("identifier and sequence number have 16 bits")
    bare = _ECHO.pack(kind, 0, 0, echo.identifier, echo.sequence) + echo.data
    return _ECHO.pack(kind, 0, checksum(bare), echo.identifier, echo.sequence) + echo.data


def checksum(message: bytes) -> int:
    """Return the Internet checksum (RFC 1071): 0 for a message that bears its right one."""
    data = message + bytes(len(message) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > _MAX:
        total = (total & _MAX) + (total >> 16)
    return ~total & _MAX


def decode_echo_reply(message: bytes) -> Echo | Malformed:
    """Read an echo reply, with or without the IP header before it (macOS's datagram sockets keep it); never fails."""
    if message[:1] and message[0] >> 4 == 4:
        message = message[(message[0] & 15) * 4 :]
    if len(message) < _ECHO.size:
        return Malformed("too short for an echo reply")
    kind, code, _, identifier, sequence = _ECHO.unpack_from(message)
    if (kind, code) != (ECHO_REPLY, 0):
        return Malformed("no echo reply")
    return Echo(identifier, sequence, message[_ECHO.size :])
