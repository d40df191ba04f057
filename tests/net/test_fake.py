"""The scripted network keeps the promises of the real one, in no time and always the same."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Generator

import pytest

from discover.errors import NetworkError, NotPrivateError
from discover.net.api import MdnsEvent, MdnsEventKind, Network, TcpOutcome, UdpEventKind
from discover.net.fake.hosts import FakeHost, answers, fake_interface
from discover.net.fake.network import FakeNetwork
from discover.net.virtual import VirtualClock


def echo(payload: bytes) -> bytes:
    return b"echo " + payload


def network(*hosts: FakeHost) -> FakeNetwork:
    return FakeNetwork(*hosts)


def test_it_is_a_network() -> None:
    checked: Network = network()
    assert checked.ledger.count == 0


async def test_udp_answers_refuses_stays_silent_and_is_absent() -> None:
    net = network(FakeHost(address="192.168.1.20", mac="24:6f:28:00:00:01", udp={3232: "silent", 8266: echo}))
    face = net.interfaces()[0]
    end = net.udp(face)
    for port in (3232, 8266, 3231):
        await end.send(b"1", "192.168.1.20", port, purpose="knock")
    await end.send(b"1", "192.168.1.99", 3232, purpose="knock")
    found = []
    while (event := await end.receive(5)) is not None:
        found.append((event.kind, event.address, event.port, event.payload, event.reason))
    assert found == [
        (UdpEventKind.REPLY, "192.168.1.20", 8266, b"echo 1", ""),
        (UdpEventKind.REFUSED, "192.168.1.20", 3231, b"", "ECONNREFUSED"),
        (UdpEventKind.UNREACHABLE, "192.168.1.99", 3232, b"", "EHOSTUNREACH"),
    ]
    assert net.clock.mono() == pytest.approx(3.07 + 5)
    rows = {(row.address, row.mac, row.state) for row in await net.neighbours(face)}
    assert rows == {("192.168.1.20", "24:6f:28:00:00:01", "reachable"), ("192.168.1.99", "", "failed")}
    end.close()
    end.close()
    assert net.open_count == 0


async def test_lost_datagrams_icmp_limits_and_hosts_without_icmp() -> None:
    net = network(
        FakeHost(address="192.168.1.20", udp={1: echo}, loses=1),
        FakeHost(address="192.168.1.21", icmp_limit=2),
        FakeHost(address="192.168.1.22", icmp=False),
        FakeHost(address="192.168.1.23", arp=False, udp={1: echo}),
    )
    end = net.udp(net.interfaces()[0])
    await end.send(b"1", "192.168.1.20", 1, purpose="knock")
    assert await end.receive(1) is None
    await end.send(b"1", "192.168.1.20", 1, purpose="knock")
    event = await end.receive(1)
    assert event is not None
    assert event.payload == b"echo 1"
    for port in range(6):
        await end.send(b"1", "192.168.1.21", 10 + port, purpose="knock")
        await end.send(b"1", "192.168.1.22", 10 + port, purpose="knock")
    assert await end.receive(1) is not None
    assert await end.receive(1) is not None
    assert await end.receive(1) is None
    await end.send(b"1", "192.168.1.23", 1, purpose="knock")
    event = await end.receive(5)
    assert event is not None
    assert event.kind is UdpEventKind.UNREACHABLE
    end.close()


async def test_a_broadcast_reaches_all_who_listen_and_needs_the_flag() -> None:
    net = network(*(FakeHost(address=f"192.168.1.{n}", udp={30303: echo} if n % 2 else {}) for n in range(20, 26)))
    face = net.interfaces()[0]
    end = net.udp(face, broadcast=True)
    await end.send(b"D", "192.168.1.255", 30303, purpose="question")
    heard = set()
    while (event := await end.receive(1)) is not None:
        heard.add(event.address)
    assert heard == {"192.168.1.21", "192.168.1.23", "192.168.1.25"}
    plain = net.udp(face)
    with pytest.raises(NetworkError, match="EACCES"):
        await plain.send(b"D", "255.255.255.255", 30303, purpose="question")
    end.close()
    plain.close()


async def test_unasked_datagrams_arrive_where_they_belong() -> None:
    net = network()
    face = net.interfaces()[0]
    listener = net.udp(face, local_port=65506)
    prober = net.udp(face)
    net.datagram(b"announce", source="192.168.1.50", source_port=65506, to_port=65506, at=1.0)
    for number in range(100):
        net.datagram(b"flood", source=f"192.168.1.{number + 100}", source_port=9, at=2.0)
    event = await listener.receive(1.5)
    assert event is not None
    assert (event.payload, event.address, event.port, event.mono) == (b"announce", "192.168.1.50", 65506, 1.0)
    await net.clock.sleep(2)
    assert len(prober._box) == 100
    listener.close()
    prober.close()


async def test_tcp_outcomes() -> None:
    net = network(FakeHost(address="192.168.1.20", tcp={80: "open", 81: "silent", 82: "refused", 83: "closes"}))
    face = net.interfaces()[0]
    outcomes = {}
    for port in (80, 81, 82, 83, 84):
        outcome, stream = await net.tcp(face, "192.168.1.20", port, purpose="connect", timeout=1)
        outcomes[port] = outcome
        if stream is not None:
            assert await stream.receive(10, 1) == (None if port == 80 else b"")
            stream.close()
            stream.close()
    assert outcomes == {
        80: TcpOutcome.OPEN,
        81: TcpOutcome.SILENT,
        82: TcpOutcome.REFUSED,
        83: TcpOutcome.OPEN,
        84: TcpOutcome.REFUSED,
    }
    assert (await net.tcp(None, "192.168.1.99", 80, purpose="connect", timeout=4))[0] is TcpOutcome.UNREACHABLE
    assert (await net.tcp(None, "192.168.1.98", 80, purpose="connect", timeout=1))[0] is TcpOutcome.SILENT
    assert net.open_count == 0
    assert net.ledger.by_purpose() == {"connect": 7}


async def test_a_conversation_by_generator_and_by_list() -> None:
    def esphome() -> Generator[bytes, bytes, None]:
        magic = yield b""
        yield b"\x00\x02" if magic == b"\x6c\x26\xf7\x5c\x45" else b"\x80"

    net = network(FakeHost(address="192.168.1.20", tcp={3232: esphome, 23: answers(b"one", b"two", greeting=b"hello")}))
    _, stream = await net.tcp(None, "192.168.1.20", 3232, purpose="handshake", timeout=1)
    assert stream is not None
    await stream.send(b"\x6c\x26\xf7\x5c\x45", purpose="handshake")
    assert await stream.receive(1, 1) == b"\x00"
    assert await stream.receive(9, 1) == b"\x02"
    stream.close()
    with pytest.raises(NetworkError, match="closed"):
        await stream.send(b"x", purpose="handshake")
    _, stream = await net.tcp(None, "192.168.1.20", 23, purpose="talk", timeout=1)
    assert stream is not None
    heard = [await stream.receive(99, 1)]
    for _ in range(3):
        await stream.send(b"?", purpose="talk")
        heard.append(await stream.receive(99, 1))
    assert heard == [b"hello", b"one", b"two", b""]
    with pytest.raises(NetworkError, match="ECONNRESET"):
        await stream.send(b"?", purpose="talk")
    stream.close()


async def test_foreign_addresses_and_empty_datagrams_are_refused_before_anything_happens() -> None:
    net = network()
    end = net.udp(net.interfaces()[0])
    with pytest.raises(NotPrivateError):
        await end.send(b"1", "9.9.9.9", 3232, purpose="knock")
    with pytest.raises(ValueError, match="empty"):
        await end.send(b"", "192.168.1.20", 3232, purpose="knock")
    with pytest.raises(NotPrivateError):
        await net.tcp(None, "9.9.9.9", 80, purpose="connect", timeout=1)
    assert net.ledger.count == 0
    end.close()


async def test_faults_come_and_go() -> None:
    net = network(FakeHost(address="192.168.1.20"))
    face = net.interfaces()[0]
    net.fail("send", errno.EPERM, at=1, until=2)
    net.fail("browse", errno.EHOSTUNREACH, interface="lan0")
    end = net.udp(face)
    await end.send(b"1", "192.168.1.20", 1, purpose="knock")
    await net.clock.sleep(1)
    with pytest.raises(NetworkError, match="EPERM") as caught:
        await end.send(b"1", "192.168.1.20", 1, purpose="knock")
    assert "firewall" in caught.value.hint
    await net.clock.sleep(1)
    await end.send(b"1", "192.168.1.20", 1, purpose="knock")
    with pytest.raises(NetworkError, match="EHOSTUNREACH"):
        await net.browse(face, [], lambda _: None)
    end.close()


async def test_an_interface_vanishes_mid_scan() -> None:
    net = FakeNetwork(interfaces=[fake_interface("lan0"), fake_interface("lan1", "10.0.0.2/24", index=3)])
    gone, stays = net.interfaces()
    end = net.udp(gone)
    net.remove_interface("lan0", at=1)
    await net.clock.sleep(2)
    with pytest.raises(NetworkError, match="ENODEV"):
        await end.send(b"1", "192.168.1.20", 1, purpose="knock")
    with pytest.raises(NetworkError, match="ENODEV"):
        await net.neighbours(gone)
    assert net.interfaces() == (stays,)
    with pytest.raises(NotPrivateError):
        await net.tcp(stays, "192.168.1.20", 80, purpose="connect", timeout=1)
    end.close()


async def test_browsers_hear_their_interface_in_time_and_late_ones_hear_what_still_holds() -> None:
    net = network()
    face = net.interfaces()[0]
    one = MdnsEvent(kind=MdnsEventKind.RESOLVED, interface="lan0", type="_http._tcp", instance="one", port=80)
    two = one._replace(instance="two")
    net.mdns(one, at=0.5)
    net.mdns(two, at=0.6)
    net.mdns(one._replace(kind=MdnsEventKind.GOODBYE), at=1.0)
    net.mdns(one._replace(interface="lan1"), at=0.7)
    heard: list[tuple[float, str, str]] = []
    late: list[tuple[float, str, str]] = []
    browser = await net.browse(face, ["_http._tcp"], lambda event: heard.append((event.mono, event.kind.value, event.instance)))
    await net.clock.sleep(2)
    second = await net.browse(face, [], lambda event: late.append((event.mono, event.kind.value, event.instance)))
    await net.clock.sleep(1)
    assert heard == [(0.5, "resolved", "one"), (0.6, "resolved", "two"), (1.0, "goodbye", "one")]
    assert late == [(2.02, "resolved", "two")]
    assert net.ledger.by_purpose() == {"mDNS query": 2}
    await browser.close()
    await browser.close()
    await second.close()
    assert net.open_count == 0


async def test_an_open_browser_alone_lets_the_script_go_on() -> None:
    net = network()
    net.mdns(MdnsEvent(kind=MdnsEventKind.TYPE, interface="lan0", type="_wled._tcp"), at=400)
    heard = asyncio.Event()
    browser = await net.browse(net.interfaces()[0], [], lambda _: heard.set())
    await heard.wait()
    assert net.clock.mono() == 400
    await browser.close()


async def test_hosts_come_and_go_by_the_script() -> None:
    net = network(FakeHost(address="192.168.1.20", udp={1: echo}))
    net.remove("192.168.1.20", at=1)
    net.add(FakeHost(address="192.168.1.20", udp={1: lambda _: [b"a", b"b"]}), at=6)
    end = net.udp(net.interfaces()[0])
    kinds = []
    for _ in range(3):
        await end.send(b"1", "192.168.1.20", 1, purpose="knock")
        event = await end.receive(4)
        kinds.append(event and (event.kind.value, event.payload))
        await net.clock.sleep(2)
    assert kinds == [("reply", b"echo 1"), ("unreachable", b""), ("reply", b"a")]
    end.close()


async def test_the_same_script_gives_the_same_story() -> None:
    async def story() -> list[tuple[float, str, str]]:
        net = network(*(FakeHost(address=f"192.168.1.{n}", udp={7: echo}, delay=n / 1000) for n in range(10, 40)))
        face = net.interfaces()[0]
        told: list[tuple[float, str, str]] = []

        async def ask(number: int) -> None:
            end = net.udp(face)
            await end.send(b"x", f"192.168.1.{number}", 7, purpose="ask")
            while (event := await end.receive(0.5)) is not None:
                told.append((event.mono, event.kind.value, event.address))
            end.close()

        await asyncio.gather(*(ask(number) for number in range(5, 45)))
        return told

    assert await story() == await story()


async def test_names_resolve_as_the_script_says() -> None:
    net = FakeNetwork(names={"Kitchen.local": ["192.168.1.20"]})
    assert await net.resolve("kitchen.local.") == ("192.168.1.20",)
    assert await net.resolve("192.168.1.9") == ("192.168.1.9",)
    assert await net.resolve("nobody.local") == ()


async def test_two_clocks_in_one_loop_do_not_wait_for_each_other() -> None:
    one, two = VirtualClock(), VirtualClock()

    async def walk(clock: VirtualClock) -> float:
        for _ in range(5):
            await clock.sleep(1)
        return clock.mono()

    assert list(await asyncio.gather(walk(one), walk(two))) == [5.0, 5.0]


async def test_cancelled_sleepers_do_not_move_time() -> None:
    clock = VirtualClock()
    sleeper = asyncio.ensure_future(clock.sleep(1000))
    await asyncio.sleep(0)
    sleeper.cancel()
    await asyncio.gather(sleeper, return_exceptions=True)
    await clock.sleep(1)
    assert clock.mono() == 1.0
    assert clock.wall() == 1_760_000_001.0


def test_a_clock_outlives_an_event_loop() -> None:
    clock = VirtualClock()
    asyncio.run(clock.sleep(1))
    asyncio.run(clock.sleep(1))
    assert clock.mono() == 2.0
