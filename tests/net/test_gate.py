"""What may leave, where to, and how fast."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest

from discover.errors import NotPrivateError
from discover.model.network import Network
from discover.net.fake.hosts import fake_interface
from discover.net.gate import Gate, attached_networks, is_private
from discover.net.ledger import MemoryLedger
from discover.net.virtual import VirtualClock

LAN = ipaddress.ip_network("192.168.1.0/24")


def make(*attached: Network, allowed: tuple[Network, ...] = (), own: bool = False) -> tuple[Gate, MemoryLedger, VirtualClock]:
    clock = VirtualClock()
    ledger = MemoryLedger()
    return Gate(clock, ledger, attached or (LAN,), allowed=allowed, own=own), ledger, clock


async def send(gate: Gate, address: str, payload: bytes = b"1", *, port: int = 3232, transport: str = "udp") -> None:
    await gate.admit(interface="lan0", address=address, port=port, transport=transport, purpose="knock", payload=payload)


@pytest.mark.parametrize("transport", ["udp", "mdns"])
async def test_an_empty_datagram_is_refused_and_not_noted(transport: str) -> None:
    gate, ledger, _ = make()
    with pytest.raises(ValueError, match="empty"):
        await send(gate, "192.168.1.7", b"", transport=transport)
    assert ledger.count == 0


async def test_a_tcp_connect_has_no_payload_and_is_noted() -> None:
    gate, ledger, _ = make()
    await send(gate, "192.168.1.7", b"", transport="tcp")
    assert [(packet.to, packet.transport, packet.payload) for packet in ledger.packets] == [("192.168.1.7", "tcp", b"")]


@pytest.mark.parametrize(
    "address",
    [
        "192.168.1.1",
        "192.168.1.255",
        "255.255.255.255",
        "224.0.0.251",
        "239.255.255.250",
        "127.0.0.1",
        "127.77.0.3",
        "::1",
        "ff02::fb",
        "ff02::fb%lan0",
        "::ffff:192.168.1.9",
    ],
)
async def test_local_addresses_are_admitted(address: str) -> None:
    gate, ledger, _ = make()
    await send(gate, address)
    assert ledger.packets[0].to == address


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "::ffff:8.8.8.8",  # reaches 8.8.8.8
        "192.168.2.1",  # private, but not ours
        "10.0.0.1",
        "0.0.0.0",
        "100.64.0.1",  # carrier NAT, not a LAN
        "192.0.2.1",  # "private" for the ipaddress module
        "240.0.0.1",
        "2001:db8::1",
        "fe80::1",  # link-local, but no interface stands in it
        "ff05::fb",  # site-local multicast crosses routers
        "ff0e::1",
        "example.org",
        "",
    ],
)
async def test_foreign_addresses_are_refused_and_not_noted(address: str) -> None:
    gate, ledger, _ = make()
    assert not gate.permits(address)
    with pytest.raises(NotPrivateError):
        await send(gate, address)
    assert ledger.count == 0


async def test_an_attached_public_network_is_still_foreign() -> None:
    gate, _, _ = make(ipaddress.ip_network("8.8.8.0/24"), ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("10.0.0.0/7"))
    assert not gate.permits("8.8.8.8")
    assert not gate.permits("10.1.1.1")


async def test_a_named_network_counts_only_with_the_word_that_it_is_ours() -> None:
    foreign = ipaddress.ip_network("203.0.113.0/24")
    without, _, _ = make(allowed=(foreign,))
    assert not without.permits("203.0.113.9")
    gate, ledger, _ = make(allowed=(foreign,), own=True)
    await send(gate, "203.0.113.9")
    assert ledger.count == 1
    assert not gate.permits("203.0.114.9")
    assert gate.permits("192.168.1.9")


async def test_networks_follow_the_interfaces() -> None:
    gate, _, _ = make()
    gate.attach(attached_networks([fake_interface("lan0", "10.9.0.5/24", "fe80::5/64", "2001:db8::5/64")]))
    assert gate.permits("10.9.0.77")
    assert gate.permits("fe80::77%lan0")
    assert not gate.permits("192.168.1.7")
    assert not gate.permits("2001:db8::77")


async def test_a_host_never_gets_more_than_forty_packets_in_a_second_and_others_do_not_wait_for_it() -> None:
    gate, ledger, clock = make()
    quick: list[float] = []

    async def other() -> None:
        await send(gate, "192.168.1.8")
        quick.append(clock.mono())

    await asyncio.gather(*(send(gate, "192.168.1.7") for _ in range(130)), other())
    times = [packet.mono for packet in ledger.to("192.168.1.7")]
    assert len(times) == 130
    for first, later in zip(times, times[40:], strict=False):
        assert later - first > 1.0
    assert times[-1] < 3.2
    assert quick == [0.0]


async def test_all_hosts_together_get_a_thousand_and_then_a_thousand_a_second() -> None:
    gate, ledger, clock = make(ipaddress.ip_network("10.0.0.0/16"))
    for number in range(3000):
        await send(gate, f"10.0.{number // 250}.{number % 250 + 1}")
    assert 1.99 <= clock.mono() <= 2.05
    times = [packet.mono for packet in ledger.packets]
    assert times[999] == 0.0
    assert all(later - first >= 0.99 for first, later in zip(times, times[2000:], strict=False))


async def test_the_same_host_in_other_words_has_one_budget() -> None:
    gate, _, clock = make()
    for _ in range(20):
        await send(gate, "192.168.1.7")
        await send(gate, "::ffff:192.168.1.7")
    assert clock.mono() == 0.0
    await send(gate, "192.168.1.7")
    assert clock.mono() > 1.0


async def test_who_gives_up_waiting_leaves_no_packet_and_no_knot() -> None:
    gate, ledger, _ = make()
    for _ in range(40):
        await send(gate, "192.168.1.7")
    waiting = asyncio.ensure_future(send(gate, "192.168.1.7"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ledger.count == 40
    await send(gate, "192.168.1.7")
    assert ledger.count == 41


def test_private_is_what_the_design_lists_and_not_what_registries_reserve() -> None:
    assert is_private(ipaddress.ip_network("172.31.0.0/16"))
    assert is_private(ipaddress.ip_network("fd00:1::/64"))
    assert not is_private(ipaddress.ip_network("172.0.0.0/8"))
    assert not is_private(ipaddress.ip_network("198.18.0.0/15"))
    assert not is_private(ipaddress.ip_network("::/0"))


# For those who cannot wait.


def note(gate: Gate, address: str, *, room: int = 1, liveness: bool = False) -> None:
    gate.note(interface="lan0", address=address, port=1, transport="udp", purpose="knock", payload=b"1", room=room, liveness=liveness)


async def test_asking_spends_nothing_and_noting_spends_at_once() -> None:
    gate, ledger, clock = make()
    for _ in range(100):
        assert gate.wait("192.168.1.7", transport="udp", payload=b"1") == 0.0
    assert ledger.count == 0
    for _ in range(40):
        note(gate, "192.168.1.7")
    assert ledger.count == 40
    assert 1.0 < gate.wait("192.168.1.7") < 1.1
    assert 1.0 < gate.wait("::ffff:192.168.1.7") < 1.1
    assert gate.wait("192.168.1.8") == 0.0
    await clock.sleep(gate.wait("192.168.1.7"))
    assert gate.wait("192.168.1.7") == 0.0


async def test_asking_refuses_what_admitting_refuses() -> None:
    gate, _, _ = make()
    with pytest.raises(NotPrivateError):
        gate.wait("8.8.8.8")
    with pytest.raises(NotPrivateError):
        gate.wait("8.8.8.8", transport="tcp", payload=b"")
    with pytest.raises(ValueError, match="empty"):
        gate.wait("192.168.1.7", transport="udp", payload=b"")
    assert gate.wait("192.168.1.7", transport="tcp", payload=b"") == 0.0
    with pytest.raises(NotPrivateError):
        gate.mark_fragile("kitchen.local")


async def test_what_was_admitted_once_is_judged_anew_when_networks_change() -> None:
    gate, ledger, clock = make()
    for _ in range(40):
        note(gate, "192.168.1.7")
    waiting = asyncio.ensure_future(send(gate, "192.168.1.7"))
    await asyncio.sleep(0)
    gate.attach([])
    with pytest.raises(NotPrivateError):
        gate.wait("192.168.1.7")
    with pytest.raises(NotPrivateError):
        await waiting
    assert clock.mono() > 1.0
    assert ledger.count == 40


async def test_a_turn_in_which_nothing_leaves_costs_nothing() -> None:
    gate, ledger, clock = make()
    for _ in range(100):
        async with gate.turn("192.168.1.7", transport="udp", payload=b"1"):
            pass
    with pytest.raises(OSError, match="told so"):
        async with gate.turn("192.168.1.7", transport="udp", payload=b"1"):
            raise OSError(1, "told so")
    await send(gate, "192.168.1.7")
    assert (clock.mono(), ledger.count) == (0.0, 1)


async def test_what_is_set_aside_counts_until_it_is_given_back() -> None:
    gate, ledger, _ = make()
    for _ in range(10):
        assert gate.wait("192.168.1.7", room=4) == 0.0
        note(gate, "192.168.1.7", room=4)
    assert gate.wait("192.168.1.7") > 0
    gate.release("192.168.1.7", 3)
    assert gate.wait("192.168.1.7", room=3) == 0.0
    assert gate.wait("192.168.1.7", room=4) > 0
    gate.charge("192.168.1.7", 3)
    assert gate.wait("192.168.1.7") > 0
    assert ledger.count == 10


async def test_what_the_kernel_sent_unasked_is_worked_off_first() -> None:
    gate, ledger, clock = make()
    gate.charge("192.168.1.7", 100)
    wait = gate.wait("192.168.1.7")
    assert 1.0 < wait < 1.1
    await clock.sleep(wait)
    assert gate.wait("192.168.1.7", room=40) == 0.0
    assert ledger.count == 0


async def test_a_room_larger_than_the_window_fits_when_it_is_empty() -> None:
    gate, _, clock = make()
    assert gate.wait("192.168.1.7", room=1000) == 0.0
    note(gate, "192.168.1.7")
    await clock.sleep(gate.wait("192.168.1.7", room=1000))
    assert gate.wait("192.168.1.7", room=1000) == 0.0


async def test_a_fragile_host_is_one_by_any_name_and_others_are_not() -> None:
    gate, _, _ = make()
    note(gate, "192.168.1.7")
    gate.mark_fragile("::ffff:192.168.1.7")
    gate.mark_fragile("192.168.1.7")
    for _ in range(15):
        assert gate.wait("192.168.1.7") == 0.0
        note(gate, "192.168.1.7")
    assert gate.wait("192.168.1.7") > 1.0
    assert gate.wait("192.168.1.8", room=40) == 0.0


async def test_the_liveness_phase_spends_from_its_own_bucket_and_from_the_hosts_window() -> None:
    gate, _, _ = make(ipaddress.ip_network("10.0.0.0/16"))
    for number in range(1000):
        note(gate, f"10.0.{number // 250}.{number % 250 + 1}", liveness=True)
    assert gate.wait("10.0.9.9", liveness=True) > 0
    assert gate.wait("10.0.9.9") == 0.0
    for _ in range(39):
        note(gate, "10.0.0.1")
    assert gate.wait("10.0.0.1") > 1.0
