"""The scripted link layer keeps the promises of the real one."""

from __future__ import annotations

import errno

import pytest

from discover.errors import NetworkError, NotPrivateError
from discover.model.network import Neighbour
from discover.net.api import ArpAsker, Subscription
from discover.net.fake.hosts import ARP_TIMEOUT, FakeHost, fake_interface
from discover.net.fake.network import FakeNetwork

FACE = fake_interface("lan0", "192.168.1.2/24", "fe80::2/64")
MAC = "24:6f:28:00:00:14"
HOST = FakeHost(address="192.168.1.20", mac=MAC, udp={1: "silent"}, delay=0.01)


async def ask(network: FakeNetwork, *addresses: str) -> None:
    end = network.udp(network.interfaces()[0])
    for address in addresses:
        await end.send(b"1", address, 1, purpose="knock")
    end.close()


def told(row: Neighbour | None) -> tuple[str, str, str] | None:
    return None if row is None else (row.address, row.mac, row.state)


async def test_changes_are_told_when_the_table_changes() -> None:
    network = FakeNetwork(HOST)
    news: list[tuple[float, tuple[str, str, str] | None]] = []
    events: Subscription | None = network.neighbour_events(FACE, lambda row: news.append((round(network.clock.mono(), 6), told(row))))
    assert events is not None
    await ask(network, "192.168.1.20", "192.168.1.99")
    await network.clock.sleep(9)
    assert news == [
        (0.005, ("192.168.1.20", MAC, "reachable")),
        (ARP_TIMEOUT, ("192.168.1.99", "", "failed")),
    ]
    assert {told(row) for row in await network.neighbours(FACE)} == {row for _, row in news}
    await ask(network, "192.168.1.20", "192.168.1.99")  # asked again: the kernel fails again
    await network.clock.sleep(9)
    assert [row for _, row in news[2:]] == [("192.168.1.99", "", "failed")]
    events.close()
    events.close()
    assert network.open_count == 0


async def test_a_host_that_comes_or_goes_changes_the_table() -> None:
    network = FakeNetwork()
    news: list[tuple[str, str, str] | None] = []
    events = network.neighbour_events(FACE, lambda row: news.append(told(row)))
    assert events is not None
    await ask(network, "192.168.1.20")
    network.add(HOST, at=1.0)
    await network.clock.sleep(2)
    network.remove("192.168.1.20", at=4.0)
    await network.clock.sleep(9)
    assert news == [("192.168.1.20", MAC, "reachable"), ("192.168.1.20", "", "failed")]
    events.close()
    await ask(network, "192.168.1.21")
    await network.clock.sleep(9)
    assert len(news) == 2


async def test_an_overflow_loses_changes_and_says_so() -> None:
    network = FakeNetwork(HOST, FakeHost(address="192.168.1.21", mac=MAC, delay=0.5))
    network.link.overflow(at=0.0, seconds=0.1)
    news: list[tuple[float, tuple[str, str, str] | None]] = []
    events = network.neighbour_events(FACE, lambda row: news.append((round(network.clock.mono(), 6), told(row))))
    assert events is not None
    await network.clock.sleep(0.001)
    await ask(network, "192.168.1.20", "192.168.1.21")
    await network.clock.sleep(1)
    assert news == [(0.1, None), (0.251, ("192.168.1.21", MAC, "reachable"))]
    assert {row.state for row in await network.neighbours(FACE)} == {"reachable"}
    events.close()


async def test_a_system_may_tell_nothing() -> None:
    network = FakeNetwork(HOST, neighbour_events=False)
    assert network.neighbour_events(FACE, lambda _row: None) is None
    assert network.arp(FACE, lambda _address, _mac: None) is None
    assert network.ping_nodes(FACE, lambda _address: None) is None
    other = FakeNetwork(HOST)
    other.fail("neighbour_events", errno.EPERM)
    assert other.neighbour_events(FACE, lambda _row: None) is None


async def test_raw_arp_finds_who_answers_arp_and_the_kernel_learns_nothing() -> None:
    network = FakeNetwork(HOST, FakeHost(address="192.168.1.21", mac=MAC, arp=False), privileged=True)
    heard: list[tuple[float, str, str]] = []
    asker: ArpAsker | None = network.arp(FACE, lambda address, mac: heard.append((network.clock.mono(), address, mac)))
    assert asker is not None
    for number in range(20, 30):
        assert asker.try_ask(f"192.168.1.{number}", purpose="who is there") == 0.0
    await network.clock.sleep(1)
    assert heard == [(0.01, "192.168.1.20", MAC)]
    assert not await network.neighbours(FACE)
    assert {(one.transport, one.port, len(one.payload)) for one in network.ledger.packets} == {("arp", 0, 28)}
    await ask(network, "192.168.1.20")  # the answer to the kernel's own question is heard, too
    await network.clock.sleep(1)
    assert len(heard) == 2
    for address, error in (("8.8.8.8", NotPrivateError), ("192.168.1.2", NetworkError), ("127.0.0.1", NetworkError)):
        with pytest.raises(error):
            asker.try_ask(address, purpose="x")
    asker.close()
    asker.close()
    with pytest.raises(NetworkError, match="closed"):
        asker.try_ask("192.168.1.20", purpose="x")
    assert network.open_count == 0


async def test_raw_arp_keeps_budgets_and_may_fail() -> None:
    network = FakeNetwork(interfaces=[fake_interface("lan0", "10.0.0.1/8")], privileged=True)
    asker = network.arp(network.interfaces()[0], lambda _address, _mac: None)
    assert asker is not None
    network.fail("arp", errno.ENETDOWN, at=1.0)
    asked = 0
    while (wait := asker.try_ask(f"10.1.{asked // 250}.{asked % 250 + 1}", purpose="x")) == 0.0:
        asked += 1
    assert network.ledger.count == asked == network.gate.policy.liveness_burst
    await network.clock.sleep(wait)
    assert asker.try_ask("10.2.0.1", purpose="x") == 0.0
    await network.clock.sleep(1)
    with pytest.raises(NetworkError, match="ENETDOWN"):
        asker.try_ask("10.2.0.2", purpose="x")
    asker.close()


async def test_the_ping_finds_hosts_with_an_ipv6_address_and_they_are_neighbours_then() -> None:
    network = FakeNetwork(HOST, FakeHost(address="fe80::7", mac=MAC, loses=1), interfaces=[FACE], ping_nodes=True)
    heard: list[tuple[float, str]] = []
    ping = network.ping_nodes(FACE, lambda address: heard.append((round(network.clock.mono(), 6), address)))
    assert ping is not None
    await network.clock.sleep(5)
    assert heard == [(1.004, "fe80::7")]  # the first request was lost
    assert [(one.to, one.transport, one.mono) for one in network.ledger.packets] == [("ff02::1", "icmp6", 0.0), ("ff02::1", "icmp6", 1.0)]
    assert [told(row) for row in await network.neighbours(FACE)] == [("fe80::7", MAC, "reachable")]
    ping.close()
    ping.close()
    assert network.open_count == 0


async def test_a_ping_that_is_closed_sends_no_second_request() -> None:
    network = FakeNetwork(interfaces=[FACE], ping_nodes=True)
    ping = network.ping_nodes(FACE, lambda _address: None)
    assert ping is not None
    ping.close()
    await network.clock.sleep(5)
    assert network.ledger.count == 1
    network.fail("ping", errno.ENETUNREACH)
    with pytest.raises(NetworkError, match="ping the IPv6 nodes"):
        network.ping_nodes(FACE, lambda _address: None)
    assert network.open_count == 0
