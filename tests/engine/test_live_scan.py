"""A default scan on a scripted LAN: what it finds, in which words, and what it sends for it."""

from __future__ import annotations

from collections import defaultdict

import pytest

from discover.engine.meter import Meter
from discover.model.signal import Signal, Source
from discover.net.fake.hosts import FakeHost, fake_interface
from discover.net.fake.network import FakeNetwork
from discover.probe.ports import KNOCK_PORTS, control_port
from discover.probe.questions import SEARCH_TARGET
from discover.proto import addp, gecko, microchip, ssdp
from tests.engine.scanning import fields, gadget, scan, service

BALBOA = b"BWGSPA\r\n00-15-27-00-00-01\r\n"
GECKO = b"<HELLO>SPA00:1e:c0:00:00:01|My spa</HELLO>"


async def test_a_listener_is_likely_where_the_control_beside_it_is_refused() -> None:
    found = await scan(FakeNetwork(gadget(20, udp={3232: "silent"})))
    words = found.words("192.168.1.20")
    assert words.pop(3232) == "silent/refused"
    assert set(words) == {*KNOCK_PORTS, 30303, 10022} - {3232}
    assert set(words.values()) == {"refused"}
    assert found.words("192.168.1.20", "tcp") == {80: "refused", 3197: "refused", 3199: "refused"}


async def test_a_host_that_answers_nothing_but_arp_is_listed_and_nothing_is_called_open() -> None:
    found = await scan(FakeNetwork(gadget(20, icmp=False, other_tcp="silent")))
    (seen,) = found.of("192.168.1.20", "neighbour.seen")
    assert fields(seen) == {"mac": "24:6f:28:00:00:14", "state": "reachable"}
    words = found.words("192.168.1.20")
    assert {words[port] for port in KNOCK_PORTS} == {"silent/silent"}
    assert (words[30303], words[10022]) == ("silent/none", "silent/none")
    assert set(found.words("192.168.1.20", "tcp").values()) == {"silent"}


async def test_an_absent_address_is_tested_and_leaves_no_signal() -> None:
    found = await scan(FakeNetwork(gadget(20)))
    assert found.peers == {"192.168.1.20"}
    assert found.summary is not None
    assert (found.summary.planned, found.summary.tested, found.summary.complete) == (253, 253, True)


async def test_an_open_3197_is_a_finding_of_its_own() -> None:
    found = await scan(FakeNetwork(gadget(20, tcp={3197: "open", 80: "closes"})))
    assert found.words("192.168.1.20", "tcp") == {80: "open", 3197: "open", 3199: "refused"}


async def test_questions_are_answered_once_by_name() -> None:
    spa = gadget(30, mac="00:15:27:00:00:01", udp={30303: lambda _question: BALBOA})
    tub = gadget(31, mac="00:1e:c0:00:00:01", udp={10022: lambda _question: GECKO})
    found = await scan(FakeNetwork(spa, tub))
    (balboa,) = found.of("192.168.1.30", "udp.reply")
    assert (balboa.text("protocol"), balboa.text("mac"), balboa.text("name")) == ("microchip-announce", "00:15:27:00:00:01", "BWGSPA")
    assert balboa.raw == BALBOA
    (greeting,) = found.of("192.168.1.31", "udp.reply")
    assert (greeting.text("protocol"), greeting.text("name"), greeting.number("port")) == ("gecko-hello", "My spa", 10022)


async def test_a_stack_that_knows_only_the_short_form_is_found() -> None:
    found = await scan(FakeNetwork(gadget(30, udp={30303: lambda question: BALBOA if question == b"D" else None})))
    assert found.words("192.168.1.30")[30303] == "reply"


async def test_a_device_that_missed_the_broadcast_is_asked_by_itself() -> None:
    asleep = gadget(30, loses=8, udp={30303: lambda _question: BALBOA})
    found = await scan(FakeNetwork(asleep))
    assert found.words("192.168.1.30")[30303] == "reply"


async def test_lost_datagrams_do_not_make_a_closed_port_likely() -> None:
    found = await scan(FakeNetwork(gadget(20, loses=5)))
    assert {found.words("192.168.1.20")[port] for port in KNOCK_PORTS} == {"refused"}


async def test_a_host_short_of_icmp_errors_is_not_said_to_listen() -> None:
    # Linux answers about six of a burst; here none ever follows.
    found = await scan(FakeNetwork(gadget(20, icmp_limit=3)))
    words = found.words("192.168.1.20")
    assert sorted(words[port] for port in KNOCK_PORTS) == ["refused"] * 3 + ["silent/silent"] * 3


async def test_a_stale_neighbour_is_told_as_such_and_again_when_it_is_heard() -> None:
    network = FakeNetwork(gadget(20, known=True, delay=0.4))
    found = await scan(network)
    assert [one.text("state") for one in found.of("192.168.1.20", "neighbour.seen")] == ["stale", "reachable"]


async def test_mdns_services_carry_the_address_in_our_network() -> None:
    network = FakeNetwork(gadget(20))
    network.mdns(service(addresses=("10.9.9.9", "fe80::1", "192.168.1.20"), txt=b"\x05a=one\x04flag\x00\x05a=two"), at=0.2)
    found = await scan(network)
    (one,) = found.of("192.168.1.20", "mdns.service")
    assert one.items("addresses") == ("10.9.9.9", "fe80::1", "192.168.1.20")
    assert one.items("txt") == ("a=one", "flag", "a=two")
    assert (one.text("host"), one.number("ttl")) == ("gadget.local", 4500)


async def test_a_host_that_only_mdns_told_is_asked_for_its_ports() -> None:
    network = FakeNetwork()
    network.add(gadget(20, mac=""), at=0.0)
    network.mdns(service(), at=4.5)
    found = await scan(network)
    assert found.words("192.168.1.20")[3232] == "refused"


async def test_a_device_elsewhere_is_listed_and_left_alone() -> None:
    network = FakeNetwork()
    network.mdns(service(addresses=("10.9.9.9",)), at=0.2)
    found = await scan(network)
    assert found.of("10.9.9.9", "mdns.service")
    assert not [one for one in found.packets() if one.to == "10.9.9.9"]


async def test_answers_from_addresses_never_asked_stand_for_themselves() -> None:
    network = FakeNetwork(gadget(20))
    network.datagram(BALBOA, source="10.8.8.8", source_port=30303, at=1.0)
    network.datagram(b"\x1b[31mhello", source="192.168.1.77", source_port=4711, at=1.0)
    found = await scan(network)
    assert [one.text("protocol") for one in found.of("10.8.8.8")] == ["microchip-announce"]
    (stray,) = found.of("192.168.1.77", "udp.reply")
    assert (stray.text("protocol"), stray.number("port")) == ("unknown", 4711)
    assert not [one for one in found.packets() if one.to == "10.8.8.8"]
    assert not found.of("192.168.1.20", "udp.reply")


async def test_a_chatterbox_fills_neither_recording_nor_memory() -> None:
    network = FakeNetwork(gadget(20, udp={30303: lambda _question: [b"%d" % number for number in range(5000)]}))
    found = await scan(network)
    assert 0 < len(found.of("192.168.1.20", "udp.reply")) <= 128


async def test_our_own_datagrams_are_no_device() -> None:
    network = FakeNetwork()
    network.datagram(ssdp.encode_search(), source="192.168.1.2", source_port=1900, at=0.5)
    network.datagram(BALBOA, source="192.168.1.2", source_port=30303, at=0.5)
    assert not (await scan(network)).peers


async def test_notify_is_heard_unasked() -> None:
    network = FakeNetwork()
    notify = b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nSERVER: OpenBk\r\n\r\n"
    network.datagram(notify, source="192.168.1.40", source_port=50123, to_port=1900, at=1.0)
    found = await scan(network)
    (one,) = found.of("192.168.1.40", "udp.reply")
    assert (one.text("protocol"), one.number("port"), one.text("server")) == ("ssdp", 1900, "OpenBk")


def _rates(found_packets: list[tuple[float, str]]) -> dict[str, int]:
    """Return for each address the most packets it got in any window of one second."""
    times: dict[str, list[float]] = defaultdict(list)
    for when, to in found_packets:
        times[to].append(when)
    return {to: max(sum(start <= when < start + 1.0 for when in all_of) for start in all_of) for to, all_of in times.items()}


async def test_a_default_scan_sends_exactly_what_the_design_allows() -> None:
    hosts = [
        gadget(20, udp={3232: "silent", 8266: "silent"}),
        gadget(21, icmp=False, other_tcp="silent"),
        gadget(22, tcp={80: "open", 3197: "open"}),
        gadget(23, udp={30303: lambda _question: BALBOA}),
        *(gadget(number) for number in range(100, 130)),
    ]
    network = FakeNetwork(*hosts)
    network.mdns(service(), at=0.1)
    found = await scan(network)
    live = {host.address for host in hosts}

    sent = {(one.transport, one.port, one.payload) for one in found.packets() if one.port < 61_000}
    assert sent == {
        *(("udp", port, b"1") for port in (3232, 8266, 2040, 3197, 3199, 3231)),
        ("udp", microchip.PORT, microchip.QUESTION),
        ("udp", microchip.PORT, b"D"),
        ("udp", gecko.PORT, gecko.QUESTION),
        ("udp", addp.PORT, addp.QUESTION),
        ("udp", ssdp.PORT, ssdp.encode_search(SEARCH_TARGET)),
        *(("tcp", port, b"") for port in (80, 3197, 3199)),
    } | {("mdns", one.port, one.payload) for one in found.packets("mdns")}
    # Above that there are only the control ports, and they get the same byte.
    controls = [one for one in found.packets() if one.port >= 61_000]
    allowed = {(host, control_port(host, index)) for host in live for index in range(16)}
    assert controls
    assert {(one.to, one.port) for one in controls} <= allowed
    assert {(one.transport, one.payload) for one in controls} == {("udp", b"1")}
    # Never an empty datagram; an absent address gets its one knock and no more.
    assert all(one.payload for one in found.packets("udp"))
    everyone = {"192.168.1.255", "224.0.0.251", ssdp.GROUP, addp.GROUP}
    absent = [one for one in found.packets() if one.to not in live | everyone]
    assert {(one.port, one.payload) for one in absent} == {(3232, b"1")}
    assert len(absent) == 253 - len(live)
    assert {one.to for one in found.packets() if one.transport == "udp" and one.port in (1900, 2362)} == everyone - {"224.0.0.251"}
    assert max(_rates([(one.mono, one.to) for one in found.packets()]).values()) <= 40


async def test_the_whole_stays_below_its_budget() -> None:
    network = FakeNetwork(*(gadget(number) for number in range(3, 255)))
    found = await scan(network)
    # The liveness phase has a budget of its own (Policy.liveness_rate).
    times = sorted(one.mono for one in found.packets() if not one.purpose.startswith("is anybody there"))
    assert len(times) > 2000
    # A token bucket of 1000/s with bursts of 1000: never more than that in a window.
    assert all(times[index + 2000] - times[index] >= 1.0 for index in range(len(times) - 2000))
    assert {found.words(f"192.168.1.{number}")[3232] for number in range(3, 255)} == {"refused"}


async def test_a_passive_scan_sends_nothing_but_mdns_and_still_lists() -> None:
    network = FakeNetwork(gadget(20, known=True), gadget(21))
    network.mdns(service(addresses=("192.168.1.21",)), at=0.2)
    found = await scan(network, passive=True)
    assert {one.transport for one in found.packets()} <= {"mdns"}
    assert found.of("192.168.1.20", "neighbour.seen")
    assert found.of("192.168.1.21", "mdns.service")
    assert found.summary is not None
    assert (found.summary.planned, found.summary.tested, found.summary.passive, found.summary.complete) == (0, 0, True, True)
    assert found.summary.seconds == pytest.approx(5.0)


async def test_it_listens_for_its_seconds_or_until_the_sweep_is_done() -> None:
    network = FakeNetwork(gadget(20))
    assert (await scan(network)).summary.seconds == pytest.approx(5.0)  # type: ignore[union-attr]
    at_once = (await scan(FakeNetwork(gadget(20)), seconds=0)).summary
    assert at_once is not None
    assert at_once.complete
    assert 3.0 < at_once.seconds < 4.0  # the kernel's three ARP requests for those who are not there
    assert (await scan(FakeNetwork(gadget(20)), seconds=12)).summary.seconds == pytest.approx(12.0)  # type: ignore[union-attr]


async def test_progress_is_honest_and_not_too_frequent() -> None:
    found = await scan(FakeNetwork(gadget(20)))
    steps = found.progress
    assert steps[0].planned == 253
    assert all(later.elapsed - sooner.elapsed >= 1.0 for sooner, later in zip(steps, steps[11:], strict=False))
    assert all(one.tested <= one.planned for one in steps)
    assert [one.tested for one in steps] == sorted(one.tested for one in steps)
    assert any(one.phase.startswith("sweeping") for one in steps)
    assert (steps[-1].tested, steps[-1].hosts, steps[-1].remaining, steps[-1].phase) == (253, 1, 0.0, "done")
    assert steps[-1].packets_sent == found.summary.packets_sent  # type: ignore[union-attr]


def test_a_device_is_one_host_however_many_addresses_it_has() -> None:
    network = FakeNetwork(gadget(20))
    meter = Meter(network.clock, 0.0, sent=lambda: 0, until=5.0)
    for source, kind, peer, told in (
        (Source.MDNS, "mdns.service", "fe80::20", {}),
        (Source.NEIGHBOUR, "neighbour.seen", "192.168.1.20", {"mac": "24:6f:28:00:00:20"}),
        (Source.NEIGHBOUR, "neighbour.seen", "fe80::20", {"mac": "24:6f:28:00:00:20"}),
        (Source.UDP, "udp.refused", "192.168.1.20", {"port": 3232}),
        (Source.MDNS, "mdns.service", "192.168.1.21", {}),
    ):
        meter.heard(Signal(when=0.0, mono=0.0, source=source, interface="lan0", peer=peer, kind=kind, fields=told))
    assert meter.progress().hosts == 2


async def test_started_and_finished_frame_the_signals() -> None:
    found = await scan(FakeNetwork(gadget(20)))
    assert found.signals[0].kind == "scan.started"
    assert fields(found.signals[0]) == {"interfaces": ("lan0 192.168.1.2 192.168.1.0/24",), "passive": False}
    assert found.signals[-1].kind == "scan.finished"
    assert fields(found.signals[-1]) == {
        "seconds": 50,
        "planned": 253,
        "tested": 253,
        "unanswered": 252,
        "strangers": 0,
        "proxied": 0,
        "packets_sent": len(found.packets()),
        "complete": True,
    }
    assert [one.mono for one in found.signals] == sorted(one.mono for one in found.signals)


async def test_two_lans_are_kept_apart() -> None:
    faces = [fake_interface(), fake_interface("lan1", "192.168.1.3/24", index=3)]
    here = gadget(20)
    there = FakeHost(address="192.168.1.20", mac="24:6f:28:ff:ff:ff", udp={3232: "silent"}, interface="lan1")
    found = await scan(FakeNetwork(here, there, interfaces=faces))
    macs = {one.interface: one.text("mac") for one in found.of("192.168.1.20", "neighbour.seen")}
    assert macs == {"lan0": "24:6f:28:00:00:14", "lan1": "24:6f:28:ff:ff:ff"}
    silent = [one for one in found.of("192.168.1.20", "udp.silent") if one.number("port") == 3232]
    assert [one.interface for one in silent] == ["lan1"]


async def test_a_named_part_of_a_network_is_all_that_is_swept() -> None:
    network = FakeNetwork(gadget(20, known=True), gadget(200, known=True))
    found = await scan(network, cidrs=("192.168.1.16/28",))
    assert found.peers == {"192.168.1.20"}
    assert found.summary is not None
    assert found.summary.planned == 16
    swept = {one.to for one in found.packets("udp") if one.payload == b"1"}
    assert swept == {f"192.168.1.{number}" for number in range(16, 32)}


async def test_the_same_lan_gives_the_same_signals() -> None:
    def lan() -> FakeNetwork:
        network = FakeNetwork(gadget(20, udp={3232: "silent"}), gadget(21, icmp=False), gadget(30, udp={30303: lambda _: BALBOA}))
        network.mdns(service(), at=0.3)
        return network

    assert (await scan(lan())).signals == (await scan(lan())).signals
