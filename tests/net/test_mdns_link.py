"""The sockets under a burst and a flood, on loopback; and the filters that share the work, by a small interpreter."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.mdns.book import Book
from discover.net.mdns.browse import Browser
from discover.net.mdns.limits import Limits
from discover.net.mdns.link import Link
from discover.net.mdns.records import Records
from discover.net.mdns.shares import keep_share, lost_packets, program, shares
from discover.net.real import RealNetwork
from discover.net.sockets import LINUX, udp_socket

linux = pytest.mark.skipif(not LINUX, reason="filters and the system's counters are Linux's")
GROUP = "224.0.0.251"


@pytest.fixture
def network() -> RealNetwork:
    return RealNetwork()


@pytest.fixture
def loopback(network: RealNetwork) -> Interface:
    return next(face for face in network.interfaces() if face.loopback)


class Speaker:
    """Sends to the group from a loopback address of its own."""

    def __init__(self, source: str = "127.0.0.1") -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((source, 0))
        self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))

    def say(self, packet: bytes, to: str = GROUP) -> None:
        self._sock.sendto(packet, (to, 5353))

    def close(self) -> None:
        self._sock.close()


@pytest.fixture
def speakers() -> Iterator[list[Speaker]]:
    found = [Speaker(f"127.9.0.{number}") for number in range(1, 17)]
    yield found
    for one in found:
        one.close()


def response(mark: bytes) -> bytes:
    """A response without records, marked behind the header."""
    return struct.pack("!6H", 0, 0x8400, 0, 0, 0, 0) + mark


def wire(label: bytes) -> bytes:
    return bytes((len(label),)) + label


def announcement(name: bytes, text: bytes, address: bytes = b"\x7f\x4d\x09\x21") -> bytes:
    """PTR, SRV, TXT and A of a made-up lamp."""
    kind = wire(b"_wled") + wire(b"_tcp") + wire(b"local") + b"\0"
    full, host = wire(name) + kind, wire(name + b"-host") + wire(b"local") + b"\0"
    rows = [
        (kind, 12, 1, full),
        (full, 33, 0x8001, struct.pack("!3H", 0, 0, 80) + host),
        (full, 16, 0x8001, text),
        (host, 1, 0x8001, address),
    ]
    body = b"".join(owner + struct.pack("!HHIH", rtype, klass, 4500, len(data)) + data for owner, rtype, klass, data in rows)
    return struct.pack("!6H", 0, 0x8400, 0, len(rows), 0, 0) + body


class Ear:
    """Collects what a link hears, and waits for something of it."""

    def __init__(self) -> None:
        self.packets: list[tuple[bytes, str]] = []
        self._news = asyncio.Event()

    def __call__(self, packet: bytes, source: str) -> None:
        self.packets.append((packet[12:], source))
        self._news.set()

    @property
    def marks(self) -> list[bytes]:
        return [mark for mark, _ in self.packets]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not condition():
                self._news.clear()
                await self._news.wait()


def run(code: bytes, packet: bytes) -> bool:
    """Interpret the few instructions of classic BPF that the filters use; ``packet`` begins with the IP header."""
    steps = [struct.unpack_from("@HBBI", code, at) for at in range(0, len(code), 8)]
    value, at = 0, 0
    for _ in range(len(steps)):
        kind, yes, no, number = steps[at]
        at += 1
        if kind == 0x30:
            value = packet[number - 0xFFF00000]
        elif kind == 0x54:
            value &= number
        elif kind == 0x15:
            at += yes if value == number else no
        elif kind == 0x06:
            return bool(number)
    raise AssertionError("the filter has no end")


def header(source: ipaddress.IPv4Address | ipaddress.IPv6Address, target: str) -> bytes:
    to = ipaddress.ip_address(target).packed
    return bytes(12) + source.packed + to if source.version == 4 else bytes(8) + source.packed + to


@given(st.ip_addresses(), st.sampled_from([2, 4, 8]))
def test_each_sender_has_one_share_and_a_unicast_is_for_whoever_gets_it(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address, count: int
) -> None:
    family = socket.AF_INET if source.version == 4 else socket.AF_INET6
    codes = [program(family, index, count) for index in range(count)]
    group, unicast = (GROUP, "10.0.0.2") if source.version == 4 else ("ff02::fb", "fe80::2")
    kept = [run(code, header(source, group)) for code in codes]
    assert sum(kept) == 1
    assert kept[int(source) % count]
    assert all(run(code, header(source, unicast)) for code in codes)


@linux
def test_the_kernel_takes_the_filters_and_each_packet_is_heard_once(loopback: Interface, speakers: list[Speaker]) -> None:
    socks = [udp_socket(loopback, socket.AF_INET, local_port=5353, groups=(GROUP,))[0] for _ in range(4)]
    try:
        for index, sock in enumerate(socks):
            keep_share(sock, index, len(socks))
        for number, speaker in enumerate(speakers):
            speaker.say(response(b"share %d" % number))
        heard: list[bytes] = []
        for sock in socks:
            sock.settimeout(5)
            while len(heard) < len(speakers):
                try:
                    packet = sock.recv(9000)
                except BlockingIOError:
                    break
                heard += [packet[12:]] if b"share " in packet else []
                sock.settimeout(0)
        assert sorted(heard) == sorted(b"share %d" % number for number in range(len(speakers)))
    finally:
        for sock in socks:
            sock.close()


@linux
def test_a_small_buffer_is_made_up_for_by_more_sockets() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 212_992)  # what a stock system gives: twice that
        assert shares(sock) == 8


async def test_a_burst_with_stock_buffers_is_heard_whole_and_once(
    network: RealNetwork, loopback: Interface, speakers: list[Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("discover.net.sockets.raise_buffers", lambda _sock: None)
    monkeypatch.setattr("discover.net.mdns.link.shares", lambda _sock: 8 if LINUX else 1)
    ear = Ear()
    link = Link(network.gate, network.clock, loopback, ear)
    # No await: the process does not run while all of them answer, and one socket's buffer holds some 250 packets.
    said = [b"burst %d" % number for number in range(1000 if LINUX else 100)]
    for number, mark in enumerate(said):
        speakers[number % len(speakers)].say(response(mark), "127.0.0.1" if number % 7 == 0 else GROUP)
    await ear.until(lambda: set(said) <= set(ear.marks))
    heard = [mark for mark in ear.marks if mark.startswith(b"burst")]
    assert sorted(heard) == sorted(said)
    # In the order of each speaker.
    mine = [one for one in heard if int(one[6:]) % len(speakers) == 5 and int(one[6:]) % 7]
    assert mine == sorted(mine, key=lambda one: int(one[6:]))
    link.close()
    link.close()  # idempotent


async def test_without_filters_one_socket_hears_the_group(
    network: RealNetwork, loopback: Interface, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "not in this container")

    monkeypatch.setattr("discover.net.mdns.link.shares", lambda _sock: 4)
    monkeypatch.setattr("discover.net.mdns.link.keep_share", refuse)
    ear = Ear()
    link = Link(network.gate, network.clock, loopback, ear)
    speaker = Speaker()
    speaker.say(response(b"one"))
    speaker.say(response(b"end"))
    await ear.until(lambda: b"end" in ear.marks)
    assert ear.marks.count(b"one") == 1
    speaker.close()
    link.close()


async def test_who_floods_is_not_listened_to_and_others_are(
    network: RealNetwork, loopback: Interface, speakers: list[Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("discover.net.mdns.link._SOURCE_BURST", 20.0)
    monkeypatch.setattr("discover.net.mdns.link._SOURCE_RATE", 0.001)
    monkeypatch.setattr("discover.net.mdns.link.shares", lambda _sock: 1)
    ear = Ear()
    link = Link(network.gate, network.clock, loopback, ear)
    for _ in range(100):
        speakers[0].say(response(b"flood"))
    speakers[1].say(response(b"calm"))
    await ear.until(lambda: (b"calm", "127.9.0.2") in ear.packets)
    assert ear.packets.count((b"flood", "127.9.0.1")) == 20
    assert (link.ignored, link.loudest) == (80, "127.9.0.1")
    link.close()


async def test_questions_and_scraps_are_no_responses(network: RealNetwork, loopback: Interface) -> None:
    ear = Ear()
    link = Link(network.gate, network.clock, loopback, ear)
    speaker = Speaker()
    for packet in (bytes(12) + b"question", b"\0\0\x84\0", b"", response(b"end")):
        speaker.say(packet)
    await ear.until(lambda: b"end" in ear.marks)
    assert b"question" not in ear.marks
    speaker.close()
    link.close()


async def test_a_listener_that_raises_loses_no_packet(network: RealNetwork, loopback: Interface) -> None:
    failures = Ear()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures(bytes(12), str(context["exception"])))
    heard: list[bytes] = []

    def take(packet: bytes, _source: str) -> None:
        heard.append(packet[12:])
        raise RuntimeError("mine")

    link = Link(network.gate, network.clock, loopback, take)
    speaker = Speaker()
    for number in range(5):
        speaker.say(response(b"%d" % number))
    await failures.until(lambda: len(failures.packets) >= 5)
    assert {b"0", b"1", b"2", b"3", b"4"} <= set(heard)
    assert {why for _, why in failures.packets} == {"mine"}
    speaker.close()
    link.close()


async def test_a_device_that_changes_all_the_time_floods_nobody(
    network: RealNetwork, loopback: Interface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("discover.net.mdns.instance.CHANGE_SECONDS", 0.2)
    events: list[MdnsEvent] = []
    ear = Ear()

    def take(event: MdnsEvent) -> None:
        events.append(event)
        ear(bytes(12), "")

    browser = await network.browse(loopback, [], take)
    assert isinstance(browser, Browser)
    speaker = Speaker()
    for number in range(200):
        speaker.say(announcement(b"busy lamp", b"\x05n=%03d" % number))
    newest = b"\x05n=199"
    await ear.until(lambda: any(event.txt == newest for event in events))
    mine = [event for event in events if event.instance == "busy lamp"]
    assert len(mine) <= 10
    assert mine[-1].txt == newest
    await browser.close()
    assert any(event.kind is MdnsEventKind.NOTICE and "busy lamp" in event.notice for event in events)
    speaker.close()


@linux
async def test_what_was_not_taken_is_said_once_and_at_the_end_with_the_last_count(
    network: RealNetwork, loopback: Interface, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = 7
    monkeypatch.setattr("discover.net.mdns.link.lost_packets", lambda: lost)
    link = Link(network.gate, network.clock, loopback, lambda *_: None)
    records = Records()
    book = Book("lo", records)
    limits = Limits("lo", book, records, link, 100.0)
    assert list(limits.news(100.0, final=True)) == []
    lost = 9
    book.refused, book.refused_types, records.refused, book.held_back, link.ignored = 1, 1, 1, 20, 3
    book.busiest, link.loudest = "\x1b[31m%d lamp", "10.0.0.9"
    said = [event.notice for event in limits.news(101.0, look=True)]
    assert [word in one for word, one in zip(("instances", "types", "TXT", "lamp"), said, strict=True)] == [True] * 4
    assert all(one.startswith("lo: ") and one.endswith(".") and "\x1b" not in one for one in said)
    assert list(limits.news(102.0, look=True)) == []
    # Counts after a minute, and what has come to them at the end.
    assert [event.notice[4:30] for event in limits.news(160.0, look=True)] == ["10.0.0.9 floods mDNS: 3 pa", "the system dropped 2 UDP p"]
    link.ignored = 4
    assert list(limits.news(161.0, look=True)) == []
    assert ["4 packets" in event.notice for event in limits.news(161.0, final=True)] == [True]
    link.close()


@linux
def test_the_systems_count_of_lost_packets_is_read() -> None:
    assert lost_packets() >= 0


async def test_an_interface_that_goes_ends_the_reading_without_a_spin(network: RealNetwork, loopback: Interface) -> None:
    link = Link(network.gate, network.clock, loopback, lambda *_: None)

    class Broken(socket.socket):
        def recvfrom(self, *_: object) -> tuple[bytes, tuple[str, int]]:
            raise OSError(100, "Network is down")  # ENETDOWN

    sock = link._sockets[0]
    broken = Broken(sock.family, sock.type, 0, sock.detach())
    link._sockets[0] = broken
    link._readable(broken)
    assert broken not in link._sockets
    assert broken.fileno() == -1
    link.close()


async def test_an_interface_without_an_address_has_no_mdns(network: RealNetwork) -> None:
    gone = Interface(name="gone0", index=4711, mac="", addresses=())
    with pytest.raises(NetworkError, match="no address"):
        Link(network.gate, network.clock, gone, lambda *_: None)
