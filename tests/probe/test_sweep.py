"""The sweep: who is there, at most 900 unresolved at once, and no address called absent that was not asked."""

from __future__ import annotations

import asyncio
import errno

import pytest

from discover.model.signal import Signal
from discover.net.emitter import Emitter
from discover.net.fake import FakeNetwork
from discover.net.fake_hosts import FakeHost, fake_interface
from discover.probe.book import Book
from discover.probe.sweep import ARP_GIVES_UP, CHUNKS_AT_ONCE, Sweep


class Swept:
    """A sweep's outcome: who was alive, what was tested, how long it took."""

    def __init__(self, network: FakeNetwork) -> None:
        self.network = network
        self.alive: list[str] = []
        self.signals: list[Signal] = []
        self.tested = 0
        self.sweep: Sweep | None = None

    def count(self, number: int) -> None:
        assert number >= 0
        self.tested += number

    async def run(self, addresses: list[str], *, arp: bool = True) -> None:
        interface = self.network.interfaces()[0]
        emit = Emitter(self.network.clock, interface.name, self.signals.append, 0.0)
        book = Book(emit, (), self.alive.append)
        self.sweep = Sweep(self.network, interface, book, asyncio.Semaphore(CHUNKS_AT_ONCE), on_tested=self.count, arp=arp)
        await self.sweep.run(addresses)
        assert self.network.open_count == 0


def addresses(count: int) -> list[str]:
    return [f"10.0.{number // 250}.{number % 250 + 1}" for number in range(count)]


def wide(*hosts: FakeHost) -> FakeNetwork:
    return FakeNetwork(*hosts, interfaces=[fake_interface("lan0", "10.0.255.254/16")])


async def test_every_address_is_asked_once_with_one_byte() -> None:
    swept = Swept(wide(FakeHost(address="10.0.0.7")))
    await swept.run(addresses(300))
    assert sorted(one.to for one in swept.network.ledger.packets) == sorted(addresses(300))
    assert {(one.port, one.payload) for one in swept.network.ledger.packets} == {(3232, b"1")}
    assert (swept.alive, swept.tested) == (["10.0.0.7"], 300)
    assert swept.sweep is not None
    assert swept.sweep.complete


async def test_absent_addresses_take_as_long_as_arp_and_no_longer() -> None:
    swept = Swept(wide())
    await swept.run(addresses(100))
    assert 3.0 < swept.network.clock.mono() < ARP_GIVES_UP + 0.2


async def test_where_all_answer_it_is_quick() -> None:
    swept = Swept(wide(*(FakeHost(address=one) for one in addresses(100))))
    await swept.run(addresses(100))
    assert swept.network.clock.mono() < 0.5
    assert len(swept.alive) == swept.tested == 100


async def test_never_more_than_900_unresolved_at_once() -> None:
    swept = Swept(wide())
    await swept.run(addresses(2500))
    assert swept.tested == 2500
    times = [one.mono for one in swept.network.ledger.packets]
    # Absent addresses stay unresolved for ARP's 3.07 s: within that time no more than 900 may be asked.
    assert all(times[index + 900] - times[index] >= 3.07 for index in range(len(times) - 900))
    assert swept.network.clock.mono() < 3 * (ARP_GIVES_UP + 0.2) + 1


async def test_no_socket_waits_for_more_than_200_addresses() -> None:
    network = wide()
    opened: list[int] = []
    original = network.udp

    def counting(*args: object, **kwargs: object) -> object:
        opened.append(network.ledger.count)
        return original(*args, **kwargs)  # type: ignore[arg-type]

    network.udp = counting  # type: ignore[method-assign,assignment]
    await Swept(network).run(addresses(1000))
    assert len(opened) >= 5


async def test_behind_a_router_everyone_is_asked_twice_and_only_answers_count() -> None:
    network = FakeNetwork(
        FakeHost(address="10.0.0.7", loses=1), FakeHost(address="10.0.0.8"), interfaces=[fake_interface("lan0", "10.0.255.254/16")]
    )
    swept = Swept(network)
    await swept.run([f"10.0.0.{number}" for number in range(1, 11)], arp=False)
    assert sorted(swept.alive) == ["10.0.0.7", "10.0.0.8"]
    assert len([one for one in network.ledger.packets if one.to == "10.0.0.9"]) == 2
    assert len([one for one in network.ledger.packets if one.to == "10.0.0.8"]) == 1


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENETUNREACH, errno.ENETDOWN])
async def test_a_system_that_refuses_is_given_up_soon_and_nothing_is_claimed(number: int) -> None:
    network = wide()
    network.fail("send", number)
    swept = Swept(network)
    await swept.run(addresses(2000))
    assert swept.tested == 0
    assert swept.sweep is not None
    assert swept.sweep.error is not None
    assert not swept.sweep.complete


async def test_one_address_that_the_system_refuses_does_not_end_the_sweep() -> None:
    network = wide(FakeHost(address="10.0.0.200"))
    network.fail("send", errno.ENOBUFS, until=0.3)
    swept = Swept(network)
    await swept.run(addresses(250))
    assert swept.alive == ["10.0.0.200"]
    assert swept.sweep is not None
    assert swept.sweep.complete


async def test_a_failure_that_the_neighbour_table_remembers_from_before_is_not_about_us() -> None:
    book = Book(Emitter(wide().clock, "lan0", lambda _signal: None, 0.0), (), lambda _address: None)
    book.failed("10.0.0.7", 5.0)
    assert not book.is_absent("10.0.0.7")  # never asked
    book.asked("10.0.0.7", 5.0)
    book.failed("10.0.0.7", 5.1)
    assert not book.is_absent("10.0.0.7")  # read before the kernel could have given up
    book.failed("10.0.0.7", 8.1)
    assert book.is_absent("10.0.0.7")
    book.asked("10.0.0.7", 20.0)
    assert not book.is_absent("10.0.0.7")
