"""Raw ARP: what is asked, what is believed, and who is refused."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from discover.errors import NetworkError, NotPrivateError
from discover.model.network import Interface
from discover.net import arp as raw
from discover.net.arp import FULL, OnLink, RawArp, open_arp
from discover.net.fake.hosts import fake_interface
from discover.net.gate import Gate, attached_networks
from discover.net.ledger import MemoryLedger
from discover.net.policy import DEFAULT
from discover.net.virtual import VirtualClock
from discover.proto import arp

OWN = "02:00:00:00:00:01"
PEER = "24:6f:28:00:00:07"
FACE = fake_interface("eth0", "192.168.1.2/24", "10.9.0.1/31", "fe80::2/64", mac=OWN)


class Ether(socket.socket):
    """A socket that sends as a packet socket does: to ``sent``, or with the first of ``faults``."""

    sent: list[tuple[bytes, Any]]
    faults: list[int]
    other: socket.socket

    def sendto(self, data: Any, address: Any, /) -> int:  # type: ignore[override] # the form that is used
        if self.faults:
            raise OSError(self.faults.pop(0), "as scripted")
        self.sent.append((bytes(data), address))
        return len(data)


@pytest.fixture
def ether(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ether]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with closing(ours), Ether(fileno=theirs.detach()) as fake:
        fake.settimeout(0)
        fake.sent, fake.faults, fake.other = [], [], ours
        monkeypatch.setattr(raw, "_socket", lambda _face: (fake, OWN))
        yield fake


def gate(*faces: Interface, ledger: MemoryLedger | None = None) -> Gate:
    return Gate(VirtualClock(), ledger or MemoryLedger(), attached_networks(faces or (FACE,)))


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("192.168.1.1", "192.168.1.2"),
        ("192.168.1.254", "192.168.1.2"),
        ("192.168.1.2", ""),  # our own
        ("192.168.1.0", ""),
        ("192.168.1.255", ""),
        ("192.168.2.1", ""),
        ("10.9.0.0", "10.9.0.1"),  # a /31 has no network address (RFC 3021)
        ("10.9.0.1", ""),
        ("0.0.0.0", ""),
        ("224.0.0.251", ""),
        ("fe80::7", ""),
        ("no address", ""),
        ("192.168.1.1\0", ""),
    ],
)
def test_which_address_a_neighbour_can_have(address: str, ours: str) -> None:
    assert OnLink(FACE).ours(address) == ours


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pair of datagram sockets")
class TestRawArp:
    """With a socket that is half of a pair."""

    async def test_a_request_is_broadcast_and_in_the_ledger(self, ether: Ether) -> None:
        ledger = MemoryLedger()
        asker = RawArp(gate(ledger=ledger), VirtualClock(), FACE, lambda *_heard: None)
        assert asker.try_ask("192.168.1.7", purpose="who is there") == 0.0
        expected = arp.encode_request(OWN, "192.168.1.2", "192.168.1.7")
        assert ether.sent == [(expected, ("eth0", 0x0806, 0, 1, b"\xff" * 6))]
        assert [(one.interface, one.to, one.port, one.transport, one.purpose, one.payload) for one in ledger.packets] == [
            ("eth0", "192.168.1.7", 0, "arp", "who is there", expected)
        ]
        asker.close()

    async def test_all_who_are_heard_are_told_but_none_that_cannot_be(self, ether: Ether) -> None:
        heard: list[tuple[str, str]] = []
        asker = RawArp(gate(), VirtualClock(), FACE, lambda address, mac: heard.append((address, mac)))
        for packet in (
            arp.encode_reply(PEER, "192.168.1.7", OWN, "192.168.1.2") + bytes(18),
            arp.encode_request("24:6f:28:00:00:08", "192.168.1.8", "192.168.1.2"),  # somebody asks for us
            arp.encode_reply(PEER, "192.168.1.9", PEER, "192.168.1.9"),  # gratuitous: it says that it is there
            arp.encode_request(PEER, "0.0.0.0", "192.168.1.10"),  # a probe: it has no address yet (RFC 5227)
            arp.encode_reply("01:00:5e:00:00:07", "192.168.1.11", OWN, "192.168.1.2"),  # a group's MAC
            arp.encode_request(OWN, "192.168.1.12", "192.168.1.1"),  # our own MAC
            arp.encode_reply(PEER, "192.168.1.2", PEER, "192.168.1.2"),  # our own address
            arp.encode_reply(PEER, "192.168.1.255", OWN, "192.168.1.2"),
            arp.encode_reply(PEER, "192.168.2.7", OWN, "192.168.1.2"),  # another network
            b"",
            b"\0" * 28,
            b"\xff" * 64,
        ):
            ether.other.send(packet)
        await turns()
        assert heard == [("192.168.1.7", PEER), ("192.168.1.8", "24:6f:28:00:00:08"), ("192.168.1.9", PEER)]
        asker.close()

    async def test_a_foreign_address_is_refused_before_anything_else(self, ether: Ether) -> None:
        asker = RawArp(gate(), VirtualClock(), FACE, lambda *_heard: None)
        with pytest.raises(NotPrivateError):
            asker.try_ask("8.8.8.8", purpose="x")
        for address in ("127.0.0.1", "192.168.1.2", "192.168.1.255", "fe80::7"):
            with pytest.raises(NetworkError, match="no host of the interface"):
                asker.try_ask(address, purpose="x")
        assert not ether.sent
        asker.close()

    async def test_the_liveness_budget_and_the_hosts_own_bound_it(self, ether: Ether) -> None:
        wide = fake_interface("eth0", "10.0.0.1/8", mac=OWN)
        ledger = MemoryLedger()
        asker = RawArp(gate(wide, ledger=ledger), VirtualClock(), wide, lambda *_heard: None)
        asked = 0
        while (wait := asker.try_ask(f"10.1.{asked // 250}.{asked % 250 + 1}", purpose="x")) == 0.0:
            asked += 1
        assert asked == DEFAULT.liveness_burst
        assert wait == pytest.approx(1 / DEFAULT.liveness_rate)
        assert len(ether.sent) == ledger.count == asked
        asker.close()

    @pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOBUFS, errno.EINTR])
    async def test_a_full_queue_is_a_reason_to_wait_and_not_in_the_ledger(self, ether: Ether, number: int) -> None:
        ledger = MemoryLedger()
        ether.faults = [number]
        asker = RawArp(gate(ledger=ledger), VirtualClock(), FACE, lambda *_heard: None)
        assert asker.try_ask("192.168.1.7", purpose="x") == FULL
        assert ledger.count == 0
        assert asker.try_ask("192.168.1.7", purpose="x") == 0.0
        assert ledger.count == 1
        asker.close()

    async def test_an_interface_that_has_gone_is_an_error(self, ether: Ether) -> None:
        ether.faults = [errno.ENXIO]
        asker = RawArp(gate(), VirtualClock(), FACE, lambda *_heard: None)
        with pytest.raises(NetworkError, match=r"192\.168\.1\.7 by ARP on eth0") as caught:
            asker.try_ask("192.168.1.7", purpose="x")
        assert "gone" in caught.value.hint
        asker.close()

    async def test_closing_twice_leaves_nothing_and_then_nothing_is_asked_or_told(self, ether: Ether) -> None:
        heard: list[str] = []

        def take(address: str, _mac: str) -> None:
            heard.append(address)
            asker.close()

        asker = RawArp(gate(), VirtualClock(), FACE, take)
        for host in (7, 8):
            ether.other.send(arp.encode_reply(PEER, f"192.168.1.{host}", OWN, "192.168.1.2"))
        await turns()
        assert heard == ["192.168.1.7"]
        asker.close()
        assert ether.fileno() == -1
        with pytest.raises(NetworkError, match="closed"):
            asker.try_ask("192.168.1.7", purpose="x")


async def test_there_is_none_without_the_privilege_or_off_ethernet(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_face: Interface) -> tuple[socket.socket, str]:
        raise PermissionError(errno.EPERM, "no")

    def take(_address: str, _mac: str) -> None:
        """Nobody is heard."""

    monkeypatch.setattr(raw, "_socket", refuse)
    assert open_arp(gate(), VirtualClock(), FACE, take) is None
    monkeypatch.undo()
    for face in (fake_interface("lo", "127.0.0.1/8", loopback=True), fake_interface("eth0", "fe80::2/64"), fake_interface("gone0")):
        assert open_arp(gate(), VirtualClock(), face, take) is None
    monkeypatch.setattr(sys, "platform", "darwin")
    assert open_arp(gate(), VirtualClock(), FACE, take) is None
