"""ARP for IPv4 over Ethernet (RFC 826): who has this address?"""

from __future__ import annotations

import ipaddress
import struct
from typing import Final, NamedTuple

from discover.proto.mac import mac_from_bytes
from discover.proto.malformed import Malformed

SIZE: Final = 28
"""Bytes of a packet; what follows is Ethernet's padding to 46 (IEEE 802.3 section 3.2.7)."""
REQUEST: Final = 1
REPLY: Final = 2
UNSPECIFIED: Final = "0.0.0.0"
"""The sender of a probe (RFC 5227 section 1.1): somebody asks whether an address is free, and does not have it."""

_ETHERNET: Final = 1  # IANA, ARP hardware types
_IPV4: Final = 0x0800  # the EtherType
# RFC 826, "Packet format": ar$hrd, ar$pro, ar$hln, ar$pln, ar$op, ar$sha, ar$spa, ar$tha, ar$tpa
_PACKET: Final = struct.Struct("!HHBBH6s4s6s4s")
_HEAD: Final = (_ETHERNET, _IPV4, 6, 4)


class ArpPacket(NamedTuple):
    """One packet. MACs as "aa:bb:cc:dd:ee:ff", "" for all zeros or a group address, which is nobody's."""

    operation: int
    sender_mac: str
    sender_address: str
    target_mac: str
    target_address: str


def encode_request(own_mac: str, own_address: str, target: str) -> bytes:
    """Return the request of ``own_address`` at ``own_mac`` ("aa:bb:cc:dd:ee:ff") for ``target``, 28 bytes.

    Raises ValueError for what is no MAC or no IPv4 address.
    """
    return _encode(REQUEST, own_mac, own_address, "00:00:00:00:00:00", target)


def encode_reply(own_mac: str, own_address: str, target_mac: str, target: str) -> bytes:
    """Return the answer of ``own_address`` to ``target``, 28 bytes. Raises ValueError likewise."""
    return _encode(REPLY, own_mac, own_address, target_mac, target)


def _encode(operation: int, own_mac: str, own_address: str, target_mac: str, target: str) -> bytes:
    return _PACKET.pack(*_HEAD, operation, _mac(own_mac), _address(own_address), _mac(target_mac), _address(target))


def _mac(text: str) -> bytes:
    raw = bytes.fromhex(text.replace(":", ""))
    if len(raw) != 6:
        raise ValueError(f"{text!r} is not a MAC address")
    return raw


def _address(text: str) -> bytes:
    try:
        return ipaddress.IPv4Address(text).packed
    except ValueError:
        raise ValueError(f"{text!r} is not an IPv4 address") from None


def decode(payload: bytes) -> ArpPacket | Malformed:
    """Read a request or a reply; padding after it is left out."""
    if len(payload) < SIZE:
        return Malformed("an ARP packet has 28 bytes")
    *head, operation, sender_mac, sender, target_mac, target = _PACKET.unpack_from(payload)
    if tuple(head) != _HEAD:
        return Malformed("not ARP for IPv4 over Ethernet")
    if operation not in (REQUEST, REPLY):
        return Malformed("neither a request nor a reply")
    return ArpPacket(operation, mac_from_bytes(sender_mac), _dotted(sender), mac_from_bytes(target_mac), _dotted(target))


def _dotted(raw: bytes) -> str:
    return ".".join(map(str, raw))
