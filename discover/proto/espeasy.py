"""ESPEasy's peer-to-peer system information on UDP 8266 (letscontrolit/ESPEasy src/src/DataStructs/NodeStruct.h).

``FF 01 mac[6] ip[4] unit[1] build[2] name[25] type[1]``, little endian; builds since 20107 append the
web server's port, the access point's MAC, load and more. Older builds send less than the name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from discover.proto import wellknown
from discover.proto.mac import mac_from_bytes
from discover.proto.malformed import Malformed

PORT: Final = wellknown.ESPEASY_PORT
TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "ESP Easy",
        5: "RPI Easy",
        17: "ESP Easy Mega",
        33: "ESP Easy 32",
        34: "ESP Easy 32-S2",
        35: "ESP Easy 32-C3",
        36: "ESP Easy 32-S3",
        37: "ESP Easy 32-C2",
        38: "ESP Easy 32-H2",
        39: "ESP Easy 32-C6",
        65: "Arduino Easy",
        81: "Nano Easy",
    }
)
"""Node types (letscontrolit/ESPEasy src/src/DataTypes/NodeTypeID.h)."""

_BASE: Final = 13
_NAMED: Final = 41
_MAX: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """One node as it tells of itself; ``name`` is "" and ``type`` "" where the build is too old to tell; ``web_port`` 0 likewise."""

    mac: str
    ip: str
    unit: int
    build: int = 0
    name: str = ""
    type: str = ""
    web_port: int = 0


def encode(info: NodeInfo) -> bytes:
    """Return the datagram with the web server's port, as current builds send it. Raises ValueError for values that do not fit."""
    number = next((code for code, name in TYPES.items() if name == info.type), None)
    code = int(info.type or "0") if number is None else number
    if not all((0 <= code < 256, 0 <= info.unit < 256, 0 <= info.build < 65536, 0 <= info.web_port < 65536)):
        raise ValueError("a number does not fit its field")
    head = b"\xff\x01" + bytes.fromhex(info.mac.replace(":", "")) + ipaddress.IPv4Address(info.ip).packed + bytes((info.unit,))
    name = info.name.encode()[:25].ljust(25, b"\0")
    return head + info.build.to_bytes(2, "little") + name + bytes((code,)) + info.web_port.to_bytes(2, "little")


def decode(payload: bytes) -> NodeInfo | Malformed:
    """Read a system information datagram of 13 bytes or more."""
    if payload[:2] != b"\xff\x01" or not _BASE <= len(payload) <= _MAX:
        return Malformed("not ESPEasy's system information")
    mac = mac_from_bytes(payload[2:8])
    if not mac:
        return Malformed("the MAC address belongs to nobody")
    named = len(payload) >= _NAMED
    code = payload[40] if named else 0
    return NodeInfo(
        mac=mac,
        ip=str(ipaddress.IPv4Address(payload[8:12])),
        unit=payload[12],
        build=int.from_bytes(payload[13:15], "little") if len(payload) >= 15 else 0,
        name=payload[15:40].split(b"\0")[0].decode("utf-8", "replace") if named else "",
        type=(TYPES.get(code, str(code)) if code else "") if named else "",
        web_port=int.from_bytes(payload[41:43], "little") if len(payload) >= 43 else 0,
    )
