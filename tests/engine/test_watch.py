"""A watch: it never ends by itself, and sweeps again politely."""

from __future__ import annotations

from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.fake.network import FakeNetwork
from tests.engine.scanning import gadget, scan, service


async def test_a_watch_goes_on_and_tells_each_sweep() -> None:
    found = await scan(FakeNetwork(gadget(20)), forever=True, stop_after=700)
    # Two sweeps in 700 s, a third one under way or not, and the word at the end.
    assert [one.flag("complete") for one in found.finished] == [True, True, True, True]
    assert {one.number("tested") for one in found.finished} == {253}


async def test_stopped_in_the_middle_of_a_sweep_it_is_incomplete() -> None:
    found = await scan(FakeNetwork(gadget(20)), forever=True, stop_after=1.0)
    assert [one.flag("complete") for one in found.finished] == [False]


async def test_a_known_host_is_not_asked_for_its_ports_again_and_again() -> None:
    network = FakeNetwork(gadget(20, udp={3232: "silent"}))
    found = await scan(network, forever=True, stop_after=1500)
    to_host = [one for one in found.packets() if one.to == "192.168.1.20"]
    first = [one for one in to_host if one.mono < 100]
    assert {(one.port, one.payload) for one in to_host if one.mono >= 100} == {(3232, b"1")}
    assert len(to_host) - len(first) <= 5


async def test_a_host_that_comes_later_is_found_and_asked() -> None:
    network = FakeNetwork()
    network.add(gadget(20, udp={3232: "silent"}), at=100.0)
    found = await scan(network, forever=True, stop_after=400)
    assert found.words("192.168.1.20")[3232] == "silent/refused"


async def test_a_sleeper_that_announces_itself_is_asked_at_once() -> None:
    network = FakeNetwork()
    network.add(gadget(20), at=100.0)
    network.mdns(service(), at=100.0)
    found = await scan(network, forever=True, stop_after=120)
    assert found.words("192.168.1.20")[8266] == "refused"
    assert found.words("192.168.1.20")[3232] == "refused"  # although its address was asked in vain before


async def test_presence_is_renewed_by_every_sweep() -> None:
    found = await scan(FakeNetwork(gadget(20)), forever=True, stop_after=700)
    assert len(found.of("192.168.1.20", "neighbour.seen")) >= 3
    again = [one for one in found.of("192.168.1.20", "udp.refused") if one.number("port") == 3232]
    assert len(again) >= 3


async def test_who_stops_answering_arp_is_told() -> None:
    network = FakeNetwork(gadget(20))
    network.remove("192.168.1.20", at=50.0)
    found = await scan(network, forever=True, stop_after=400)
    assert [one.mono >= 50 for one in found.of("192.168.1.20", "neighbour.failed")] == [True]


async def test_goodbye_and_expiry_are_two_things_and_keep_their_peer() -> None:
    network = FakeNetwork(gadget(20))
    for instance, kind in (("polite", MdnsEventKind.GOODBYE), ("silent", MdnsEventKind.EXPIRED)):
        network.mdns(service(instance=instance), at=1.0)
        network.mdns(MdnsEvent(kind=kind, interface="lan0", type="_http._tcp", instance=instance), at=9.0)
    found = await scan(network, forever=True, stop_after=20)
    assert [(one.kind, one.text("instance")) for one in found.of("192.168.1.20", "mdns.goodbye", "mdns.expired")] == [
        ("mdns.goodbye", "polite"),
        ("mdns.expired", "silent"),
    ]


async def test_an_idle_watch_wakes_up_seldom() -> None:
    network = FakeNetwork(gadget(20))
    found = await scan(network, forever=True, stop_after=280)
    idle = [one for one in found.progress if one.elapsed > 20]
    assert all(one.phase == "watching" for one in idle)
    assert len(idle) <= 260 / 5 + 2
    assert all(one.remaining is None for one in idle)
