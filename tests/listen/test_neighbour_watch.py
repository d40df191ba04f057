"""The neighbour table as signals: read, told as it changes, lost, confirmed by an answer."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import NetworkError
from discover.listen.neighbours import FRESH, INTERVAL, TOLD_INTERVAL, NeighbourWatch
from discover.model.network import Neighbour
from discover.model.signal import Signal
from discover.net.emitter import Emitter
from discover.net.fake.hosts import FakeHost, fake_interface
from discover.net.fake.network import FakeNetwork

FACE = fake_interface("lan0", "192.168.1.2/24", "fe80::2/64")
HOST = "192.168.1.20"
MAC = "02:00:00:00:00:01"
OTHER = "02:00:00:00:00:02"


class Table:
    """A watch, what it told, and a neighbour table that a test may write by hand."""

    def __init__(self, network: FakeNetwork | None = None, wanted: str = "192.168.1.") -> None:
        self.network = FakeNetwork(interfaces=[FACE]) if network is None else network
        self.rows: list[Neighbour] = []
        self.reads: list[float] = []
        self.cost = 0.0
        self.signals: list[Signal] = []
        self.seen: list[tuple[str, str, bool]] = []
        self.failed: list[str] = []
        self.trouble: list[NetworkError] = []
        self.watch = NeighbourWatch(
            self.network,
            FACE,
            Emitter(self.network.clock, "lan0", self.signals.append, 0.0),
            wanted=lambda address: address.startswith(wanted),
            on_seen=lambda address, mac, fresh: self.seen.append((address, mac, fresh)),
            on_failed=self.failed.append,
            on_trouble=self.trouble.append,
        )

    def by_hand(self, monkeypatch: pytest.MonkeyPatch) -> Table:
        """Let the rows be written by hand."""

        async def read(_interface: object) -> list[Neighbour]:
            self.reads.append(self.network.clock.mono())
            if self.cost:
                await self.network.clock.sleep(self.cost)
            return self.rows

        monkeypatch.setattr(self.network, "neighbours", read)
        return self

    async def read(self, *rows: tuple[str, str, str]) -> list[tuple[str, str]]:
        """Write the table, let it be read, and return what was told."""
        self.rows = [Neighbour(address=address, mac=mac, interface="lan0", state=state) for address, mac, state in rows]
        before = len(self.signals)
        await self.watch.read()
        return [(one.kind, one.text("state")) for one in self.signals[before:]]

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Let the watch run for the body, and leave nothing behind."""
        task = asyncio.create_task(self.watch.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        assert self.network.open_count == 0

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(one.kind, one.peer, one.text("state")) for one in self.signals]


async def knock(network: FakeNetwork, *addresses: str) -> None:
    """Make the kernel ask for addresses by ARP."""
    endpoint = network.udp(network.interfaces()[0])
    for address in addresses or (HOST,):
        await endpoint.send(b"1", address, 3232, purpose="test")
    endpoint.close()


async def test_a_neighbour_is_told_once_and_again_when_it_is_fresh_or_another(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table().by_hand(monkeypatch)
    assert await table.read((HOST, MAC, "stale")) == [("neighbour.seen", "stale")]
    assert await table.read((HOST, MAC, "delay")) == []
    assert await table.read((HOST, MAC, "reachable")) == [("neighbour.seen", "reachable")]
    assert await table.read((HOST, MAC, "stale")) == []
    assert await table.read((HOST, OTHER, "reachable")) == [("neighbour.seen", "reachable")]
    table.watch.renew()
    assert await table.read((HOST, OTHER, "reachable")) == [("neighbour.seen", "reachable")]
    assert table.seen == [(HOST, MAC, False), (HOST, MAC, True), (HOST, OTHER, True), (HOST, OTHER, True)]


async def test_the_mac_last_seen_is_kept_until_the_next_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table().by_hand(monkeypatch)
    assert table.watch.mac(HOST) == ""
    await table.read((HOST, MAC, "stale"))
    assert table.watch.mac(HOST) == MAC
    await table.read((HOST, OTHER, "reachable"))
    assert table.watch.mac(HOST) == OTHER
    table.watch.renew()
    assert table.watch.mac(HOST) == ""


async def test_failure_is_a_signal_only_for_who_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table().by_hand(monkeypatch)
    assert await table.read((HOST, "", "failed")) == []
    await table.read((HOST, MAC, "reachable"))
    assert await table.read((HOST, MAC, "failed")) == [("neighbour.failed", "")]
    assert await table.read((HOST, MAC, "failed")) == []
    assert table.failed == [HOST] * 3


async def test_unfinished_foreign_and_broken_rows_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table().by_hand(monkeypatch)
    rows = ((HOST, "", "incomplete"), ("10.0.0.1", MAC, "reachable"), ("rubbish", MAC, "reachable"), ("", MAC, "reachable"))
    assert await table.read(*rows) == []
    assert not table.seen


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20), st.text(max_size=12)), max_size=20))
async def test_no_row_upsets_the_watch(rows: list[tuple[str, str, str]]) -> None:
    table = Table(wanted="")
    with pytest.MonkeyPatch.context() as patch:
        await table.by_hand(patch).read(*rows)
    assert all(mac for _, mac, _ in table.seen)


async def test_a_made_up_table_ends_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.listen.neighbours.MAX_KNOWN", 10)
    table = Table().by_hand(monkeypatch)
    rows = [(f"192.168.1.{number}", MAC, "reachable") for number in range(50)]
    assert len(await table.read(*rows)) == 10
    assert await table.read(*rows) == []


async def test_a_table_that_cannot_be_read_is_told_once() -> None:
    network = FakeNetwork(interfaces=[FACE], neighbour_events=False)
    network.fail("neighbours", errno.EPERM)
    table = Table(network)
    async with table.watching():
        await network.clock.sleep(5)
    assert len(table.trouble) == 1


# A system that tells no changes.


async def test_without_news_the_table_is_read_soon_and_often_and_seldom_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(FakeNetwork(interfaces=[FACE], neighbour_events=False)).by_hand(monkeypatch)
    async with table.watching():
        await table.network.clock.sleep(0.3)
        assert len(table.reads) >= 4
        await table.network.clock.sleep(4.7)
        assert max(after - before for before, after in pairwise(table.reads)) <= INTERVAL + 1e-6
        table.watch.quiet_interval = 20.0
        count = len(table.reads)
        await table.network.clock.sleep(60)
        assert 2 <= len(table.reads) - count <= 4
        table.watch.renew()
        count = len(table.reads)
        await table.network.clock.sleep(0.3)
        assert len(table.reads) - count >= 4, "a new sweep reads often again"


async def test_a_table_that_is_slow_to_read_is_read_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(FakeNetwork(interfaces=[FACE], neighbour_events=False)).by_hand(monkeypatch)
    table.cost = 0.2
    async with table.watching():
        await table.network.clock.sleep(10)
    assert 3 <= len(table.reads) <= 6


# A system that tells them.


async def test_with_news_the_table_is_read_once_and_then_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table().by_hand(monkeypatch)
    async with table.watching():
        await table.network.clock.sleep(TOLD_INTERVAL * 2.5)
    assert len(table.reads) == 3


async def test_a_host_is_told_when_the_kernel_hears_it() -> None:
    network = FakeNetwork(FakeHost(address=HOST, mac=MAC, delay=0.01), interfaces=[FACE])
    table = Table(network)
    async with table.watching():
        await network.clock.sleep(1.0)
        assert not table.told
        await knock(network)
        await network.clock.sleep(0.006)
        assert table.told == [("neighbour.seen", HOST, "reachable")]
    assert table.seen == [(HOST, MAC, True)]


async def test_an_address_that_the_kernel_gives_up_is_told() -> None:
    network = FakeNetwork(interfaces=[FACE])
    table = Table(network)
    async with table.watching():
        await network.clock.sleep(1.0)
        await knock(network)
        await network.clock.sleep(3.5)
    assert table.failed == [HOST]
    assert not table.told


async def test_news_that_were_lost_are_read() -> None:
    hosts = [FakeHost(address=f"192.168.1.{number}", mac=f"02:00:00:00:00:{number:02x}") for number in range(20, 60)]
    network = FakeNetwork(*hosts, interfaces=[FACE])
    network.link.overflow(at=1.0, seconds=0.5)
    table = Table(network)
    async with table.watching():
        await network.clock.sleep(1.1)
        await knock(network, *(one.address for one in hosts))
        await network.clock.sleep(0.3)
        assert not table.told
        await network.clock.sleep(0.2)
        assert {peer for _, peer, _ in table.told} == {one.address for one in hosts}


async def test_what_the_table_still_knows_is_hearsay_until_the_kernel_hears_it() -> None:
    network = FakeNetwork(FakeHost(address=HOST, mac=MAC, known=True), interfaces=[FACE])
    table = Table(network)
    async with table.watching():
        await network.clock.sleep(1.0)
        assert table.seen == [(HOST, MAC, False)]
        await knock(network)
        await network.clock.sleep(1.0)
        assert table.seen == [(HOST, MAC, False), (HOST, MAC, True)]


async def test_an_arp_packet_is_as_fresh_as_can_be() -> None:
    table = Table()
    table.watch.heard(HOST, MAC)
    table.watch.heard(HOST, MAC)
    assert table.told == [("neighbour.seen", HOST, "reachable")]
    assert table.seen == [(HOST, MAC, True)]


# Hosts that a ping confirms.


async def test_a_host_that_answered_a_ping_is_fresh_whatever_the_table_says(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(wanted="fe80:").by_hand(monkeypatch)
    table.rows = [Neighbour(address="fe80::20", mac=MAC, interface="lan0", state="stale")]
    async with table.watching():
        await table.network.clock.sleep(0.1)
        assert table.seen == [("fe80::20", MAC, False)]
        table.watch.confirm("fe80::20")
        await table.network.clock.sleep(0.1)
        assert table.seen == [("fe80::20", MAC, False), ("fe80::20", MAC, True)]
        assert table.told[-1] == ("neighbour.seen", "fe80::20", "reachable")
        table.watch.confirm("fe80::20")
        await table.network.clock.sleep(0.1)
    assert len(table.seen) == 2


async def test_a_host_that_answers_a_ping_before_the_table_shows_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(wanted="fe80:").by_hand(monkeypatch)
    async with table.watching():
        table.watch.confirm("fe80::20")
        await table.network.clock.sleep(1.0)
        assert not table.seen
        table.rows = [Neighbour(address="fe80::20%lan0", mac=MAC, interface="lan0", state="stale")]
        await table.network.clock.sleep(TOLD_INTERVAL)
    assert table.seen == [("fe80::20", MAC, True)]


async def test_ipv6_nodes_are_found_by_a_ping() -> None:
    hosts = [FakeHost(address=f"fe80::{number:x}", mac=f"02:00:00:00:00:{number:02x}") for number in range(0x20, 0x40)]
    network = FakeNetwork(*hosts, interfaces=[FACE], ping_nodes=True)
    table = Table(network, wanted="fe80:")
    async with table.watching():
        ping = network.ping_nodes(FACE, table.watch.confirm)
        assert ping is not None
        await network.clock.sleep(3.0)
        ping.close()
    assert {address for address, _, fresh in table.seen if fresh} == {one.address for one in hosts}


async def test_a_flood_of_confirmations_ends_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.listen.neighbours.MAX_KNOWN", 10)
    table = Table(wanted="fe80:").by_hand(monkeypatch)
    async with table.watching():
        for number in range(100):
            table.watch.confirm(f"fe80::{number:x}")
            await table.network.clock.sleep(0.001)
    assert len(table.reads) <= 12


def test_what_counts_as_fresh_is_what_the_kernel_has_heard() -> None:
    assert {"reachable", "permanent", "noarp"} == FRESH
