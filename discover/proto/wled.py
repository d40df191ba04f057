"""WLED's system information broadcast on UDP 65506, 44 bytes (wled/WLED wled00/udp.cpp, NodeStruct.h).

``FF 01 ip[4] name[32] type[1] unit[1] build[4, little endian]``; bit 7 of the type says that the light is on.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from discover.proto import wellknown
from discover.proto.malformed import Malformed

PORT: Final = wellknown.WLED_PORT
SIZE: Final = 44
TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {82: "ESP8266", 32: "ESP32", 33: "ESP32-S2", 34: "ESP32-S3", 35: "ESP32-C3", 36: "ESP32-C6", 41: "ESP32-C5"}
)

_NAME: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """One node as it tells of itself; ``type`` is a chip of TYPES or the number as text."""

    ip: str
    name: str
    type: str
    on: bool
    unit: int
    build: int


def encode(info: NodeInfo) -> bytes:
    """Return the 44 bytes. Raises ValueError for values that do not fit."""
    number = next((code for code, name in TYPES.items() if name == info.type), None)
    code = int(info.type) if number is None else number
    name = info.name.encode()[:_NAME].ljust(_NAME, b"\0")
    if not 0 <= code < 128 or not 0 <= info.unit < 256 or not 0 <= info.build < 1 << 32:
        raise ValueError("type, unit or build does not fit its field")
    head = b"\xff\x01" + ipaddress.IPv4Address(info.ip).packed + name
    return head + bytes((code | (0x80 if info.on else 0), info.unit)) + info.build.to_bytes(4, "little")


def decode(payload: bytes) -> NodeInfo | Malformed:
    """Read a broadcast of exactly 44 bytes."""
    if len(payload) != SIZE or payload[:2] != b"\xff\x01":
        return Malformed("not WLED's 44 bytes of system information")
    code = payload[38]
    return NodeInfo(
        ip=str(ipaddress.IPv4Address(payload[2:6])),
        name=payload[6:38].split(b"\0")[0].decode("utf-8", "replace"),
        type=TYPES.get(code & 0x7F, str(code & 0x7F)),
        on=bool(code & 0x80),
        unit=payload[39],
        build=int.from_bytes(payload[40:44], "little"),
    )
