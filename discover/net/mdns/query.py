"""mDNS questions, encoded by hand (RFC 1035 section 4.1, RFC 6762 section 18): what zeroconf's own encoder cannot ask.

zeroconf splits names at every dot, so it cannot ask for an instance called "Lamp v1.2"; here a name
is a tuple of labels. Many questions go into one packet, with compressed names: the multicast group is
one host to the budget, and a LAN of 1000 devices has thousands of records to ask for. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

A: Final = 1
PTR: Final = 12
TXT: Final = 16
AAAA: Final = 28
SRV: Final = 33
_IN: Final = 1
_UNICAST_ANSWER: Final = 0x8000
"""The top bit of a question's class asks for a unicast answer (RFC 6762 section 5.4)."""
_TRUNCATED: Final = 0x0200
"""The TC bit: more known answers follow in the next packet (RFC 6762 section 7.2)."""
_HEADER: Final = 12
_MAX_LABEL: Final = 63
_MAX_NAME: Final = 255
_MAX_TTL: Final = 0x7FFF_FFFF  # RFC 2181 section 8
_FAR: Final = 0x4000
"""Names from here on cannot be pointed to (RFC 1035 section 4.1.4)."""
MAX_PACKET: Final = 1440
"""Bytes of payload: an MTU of 1500 less the headers of IPv6 and UDP, and what ESP-IDF's responder takes (its buffer holds 1460)."""

Labels = tuple[bytes, ...]
Question = tuple[Labels, int]
"""Labels of the name, and the type of the record."""
Known = tuple[Labels, int]
"""A known answer: where the pointer points to, and the seconds that are left of its TTL."""


def labels(instance: str, service: str) -> Labels | None:
    """Return the labels of "instance.service.local" ("" for no instance), None where DNS cannot say them."""
    return _sayable([*([instance] if instance else []), *service.rstrip(".").split("."), "local"])


def host_labels(host: str) -> Labels | None:
    """Return the labels of a host name ("x.local"), None where DNS cannot say them."""
    return _sayable(host.rstrip(".").split("."))


def _sayable(found: Sequence[str]) -> Labels | None:
    encoded = tuple(label.encode("utf-8", "surrogatepass") for label in found)
    fits = all(0 < len(label) <= _MAX_LABEL for label in encoded) and sum(len(label) + 1 for label in encoded) < _MAX_NAME
    return encoded if fits else None


class QueryPacket:
    """One packet of questions, filled until it is full.

    ``unicast`` asks for unicast answers. ``compress``: a suffix that was said before is pointed to (RFC 1035
    section 4.1.4), so that an instance's SRV and TXT take some 25 bytes; the simplest responders want it in full.
    """

    def __init__(self, *, unicast: bool, compress: bool = True) -> None:
        self._class = _IN | (_UNICAST_ANSWER if unicast else 0)
        self._compress = compress
        self._offsets: dict[Labels, int] = {}
        self._body = bytearray()
        self.count = 0
        """Questions in it."""

    def add(self, questions: Sequence[Question]) -> bool:
        """Add the questions, or none of them and return False where they do not fit (the first ones always do)."""
        offsets = dict(self._offsets) if self.count else self._offsets
        body = bytearray()
        for name, kind in questions:
            body += _name(name, _HEADER + len(self._body) + len(body), offsets if self._compress else None)
            body += struct.pack("!HH", kind, self._class)
        if self.count and _HEADER + len(self._body) + len(body) > MAX_PACKET:
            return False
        self._offsets = offsets
        self._body += body
        self.count += len(questions)
        return True

    def encode(self) -> bytes:
        """Return the packet, b"" where nothing was added."""
        return _message(self._body, self.count, 0) if self.count else b""


def encode_queries(questions: Iterable[Question], *, unicast: bool = False, compress: bool = True) -> Iterator[bytes]:
    """Encode the questions into as many packets as they need; none for no question."""
    packet = QueryPacket(unicast=unicast, compress=compress)
    for one in questions:
        if not packet.add((one,)):
            yield packet.encode()
            packet = QueryPacket(unicast=unicast, compress=compress)
            packet.add((one,))
    if packet.count:
        yield packet.encode()


def encode_browse(types: Mapping[Labels, Sequence[Known]]) -> Iterator[bytes]:
    """Encode questions for the pointers of types, each with the answers that need not come again (RFC 6762 section 7.1).

    A type's known answers stand in the packet of its question as long as they fit: not every responder waits
    for more. Those that do not fit in one packet follow in further ones, with the TC bit in all but the last.
    """
    questions: list[Question] = []
    answers: list[tuple[Labels, Known]] = []
    size = _HEADER
    for name, known in sorted(types.items(), key=lambda one: len(one[1])):
        needs = _room(name) + sum(_answer_room(name, one) for one in known)
        if questions and size + needs > MAX_PACKET:
            yield from _query(questions, answers)
            questions, answers, size = [], [], _HEADER
        questions.append((name, PTR))
        answers += [(name, one) for one in known]
        size += needs
    if questions:
        yield from _query(questions, answers)


def _query(questions: Sequence[Question], answers: Sequence[tuple[Labels, Known]]) -> Iterator[bytes]:
    """Yield the questions, and the known answers in as many packets as they need."""
    count, body, offsets = 0, bytearray(), dict[Labels, int]()
    asked = len(questions)
    for name, kind in questions:
        body += _name(name, _HEADER + len(body), offsets) + struct.pack("!HH", kind, _IN)
    for name, (alias, ttl) in answers:
        one = _answer(name, alias, ttl, _HEADER + len(body), offsets)
        if count and _HEADER + len(body) + len(one) > MAX_PACKET:
            yield _message(body, asked, count, flags=_TRUNCATED)
            asked, count, body, offsets = 0, 0, bytearray(), {}
            one = _answer(name, alias, ttl, _HEADER, offsets)
        body += one
        count += 1
    yield _message(body, asked, count)


def _answer(name: Labels, alias: Labels, ttl: int, at: int, offsets: dict[Labels, int]) -> bytes:
    owner = _name(name, at, offsets)
    fixed = struct.pack("!HHI", PTR, _IN, max(0, min(_MAX_TTL, ttl)))
    target = _name(alias, at + len(owner) + len(fixed) + 2, offsets)
    return owner + fixed + struct.pack("!H", len(target)) + target


def _room(name: Labels) -> int:
    """Return the most bytes that a question takes."""
    return sum(len(label) + 1 for label in name) + 1 + 4


def _answer_room(name: Labels, known: Known) -> int:
    """Return the most bytes that a known answer takes beside its question."""
    own = known[0][: -len(name)] if known[0][-len(name) :] == name else known[0]
    return 2 + 10 + sum(len(label) + 1 for label in own) + 2


def _message(body: bytes | bytearray, asked: int, answered: int, *, flags: int = 0) -> bytes:
    return struct.pack("!6H", 0, flags, asked, answered, 0, 0) + bytes(body)


def _name(name: Labels, at: int, offsets: dict[Labels, int] | None) -> bytes:
    """Encode a name that begins ``at`` bytes into the packet; ``offsets`` are the names said before, and learn this one."""
    encoded = bytearray()
    for index in range(len(name)):
        if offsets is not None:
            suffix = name[index:]
            known = offsets.get(suffix)
            if known is not None:
                return bytes(encoded) + struct.pack("!H", 0xC000 | known)
            if at + len(encoded) < _FAR:
                offsets[suffix] = at + len(encoded)
        encoded += bytes((len(name[index]),)) + name[index]
    return bytes(encoded) + b"\0"
