"""Packets of mDNS questions and known answers, read back by the tests' own decoder and by zeroconf's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf._protocol.incoming import DNSIncoming

from discover.net.mdns.query import AAAA, MAX_PACKET, PTR, SRV, TXT, A, Known, Labels, QueryPacket, encode_browse, encode_queries, labels
from tests.net.mdns_packets import message_of, questions_of

LABEL = st.binary(min_size=1, max_size=63)
NAME = st.lists(LABEL, min_size=1, max_size=3).map(tuple)
SMALL_NAME = st.lists(st.sampled_from([b"a", b"b", b"local", b"_http"]), min_size=1, max_size=5).map(tuple)
KIND = st.sampled_from([A, PTR, TXT, AAAA, SRV])


def test_a_question_on_the_wire() -> None:
    assert list(encode_queries([((b"x", b"local"), A)])) == [b"\0\0\0\0\0\1\0\0\0\0\0\0\1x\5local\0\0\1\0\1"]
    assert list(encode_queries([((b"x", b"local"), AAAA)], unicast=True)) == [b"\0\0\0\0\0\1\0\0\0\0\0\0\1x\5local\0\0\x1c\x80\1"]
    assert list(encode_queries([])) == []
    assert QueryPacket(unicast=False).encode() == b""


def test_a_name_is_said_once() -> None:
    name = (b"x", b"local")
    (packet,) = encode_queries([(name, SRV), (name, TXT), ((b"y", b"local"), SRV)])
    assert packet[12:] == b"\1x\5local\0\0\x21\0\1" + b"\xc0\x0c\0\x10\0\1" + b"\1y\xc0\x0e\0\x21\0\1"
    (plain,) = encode_queries([(name, SRV), (name, TXT)], compress=False)
    assert plain[12:] == b"\1x\5local\0\0\x21\0\1" + b"\1x\5local\0\0\x10\0\1"


@given(questions=st.lists(st.tuples(st.one_of(NAME, SMALL_NAME), KIND), max_size=80), unicast=st.booleans(), compress=st.booleans())
def test_questions_fit_into_packets_and_none_is_lost(*, questions: list[tuple[Labels, int]], unicast: bool, compress: bool) -> None:
    packets = list(encode_queries(questions, unicast=unicast, compress=compress))
    assert [one for packet in packets for one in questions_of(packet)] == [(name, kind, unicast) for name, kind in questions]
    assert all(len(packet) <= MAX_PACKET for packet in packets)


@given(st.lists(st.lists(st.tuples(SMALL_NAME, KIND), min_size=1, max_size=4), max_size=200))
def test_what_belongs_together_is_added_whole_or_not_at_all(groups: list[list[tuple[Labels, int]]]) -> None:
    packet = QueryPacket(unicast=True)
    taken = [group for group in groups if packet.add(group)]
    assert [(name, kind) for name, kind, _ in questions_of(packet.encode())] == [one for group in taken for one in group]
    assert len(packet.encode()) <= MAX_PACKET
    assert packet.count == sum(len(group) for group in taken)


def test_a_type_with_few_known_answers_is_one_packet_and_zeroconf_reads_it() -> None:
    http, ipp = labels("", "_http._tcp"), labels("", "_ipp._tcp")
    one, two = labels("Lamp v1.2", "_http._tcp"), labels("Other", "_http._tcp")
    assert http
    assert ipp
    assert one
    assert two
    (packet,) = encode_browse({http: [(one, 4000), (two, 3000)], ipp: []})
    message = DNSIncoming(packet)
    assert message.valid
    assert not message.truncated
    assert {question.name for question in message.questions} == {"_http._tcp.local.", "_ipp._tcp.local."}
    assert not message.has_qu_question()
    assert [(each.name, each.alias, each.ttl) for each in message.answers()] == [  # type: ignore[attr-defined]
        ("_http._tcp.local.", "Lamp v1.2._http._tcp.local.", 4000),
        ("_http._tcp.local.", "Other._http._tcp.local.", 3000),
    ]


def test_a_thousand_known_answers_take_a_score_of_packets() -> None:
    service = labels("", "_esphomelib._tcp")
    assert service
    known = [(name, 4490) for number in range(1000) if (name := labels(f"labdev{number:05}", "_esphomelib._tcp"))]
    packets = [message_of(packet) for packet in encode_browse({service: known})]
    assert len(packets) <= 21
    assert [packet.truncated for packet in packets] == [True] * (len(packets) - 1) + [False]
    assert [packet.questions for packet in packets] == [[(service, PTR, False)]] + [[]] * (len(packets) - 1)
    assert [target for packet in packets for *_, target in packet.answers] == [name for name, _ in known]


@st.composite
def browses(draw: st.DrawFn) -> dict[Labels, list[Known]]:
    types = draw(st.lists(st.tuples(LABEL, st.sampled_from([b"_tcp", b"_udp"]), st.just(b"local")), unique=True, max_size=12))
    found: dict[Labels, list[Known]] = {}
    for name in types:
        own = draw(st.lists(st.binary(min_size=1, max_size=63), unique=True, max_size=40))
        odd = draw(st.lists(SMALL_NAME, unique=True, max_size=2))
        found[name] = [((label, *name), draw(st.integers(-5, 2**33))) for label in own] + [(each, 4500) for each in odd]
    return found


@given(browses())
def test_every_type_is_asked_for_once_with_all_its_known_answers_in_its_packet_or_the_next(types: dict[Labels, list[Known]]) -> None:
    raw = list(encode_browse(types))
    assert all(len(packet) <= MAX_PACKET for packet in raw)
    packets = [message_of(packet) for packet in raw]
    questions: list[Labels] = []
    answers: dict[Labels, list[tuple[int, Labels]]] = {name: [] for name in types}
    following = False
    current: list[Labels] = []
    for packet in packets:
        # RFC 6762 section 7.2: more known answers follow at once, without a question, the last packet without the TC bit.
        assert bool(packet.questions) is not following
        if not following:
            current = [name for name, _, _ in packet.questions]
            questions += current
        for name, kind, ttl, target in packet.answers:
            assert kind == PTR
            assert name in current
            answers[name].append((ttl, target))
        following = packet.truncated
        assert not (following and len(current) > 1)
    assert not following
    assert sorted(questions) == sorted(types)
    wanted = {name: [(max(0, min(2**31 - 1, ttl)), target) for target, ttl in known] for name, known in types.items()}
    assert answers == wanted


@pytest.mark.parametrize(("instance", "said"), [("x" * 63, True), ("x" * 64, False), ("\ud800", True), ("", True)])
def test_names_that_dns_can_say(*, instance: str, said: bool) -> None:
    assert (labels(instance, "_http._tcp") is not None) == said
