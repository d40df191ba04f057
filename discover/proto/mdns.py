"""mDNS responses: the records that tell of services (RFC 1035 section 4.1, RFC 6762 section 18, RFC 6763).

Names are text without the last dot, their labels joined by dots. Bytes that are not UTF-8 are kept as lone
surrogates (Python's "surrogateescape"), so that a name can be asked for as it was said; see :func:`readable`.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

A: Final = 1
PTR: Final = 12
TXT: Final = 16
AAAA: Final = 28
SRV: Final = 33

_HEADER: Final = struct.Struct("!6H")
_FIXED: Final = struct.Struct("!HHIH")
"""Type, class, TTL and length of the rdata, which follow a record's name."""
_SRV: Final = struct.Struct("!HHH")
_MUST: Final = 0xF80F
"""Response, opcode and response code: anything but an ordinary, faultless response is ignored (RFC 6762 sections 18.3 and 18.11)."""
_RESPONSE: Final = 0x8000
_IN: Final = 1
_FLUSH: Final = 0x8000
"""The top bit of the class: older records of this name and type are void (RFC 6762 section 10.2)."""
_MAX_NAME: Final = 255
_MAX_JUMPS: Final = 32
"""Pointers followed in one name; encoders need one or two."""
_POINTER: Final = 0xC0


class Record(NamedTuple):
    """One record, its ``ttl`` in seconds. ``value``: the name pointed to (PTR), host and port (SRV), the rdata (TXT, A, AAAA)."""

    name: str
    kind: int
    flush: bool
    ttl: int
    value: str | tuple[str, int] | bytes


def decode_response(packet: bytes) -> list[Record]:
    """Return the PTR, SRV, TXT, A and AAAA records of all sections, of a damaged packet those before the damage; [] for no response."""
    records: list[Record] = []
    try:
        _, flags, questions, *counts = _HEADER.unpack_from(packet)
        if flags & _MUST == _RESPONSE:
            _read(packet, questions, sum(counts), records)
    except (struct.error, ValueError, IndexError):
        pass  # what was read before the damage is as good as if it had come alone
    return records


def is_response(packet: bytes) -> bool:
    """Tell whether a packet may have records for us, without reading them."""
    return len(packet) > _HEADER.size and packet[2] & 0xF8 == _RESPONSE >> 8


def readable(name: str) -> str:
    """Return a name of :func:`decode_response` as text that can be encoded, with U+FFFD for what is not UTF-8."""
    if name.isascii():
        return name
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # no name of ours: a surrogate that stands for no byte
        return name.encode("utf-8", "replace").decode("utf-8")


def _read(packet: bytes, questions: int, count: int, records: list[Record]) -> None:
    known: dict[int, str] = {}
    at = _HEADER.size
    for _ in range(questions):
        _, at = _name(packet, at, known)
        at += 4
    for _ in range(count):
        name, at = _name(packet, at, known)
        kind, klass, ttl, length = _FIXED.unpack_from(packet, at)
        at += _FIXED.size
        end = at + length
        if end > len(packet):
            raise ValueError("a record is longer than its packet")
        if klass & ~_FLUSH == _IN and (found := _value(packet, at, end, kind, known)) is not None:
            records.append(Record(name, kind, klass >= _FLUSH, ttl, found))
        at = end


def _value(packet: bytes, at: int, end: int, kind: int, known: dict[int, str]) -> str | tuple[str, int] | bytes | None:
    """Return the rdata's meaning, None for a type that tells nothing here. Raises ValueError for a name that leaves the record."""
    if kind == PTR:
        name, after = _name(packet, at, known)
    elif kind == SRV:
        name, after = _name(packet, at + _SRV.size, known)
    elif kind in (TXT, A, AAAA):
        return packet[at:end]
    else:
        return None
    if after > end:
        raise ValueError("a name is longer than its record")
    return name if kind == PTR else (name, _SRV.unpack_from(packet, at)[2])


def _name(packet: bytes, at: int, known: dict[int, str]) -> tuple[str, int]:
    """Return the name at an offset and where it ends; ``known`` are names by offset, and learn this one."""
    labels: list[str] = []
    jumps: list[tuple[int, int]] = []
    start, limit, after, size = at, at, 0, 0
    while (length := packet[at]) != 0:
        if length >= _POINTER:
            target = (length & ~_POINTER) << 8 | packet[at + 1]
            after = after or at + 2
            if (rest := known.get(target)) is not None:
                labels += [rest] if rest else []
                break
            # Backwards and ever further: no loop (RFC 1035 section 4.1.4 speaks of a prior occurrence).
            if target >= limit or target < _HEADER.size or len(jumps) >= _MAX_JUMPS:
                raise ValueError("a pointer goes nowhere")
            jumps.append((target, len(labels)))
            at = limit = target
            continue
        label = packet[at + 1 : at + 1 + length]
        size += length + 1
        if length > 63 or len(label) != length or size > _MAX_NAME:
            raise ValueError("a label is too long")
        labels.append(label.decode("utf-8", "surrogateescape"))
        at += 1 + length
    name = ".".join(labels)
    if len(name) > _MAX_NAME:
        raise ValueError("a name is too long")
    known[start] = name
    for target, index in jumps:  # or a packet full of pointers to one long name would be read again and again
        known[target] = ".".join(labels[index:])
    return name, after or at + 1
