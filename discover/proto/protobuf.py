"""The protobuf wire format, as far as two flat messages need it (protobuf.dev/programming-guides/encoding)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from discover.proto.malformed import Malformed

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

_MAX_FIELDS: Final = 256

Values = Mapping[int, int | bytes]


def encode_varint(value: int) -> bytes:
    """Return an unsigned integer in base 128, lowest group first. Raises ValueError below 0."""
    if value < 0:
        raise ValueError("a varint is not negative")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_varint(data: bytes, index: int, *, limit: int = 10) -> tuple[int, int] | None:
    """Return (value, index behind it), None where the data ends first or after ``limit`` bytes without an end."""
    value = 0
    for count, byte in enumerate(data[index : index + limit]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, index + count + 1
    return None


def encode(values: Mapping[int, str | int | bool]) -> bytes:
    """Return a message: text as bytes, numbers as varints; empty text and 0 are left out, as proto3 does."""
    out = bytearray()
    for number, value in values.items():
        if not value:
            continue
        if isinstance(value, str):
            raw = value.encode()
            out += encode_varint(number << 3 | BYTES) + encode_varint(len(raw)) + raw
        else:
            out += encode_varint(number << 3 | VARINT) + encode_varint(int(value))
    return bytes(out)


def decode(data: bytes) -> Values | Malformed:
    """Return a message's fields by number, the last of each (as proto3 wants); at most 256 of them."""
    values: dict[int, int | bytes] = {}
    index = 0
    for _ in range(_MAX_FIELDS):
        if index >= len(data):
            return values
        tag = decode_varint(data, index, limit=5)
        if tag is None:
            return Malformed("a field's number is cut short")
        number, wire = tag[0] >> 3, tag[0] & 7
        read = _value(data, tag[1], wire)
        if read is None or number == 0:
            return Malformed("a field is cut short or of an unknown kind")
        values[number], index = read
    return Malformed("the message has too many fields")


def text(values: Values, number: int) -> str:
    """Return a field as text, "" where it is absent or a number."""
    value = values.get(number, b"")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def integer(values: Values, number: int) -> int:
    """Return a field as a number, 0 where it is absent or text."""
    value = values.get(number, 0)
    return value if isinstance(value, int) else 0


def _value(data: bytes, index: int, wire: int) -> tuple[int | bytes, int] | None:
    if wire == VARINT:
        return decode_varint(data, index)
    if wire == BYTES:
        length = decode_varint(data, index, limit=5)
        if length is None:
            return None
        start, size = length[1], length[0]
    elif wire in (FIXED32, FIXED64):
        start, size = index, 4 if wire == FIXED32 else 8
    else:
        return None
    raw = data[start : start + size]
    return (raw, start + size) if len(raw) == size else None
