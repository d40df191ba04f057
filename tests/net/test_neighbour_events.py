"""News of the neighbour table: what is told of recorded netlink messages, what not, and where there is none."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.network import Neighbour
from discover.net import neighbour_events, netlink
from discover.net.fake.hosts import fake_interface
from discover.net.neighbour_events import NeighbourEvents
from discover.net.netlink import Row
from discover.net.real import RealNetwork
from discover.net.virtual import VirtualClock

linux = pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")

# Recorded on Linux 6.18 in a network namespace (interface 2).
REACHABLE = bytes.fromhex(  # a datagram to 10.77.0.2, which answered ARP
    "4c0000001c0000000000000000000000020000000200000002000001080001000a4d00020a000200020000000077000008000400040000001400030000000000"
    "000000000000000002000000"
)
FAILED = bytes.fromhex(  # a datagram to 10.77.0.9, where nobody is: 3.06 s later
    "400000001c0000000000000000000000020000000200000020000001080001000a4d0009080004000600000014000300a3180000330100000000000001000000"
)
# `ip neigh flush dev eth0`: 10.77.0.2, which was there, is told as failed in the program's name, and both rows as gone
DELETED = bytes.fromhex(
    "400000001c00000000000000886b0000020000000200000020000001080001000a4d000208000400040000001400030072010000720100007201000001000000"
)
GONE = bytes.fromhex(
    "400000001d0000000000000000000000020000000200000020000001080001000a4d000208000400040000001400030072010000720100007201000000000000"
)
BRIDGE = bytes.fromhex(  # a bridge learns a port's MAC: the same kind of message, and no neighbour
    "4c0000001c00000000000000000000000700000003000000800000000a0002008a69401dd71e0000080009000300000008000f00000000001400030000000000"
    "000000000000000000000000"
)
GROUP = bytes.fromhex(  # ff02::16, which the kernel keeps in the same table
    "580000001c00000000000000000000000a000000020000004000000514000100ff0200000000000000000000000000160a000200333300000016000008000400"
    "00000000140003003e4b0100ce330100ce33010000000000"
)
FACE = fake_interface("eth0", "10.77.0.1/24", index=2)
HERE = Neighbour(address="10.77.0.2", mac="02:00:00:00:00:77", interface="eth0", state="reachable")
NOBODY = Neighbour(address="10.77.0.9", mac="", interface="eth0", state="failed")


def test_recorded_changes() -> None:
    assert netlink.changes(REACHABLE) == [Row(2, "10.77.0.2", "02:00:00:00:00:77", "reachable")]
    assert netlink.changes(FAILED) == [Row(2, "10.77.0.9", "", "failed")]
    assert netlink.changes(DELETED) == [Row(2, "10.77.0.2", "", "failed", gone=True)]
    assert netlink.changes(GONE) == [Row(2, "10.77.0.2", "", "failed", gone=True)]
    assert netlink.changes(BRIDGE) == []
    assert netlink.changes(REACHABLE + FAILED) == netlink.changes(REACHABLE) + netlink.changes(FAILED)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_parser_fail(data: bytes) -> None:
    assert all(row.address for row in netlink.changes(data))


@given(st.sampled_from([REACHABLE, FAILED, DELETED, GONE, BRIDGE, GROUP]), st.data())
def test_nor_do_damaged_messages(good: bytes, data: st.DataObject) -> None:
    bad = bytearray(good[: data.draw(st.integers(0, len(good)))])
    for _ in range(data.draw(st.integers(0, 4)) if bad else 0):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    assert len(netlink.changes(bytes(bad))) <= 1 + len(bad) // 16


class Kernel(socket.socket):
    """A socket that reads as a netlink socket does; what is written at its other end comes from ``port``, ``faults`` come first."""

    port = 0
    faults: list[int]
    other: socket.socket

    def recvfrom(self, size: int, _flags: int = 0, /) -> tuple[bytes, tuple[int, int]]:
        if self.faults:
            raise OSError(self.faults.pop(0), "as scripted")
        return self.recv(size), (self.port, 4)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with closing(ours), Kernel(fileno=theirs.detach()) as fake:
        fake.settimeout(0)
        fake.faults, fake.other = [], ours
        monkeypatch.setattr(netlink, "subscribe", lambda: fake)
        yield fake


async def turns(count: int = 50) -> None:
    """Let the loop run: what was written to a socket is read within a few turns of it."""
    for _ in range(count):
        await asyncio.sleep(0)


@linux
async def test_hosts_are_told_as_they_answer_or_fail(kernel: Kernel) -> None:
    told: list[Neighbour | None] = []
    events = NeighbourEvents(VirtualClock(), FACE, told.append)
    for message in (GROUP, BRIDGE, DELETED, GONE, REACHABLE, FAILED):
        kernel.other.send(message)
    await turns()
    assert told == [HERE, NOBODY]
    events.close()


@linux
async def test_other_interfaces_and_other_senders_are_nobodys_news(kernel: Kernel) -> None:
    told: list[Neighbour | None] = []
    events = NeighbourEvents(VirtualClock(), fake_interface("eth1", "10.77.0.1/24", index=3), told.append)
    kernel.other.send(REACHABLE)
    await turns()
    events.close()
    assert not told


@linux
async def test_a_message_that_is_not_the_kernels_is_not_believed(kernel: Kernel) -> None:
    told: list[Neighbour | None] = []
    kernel.port = 4711
    events = NeighbourEvents(VirtualClock(), FACE, told.append)
    kernel.other.send(REACHABLE)
    await turns()
    assert not told
    kernel.port = 0
    kernel.other.send(FAILED)
    await turns()
    assert told == [NOBODY]
    events.close()


@linux
async def test_an_overflow_is_told_and_the_news_goes_on(kernel: Kernel) -> None:
    told: list[Neighbour | None] = []
    kernel.faults = [errno.ENOBUFS]
    events = NeighbourEvents(VirtualClock(), FACE, told.append)
    kernel.other.send(REACHABLE)
    await turns()
    assert told == [None, HERE]
    events.close()


@linux
async def test_who_is_told_may_close_and_is_told_nothing_more(kernel: Kernel) -> None:
    told: list[Neighbour | None] = []

    def take(change: Neighbour | None) -> None:
        told.append(change)
        events.close()

    events = NeighbourEvents(VirtualClock(), FACE, take)
    kernel.other.send(REACHABLE)
    kernel.other.send(FAILED)
    await turns()
    await turns()
    assert told == [HERE]
    assert kernel.fileno() == -1


def files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@linux
async def test_this_kernel_lets_any_user_subscribe_and_closing_leaves_nothing() -> None:
    network = RealNetwork()
    face = next(one for one in network.interfaces() if one.loopback)
    before = files()
    events = network.neighbour_events(face, lambda _change: None)
    assert events is not None
    events.close()
    events.close()
    assert files() == before
    assert network.ledger.count == 0


async def test_a_system_without_netlink_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> socket.socket:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(netlink, "subscribe", refuse)
    assert neighbour_events.subscribe(VirtualClock(), FACE, lambda _change: None) is None
    monkeypatch.setattr(sys, "platform", "darwin")
    assert neighbour_events.subscribe(VirtualClock(), FACE, lambda _change: None) is None
