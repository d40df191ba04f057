"""Responses as devices send them, damaged ones, and the same as python-zeroconf reads."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf._dns import DNSAddress, DNSPointer, DNSService, DNSText
from zeroconf._protocol.incoming import DNSIncoming

from discover.proto.mdns import AAAA, PTR, SRV, TXT, A, Record, decode_response, is_response, readable

LOCAL = b"\5local\0"


def wire(*labels: bytes) -> bytes:
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def record(name: bytes, kind: int, rdata: bytes, *, ttl: int = 120, klass: int = 1) -> bytes:
    return name + struct.pack("!HHIH", kind, klass, ttl, len(rdata)) + rdata


def packet(*records: bytes, flags: int = 0x8400, questions: bytes = b"", asked: int = 0) -> bytes:
    return struct.pack("!6H", 0, flags, asked, len(records), 0, 0) + questions + b"".join(records)


LAMP = wire(b"Lamp v1.2", b"_http", b"_tcp", b"local")
TYPE = wire(b"_http", b"_tcp", b"local")
HOST = wire(b"lamp", b"local")


def test_all_that_tells_of_a_service() -> None:
    found = decode_response(
        packet(
            record(TYPE, PTR, LAMP, ttl=4500),
            record(LAMP, SRV, struct.pack("!3H", 0, 0, 80) + HOST, klass=0x8001),
            record(LAMP, TXT, b"\3a=1", klass=0x8001),
            record(HOST, A, bytes((10, 0, 0, 5)), klass=0x8001),
            record(HOST, AAAA, bytes(15) + b"\1"),
            record(HOST, 47, b"NSEC"),
            record(HOST, A, bytes(4), klass=3),  # CHAOS
        )
    )
    lamp = "Lamp v1.2._http._tcp.local"
    assert found == [
        Record("_http._tcp.local", PTR, flush=False, ttl=4500, value=lamp),
        Record(lamp, SRV, flush=True, ttl=120, value=("lamp.local", 80)),
        Record(lamp, TXT, flush=True, ttl=120, value=b"\3a=1"),
        Record("lamp.local", A, flush=True, ttl=120, value=bytes((10, 0, 0, 5))),
        Record("lamp.local", AAAA, flush=False, ttl=120, value=bytes(15) + b"\1"),
    ]


def test_questions_before_the_answers_are_passed_over_and_pointers_followed() -> None:
    raw = packet(record(b"\xc0\x0c", PTR, b"\1x\xc0\x0c"), questions=TYPE + b"\0\x0c\0\1", asked=1)
    assert decode_response(raw) == [Record("_http._tcp.local", PTR, flush=False, ttl=120, value="x._http._tcp.local")]


@pytest.mark.parametrize("flags", [0x0000, 0x0400, 0x8800, 0xF800, 0x8403, 0x8001])
def test_questions_other_opcodes_and_errors_are_no_responses(flags: int) -> None:
    raw = packet(record(TYPE, PTR, LAMP), flags=flags)
    assert decode_response(raw) == []


def test_what_can_be_a_response_is_told_by_its_head() -> None:
    assert is_response(packet(record(TYPE, PTR, LAMP)))
    assert not is_response(packet(record(TYPE, PTR, LAMP), flags=0))
    assert not is_response(packet())
    assert not is_response(b"")


GOOD = record(HOST, A, bytes(4))


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\xc0",
        record(b"\xc0\xff", A, bytes(4)),  # beyond the packet
        record(b"\xc0\x00", A, bytes(4)),  # into the header
        record(b"\x40" + bytes(64) + b"\0", A, bytes(4)),  # a label type nobody uses
        record(wire(*[b"x" * 63] * 4), A, bytes(4)),  # 256 bytes
        record(HOST, PTR, b"\1x"),  # a name that leaves its record
        record(HOST, SRV, b"\0\0"),
        record(HOST, A, bytes(4))[:-1],  # cut short
    ],
)
def test_what_came_before_the_damage_counts(bad: bytes) -> None:
    raw = struct.pack("!6H", 0, 0x8400, 0, 3, 0, 0) + GOOD + bad
    assert decode_response(raw) == [Record("lamp.local", A, flush=False, ttl=120, value=bytes(4))]


def test_pointers_that_go_round_or_on_for_ever_come_to_an_end() -> None:
    itself = struct.pack("!6H", 0, 0x8400, 0, 1, 0, 0) + record(b"\xc0\x0c", A, bytes(4))
    assert decode_response(itself) == []
    forward = struct.pack("!6H", 0, 0x8400, 0, 1, 0, 0) + record(b"\xc0\x0e", A, bytes(4))
    assert decode_response(forward) == []
    chain = b"".join(struct.pack("!H", 0xC000 | 12 + 2 * max(0, at - 1)) for at in range(1000))
    raw = struct.pack("!6H", 0, 0x8400, 0, 2, 0, 0) + record(b"\0", 10, chain) + record(struct.pack("!H", 0xC000 | 23 + 1998), A, bytes(4))
    assert decode_response(raw) == []


def test_bytes_that_are_not_utf_8_are_kept_and_shown() -> None:
    (one,) = decode_response(packet(record(TYPE, PTR, wire(b"caf\xe9", b"_http", b"_tcp", b"local"))))
    assert isinstance(one.value, str)
    assert one.value.encode("utf-8", "surrogateescape").startswith(b"caf\xe9")
    assert readable(one.value) == "caf\N{REPLACEMENT CHARACTER}._http._tcp.local"
    assert readable("caf\N{LATIN SMALL LETTER E WITH ACUTE}") == "caf\N{LATIN SMALL LETTER E WITH ACUTE}"


@given(st.text())
def test_whatever_the_text_it_can_be_shown(text: str) -> None:
    readable(text).encode()


LABEL = st.text(st.characters(codec="utf-8", exclude_characters="."), min_size=1, max_size=15)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(lambda labels: wire(*(label.encode() for label in labels)))
RDATA = st.one_of(
    st.tuples(st.just(PTR), NAME),
    st.tuples(st.just(SRV), st.builds(lambda port, name: struct.pack("!3H", 0, 0, port) + name, st.integers(0, 65_535), NAME)),
    st.tuples(st.just(TXT), st.binary(max_size=60)),
    st.tuples(st.just(A), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just(AAAA), st.binary(min_size=16, max_size=16)),
)
RECORD = st.builds(
    lambda name, row, ttl, klass: record(name, row[0], row[1], ttl=ttl, klass=klass),
    NAME,
    RDATA,
    st.integers(0, 2**31 - 1),
    st.sampled_from([1, 0x8001]),
)


@given(st.lists(RECORD, max_size=12))
def test_zeroconf_reads_the_same(records: list[bytes]) -> None:
    raw = packet(*records)
    assert decode_response(raw) == as_zeroconf(raw)
    assert len(as_zeroconf(raw)) == len(records)


@given(st.lists(RECORD, min_size=1, max_size=6), st.integers(0, 40), st.lists(st.tuples(st.integers(12, 600), st.integers(0, 255))))
def test_a_damaged_packet_is_read_as_far_as_it_goes(records: list[bytes], cut: int, junk: list[tuple[int, int]]) -> None:
    damaged = bytearray(packet(*records))
    for at, byte in junk:
        damaged[at % len(damaged)] = byte
    found = decode_response(bytes(damaged[: len(damaged) - cut]))
    assert all(len(one.name) <= 255 for one in found)


def as_zeroconf(raw: bytes) -> list[Record]:
    found: list[Record] = []
    for one in DNSIncoming(raw).answers():
        name, ttl = one.name.removesuffix("."), int(one.ttl)
        match one:
            case DNSPointer():
                found.append(Record(name, PTR, flush=one.unique, ttl=ttl, value=one.alias.removesuffix(".")))
            case DNSService():
                found.append(Record(name, SRV, flush=one.unique, ttl=ttl, value=(one.server.removesuffix("."), one.port)))
            case DNSText():
                found.append(Record(name, TXT, flush=one.unique, ttl=ttl, value=one.text))
            case DNSAddress():
                found.append(Record(name, A if len(one.address) == 4 else AAAA, flush=one.unique, ttl=ttl, value=one.address))
    return found
