"""Balboa spa Wi-Fi modules on TCP 4257: frames, and the three messages that tell what the spa is.

Source: ccutrer/balboa_worldwide_app doc/protocol.md, garbled1/pybalboa client.py and utils.py. A frame is
``7E length body crc 7E``; the length counts itself, the body and the CRC. Both requests only read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from discover.proto.mac import mac_from_bytes
from discover.proto.malformed import Malformed

PORT: Final = 4257
DELIMITER: Final = 0x7E
MAX_LENGTH: Final = 0x7D
"""Longest frame we believe: 7E as a length cannot be told from a delimiter, and real frames stay under 40 bytes."""

REQUEST_MODULE: Final = b"\x0a\xbf\x04"
REQUEST_SYSTEM: Final = b"\x0a\xbf\x22\x02\x00\x00"
REQUEST_SETUP: Final = b"\x0a\xbf\x22\x04\x00\x00"
REQUEST_CONFIGURATION: Final = b"\x0a\xbf\x22\x00\x00\x01"
REQUEST_FILTERS: Final = b"\x0a\xbf\x22\x01\x00\x00"

STATUS: Final = b"\xff\xaf\x13"
MODULE: Final = b"\x0a\xbf\x94"
SYSTEM: Final = b"\x0a\xbf\x24"
SETUP: Final = b"\x0a\xbf\x25"
CONFIGURATION: Final = b"\x0a\xbf\x2e"
FILTERS: Final = b"\x0a\xbf\x23"

_UNKNOWN_TEMPERATURE: Final = 0xFF


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame's body: three bytes of channel and message type, then the payload."""

    body: bytes


@dataclass(frozen=True, slots=True)
class ModuleIdentification:
    """The Wi-Fi module: its MAC and the identity it has at Digi's cloud, upper-case hex in groups of 8."""

    mac: str
    idigi: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemInformation:
    """The controller: software ("M100_201 V20.0"), model ("BP6013G1"), its setup number and its voltage (0 unknown)."""

    software: str
    model: str
    setup: int
    voltage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the panel shows: temperatures in ``unit`` ("C" or "F"; ``temperature`` None while unknown) and the clock."""

    temperature: float | None
    target: float
    unit: str
    hour: int
    minute: int


Message = ModuleIdentification | SystemInformation | Status


@dataclass(slots=True)
class FrameReader:
    """Incremental reader: finds frames in a stream, steps over what is none, and never holds more than one frame."""

    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> tuple[Frame | Malformed, ...]:
        """Take the next bytes; return the frames they complete, and one Malformed for each broken one."""
        out: list[Frame | Malformed] = []
        self._buffer += data
        while True:
            start = self._buffer.find(DELIMITER)
            if start < 0:
                self._buffer.clear()
                return tuple(out)
            del self._buffer[:start]
            if len(self._buffer) < 2:
                return tuple(out)
            length = self._buffer[1]
            if not 2 <= length <= MAX_LENGTH:
                # An end delimiter of something we joined late: the next one begins a frame.
                del self._buffer[0]
                continue
            if len(self._buffer) < length + 2:
                return tuple(out)
            frame = bytes(self._buffer[: length + 2])
            if frame[-1] != DELIMITER:
                out.append(Malformed("the frame does not end where its length says"))
                del self._buffer[0]
            elif crc8(frame[1:-2]) != frame[-2]:
                out.append(Malformed("the frame's checksum is wrong"))
                del self._buffer[0]
            else:
                out.append(Frame(frame[2:-2]))
                del self._buffer[: length + 2]


def crc8(data: bytes) -> int:
    """Return the checksum over length and body: polynomial 07, initial value 02, final XOR 02."""
    crc = 0x02
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    return crc ^ 0x02


def encode_frame(body: bytes) -> bytes:
    """Return ``7E length body crc 7E``. Raises ValueError above 123 bytes of body."""
    length = len(body) + 2
    if length > MAX_LENGTH:
        raise ValueError("a frame's body has at most 123 bytes")
    inner = bytes((length,)) + body
    return bytes((DELIMITER,)) + inner + bytes((crc8(inner), DELIMITER))


def encode_module(module: ModuleIdentification) -> bytes:
    """Return the body that answers REQUEST_MODULE (used by the demo LAN)."""
    mac = bytes.fromhex(module.mac.replace(":", ""))
    return MODULE + b"\x02\x02\x80" + mac + bytes.fromhex(module.idigi.replace("-", ""))


def encode_system(system: SystemInformation, *, ids: tuple[int, int, int, int]) -> bytes:
    """Return the body that answers REQUEST_SYSTEM; ``ids`` are the four numbers in ``software``."""
    model = system.model.encode("ascii")[:8].ljust(8)
    tail = bytes((system.setup,)) + b"\x5b\xf2\x42\xd2" + bytes((1 if system.voltage else 0, 0x0A, 0, 0))
    return SYSTEM + bytes(ids) + model + tail


def encode_status(status: Status) -> bytes:
    """Return the body of the status that a module sends unasked about once a second."""
    double = 2 if status.unit == "C" else 1
    payload = bytearray(24)
    payload[2] = _UNKNOWN_TEMPERATURE if status.temperature is None else round(status.temperature * double)
    payload[3], payload[4] = status.hour, status.minute
    payload[9] = 0x03 if status.unit == "C" else 0x02
    payload[10] = 0x04
    payload[20] = round(status.target * double)
    return STATUS + bytes(payload)


def decode_message(body: bytes) -> Message | Malformed:
    """Read a frame's body; Malformed for messages that espied does not use."""
    kind, payload = body[:3], body[3:]
    match kind:
        case b"\x0a\xbf\x94":
            return _module(payload)
        case b"\x0a\xbf\x24":
            return _system(payload)
        case b"\xff\xaf\x13":
            return _status(payload)
        case _:
            return Malformed("a message that tells nothing about the device")


def _module(payload: bytes) -> ModuleIdentification | Malformed:
    if len(payload) < 25:
        return Malformed("the module identification is cut short")
    mac = mac_from_bytes(payload[3:9])
    groups = (payload[index : index + 4].hex().upper() for index in range(9, 25, 4))
    return ModuleIdentification(mac, "-".join(groups)) if mac else Malformed("the module has no MAC address")


def _system(payload: bytes) -> SystemInformation | Malformed:
    if len(payload) < 21:
        return Malformed("the system information is cut short")
    return SystemInformation(
        software=f"M{payload[0]}_{payload[1]} V{payload[2]}.{payload[3]}",
        model=payload[4:12].decode("latin-1").strip("\0 "),
        setup=payload[12],
        voltage=240 if payload[17] == 1 else 0,
    )


def _status(payload: bytes) -> Status | Malformed:
    if len(payload) < 24:
        return Malformed("the status is cut short")
    celsius = bool(payload[9] & 1)
    divisor = 2 if celsius else 1
    return Status(
        temperature=None if payload[2] == _UNKNOWN_TEMPERATURE else payload[2] / divisor,
        target=payload[20] / divisor,
        unit="C" if celsius else "F",
        hour=payload[3],
        minute=payload[4],
    )
