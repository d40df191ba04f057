"""ICMPv6 echo (RFC 4443 section 4): messages without the IPv6 header."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

from discover.proto.malformed import Malformed

ALL_NODES: Final = "ff02::1"
"""Every IPv6 node of the link is a member (RFC 4291 section 2.7.1)."""
ECHO_REQUEST: Final = 128
ECHO_REPLY: Final = 129

_ECHO: Final = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_NEXT_HEADER: Final = 58  # IANA, ICMPv6
_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class Echo:
    """An echo request or reply: the asker's ``identifier`` and ``sequence`` (16 bits each), and the data it sent along."""

    identifier: int
    sequence: int
    data: bytes


def encode_echo_request(echo: Echo, *, source: str, target: str) -> bytes:
    """Return the message with its checksum. Raises ValueError for numbers beyond 16 bits and for what is no IPv6 address."""
    return _encode(ECHO_REQUEST, echo, source, target)


def encode_echo_reply(echo: Echo, *, source: str, target: str) -> bytes:
    """Return the answer to a request; see :func:`encode_echo_request`."""
    return _encode(ECHO_REPLY, echo, source, target)


def _encode(kind: int, echo: Echo, source: str, target: str) -> bytes:
    if not (0 <= echo.identifier <= _MAX and 0 <= echo.sequence <= _MAX):
        raise ValueError("identifier and sequence number have 16 bits")
    bare = _ECHO.pack(kind, 0, 0, echo.identifier, echo.sequence) + echo.data
    return _ECHO.pack(kind, 0, checksum(bare, source=source, target=target), echo.identifier, echo.sequence) + echo.data


def checksum(message: bytes, *, source: str, target: str) -> int:
    """Return the checksum over the pseudo-header and ``message`` (RFC 8200 section 8.1): 0 for a message that bears its right one."""
    head = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(target).packed + struct.pack("!II", len(message), _NEXT_HEADER)
    data = head + message + bytes(len(message) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > _MAX:
        total = (total & _MAX) + (total >> 16)
    return ~total & _MAX


def decode_echo_reply(message: bytes) -> Echo | Malformed:
    """Read an echo reply; its checksum is the kernel's business (RFC 3542 section 3.1)."""
    if len(message) < _ECHO.size:
        return Malformed("an ICMPv6 echo has at least 8 bytes")
    kind, code, _checksum, identifier, sequence = _ECHO.unpack_from(message)
    if (kind, code) != (ECHO_REPLY, 0):
        return Malformed("not an echo reply")
    return Echo(identifier, sequence, message[_ECHO.size :])
