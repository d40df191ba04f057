"""mDNS questions, encoded by hand: what zeroconf's own encoder cannot ask (RFC 1035 section 4.1, RFC 6762 section 18).

zeroconf splits names at every dot, so it cannot ask for an instance called "Lamp v1.2"; here a name
is a tuple of labels. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

A: Final = 1
TXT: Final = 16
AAAA: Final = 28
SRV: Final = 33
_IN: Final = 1
_UNICAST_ANSWER: Final = 0x8000
"""The top bit of a question's class asks for a unicast answer (RFC 6762 section 5.4)."""
_MAX_LABEL: Final = 63
_MAX_NAME: Final = 255
_MAX_PACKET: Final = 1400
"""Bytes: below every LAN's MTU, headers included."""

Question = tuple[tuple[bytes, ...], int]
"""Labels of the name, and the type of the record."""


def labels(instance: str, service: str) -> tuple[bytes, ...] | None:
    """Return the labels of "instance.service.local" ("" for no instance), None where DNS cannot say them."""
    found = [*([instance] if instance else []), *service.rstrip(".").split("."), "local"]
    encoded = tuple(label.encode("utf-8", "surrogatepass") for label in found)
    fits = all(0 < len(label) <= _MAX_LABEL for label in encoded) and sum(len(label) + 1 for label in encoded) < _MAX_NAME
    return encoded if fits else None


def host_labels(host: str) -> tuple[bytes, ...] | None:
    """Return the labels of a host name ("x.local"), None where DNS cannot say them."""
    encoded = tuple(label.encode("utf-8", "surrogatepass") for label in host.rstrip(".").split("."))
    fits = all(0 < len(label) <= _MAX_LABEL for label in encoded) and sum(len(label) + 1 for label in encoded) < _MAX_NAME
    return encoded if fits else None


def encode_queries(questions: Iterable[Question], *, unicast: bool = False) -> Iterator[bytes]:
    """Encode the questions into as many packets as they need; none for no question."""
    body = bytearray()
    count = 0
    for name, kind in questions:
        one = _question(name, kind, unicast=unicast)
        if count and 12 + len(body) + len(one) > _MAX_PACKET:
            yield _packet(body, count)
            body, count = bytearray(), 0
        body += one
        count += 1
    if count:
        yield _packet(body, count)


def _packet(body: bytes | bytearray, count: int) -> bytes:
    return struct.pack("!6H", 0, 0, count, 0, 0, 0) + bytes(body)


def _question(name: Sequence[bytes], kind: int, *, unicast: bool) -> bytes:
    encoded = b"".join(bytes((len(label),)) + label for label in name) + b"\0"
    return encoded + struct.pack("!HH", kind, _IN | (_UNICAST_ANSWER if unicast else 0))
