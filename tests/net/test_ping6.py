"""The ping to all IPv6 nodes: two requests, answers told once, and nothing believed that nobody asked for."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net import ping6
from discover.net.fake.hosts import fake_interface
from discover.net.gate import Gate, attached_networks
from discover.net.ledger import MemoryLedger
from discover.net.ping6 import NodesPing, answers_count, own_address, ping_nodes
from discover.net.virtual import VirtualClock
from discover.proto import icmp6

FACE = fake_interface("eth0", "192.168.1.2/24", "fd00::2/64", "fe80::2/64")
OWN = ipaddress.IPv6Address("fe80::2")
IDENTIFIER = 4711


class Echoes(socket.socket):
    """A socket that sends as a ping socket does; what is read comes from ``inbox`` (message, sender)."""

    sent: list[tuple[bytes, Any]]
    faults: list[int]
    inbox: list[tuple[bytes, str]]
    other: socket.socket

    def sendto(self, data: Any, address: Any, /) -> int:  # type: ignore[override] # the form that is used
        if self.faults:
            raise OSError(self.faults.pop(0), "as scripted")
        self.sent.append((bytes(data), address))
        return len(data)

    def recvfrom(self, _size: int, _flags: int = 0, /) -> tuple[bytes, tuple[str, int, int, int]]:
        self.recv(1)
        message, sender = self.inbox.pop(0)
        return message, (sender, 0, 0, 2)

    def answer(self, sender: str, *, echo: icmp6.Echo | None = None, message: bytes | None = None) -> None:
        """Let a message arrive: the answer to the last request, unless told otherwise."""
        if message is None:
            asked = icmp6.decode_echo_reply(b"\x81" + self.sent[-1][0][1:])
            assert isinstance(asked, icmp6.Echo)
            message = icmp6.encode_echo_reply(echo or asked, source=sender.partition("%")[0], target=str(OWN))
        self.inbox.append((message, sender))
        self.other.send(b"x")


@pytest.fixture
def echoes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Echoes]:
    if sys.platform == "win32":
        pytest.skip("needs a pair of datagram sockets")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with closing(ours), Echoes(fileno=theirs.detach()) as fake:
        fake.settimeout(0)
        fake.sent, fake.faults, fake.inbox, fake.other = [], [], [], ours
        monkeypatch.setattr(ping6, "_socket", lambda _face, _source: (fake, IDENTIFIER))
        yield fake


def start(clock: VirtualClock, ledger: MemoryLedger, told: list[str]) -> NodesPing:
    return NodesPing(Gate(clock, ledger, attached_networks((FACE,))), clock, FACE, OWN, told.append)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_two_requests_a_second_apart_and_both_in_the_ledger(echoes: Echoes) -> None:
    clock, ledger = VirtualClock(), MemoryLedger()
    ping = start(clock, ledger, [])
    await clock.sleep(5)
    assert [address for _, address in echoes.sent] == [("ff02::1", 0, 0, 2)] * 2
    assert [payload for payload, _ in echoes.sent] == [packet.payload for packet in ledger.packets]
    assert [(one.to, one.port, one.transport, one.mono) for one in ledger.packets] == [
        ("ff02::1", 0, "icmp6", 0.0),
        ("ff02::1", 0, "icmp6", 1.0),
    ]
    for packet in ledger.packets:
        assert packet.payload[0] == icmp6.ECHO_REQUEST
        assert icmp6.checksum(packet.payload, source=str(OWN), target="ff02::1") == 0
    ping.close()


async def test_every_local_address_that_answers_is_told_once_without_its_scope(echoes: Echoes) -> None:
    told: list[str] = []
    ping = start(VirtualClock(), MemoryLedger(), told)
    for sender in ("fe80::7%eth0", "fd00::7", "fe80::7%eth0", "fe80::8"):
        echoes.answer(sender)
    await turns()
    assert told == ["fe80::7", "fd00::7", "fe80::8"]
    ping.close()


async def test_strangers_answers_and_our_own_are_not_believed(echoes: Echoes) -> None:
    told: list[str] = []
    ping = start(VirtualClock(), MemoryLedger(), told)
    asked = icmp6.decode_echo_reply(b"\x81" + echoes.sent[0][0][1:])
    assert isinstance(asked, icmp6.Echo)
    echoes.answer("fe80::10", echo=icmp6.Echo(IDENTIFIER + 1, 1, asked.data))
    echoes.answer("fe80::11", echo=icmp6.Echo(IDENTIFIER, 1, b"espied: who is here?"))
    echoes.answer("fe80::12", message=echoes.sent[0][0])  # a request
    echoes.answer("fe80::13", message=b"")
    echoes.answer("2001:db8::14")
    echoes.answer("fe80::2%eth0")
    await turns()
    assert told == []
    ping.close()


async def test_a_flood_of_made_up_addresses_is_bounded(echoes: Echoes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ping6, "_MOST", 5)
    told: list[str] = []
    ping = start(VirtualClock(), MemoryLedger(), told)
    for number in range(1, 10):
        echoes.answer(f"fe80::1:{number}")
    await turns()
    assert len(told) == 5
    ping.close()


async def test_closing_stops_the_second_request_and_leaves_nothing(echoes: Echoes) -> None:
    clock, told = VirtualClock(), list[str]()
    ping = start(clock, MemoryLedger(), told)
    echoes.answer("fe80::7")
    ping.close()
    ping.close()
    await clock.sleep(3)
    assert told == []
    assert len(echoes.sent) == 1
    assert echoes.fileno() == -1


async def test_a_first_request_that_cannot_leave_is_an_error_and_leaves_nothing(echoes: Echoes) -> None:
    echoes.faults = [errno.ENETUNREACH]
    ledger = MemoryLedger()
    with pytest.raises(NetworkError, match="ping the IPv6 nodes on eth0"):
        start(VirtualClock(), ledger, [])
    assert ledger.count == 0
    assert echoes.fileno() == -1


async def test_a_second_one_that_cannot_leave_is_left_out(echoes: Echoes) -> None:
    clock, ledger = VirtualClock(), MemoryLedger()
    ping = start(clock, ledger, [])
    echoes.faults = [errno.ENETDOWN]
    await clock.sleep(3)
    assert ledger.count == 1
    ping.close()


async def test_it_waits_for_the_budget(echoes: Echoes) -> None:
    clock, ledger = VirtualClock(), MemoryLedger()
    gate = Gate(clock, ledger, attached_networks((FACE,)))
    while gate.wait("ff02::1", liveness=True) == 0.0:
        gate.note(interface="eth0", address="ff02::1", port=1, transport="udp", purpose="x", payload=b"x", liveness=True)
    before = ledger.count
    ping = NodesPing(gate, clock, FACE, OWN, lambda _address: None)
    assert not echoes.sent
    await clock.sleep(5)
    assert len(echoes.sent) == 2
    assert ledger.count == before + 2
    ping.close()


def test_it_asks_from_a_link_local_address_or_a_unique_local_one() -> None:
    assert own_address(FACE) == OWN
    assert own_address(fake_interface("eth0", "2001:db8::2/64", "fd00::2/64")) == ipaddress.IPv6Address("fd00::2")
    assert own_address(fake_interface("eth0", "2001:db8::2/64", "192.168.1.2/24")) is None


@pytest.mark.parametrize(
    ("address", "counts"),
    [("fe80::1", True), ("fd00::1", True), ("2001:db8::1", False), ("192.168.1.1", False), ("ff02::1", False), ("", False)],
)
def test_which_addresses_count(address: str, counts: bool) -> None:  # noqa: FBT001 - a case of the table
    assert answers_count(address) is counts


async def test_there_is_none_where_the_user_may_not_or_ipv6_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    gate = Gate(clock, MemoryLedger(), attached_networks((FACE,)))
    number = errno.EPERM

    def refuse(_face: Interface, _source: str) -> tuple[socket.socket, int]:
        raise OSError(number, "no")

    monkeypatch.setattr(ping6, "_socket", refuse)
    assert ping_nodes(gate, clock, FACE, lambda _address: None) is None
    assert ping_nodes(gate, clock, fake_interface(), lambda _address: None) is None
    number = errno.EADDRNOTAVAIL  # the address is tentative
    assert ping_nodes(gate, clock, FACE, lambda _address: None) is None
    number = errno.EMFILE
    with pytest.raises(NetworkError, match="EMFILE"):
        ping_nodes(gate, clock, FACE, lambda _address: None)
