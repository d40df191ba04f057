"""The knock: one byte, spread, and a control before silence is believed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import NetworkError
from discover.model.signal import Signal
from discover.net.emitter import Emitter
from discover.net.fake import FakeNetwork
from discover.net.fake_hosts import FakeHost
from discover.probe.book import Book, Line
from discover.probe.knock import KNOCK_PORTS, control_port, knock_host

ADDRESS = "192.168.1.20"


async def knock(network: FakeNetwork, asked: tuple[int, ...] = ()) -> list[Signal]:
    signals: list[Signal] = []
    interface = network.interfaces()[0]
    emit = Emitter(network.clock, interface.name, signals.append, 0.0)
    book = Book(emit, (), lambda _address: None)
    line = Line(network, interface, book)
    pump = asyncio.create_task(line.run())
    try:
        await knock_host(line, book, emit, network.clock, ADDRESS, asked=asked)
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        line.close()
    assert network.open_count == 0
    return signals


def controls(signals: list[Signal]) -> dict[int | None, str]:
    return {one.number("port"): one.text("control") for one in signals if one.kind == "udp.silent"}


def sent(network: FakeNetwork) -> Iterator[tuple[float, int]]:
    for packet in network.ledger.packets:
        assert packet.payload == b"1"
        yield packet.mono, packet.port


@given(st.ip_addresses(v=4).map(str), st.integers(0, 15))
def test_a_control_port_is_high_fixed_and_its_own_for_each_knock(address: str, index: int) -> None:
    port = control_port(address, index)
    assert 61_000 <= port <= 65_535
    assert port == control_port(address, index)
    assert len({control_port(address, each) for each in range(16)}) == 16


async def test_where_all_is_closed_no_control_is_needed() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS))
    signals = await knock(network)
    assert [one.number("port") for one in signals if one.kind == "udp.refused"] == list(KNOCK_PORTS)
    assert sorted(port for _, port in sent(network)) == sorted(KNOCK_PORTS)


async def test_a_port_that_the_sweep_knocked_at_is_not_knocked_at_again_where_it_answered() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent"}))
    await knock(network, asked=(3232,))
    first = [port for when, port in sent(network) if when < 1.0]
    assert 3232 not in first


async def test_controls_are_no_findings() -> None:
    signals = await knock(FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent"})))
    assert all((one.number("port") or 0) < 61_000 for one in signals)


async def test_silence_is_believed_after_three_refused_controls() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent", 8266: "silent"}))
    signals = await knock(network)
    assert controls(signals) == {3232: "refused", 8266: "refused"}
    (one,) = [one for one in signals if one.number("port") == 3232]
    assert one.number("tries") == 4
    assert len([port for _, port in sent(network) if port == control_port(ADDRESS, 0)]) == 3


async def test_each_control_is_measured_anew() -> None:
    # Five errors for the closed ports and one for the first control; the later controls stay silent.
    signals = await knock(FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent"}, icmp_limit=6)))
    (one,) = [one for one in signals if one.kind == "udp.silent"]
    assert (one.number("tries"), one.text("control")) == (5, "silent")


async def test_a_knock_is_followed_by_its_own_control() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, udp={2040: "silent", 3199: "silent"}))
    await knock(network)
    order = [port for _, port in sent(network)]
    for port in (2040, 3199):
        own = control_port(ADDRESS, KNOCK_PORTS.index(port))
        for position in (index for index, one in enumerate(order) if one == own):
            assert order[position - 1] == port


async def test_a_silent_port_is_asked_again_only_after_a_second() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, icmp=False))
    signals = await knock(network)
    assert set(controls(signals).values()) == {"silent"}
    for port in KNOCK_PORTS:
        times = [when for when, each in sent(network) if each == port]
        assert len(times) == 2
        assert times[1] - times[0] >= 1.0


async def test_a_reply_to_a_knock_is_a_reply() -> None:
    signals = await knock(FakeNetwork(FakeHost(address=ADDRESS, udp={3197: lambda _byte: b"LABDEV"})))
    (one,) = [one for one in signals if one.kind == "udp.reply"]
    assert (one.number("port"), one.text("text")) == (3197, "LABDEV")
    assert 3197 not in controls(signals)


async def test_a_slow_icmp_error_is_still_an_error() -> None:
    signals = await knock(FakeNetwork(FakeHost(address=ADDRESS, delay=0.9)))
    assert not controls(signals)


@pytest.mark.parametrize("limit", range(14))
async def test_however_few_icmp_errors_come_no_closed_port_is_called_likely(limit: int) -> None:
    signals = await knock(FakeNetwork(FakeHost(address=ADDRESS, icmp_limit=limit)))
    assert "refused" not in controls(signals).values()


@pytest.mark.parametrize("lost", range(8))
async def test_however_many_first_datagrams_are_lost_no_closed_port_is_called_likely(lost: int) -> None:
    signals = await knock(FakeNetwork(FakeHost(address=ADDRESS, loses=lost)))
    assert "refused" not in controls(signals).values()


async def test_a_host_gets_far_less_than_its_budget() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, icmp=False))
    await knock(network)
    times = [when for when, _ in sent(network)]
    assert max(sum(start <= when < start + 1 for when in times) for start in times) <= 20


async def test_a_system_that_refuses_to_send_is_an_error() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS))
    network.remove_interface("lan0", at=0.2)
    with pytest.raises(NetworkError):
        await knock(network)


async def test_a_host_that_rations_its_errors_does_not_hold_the_scan() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, icmp_limit=1))
    await knock(network)
    assert network.clock.mono() < 14
