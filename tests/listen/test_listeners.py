"""Listeners: mDNS and broadcasts, as signals. The neighbour table has a file of its own."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import NetworkError
from discover.listen.broadcasts import CHANNELS, MAX_DIFFERENT, hear_channel
from discover.listen.mdns import EMBEDDED_TYPES, browse_signals, choose_peer
from discover.model.network import Interface
from discover.model.signal import Signal
from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.emitter import Emitter
from discover.net.fake.ends import FakeBrowser
from discover.net.fake.hosts import FakeHost, fake_interface
from discover.net.fake.network import FakeNetwork
from discover.proto import espeasy, ssdp, wled

FACE = fake_interface("lan0", "192.168.1.2/24", "fe80::2/64")
SERVICE = MdnsEvent(kind=MdnsEventKind.RESOLVED, interface="lan0", type="_wled._tcp", instance="Lamp", host="wled-1.local.", port=80)


def emitter(network: FakeNetwork, signals: list[Signal]) -> Emitter:
    return Emitter(network.clock, "lan0", signals.append, 0.0)


async def browse(*events: MdnsEvent, seconds: float = 5.0) -> list[Signal]:
    network = FakeNetwork(interfaces=[FACE])
    for number, event in enumerate(events):
        network.mdns(event, at=0.5 + number / 10)
    signals: list[Signal] = []
    browser = await browse_signals(network, FACE, emitter(network, signals), ["_odd._udp"])
    await network.clock.sleep(seconds)
    await browser.close()
    assert network.open_count == 0
    return signals


async def test_a_service_is_told_with_all_that_its_records_say() -> None:
    (one,) = await browse(SERVICE._replace(addresses=("192.168.1.20",), txt=b"\x03a=1\x03A=2\x02=x\x04flag\x03\xff=1", ttl=120))
    assert dict(one.fields) == {
        "type": "_wled._tcp",
        "instance": "Lamp",
        "host": "wled-1.local",
        "port": 80,
        "addresses": ("192.168.1.20",),
        "txt": ("a=1", "A=2", "flag", "\N{REPLACEMENT CHARACTER}=1"),
        "ttl": 120,
    }
    assert one.raw == b"\x03a=1\x03A=2\x02=x\x04flag\x03\xff=1"


async def test_the_same_instance_on_two_interfaces_is_two_things() -> None:
    other = fake_interface("lan1", "192.168.2.2/24")
    network = FakeNetwork(interfaces=[FACE, other])
    network.mdns(SERVICE._replace(addresses=("192.168.1.20",)), at=0.5)
    network.mdns(SERVICE._replace(interface="lan1", addresses=("192.168.2.20",)), at=0.5)
    network.mdns(MdnsEvent(kind=MdnsEventKind.GOODBYE, interface="lan1", type="_wled._tcp", instance="Lamp"), at=1.0)
    network.mdns(MdnsEvent(kind=MdnsEventKind.GOODBYE, interface="lan0", type="_wled._tcp", instance="Lamp"), at=2.0)
    signals: list[Signal] = []
    browsers = [
        await browse_signals(network, face, Emitter(network.clock, face.name, signals.append, 0.0), ["_odd._udp"]) for face in (FACE, other)
    ]
    await network.clock.sleep(5.0)
    for browser in browsers:
        await browser.close()
    assert sorted((one.kind, one.interface, one.peer) for one in signals) == [
        ("mdns.goodbye", "lan0", "192.168.1.20"),
        ("mdns.goodbye", "lan1", "192.168.2.20"),
        ("mdns.service", "lan0", "192.168.1.20"),
        ("mdns.service", "lan1", "192.168.2.20"),
    ]


async def test_what_was_not_taken_is_a_notice_and_no_signal() -> None:
    network = FakeNetwork(interfaces=[FACE])
    network.mdns(MdnsEvent(kind=MdnsEventKind.NOTICE, interface="lan0", type="", notice="lan0: too many."), at=0.5)
    signals: list[Signal] = []
    said: list[str] = []
    browser = await browse_signals(network, FACE, emitter(network, signals), on_notice=said.append)
    await network.clock.sleep(1.0)
    await browser.close()
    assert (said, signals) == (["lan0: too many."], [])
    assert not await browse(MdnsEvent(kind=MdnsEventKind.NOTICE, interface="lan0", type="", notice="nobody asked"))


async def test_a_type_is_no_device() -> None:
    assert not await browse(MdnsEvent(kind=MdnsEventKind.TYPE, interface="lan0", type="_http._tcp"))


async def test_hostile_names_come_clean() -> None:
    (one,) = await browse(SERVICE._replace(instance="\x1b]0;pwned\x07\u202egnp.exe" + "x" * 10_000, host="[/red].local."))
    assert "\x1b" not in one.text("instance")
    assert "\u202e" not in one.text("instance")
    assert len(one.text("instance")) <= 512


async def test_goodbye_finds_its_peer_whatever_the_case() -> None:
    signals = await browse(
        SERVICE._replace(addresses=("192.168.1.20",)),
        MdnsEvent(kind=MdnsEventKind.GOODBYE, interface="lan0", type="_WLED._tcp", instance="LAMP"),
        MdnsEvent(kind=MdnsEventKind.EXPIRED, interface="lan0", type="_wled._tcp", instance="Unknown"),
    )
    assert [(one.kind, one.peer) for one in signals] == [
        ("mdns.service", "192.168.1.20"),
        ("mdns.goodbye", "192.168.1.20"),
        ("mdns.expired", ""),
    ]


@pytest.mark.parametrize(
    ("addresses", "peer"),
    [
        ((), ""),
        (("garbage",), ""),
        (("192.168.1.20",), "192.168.1.20"),
        (("10.0.0.5", "192.168.1.20"), "192.168.1.20"),
        (("10.0.0.5", "10.0.0.6"), "10.0.0.5"),
        (("fe80::0:1%lan0", "10.0.0.5"), "fe80::1"),
        (("2001:db8::1", "192.168.1.20"), "192.168.1.20"),
    ],
)
def test_the_peer_is_the_address_in_our_network(addresses: tuple[str, ...], peer: str) -> None:
    assert choose_peer(addresses, FACE) == peer


@given(st.lists(st.one_of(st.text(max_size=30), st.ip_addresses().map(str))))
def test_a_peer_is_one_of_the_addresses_or_nothing(addresses: list[str]) -> None:
    assert choose_peer(addresses, FACE) in {*addresses, ""}


async def test_known_types_and_the_catalogues_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    network = FakeNetwork(interfaces=[FACE])
    asked: list[str] = []
    original = network.browse

    async def noting(interface: Interface, types: Iterable[str], on_event: Callable[[MdnsEvent], None]) -> FakeBrowser:
        asked.extend(types)
        return await original(interface, asked, on_event)

    monkeypatch.setattr(network, "browse", noting)
    browser = await browse_signals(network, FACE, emitter(network, []), ["_odd._udp"])
    await browser.close()
    assert {*EMBEDDED_TYPES, "_odd._udp"} == set(asked)
    assert len(asked) == len(set(asked))


WLED = wled.encode(wled.NodeInfo(ip="192.168.1.20", name="Lamp", type="ESP32", on=True, unit=1, build=2405180))
ESPEASY = espeasy.encode(
    espeasy.NodeInfo(mac="24:6f:28:00:00:01", ip="192.168.1.20", unit=7, build=20220, name="Node", type="ESP Easy Mega")
)
NOTIFY = b"NOTIFY * HTTP/1.1\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nSERVER: OpenBk\r\nLOCATION: http://192.168.1.20/ssdp.xml\r\n\r\n"


async def hear(*datagrams: tuple[bytes, int, float], own: tuple[str, ...] = ()) -> tuple[list[Signal], list[str], list[str]]:
    network = FakeNetwork(interfaces=[FACE])
    for payload, port, at in datagrams:
        network.datagram(payload, source="192.168.1.20", source_port=50_000, to_port=port, at=at)
    signals: list[Signal] = []
    trouble: list[str] = []
    peers: list[str] = []
    emit = emitter(network, signals)
    tasks = [
        asyncio.create_task(
            hear_channel(network, FACE, emit, channel, own=own, on_trouble=lambda name, _error: trouble.append(name), on_peer=peers.append)
        )
        for channel in CHANNELS
    ]
    await network.clock.sleep(60)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert network.open_count == 0
    return signals, trouble, peers


async def test_each_broadcast_is_read_by_its_own_codec_and_told_with_its_well_known_port() -> None:
    signals, _, peers = await hear((WLED, 65506, 1), (ESPEASY, 8266, 2), (NOTIFY, 1900, 3))
    assert [(one.text("protocol"), one.number("port")) for one in signals] == [("wled-sync", 65506), ("espeasy", 8266), ("ssdp", 1900)]
    assert [one.text("name") for one in signals[:2]] == ["Lamp", "Node"]
    assert peers == ["192.168.1.20"] * 3


async def test_other_talk_on_these_ports_is_nobody() -> None:
    signals, _, peers = await hear((b"1", 8266, 1), (b"\xff\x01", 65506, 1), (ssdp.encode_search(), 1900, 1), (b"", 1900, 1))
    assert not signals
    assert not peers


async def test_a_flood_of_ever_new_datagrams_is_a_bounded_number_of_signals() -> None:
    flood = [(NOTIFY.replace(b"\r\n\r\n", b"\r\nX: %d\r\n\r\n" % number), 1900, 1.0) for number in range(1000)]
    signals, _, _ = await hear(*flood, (NOTIFY, 1900, 30.0))
    assert len(signals) == MAX_DIFFERENT + 1
    assert signals[-1].mono > 29


async def test_repeats_are_one_signal_for_a_while() -> None:
    signals, _, _ = await hear(*((WLED, 65506, at / 10) for at in range(10)), (WLED, 65506, 31))
    assert [round(one.mono) for one in signals] == [0, 31]


async def test_our_own_are_not_heard() -> None:
    signals, _, _ = await hear((NOTIFY, 1900, 1), own=("192.168.1.20",))
    assert not signals


async def test_a_port_in_use_is_trouble_for_that_channel() -> None:
    network = FakeNetwork(FakeHost(address="192.168.1.20"), interfaces=[FACE])
    network.fail("udp", errno.EADDRINUSE)
    trouble: list[tuple[str, NetworkError]] = []
    await hear_channel(
        network, FACE, emitter(network, []), CHANNELS[0], own=(), on_trouble=lambda *told: trouble.append(told), on_peer=lambda _: None
    )
    ((name, error),) = trouble
    assert name == "WLED node list"
    assert "EADDRINUSE" in error.message
