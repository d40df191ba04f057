"""Digi's ADDP on UDP 2362 (multicast 224.0.5.128): who is there, and nothing else.

Source: christophgysin/addp doc/protocol, src/addp/constants.h. Types 3, 5 and 7 reconfigure or restart a
module; this codec cannot encode them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from discover.proto.mac import canonical_mac, mac_from_bytes
from discover.proto.malformed import Malformed

PORT: Final = 2362
GROUP: Final = "224.0.5.128"
QUESTION: Final = b"DIGI\x00\x01\x00\x06" + b"\xff" * 6
"""Type 1 (discovery), 6 bytes: the MAC address asked for, here all of them."""

_MAGIC: Final = b"DIGI"
_REPLY: Final = 2

_MAC: Final = 0x01
_IP: Final = 0x02
_MASK: Final = 0x03
_NETWORK_NAME: Final = 0x04
_FIRMWARE: Final = 0x08
_GATEWAY: Final = 0x0B
_DEVICE: Final = 0x0D
_REAL_PORT: Final = 0x0E
_DHCP: Final = 0x10
_SERIAL_PORTS: Final = 0x12
_TLS_PORT: Final = 0x13


@dataclass(frozen=True, slots=True, kw_only=True)
class AddpReply:
    """A module's answer: ``name`` is what it was named in its network ("" where nobody did), ``device`` its model.

    ``real_port`` and ``tls_port`` are the TCP ports of RealPort, 0 where they were not told; so is ``serial_ports``.
    """

    mac: str
    ip: str = ""
    mask: str = ""
    gateway: str = ""
    name: str = ""
    device: str = ""
    firmware: str = ""
    dhcp: bool = False
    real_port: int = 0
    tls_port: int = 0
    serial_ports: int = 0


def is_question(payload: bytes, mac: str = "") -> bool:
    """Tell whether a datagram asks all modules, or the one with ``mac``, who they are."""
    if len(payload) != len(QUESTION) or payload[:8] != QUESTION[:8]:
        return False
    wanted = payload[8:]
    return wanted == QUESTION[8:] or (bool(mac) and mac_from_bytes(wanted) == canonical_mac(mac))


def encode_reply(reply: AddpReply) -> bytes:
    """Return a module's answer as its datagram (used by the demo LAN). Raises ValueError for a text above 255 bytes."""
    fields: list[tuple[int, bytes]] = [(_MAC, bytes.fromhex(reply.mac.replace(":", "")))]
    for kind, address in ((_IP, reply.ip), (_MASK, reply.mask), (_GATEWAY, reply.gateway)):
        if address:
            fields.append((kind, ipaddress.IPv4Address(address).packed))
    for kind, text in ((_NETWORK_NAME, reply.name), (_DEVICE, reply.device)):
        if text:
            fields.append((kind, text.encode()))
    fields.append((_DHCP, bytes((int(reply.dhcp),))))
    if reply.firmware:
        fields.append((_FIRMWARE, reply.firmware.encode()))
    for kind, port in ((_REAL_PORT, reply.real_port), (_TLS_PORT, reply.tls_port)):
        if port:
            fields.append((kind, port.to_bytes(4, "big")))
    if reply.serial_ports:
        fields.append((_SERIAL_PORTS, bytes((reply.serial_ports,))))
    if any(len(value) > 255 for _, value in fields):
        raise ValueError("a field of ADDP has at most 255 bytes")
    body = b"".join(bytes((kind, len(value))) + value for kind, value in fields)
    return _MAGIC + _REPLY.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def decode(payload: bytes) -> AddpReply | Malformed:
    """Read a discovery reply (type 2); unknown fields are left out, the first of each kind counts."""
    if payload[:4] != _MAGIC or len(payload) < 8:
        return Malformed("not ADDP")
    if int.from_bytes(payload[4:6], "big") != _REPLY:
        return Malformed("not a discovery reply")
    body = payload[8 : 8 + int.from_bytes(payload[6:8], "big")]
    if len(body) < int.from_bytes(payload[6:8], "big"):
        return Malformed("the reply is cut short")
    found = _fields(body)
    if isinstance(found, Malformed):
        return found
    mac = mac_from_bytes(found.get(_MAC, b""))
    if not mac:
        return Malformed("the reply has no MAC address")
    return AddpReply(
        mac=mac,
        ip=_address(found, _IP),
        mask=_address(found, _MASK),
        gateway=_address(found, _GATEWAY),
        name=_text(found, _NETWORK_NAME),
        device=_text(found, _DEVICE),
        firmware=_text(found, _FIRMWARE),
        dhcp=_number(found, _DHCP) == 1,
        real_port=_port(found, _REAL_PORT),
        tls_port=_port(found, _TLS_PORT),
        serial_ports=_number(found, _SERIAL_PORTS),
    )


def _fields(body: bytes) -> Mapping[int, bytes] | Malformed:
    found: dict[int, bytes] = {}
    index = 0
    while index < len(body):
        value = body[index + 2 : index + 2 + (body[index + 1] if index + 1 < len(body) else 0)]
        if index + 1 >= len(body) or len(value) < body[index + 1]:
            return Malformed("a field is cut short")
        found.setdefault(body[index], value)
        index += 2 + len(value)
    return found


def _address(found: Mapping[int, bytes], kind: int) -> str:
    raw = found.get(kind, b"")
    return str(ipaddress.IPv4Address(raw)) if len(raw) == 4 else ""


def _text(found: Mapping[int, bytes], kind: int) -> str:
    return found.get(kind, b"").decode("utf-8", "replace").strip("\0 ")


def _number(found: Mapping[int, bytes], kind: int) -> int:
    raw = found.get(kind, b"")
    return int.from_bytes(raw, "big") if len(raw) <= 4 else 0


def _port(found: Mapping[int, bytes], kind: int) -> int:
    number = _number(found, kind)
    return number if number <= 65535 else 0
