"""The book of answers: each once, none of ourselves, none of strangers, and no end to its patience but memory."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.signal import Signal
from discover.net.api import UdpEvent, UdpEventKind
from discover.net.emitter import Emitter
from discover.net.fake.hosts import FakeHost
from discover.net.fake.network import FakeNetwork
from discover.probe.book import FLOOD, MAX_REPLIES, MAX_STRANGERS, Book, Line, canonical

ADDRESS = "192.168.1.20"


class Noted:
    """A book, and everything it told."""

    def __init__(self, *own: str) -> None:
        self.signals: list[Signal] = []
        self.alive: list[str] = []
        self.heard: list[tuple[str, int, bool]] = []
        self.floods: list[str] = []
        self.book = Book(
            Emitter(FakeNetwork().clock, "lan0", self.signals.append, 0.0),
            own,
            self.alive.append,
            on_heard=lambda address, port, refused, *_when: self.heard.append((address, port, refused)),
            on_flood=self.floods.append,
        )

    def take(self, kind: UdpEventKind, port: int = 30303, payload: bytes = b"", address: str = ADDRESS, reason: str = "") -> None:
        self.book.take(UdpEvent(kind=kind, address=address, port=port, payload=payload, reason=reason))

    @property
    def told(self) -> list[tuple[str, int | None]]:
        return [(one.kind, one.number("port")) for one in self.signals]


def test_an_answer_is_told_once_and_the_asker_always() -> None:
    noted = Noted()
    for _ in range(3):
        noted.take(UdpEventKind.REFUSED, 3232)
        noted.take(UdpEventKind.REPLY, 8266, b"hello")
    noted.take(UdpEventKind.REPLY, 8266, b"another")
    assert noted.told == [("udp.refused", 3232), ("udp.reply", 8266), ("udp.reply", 8266)]
    assert noted.alive == [ADDRESS]
    assert (ADDRESS, 3232, True) in noted.heard
    assert (ADDRESS, 8266, False) in noted.heard


def test_a_new_sweep_tells_anew() -> None:
    noted = Noted()
    noted.take(UdpEventKind.REFUSED, 3232)
    noted.book.renew()
    noted.take(UdpEventKind.REFUSED, 3232)
    assert noted.told == [("udp.refused", 3232)] * 2
    assert noted.alive == [ADDRESS] * 2


def test_a_refused_control_is_no_signal_but_heard() -> None:
    noted = Noted()
    noted.book.contact(ADDRESS).controls.add(61_000)
    noted.take(UdpEventKind.REFUSED, 61_000)
    assert not noted.told
    assert noted.heard == [(ADDRESS, 61_000, True)]
    assert noted.alive == [ADDRESS]


def test_nobody_there_is_no_signal_unless_somebody_was() -> None:
    noted = Noted()
    noted.take(UdpEventKind.UNREACHABLE, 3232, reason="EHOSTUNREACH")
    assert not noted.told
    assert not noted.alive
    noted.book.alive(ADDRESS)
    noted.take(UdpEventKind.UNREACHABLE, 3232, reason="EHOSTUNREACH")
    noted.take(UdpEventKind.UNREACHABLE, 3232, reason="EHOSTUNREACH")
    assert noted.told == [("udp.unreachable", 3232)]


def test_what_we_say_ourselves_is_no_news() -> None:
    noted = Noted(ADDRESS)
    noted.take(UdpEventKind.REPLY, 1900, b"NOTIFY")
    noted.book.stranger(ADDRESS)
    assert not noted.told
    assert not noted.alive
    assert not noted.book.strangers


def test_a_flood_of_different_replies_is_cut_and_said_once() -> None:
    noted = Noted()
    for number in range(MAX_REPLIES + 3 * FLOOD):
        noted.take(UdpEventKind.REPLY, payload=b"%d" % number)
    assert len(noted.told) == MAX_REPLIES
    assert noted.floods == [ADDRESS]


def test_a_flood_of_equal_replies_is_one_signal_and_said_once() -> None:
    noted = Noted()
    for _ in range(3 * FLOOD):
        noted.take(UdpEventKind.REPLY, payload=b"hello")
    assert len(noted.told) == 1
    assert noted.floods == [ADDRESS]


def test_a_flood_of_made_up_senders_ends_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.probe.book.MAX_CONTACTS", 10)
    signals: list[Signal] = []
    book = Book(Emitter(FakeNetwork().clock, "lan0", signals.append, 0.0), (), lambda _address: None)
    for _ in range(3):
        for number in range(50):
            book.take(UdpEvent(kind=UdpEventKind.REPLY, address=f"10.0.0.{number}", port=30303, payload=b"x" * 60_000))
    assert [one.peer for one in signals] == [f"10.0.0.{number}" for number in range(10)]
    contact = book.peek("10.0.0.1")
    assert contact is not None
    assert not any(isinstance(part, bytes) for key in contact.payloads for part in key)


def test_strangers_are_counted_to_a_limit() -> None:
    noted = Noted()
    for number in range(2 * MAX_STRANGERS):
        noted.book.stranger(f"10.1.{number // 256}.{number % 256}")
    assert len(noted.book.strangers) == MAX_STRANGERS


async def heard_from(network: FakeNetwork, *, open_to_all: bool) -> Noted:
    noted = Noted()
    line = Line(network, network.interfaces()[0], noted.book, open_to_all=open_to_all)
    pump = asyncio.create_task(line.run())
    assert line.try_send(b"1", ADDRESS, 3197, purpose="test") == 0.0
    await network.clock.sleep(1.0)
    pump.cancel()
    with suppress(asyncio.CancelledError):
        await pump
    line.close()
    line.close()
    assert network.open_count == 0
    return noted


async def test_a_reply_from_an_address_that_was_not_asked_is_a_strangers() -> None:
    host = FakeHost(address=ADDRESS, udp={3197: lambda _question: b"hello"}, stranger="192.168.1.99")
    noted = await heard_from(FakeNetwork(host), open_to_all=False)
    assert not noted.told
    assert not noted.alive
    assert list(noted.book.strangers) == ["192.168.1.99"]


async def test_whoever_is_asked_by_broadcast_may_answer() -> None:
    host = FakeHost(address=ADDRESS, udp={3197: lambda _question: b"hello"}, stranger="192.168.1.99")
    noted = await heard_from(FakeNetwork(host), open_to_all=True)
    assert noted.alive == ["192.168.1.99"]
    assert not noted.book.strangers


@given(st.one_of(st.text(max_size=40), st.ip_addresses().map(str)))
def test_any_text_has_one_canonical_form(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@pytest.mark.parametrize(
    ("text", "plain"), [("::ffff:10.0.0.7", "10.0.0.7"), ("fe80::0:1%lan0", "fe80::1"), ("10.0.0.7", "10.0.0.7"), ("rubbish", "rubbish")]
)
def test_an_address_has_one_name(text: str, plain: str) -> None:
    assert canonical(text) == plain


async def test_what_the_book_raises_ends_the_line() -> None:
    # In a socket's callback it would be lost, and the scan would go on without its answers.
    network = FakeNetwork(FakeHost(address=ADDRESS, udp={30303: lambda _asked: b"hello"}))

    def broken(_address: str) -> None:
        raise RuntimeError("a mistake of ours")

    book = Book(Emitter(network.clock, "lan0", lambda _signal: None, 0.0), (), broken)
    line = Line(network, network.interfaces()[0], book)
    try:
        running = asyncio.ensure_future(line.run())
        assert line.try_send(b"1", ADDRESS, 30303, purpose="test") == 0.0
        await network.clock.sleep(1.0)
        with pytest.raises(RuntimeError, match="a mistake of ours"):
            await running
    finally:
        line.close()


async def test_a_line_that_is_closed_ends() -> None:
    network = FakeNetwork()
    line = Line(network, network.interfaces()[0], Noted().book)
    running = asyncio.ensure_future(line.run())
    await asyncio.sleep(0)
    line.close()
    await asyncio.wait_for(running, 5)
    await line.run()  # also where it was closed before
