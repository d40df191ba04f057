"""What the script can do to packets: loss, power save, ICMP limits, floods and strangers, the same every time."""

from __future__ import annotations

from random import Random

import pytest

from discover.net.api import TcpOutcome, UdpEventKind
from discover.net.fake.hosts import ARP_TIMEOUT, FakeHost
from discover.net.fake.network import FakeNetwork

HOST = "192.168.1.20"
MAC = "24:6f:28:00:00:01"


def echo(question: bytes) -> bytes:
    return b"echo " + question


async def ask(network: FakeNetwork, count: int, *, port: int = 7, every: float = 0.03) -> list[tuple[float, str, str]]:
    """Ask so often; return when and what came back."""
    end = network.udp(network.interfaces()[0])
    told = []
    for _ in range(count):
        await end.send(b"1", HOST, port, purpose="ask")
        await network.clock.sleep(every)
    while (event := await end.receive(2)) is not None:
        told.append((event.mono, event.kind.value, event.address))
    end.close()
    return told


async def test_loss_is_by_chance_both_ways_and_the_same_for_the_same_seed() -> None:
    def lossy(seed: int) -> FakeNetwork:
        return FakeNetwork(FakeHost(address=HOST, udp={7: echo}, loss=0.2), seed=seed)

    story = await ask(lossy(1), 400)
    assert 210 < len(story) < 300  # 0.8 x 0.8 of 400
    assert await ask(lossy(1), 400) == story
    assert await ask(lossy(2), 400) != story


async def test_one_more_host_changes_no_others_luck() -> None:
    host = FakeHost(address=HOST, udp={7: echo}, loss=0.3, delay=(0.001, 0.02))
    other = FakeHost(address="192.168.1.21", udp={7: echo}, loss=0.3)
    alone, both = FakeNetwork(host), FakeNetwork(host, other)
    end = both.udp(both.interfaces()[0])
    await end.send(b"1", "192.168.1.21", 7, purpose="ask")
    end.close()
    assert await ask(alone, 50) == await ask(both, 50)


@pytest.mark.parametrize("delay", [(0.1, 0.3), lambda random: 0.1 + 0.2 * random.random()])
async def test_power_save_delays_each_answer_anew(delay: object) -> None:
    network = FakeNetwork(FakeHost(address=HOST, udp={7: echo}, delay=delay))  # type: ignore[arg-type]
    end = network.udp(network.interfaces()[0])
    took = []
    for _ in range(30):
        start = network.clock.mono()
        await end.send(b"1", HOST, 7, purpose="ask")
        event = await end.receive(1)
        assert event is not None
        took.append(event.mono - start)
    end.close()
    assert all(0.1 <= one <= 0.3 for one in took)
    assert len({round(one, 6) for one in took}) > 20


async def test_closed_ports_answer_as_the_icmp_bucket_allows() -> None:
    network = FakeNetwork(FakeHost(address=HOST, icmp_burst=6, icmp_rate=1))
    at_once = await ask(network, 20, every=0.0)
    assert [kind for _, kind, _ in at_once] == ["refused"] * 6
    later = await ask(network, 30, every=0.2)
    assert 6 <= len(later) <= 10, "the bucket has filled by one a second"


async def test_a_lost_arp_costs_a_second_and_the_datagram_waits_for_it() -> None:
    slow = 0
    for seed in range(40):
        network = FakeNetwork(FakeHost(address=HOST, mac=MAC, udp={7: echo}, loss=0.3), seed=seed)
        face = network.interfaces()[0]
        end = network.udp(face)
        await end.send(b"1", HOST, 7, purpose="ask")
        await network.clock.sleep(0.5)
        (row,) = await network.neighbours(face)
        event = await end.receive(4)
        if row.state == "incomplete":
            slow += 1
            assert row.mac == ""
            await network.clock.sleep(max(0.0, ARP_TIMEOUT - network.clock.mono()))
            (row,) = await network.neighbours(face)
            assert row.state in {"reachable", "failed"}
            if event is not None and event.kind is UdpEventKind.REPLY:
                assert event.mono > 1.0
            if row.state == "failed":
                assert event is not None
                assert event.kind is UdpEventKind.UNREACHABLE
        else:
            assert row.state == "reachable"
            assert event is None or event.mono < 0.1
        end.close()
    assert 10 < slow < 30  # 1 - 0.7 x 0.7 of 40


async def test_a_host_that_was_given_up_is_asked_for_again() -> None:
    network = FakeNetwork(FakeHost(address=HOST, mac=MAC, arp=False))
    face = network.interfaces()[0]
    end = network.udp(face)
    await end.send(b"1", HOST, 7, purpose="ask")
    await network.clock.sleep(4)
    assert [row.state for row in await network.neighbours(face)] == ["failed"]
    network.add(FakeHost(address=HOST, mac=MAC, udp={7: echo}))
    await end.send(b"1", HOST, 7, purpose="ask")
    await network.clock.sleep(0.1)
    assert [row.state for row in await network.neighbours(face)] == ["reachable"]
    end.close()


async def test_tcp_loses_and_delays_too() -> None:
    network = FakeNetwork(FakeHost(address=HOST, tcp=dict.fromkeys(range(200), "open"), loss=0.2, delay=(0.01, 0.3)))
    told: dict[int, TcpOutcome] = {}
    connector = network.connector(network.interfaces()[0], lambda _address, port, outcome: told.__setitem__(port, outcome))
    for port in range(200):
        while (wait := connector.try_connect(HOST, port, purpose="connect")) > 0:
            await network.clock.sleep(wait)
    await network.clock.sleep(1)
    connector.close()
    silent = [port for port, outcome in told.items() if outcome is TcpOutcome.SILENT]
    assert 45 < len(silent) < 100  # 1 - 0.8 x 0.8 of 200
    outcome, stream = await network.tcp(None, HOST, 7, purpose="connect", timeout=10)
    assert outcome is TcpOutcome.OPEN, "the kernel repeats a SYN where it is given the time"
    assert stream is not None
    stream.close()


async def test_a_flood_and_a_stranger() -> None:
    network = FakeNetwork(FakeHost(address=HOST, udp={7: echo}, repeats=500, stranger="192.168.1.77"))
    told = await ask(network, 2)
    assert len(told) == 1000
    assert {address for _, _, address in told} == {"192.168.1.77"}


async def test_delays_given_by_a_function_draw_from_the_hosts_own_seed() -> None:
    drawn: list[float] = []

    def delay(random: Random) -> float:
        drawn.append(random.random())
        return 0.01

    for _ in range(2):
        await ask(FakeNetwork(FakeHost(address=HOST, udp={7: echo}, delay=delay), seed=5), 3)
    assert drawn[: len(drawn) // 2] == drawn[len(drawn) // 2 :]
