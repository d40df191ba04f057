"""ESPHome's native API on TCP 6053: plaintext frames, hello and device information.

Source: esphome/aioesphomeapi api.proto, _frame_helper/plain_text.py and noise.py. A frame is
``00 varint(length) varint(type) body``; where encryption is on, frames are ``01 length[2] body`` and
the server's first one tells name and MAC in clear text before any key (names since 2022.2, MAC since 2025.4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from discover.proto import protobuf
from discover.proto.mac import canonical_mac
from discover.proto.malformed import Malformed

PORT: Final = 6053

HELLO_REQUEST: Final = 1
HELLO_RESPONSE: Final = 2
CONNECT_REQUEST: Final = 3
CONNECT_RESPONSE: Final = 4
DISCONNECT_REQUEST: Final = 5
DISCONNECT_RESPONSE: Final = 6
PING_REQUEST: Final = 7
PING_RESPONSE: Final = 8
DEVICE_INFO_REQUEST: Final = 9
DEVICE_INFO_RESPONSE: Final = 10

NOISE_CLIENT_HELLO: Final = b"\x01\x00\x00"
"""An empty noise frame; the server tells who it is before the handshake."""

MAX_FRAME: Final = 65535
"""Longest body: the firmware counts it in 16 bits."""
_PLAIN: Final = 0
_NOISE: Final = 1


@dataclass(frozen=True, slots=True)
class Frame:
    """One plaintext frame."""

    type: int
    body: bytes


@dataclass(frozen=True, slots=True)
class NoiseHello:
    """The server speaks noise: its name and MAC in clear text, "" from versions that do not tell them."""

    name: str
    mac: str


@dataclass(frozen=True, slots=True)
class NoiseReject:
    """The server speaks noise and did not like what we sent; ``reason`` in its words."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloRequest:
    """What a client says first."""

    client_info: str
    api_major: int = 1
    api_minor: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloResponse:
    """What a node answers: API version, "ESPHome version" and its name."""

    api_major: int
    api_minor: int
    server_info: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """A node's description of itself; ``mac`` canonical, "" where it tells none."""

    name: str
    mac: str = ""
    esphome_version: str = ""
    compilation_time: str = ""
    model: str = ""
    project_name: str = ""
    project_version: str = ""
    webserver_port: int = 0
    manufacturer: str = ""
    friendly_name: str = ""
    uses_password: bool = False
    has_deep_sleep: bool = False
    api_encryption_supported: bool = False


@dataclass(slots=True)
class FrameReader:
    """Incremental reader of a node's bytes, plaintext or noise, with a cap on every frame.

    After a Malformed the stream has lost its step: everything that follows is ignored.
    """

    dead: bool = False
    _buffer: bytearray = field(default_factory=bytearray)
    _greeted: bool = False

    def feed(self, data: bytes) -> tuple[Frame | NoiseHello | NoiseReject | Malformed, ...]:
        """Take the next bytes and return what they complete."""
        out: list[Frame | NoiseHello | NoiseReject | Malformed] = []
        self._buffer += b"" if self.dead else data
        while not self.dead and self._buffer:
            one, used = self._next()
            if used == 0:
                break
            del self._buffer[:used]
            if isinstance(one, Malformed):
                self.dead = True
                self._buffer.clear()
            if one is not None:
                out.append(one)
        return tuple(out)

    def _next(self) -> tuple[Frame | NoiseHello | NoiseReject | Malformed | None, int]:
        """Return the next item and the bytes it used; (None, 0) where more is needed."""
        data = bytes(self._buffer[: MAX_FRAME + 9])
        if data[0] == _NOISE:
            return self._noise(data)
        if data[0] != _PLAIN:
            return Malformed("the frame begins with neither 0 nor 1"), 1
        length = protobuf.decode_varint(data, 1, limit=4)
        if length is None:
            return (Malformed("the frame's length is too long"), 1) if len(data) >= 5 else (None, 0)
        if length[0] > MAX_FRAME:
            return Malformed("the frame is longer than the protocol allows"), 1
        kind = protobuf.decode_varint(data, length[1], limit=4)
        if kind is None:
            return (Malformed("the frame's type is too long"), 1) if len(data) >= length[1] + 4 else (None, 0)
        end = kind[1] + length[0]
        return (Frame(kind[0], data[kind[1] : end]), end) if len(data) >= end else (None, 0)

    def _noise(self, data: bytes) -> tuple[NoiseHello | NoiseReject | Malformed | None, int]:
        end = 3 + int.from_bytes(data[1:3], "big")
        if len(data) < 3 or len(data) < end:
            return None, 0
        if self._greeted:
            return None, end
        self._greeted = True
        return decode_noise_hello(data[3:end]), end


def encode_frame(kind: int, body: bytes = b"") -> bytes:
    """Return one plaintext frame. Raises ValueError for a body above 65,535 bytes."""
    if len(body) > MAX_FRAME:
        raise ValueError("a frame has at most 65535 bytes")
    return b"\0" + protobuf.encode_varint(len(body)) + protobuf.encode_varint(kind) + body


def encode_noise_hello(hello: NoiseHello) -> bytes:
    """Return the server's first noise frame (used by the demo LAN)."""
    body = b"\x01" + hello.name.encode() + b"\0" + hello.mac.replace(":", "").encode() + b"\0"
    return b"\x01" + len(body).to_bytes(2, "big") + body


def decode_noise_hello(body: bytes) -> NoiseHello | NoiseReject | Malformed:
    """Read the body of the server's first noise frame: 01 name NUL mac NUL, or 01 reason."""
    if not body or body[0] != 1:
        return Malformed("the noise hello chooses an unknown protocol")
    if len(body) > 1 and b"\0" not in body:
        return NoiseReject(body[1:].decode("utf-8", "replace"))
    name, _, rest = body[1:].partition(b"\0")
    mac = canonical_mac(rest.partition(b"\0")[0].decode("latin-1"))
    return NoiseHello(name.decode("utf-8", "replace"), mac)


def encode_hello_request(hello: HelloRequest) -> bytes:
    """Return the body of frame type 1."""
    return protobuf.encode({1: hello.client_info, 2: hello.api_major, 3: hello.api_minor})


def decode_hello_request(body: bytes) -> HelloRequest | Malformed:
    """Read the body of frame type 1."""
    values = protobuf.decode(body)
    if isinstance(values, Malformed):
        return values
    return HelloRequest(client_info=protobuf.text(values, 1), api_major=protobuf.integer(values, 2), api_minor=protobuf.integer(values, 3))


def encode_hello_response(hello: HelloResponse) -> bytes:
    """Return the body of frame type 2."""
    return protobuf.encode({1: hello.api_major, 2: hello.api_minor, 3: hello.server_info, 4: hello.name})


def decode_hello_response(body: bytes) -> HelloResponse | Malformed:
    """Read the body of frame type 2."""
    values = protobuf.decode(body)
    if isinstance(values, Malformed):
        return values
    return HelloResponse(
        api_major=protobuf.integer(values, 1),
        api_minor=protobuf.integer(values, 2),
        server_info=protobuf.text(values, 3),
        name=protobuf.text(values, 4),
    )


def encode_device_info(info: DeviceInfo) -> bytes:
    """Return the body of frame type 10."""
    return protobuf.encode(
        {
            1: info.uses_password,
            2: info.name,
            3: info.mac.upper(),
            4: info.esphome_version,
            5: info.compilation_time,
            6: info.model,
            7: info.has_deep_sleep,
            8: info.project_name,
            9: info.project_version,
            10: info.webserver_port,
            12: info.manufacturer,
            13: info.friendly_name,
            19: info.api_encryption_supported,
        }
    )


def decode_device_info(body: bytes) -> DeviceInfo | Malformed:
    """Read the body of frame type 10; fields we do not know are skipped."""
    values = protobuf.decode(body)
    if isinstance(values, Malformed):
        return values
    return DeviceInfo(
        uses_password=bool(protobuf.integer(values, 1)),
        name=protobuf.text(values, 2),
        mac=canonical_mac(protobuf.text(values, 3)),
        esphome_version=protobuf.text(values, 4),
        compilation_time=protobuf.text(values, 5),
        model=protobuf.text(values, 6),
        has_deep_sleep=bool(protobuf.integer(values, 7)),
        project_name=protobuf.text(values, 8),
        project_version=protobuf.text(values, 9),
        webserver_port=protobuf.integer(values, 10),
        manufacturer=protobuf.text(values, 12),
        friendly_name=protobuf.text(values, 13),
        api_encryption_supported=bool(protobuf.integer(values, 19)),
    )
