"""Bad days of the port phase: a system that refuses, a machine that sleeps, floods, strangers, and an end at any moment."""

from __future__ import annotations

import asyncio
import errno
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import NetworkError
from discover.net.api import UdpEvent, UdpEventKind
from discover.net.fake.hosts import FakeHost, fake_interface
from discover.net.fake.network import FakeNetwork
from discover.net.policy import Policy
from discover.net.virtual import VirtualClock
from discover.probe.book import FLOOD, MAX_REPLIES
from discover.probe.limits import MOST_JUDGED
from discover.probe.ports import DEFAULT, KNOCK_PORTS, TCP_PORTS, knock
from tests.probe.probing import ADDRESS, Asking, ask, asking

KNOCKS = tuple(map(knock, KNOCK_PORTS))
SYSTEM = (errno.EPERM, errno.ENOBUFS, errno.EAGAIN, errno.ENETUNREACH, errno.ENODEV, errno.EINVAL, errno.ENETDOWN)
MOST = len(DEFAULT) * MOST_JUDGED * 2


def several(**changes: object) -> list[FakeHost]:
    """Return five hosts, each with a silent listener and an open TCP port."""
    values: dict[str, object] = {"udp": {3232: "silent"}, "tcp": {80: "open"}, **changes}
    return [FakeHost(address=f"192.168.1.{number}", **values) for number in range(20, 25)]  # type: ignore[arg-type]


async def ask_all(network: FakeNetwork, **options: object) -> Asking:
    return await ask(network, *(f"192.168.1.{number}" for number in range(20, 25)), **options)  # type: ignore[arg-type]


def told_of(one: Asking) -> set[tuple[str, str, int | None]]:
    return {(each.peer, each.source.value, each.number("port")) for each in one.signals}


EVERYTHING = {(f"192.168.1.{number}", each.transport, each.port) for number in range(20, 25) for each in DEFAULT}


# A system that refuses.


@given(
    st.sampled_from(["send", "tcp"]),
    st.sampled_from(SYSTEM),
    st.sampled_from([0.0, 0.001, 0.02, 0.05, 0.1, 0.4, 0.45]),
    st.floats(0.0, 8.0),
    st.sampled_from([0.0, 0.1]),
)
async def test_whatever_the_system_refuses_whenever_all_hosts_come_to_an_end(
    operation: str, number: int, start: float, length: float, loss: float
) -> None:
    network = FakeNetwork(*several(loss=loss, icmp_burst=6), seed=2)
    network.fail(operation, number, at=start, until=start + length)  # type: ignore[arg-type]
    one = await ask_all(network)
    assert sorted(one.done) == [f"192.168.1.{number}" for number in range(20, 25)]
    assert one.trouble or told_of(one) == EVERYTHING, "what was not asked is said"
    assert {peer for peer, port in one.likely if port != 3232} == set()
    assert network.ledger.count <= 5 * MOST


@pytest.mark.parametrize("number", SYSTEM)
async def test_what_passes_soon_costs_nothing_but_time(number: int) -> None:
    network = FakeNetwork(*several())
    network.fail("send", number, at=0.0, until=0.5)
    network.fail("tcp", number, at=0.0, until=0.5)
    one = await ask_all(network)
    assert not one.trouble
    assert told_of(one) == EVERYTHING
    assert {peer for peer, _ in one.likely} == {f"192.168.1.{number}" for number in range(20, 25)}
    assert one.ports("tcp.open") == [80] * 5


@pytest.mark.parametrize("number", SYSTEM)
async def test_what_stays_is_said_and_nothing_is_claimed(number: int) -> None:
    network = FakeNetwork(*several())
    network.fail("send", number)
    network.fail("tcp", number)
    one = await ask_all(network)
    assert one.trouble
    assert len(one.done) == 5
    assert not one.signals
    assert network.ledger.count == 0
    assert network.clock.mono() < 30


async def test_one_kind_that_is_refused_leaves_the_other_alone() -> None:
    network = FakeNetwork(*several())
    network.fail("tcp", errno.EPERM)
    one = await ask_all(network)
    assert one.trouble
    assert {peer for peer, _ in one.likely} == {f"192.168.1.{number}" for number in range(20, 25)}
    assert not any(each.kind.startswith("tcp.") for each in one.signals)


@pytest.mark.parametrize("at", [0.0, 0.003, 0.01, 0.03, 0.2])
async def test_an_interface_that_vanishes_ends_the_questions_and_nothing_else(at: float) -> None:
    network = FakeNetwork(*several(icmp=False))
    one = Asking(network)
    network.remove_interface("lan0", at=at)
    task = asyncio.create_task(one.phase.run())
    for number in range(20, 25):
        one.add(f"192.168.1.{number}")
    await one.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    one.phase.close()
    assert network.open_count == 0
    assert len(one.done) == 5
    assert one.trouble


async def test_an_interface_that_moves_leaves_the_hosts_of_the_old_network_behind() -> None:
    network = FakeNetwork(*several(icmp=False, other_tcp="silent", tcp={}))
    async with asking(network) as one:
        for number in range(20, 25):
            one.add(f"192.168.1.{number}")
        await network.clock.sleep(0.05)
        count = network.ledger.count
        network._interfaces = [fake_interface("lan0", "10.0.0.2/24")]
        network.interfaces()
        await one.wait()
        assert network.ledger.count == count
    assert "attached" in str(one.trouble[0])


async def test_a_port_phase_that_cannot_open_leaves_nothing_open() -> None:
    network = FakeNetwork()
    network.fail("udp", errno.EMFILE)
    with pytest.raises(NetworkError, match="EMFILE"):
        Asking(network)
    assert network.open_count == 0


async def test_few_sockets_make_it_slower_and_no_less_true() -> None:
    policy = Policy(streams=2)
    network = FakeNetwork(*several(other_tcp="silent"), policy=policy)
    one = await ask_all(network, policy=policy)
    assert told_of(one) == EVERYTHING
    assert one.ports("tcp.open") == [80] * 5


# Questions of all kinds.


async def test_without_questions_a_host_is_done_at_once() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS)), questions=())
    assert one.done == [ADDRESS]
    assert one.phase.active == 0


async def test_ipv6_hosts_are_asked_like_all_others() -> None:
    face = fake_interface("lan0", "192.168.1.2/24", "fe80::2/64")
    host = FakeHost(address="fe80::20", mac="02:00:00:00:00:20", udp={3232: "silent"}, tcp={80: "open"})
    one = await ask(FakeNetwork(host, interfaces=[face]), "fe80::20")
    assert one.likely == {("fe80::20", 3232)}
    assert one.ports("tcp.open") == [80]


async def test_a_host_that_leaves_in_the_middle_is_silent_from_then_on() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, delay=0.05, udp={3232: "silent"}))
    network.remove(ADDRESS, at=0.06)
    one = await ask(network)
    assert one.done == [ADDRESS]
    assert network.clock.mono() < 15


# Hosts that misbehave.


async def test_a_host_that_floods_replies_is_one_answer_and_one_complaint() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, udp={3197: lambda _byte: b"x"}, repeats=5 * FLOOD))
    one = await ask(network)
    assert one.ports("udp.reply") == [3197]
    assert len(one.signals) == len(DEFAULT)


async def test_a_flood_of_different_replies_is_a_bounded_number_of_signals() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, udp={3197: lambda _byte: [b"%d" % number for number in range(3000)]}))
    one = await ask(network)
    assert len(one.ports("udp.reply")) == MAX_REPLIES
    assert one.done == [ADDRESS]


async def test_a_reply_from_an_address_never_asked_is_counted_and_not_merged() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, udp={3197: lambda _byte: b"x"}, stranger="192.168.1.99"))
    one = await ask(network)
    assert list(one.book.strangers) == ["192.168.1.99"]
    assert {each.peer for each in one.signals} == {ADDRESS}
    assert "udp.reply" not in {each.kind for each in one.signals}


async def test_a_host_that_cannot_be_reached_is_not_taken_for_a_device_with_an_update_port() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS))
    async with asking(network) as one:
        one.book.alive(ADDRESS)
        one.add(ADDRESS)
        for port in KNOCK_PORTS:
            one.book.take(UdpEvent(kind=UdpEventKind.UNREACHABLE, address=ADDRESS, port=port, reason="EHOSTUNREACH"))
        await one.wait()
    assert not one.marked
    assert sorted(one.ports("udp.unreachable")) == sorted(KNOCK_PORTS)


async def test_answers_to_nothing_at_any_time_harm_nothing() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS))
    async with asking(network) as one:
        one.book.take(UdpEvent(kind=UdpEventKind.REFUSED, address=ADDRESS, port=3232))
        one.phase.drop(ADDRESS)
        one.phase.learn(ADDRESS, "24:6f:28:00:00:01")
        one.add(ADDRESS)
        await one.wait()
        one.book.take(UdpEvent(kind=UdpEventKind.REPLY, address=ADDRESS, port=3232, payload=b"late"))
        one.phase.drop(ADDRESS)
    assert one.done == [ADDRESS]


# A machine that sleeps.


class SleepyClock(VirtualClock):
    """A clock that jumps, as if the machine had been asleep."""

    def jump(self, seconds: float, *, at: float) -> None:
        """Sleep for ``seconds`` when it is ``at``: whatever comes meanwhile is read afterwards."""

        def asleep() -> None:
            self._now += seconds

        self.script(at, asleep)


@pytest.mark.parametrize("at", [0.01, 0.03, 0.07, 0.2, 0.5, 0.65])
@pytest.mark.parametrize("seconds", [0.5, 5.0, 200.0])
async def test_answers_that_a_sleeping_machine_has_not_read_are_no_silence(at: float, seconds: float) -> None:
    clock = SleepyClock()
    clock.jump(seconds, at=at)
    network = FakeNetwork(FakeHost(address=ADDRESS, delay=0.3), clock=clock)
    # A fragile device: there is something to do every 60 ms, so the first to wake is not the answer.
    async with asking(network, fragile=["24:6f:28:00:00:01"]) as one:
        one.add(ADDRESS, mac="24:6f:28:00:00:01")
        await one.wait()
    assert network.ledger.count == len(DEFAULT), "nothing was asked twice"
    assert not one.silent()
    assert not one.ports("tcp.silent")


async def test_a_clock_that_jumps_often_makes_no_busy_loop_and_no_false_listener() -> None:
    clock = SleepyClock()
    for number in range(200):
        clock.jump(1.0, at=number * 1.05)
    network = FakeNetwork(*several(loss=0.2), clock=clock, seed=4)
    one = await ask_all(network)
    assert len(one.done) == 5
    assert network.ledger.count <= 5 * MOST
    assert all(port == 3232 for _, port in one.likely)


# An end at any moment.


@pytest.mark.parametrize("after", [None, 0.0, 0.001, 0.004, 0.02, 0.1, 0.41, 0.5, 1.0, 2.0])
async def test_cancelled_at_any_moment_it_leaves_no_socket_and_no_task(after: float | None) -> None:
    network = FakeNetwork(*several(loss=0.3, icmp_burst=3, delay=(0.0, 0.3)), seed=1)
    async with asking(network) as one:  # checks what is left
        for number in range(20, 25):
            one.add(f"192.168.1.{number}")
        if after is not None:
            await network.clock.sleep(after)
    count = network.ledger.count
    await network.clock.sleep(10.0)
    assert network.ledger.count == count


async def test_closing_twice_is_closing_once() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS))
    one = await ask(network)
    one.phase.close()
    assert network.open_count == 0


@given(
    st.integers(0, 1 << 16),
    st.sampled_from([0.0, 0.1, 0.3]),
    st.sampled_from([0.001, (0.0, 0.3), (0.2, 1.5)]),
    st.sampled_from([None, 1, 6]),
)
async def test_on_any_air_all_hosts_come_to_an_end_within_their_budgets(
    seed: int, loss: float, delay: float | tuple[float, float], burst: int | None
) -> None:
    network = FakeNetwork(*several(loss=loss, delay=delay, icmp_burst=burst), seed=seed)
    one = await ask_all(network)
    assert len(one.done) == 5
    # With three packets in ten lost each way, a closed port may be silent eight times.
    assert loss > 0.1 or all(port == 3232 for _, port in one.likely)
    assert set(one.ports("tcp.open")) <= {80}
    for number in range(20, 25):
        times = [each.mono for each in network.ledger.packets if each.to == f"192.168.1.{number}"]
        assert max(sum(start <= when < start + 1.0 for when in times) for start in times) <= Policy().host_packets
    assert sorted(set(TCP_PORTS)) == sorted({each.number("port") or 0 for each in one.signals if each.kind.startswith("tcp.")})
