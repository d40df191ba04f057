"""Loopback: every address answers there, and only those where something speaks are devices."""

from __future__ import annotations

from typing import Any

import pytest

from discover.engine.hold import LoopbackHold, is_positive
from discover.model.network import Interface
from discover.model.signal import Field, Signal, Source
from discover.net.fake.ends import FakeUdpEndpoint
from discover.net.fake.hosts import FakeHost, UdpBehaviour, fake_interface
from discover.net.fake.network import FakeNetwork
from discover.probe.ports import KNOCK_PORTS
from tests.engine.scanning import Scan, scan, service

LOOPBACK = fake_interface("lo", "127.0.0.1/8", index=1, skip="it is the loopback interface", loopback=True)


async def sweep(
    devices: dict[int, FakeHost], everywhere_tcp: tuple[int, ...] = (), everywhere_udp: dict[int, UdpBehaviour] | None = None
) -> Scan:
    """Scan 127.77.0.0/28, where every address refuses, except for devices and for servers bound to all addresses."""
    tcp = dict.fromkeys(everywhere_tcp, "open")
    udp = everywhere_udp or {}
    hosts = [FakeHost(address="127.0.0.1", tcp=tcp, udp=udp, delay=0.0001)]  # type: ignore[arg-type]
    for number in range(16):
        known = devices.get(number)
        changes = {"tcp": {**tcp, **(known.tcp if known else {})}, "udp": {**udp, **(known.udp if known else {})}}
        hosts.append(FakeHost(address=f"127.77.0.{number}", delay=0.0001, **changes))  # type: ignore[arg-type]
    network = FakeNetwork(*hosts, interfaces=[LOOPBACK])
    network.mdns(service(interface="lo", addresses=("127.77.0.9",)), at=0.3)
    return await scan(network, cidrs=("127.77.0.0/28",))


def device(**changes: object) -> FakeHost:
    return FakeHost(address="", **changes)  # type: ignore[arg-type]


async def test_only_addresses_where_something_speaks_are_devices() -> None:
    found = await sweep(
        {
            3: device(udp={3232: "silent"}),
            4: device(udp={30303: lambda _question: b"BWGSPA\r\n00-15-27-00-00-01\r\n"}),
            5: device(tcp={3197: "open"}),
        }
    )
    assert found.peers == {"127.77.0.3", "127.77.0.4", "127.77.0.5", "127.77.0.9"}
    assert found.summary is not None
    assert (found.summary.planned, found.summary.tested, found.summary.complete) == (16, 16, True)


async def test_our_own_listeners_are_no_devices_update_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    # ESPEasy's port is ArduinoOTA's on the ESP8266; bound to all addresses, it is silent at each of loopback's.
    opened: list[int] = []
    udp = FakeNetwork.udp

    def noting(self: FakeNetwork, interface: Interface, **words: Any) -> FakeUdpEndpoint:
        opened.append(words.get("local_port", 0))
        return udp(self, interface, **words)

    monkeypatch.setattr(FakeNetwork, "udp", noting)
    await sweep({})
    assert not set(opened) & set(KNOCK_PORTS)
    assert 1900 in opened


async def test_what_was_held_back_comes_with_the_first_positive_signal() -> None:
    found = await sweep({3: device(udp={3232: "silent"})})
    words = found.words("127.77.0.3")
    assert words[3232] == "silent/refused"
    assert words[8266] == "refused"
    assert found.words("127.77.0.3", "tcp") == {80: "refused", 3197: "refused", 3199: "refused"}


async def test_a_server_bound_to_all_addresses_makes_no_devices() -> None:
    found = await sweep({}, everywhere_tcp=(80, 3197), everywhere_udp={8266: "silent", 10022: lambda _question: b"<HELLO>SPA1|x</HELLO>"})
    assert found.peers == {"127.77.0.9"}
    assert found.words("127.77.0.9", "tcp")[80] == "open"  # announced by mDNS, so what is known of it is told


async def test_no_neighbour_table_and_no_sweep_of_the_rest() -> None:
    found = await sweep({})
    assert not [one for one in found.signals if one.source is Source.NEIGHBOUR]
    to = {one.to for one in found.packets() if one.transport in ("udp", "tcp") and not one.to.startswith("127.77.0.")}
    assert to <= {"127.0.0.1", "127.255.255.255", "239.255.255.250", "224.0.5.128"}


def signal(kind: str, source: Source = Source.UDP, peer: str = "127.77.0.1", **fields: Field) -> Signal:
    return Signal(when=0, mono=0, source=source, interface="lo", peer=peer, kind=kind, fields=fields)


def test_the_hold_keeps_order_and_lets_the_rest_pass() -> None:
    out: list[str] = []
    hold = LoopbackHold(lambda one: out.append(one.kind), lambda peer: peer.startswith("127.77."))
    hold.take(signal("udp.refused", port=3232))
    hold.take(signal("tcp.silent", Source.TCP, port=80))
    hold.take(signal("scan.started", Source.SCAN, peer=""))
    hold.take(signal("udp.refused", peer="127.78.0.1", port=1))
    assert out == ["scan.started", "udp.refused"]
    hold.take(signal("mdns.service", Source.MDNS, type="_http._tcp"))
    hold.take(signal("udp.refused", port=8266))
    assert out[2:] == ["udp.refused", "tcp.silent", "mdns.service", "udp.refused"]


def test_what_answers_everywhere_is_not_positive() -> None:
    assert is_positive(signal("tcp.open", Source.TCP, port=80))
    assert not is_positive(signal("tcp.open", Source.TCP, port=80), {("tcp", 80)})
    assert is_positive(signal("tcp.open", Source.TCP, port=80), {("udp", 80)})
    assert not is_positive(signal("udp.silent", port=3232, control="silent"))
    assert not is_positive(signal("udp.silent", port=3232, control="refused"), {("udp", 3232)})
