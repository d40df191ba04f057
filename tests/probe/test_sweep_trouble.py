"""Bad days of the sweep: a system that refuses, news that get lost, a machine that sleeps, and an end at any moment."""

from __future__ import annotations

import asyncio
import errno
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.net.fake.hosts import FakeHost, fake_interface
from discover.net.policy import Policy
from discover.net.virtual import VirtualClock
from discover.probe.roll import ARP_GIVES_UP, Window
from discover.probe.timing import Air
from tests.probe.probing import Sweeping, addresses, gadget, sweep, wide

SYSTEM = (errno.EPERM, errno.ENOBUFS, errno.EAGAIN, errno.ENETUNREACH, errno.ENODEV, errno.EINVAL, errno.ENETDOWN)


def hosts(count: int, **changes: object) -> list[FakeHost]:
    return [gadget(address, number, **changes) for number, address in enumerate(addresses(count))]


def check(swept: Sweeping, live: int, planned: int) -> None:
    """Check what holds after every sweep, however bad the day."""
    tested, unanswered = swept.counts
    assert 0 <= unanswered <= tested <= planned == swept.sweep.planned
    assert set(swept.alive) <= set(addresses(live))
    asked = {one.to for one in swept.network.ledger.packets}
    assert tested <= len(asked | set(swept.alive)), "an address that was not asked is called tested"
    assert tested == planned or not swept.sweep.complete
    assert unanswered == tested - len(set(swept.alive) & asked)
    assert swept.sweep.estimate() == 0.0


# A system that refuses.


@given(
    st.sampled_from(SYSTEM),
    st.sampled_from([0.0, 0.001, 0.03, 0.1, 1.0, 3.1]),
    st.sampled_from([0.001, 0.1, 0.5, 0.8, 2.0, 20.0]),
    st.sampled_from(["kernel", "raw", "routed"]),
    st.sampled_from([1, 50, 200]),
)
async def test_whatever_the_system_refuses_whenever_the_counts_are_true(
    number: int, start: float, length: float, means: str, window: int
) -> None:
    policy = Policy(unresolved=window, liveness_rate=500.0, liveness_burst=60.0)
    network = wide(*hosts(30), privileged=means == "raw", policy=policy)
    one = Sweeping(network, addresses(100), policy=policy, routed=means == "routed")
    network.fail("arp" if means == "raw" else "send", number, at=start, until=start + length)
    await one.run()
    check(one, 30, 100)
    assert network.clock.mono() < 400
    assert one.window.free(network.clock.mono() + 10.0) == window


@pytest.mark.parametrize("number", [errno.ENOBUFS, errno.EAGAIN])
async def test_a_full_buffer_passes(number: int) -> None:
    network = wide(*hosts(30))
    network.fail("send", number, until=1.0)
    swept = await sweep(network, addresses(100))
    assert swept.sweep.complete
    assert len(swept.alive) == 30
    assert swept.counts == (100, 70)


@pytest.mark.parametrize("means", ["kernel", "raw", "routed"])
@pytest.mark.parametrize("at", [0.0, 0.01, 0.15, 0.5])
async def test_an_interface_that_vanishes_leaves_the_rest_untested(means: str, at: float) -> None:
    policy = Policy(liveness_rate=200.0, liveness_burst=20.0)
    network = wide(*hosts(30), privileged=means == "raw", policy=policy)
    one = Sweeping(network, addresses(200), policy=policy, routed=means == "routed")
    network.remove_interface("lan0", at=at)
    await one.run()
    check(one, 30, 200)
    assert not one.sweep.complete
    assert one.sweep.tested < 200
    assert one.sweep.error is not None


async def test_an_interface_that_moves_to_another_network_ends_the_sweep() -> None:
    policy = Policy(liveness_rate=200.0, liveness_burst=20.0)
    network = wide(*hosts(30), policy=policy)

    def move() -> None:
        network._interfaces = [fake_interface("lan0", "192.168.7.2/24")]
        network.interfaces()

    network.clock.script(0.2, move)
    swept = await sweep(network, addresses(200), policy=policy)
    check(swept, 30, 200)
    assert not swept.sweep.complete
    assert "attached" in str(swept.sweep.error)


async def test_a_sweep_that_was_cut_short_leaves_the_window_to_the_next() -> None:
    window = Window(50)
    network = wide(*hosts(10))
    network.remove_interface("lan0", at=0.01)
    await sweep(network, addresses(200), window=window)
    now = network.clock.mono()
    assert window.free(now + ARP_GIVES_UP + 1.0) == 50


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENODEV])
async def test_a_socket_that_cannot_be_opened_is_said(number: int) -> None:
    network = wide(*hosts(5))
    network.fail("udp", number)
    swept = await sweep(network, addresses(20))
    assert swept.counts == (0, 0)
    assert swept.sweep.error is not None


# News that get lost.


@pytest.mark.parametrize(("at", "seconds"), [(0.0, 0.1), (0.0, 1.5), (0.002, 0.0), (0.001, 3.0)])
async def test_news_that_were_lost_cost_no_host(at: float, seconds: float) -> None:
    network = wide(*hosts(40, icmp=False))
    network.link.overflow(at=at, seconds=seconds)
    swept = await sweep(network, addresses(120))
    assert len(swept.alive) == 40
    assert swept.counts == (120, 80)


async def test_a_table_that_cannot_be_read_costs_those_who_answer_nothing_else() -> None:
    network = wide(*hosts(20), gadget("10.0.0.30", 30, icmp=False), neighbour_events=False)
    network.fail("neighbours", errno.EPERM)
    swept = await sweep(network, addresses(40))
    assert len(swept.alive) == 20
    assert swept.trouble
    assert swept.counts == (40, 20)


# Hosts that misbehave.


async def test_a_flood_of_replies_does_not_hold_the_sweep() -> None:
    noisy = gadget("10.0.0.7", 7, udp={3232: lambda _byte: b"x"}, repeats=5000)
    swept = await sweep(wide(noisy), addresses(50))
    assert swept.alive == ["10.0.0.7"]
    assert len([one for one in swept.signals if one.kind == "udp.reply"]) == 1


async def test_a_strangers_reply_is_no_sign_of_life_of_the_one_asked() -> None:
    network = wide(FakeHost(address="10.0.0.7", udp={3232: lambda _byte: b"x"}, stranger="10.0.9.9"))
    swept = await sweep(network, addresses(20))
    assert not {"10.0.9.9"} & set(swept.alive)
    assert list(swept.book.strangers) == ["10.0.9.9"]


async def test_one_mac_for_every_address_is_no_trouble_for_the_sweep() -> None:
    proxied = [FakeHost(address=address, mac="02:00:00:00:00:99", icmp=False) for address in addresses(200)]
    swept = await sweep(wide(*proxied), addresses(200))
    assert swept.counts == (200, 0)
    assert {one.text("mac") for one in swept.signals if one.kind == "neighbour.seen"} == {"02:00:00:00:00:99"}


# A machine that sleeps.


class SleepyClock(VirtualClock):
    """A clock that jumps, as if the machine had been asleep."""

    def jump(self, seconds: float, *, at: float) -> None:
        """Sleep for ``seconds`` when it is ``at``: whatever comes meanwhile is read afterwards."""

        def asleep() -> None:
            self._now += seconds

        self.script(at, asleep)


@pytest.mark.parametrize("means", ["kernel", "raw", "routed"])
@pytest.mark.parametrize("at", [0.002, 0.05, 0.2])
@pytest.mark.parametrize("seconds", [0.5, 5.0, 200.0])
async def test_answers_that_a_sleeping_machine_has_not_read_are_no_absence(means: str, at: float, seconds: float) -> None:
    clock = SleepyClock()
    clock.jump(seconds, at=at)
    slow = [gadget(address, number, delay=0.3, icmp=True) for number, address in enumerate(addresses(20))]
    quick = [gadget(f"10.0.1.{number}", 100 + number, delay=0.001) for number in range(1, 21)]
    network = wide(*slow, *quick, clock=clock, privileged=means == "raw")
    asked = [*addresses(60), *(f"10.0.1.{number}" for number in range(1, 21))]
    swept = await sweep(network, asked, routed=means == "routed")
    assert len(swept.alive) == 40
    assert swept.counts == (80, 40)
    assert swept.sweep.complete


async def test_a_clock_that_jumps_often_makes_no_busy_loop() -> None:
    clock = SleepyClock()
    for number in range(300):
        clock.jump(1.0, at=number * 1.04)
    network = wide(*hosts(30, loss=0.1, delay=(0.0, 0.3)), clock=clock, seed=3)
    swept = await sweep(network, addresses(100))
    assert swept.sweep.complete
    assert len(swept.alive) >= 29


# An end at any moment.


@pytest.mark.parametrize("means", ["kernel", "raw", "routed"])
@pytest.mark.parametrize("after", [0.0, 0.05, 0.3, 1.05, 3.3])
async def test_cancelled_at_any_moment_it_leaves_no_socket_and_no_task(means: str, after: float) -> None:
    network = wide(*hosts(20, delay=0.2), privileged=means == "raw")
    one = Sweeping(network, addresses(600), routed=means == "routed")
    before = asyncio.all_tasks()
    task = asyncio.create_task(one.run())
    await network.clock.sleep(after)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert network.open_count == 0
    assert asyncio.all_tasks() == before
    tested, unanswered = one.counts
    assert unanswered <= tested <= len({each.to for each in network.ledger.packets})
    count = network.ledger.count
    await network.clock.sleep(10.0)
    assert network.ledger.count == count


@given(
    st.integers(0, 1 << 16),
    st.sampled_from([0.0, 0.1, 0.4]),
    st.sampled_from([0.002, (0.0, 0.3), (0.3, 2.0)]),
    st.sampled_from(["kernel", "raw", "routed"]),
    st.booleans(),
)
async def test_on_any_air_the_sweep_is_complete_and_its_counts_are_true(
    seed: int,
    loss: float,
    delay: float | tuple[float, float],
    means: str,
    events: bool,  # noqa: FBT001
) -> None:
    network = wide(*hosts(20, loss=loss, delay=delay), seed=seed, privileged=means == "raw", neighbour_events=events)
    swept = await sweep(network, addresses(60), routed=means == "routed", air=Air())
    assert swept.sweep.complete
    check(swept, 20, 60)
    assert swept.sweep.tested == 60
    assert network.clock.mono() <= ARP_GIVES_UP + 3.0
