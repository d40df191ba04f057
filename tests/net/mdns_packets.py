"""Reading mDNS packets, strictly and slowly: the tests' own decoder, which shares nothing with what it checks."""

from __future__ import annotations

import struct
from dataclasses import dataclass

Name = tuple[bytes, ...]
Question = tuple[Name, int, bool]
"""Name, type of the record, and whether a unicast answer is asked for."""


@dataclass(frozen=True)
class Message:
    """A packet."""

    flags: int
    questions: list[Question]
    answers: list[tuple[Name, int, int, Name]]
    """Name, type, TTL, and the name that the rdata is."""

    @property
    def truncated(self) -> bool:
        return bool(self.flags & 0x0200)


def name_at(packet: bytes, at: int) -> tuple[Name, int]:
    """Read a name; pointers must point backwards."""
    found: list[bytes] = []
    after = -1
    while packet[at]:
        length = packet[at]
        if length >= 0xC0:
            target = struct.unpack_from("!H", packet, at)[0] & 0x3FFF
            assert 12 <= target < at
            after = at + 2 if after < 0 else after
            at = target
            continue
        assert length <= 63
        found.append(packet[at + 1 : at + 1 + length])
        assert len(found[-1]) == length
        at += 1 + length
    assert sum(len(label) + 1 for label in found) < 255
    return tuple(found), after if after >= 0 else at + 1


def message_of(packet: bytes) -> Message:
    """Read a whole packet of questions and known answers."""
    ident, flags, asked, answered, authorities, additionals = struct.unpack_from("!6H", packet)
    assert (ident, authorities, additionals) == (0, 0, 0)
    assert flags & ~0x0200 == 0
    at = 12
    questions: list[Question] = []
    answers: list[tuple[Name, int, int, Name]] = []
    for _ in range(asked):
        name, at = name_at(packet, at)
        kind, klass = struct.unpack_from("!HH", packet, at)
        assert klass & 0x7FFF == 1
        questions.append((name, kind, bool(klass & 0x8000)))
        at += 4
    for _ in range(answered):
        name, at = name_at(packet, at)
        kind, klass, ttl, length = struct.unpack_from("!HHIH", packet, at)
        assert klass == 1
        target, end = name_at(packet, at + 10)
        assert end == at + 10 + length
        answers.append((name, kind, ttl, target))
        at = end
    assert at == len(packet)
    return Message(flags, questions, answers)


def questions_of(packet: bytes) -> list[Question]:
    """Return the questions of a packet that has nothing else; [] for no packet."""
    if not packet:
        return []
    message = message_of(packet)
    assert message.answers == []
    assert message.flags == 0
    return message.questions
