"""Bad days: what the system refuses becomes a notice and honest coverage, and nothing is left behind."""

from __future__ import annotations

import asyncio
import errno
from ipaddress import ip_address, ip_network

import pytest

from discover.engine import LiveFeed, plan_scan
from discover.errors import NoInterfaceError
from discover.model.network import Interface, InterfaceAddress
from discover.model.signal import Signal
from discover.net.api import MdnsEvent, MdnsEventKind
from discover.net.fake.hosts import fake_interface
from discover.net.fake.network import FakeNetwork
from discover.text import is_clean
from tests.engine.scanning import NOTHING, asking, gadget, scan, service


@pytest.mark.parametrize("at", [1.0, 4.5])
async def test_an_interface_that_vanishes_is_told_and_what_was_found_is_kept(at: float) -> None:
    network = FakeNetwork(gadget(20), *(gadget(number, icmp=False) for number in range(30, 60)))
    network.remove_interface("lan0", at=at)
    found = await scan(network)
    assert found.of("192.168.1.20", "neighbour.seen")
    assert found.finished[-1].flag("complete") is False
    assert any("lan0 vanished" in notice for notice in found.feed.notices)
    assert len(found.feed.notices) <= 4


async def test_the_other_interface_is_scanned_all_the_same() -> None:
    faces = [fake_interface(), fake_interface("lan1", "192.168.7.3/24", index=3)]
    network = FakeNetwork(gadget(20), gadget(20, address="192.168.7.20", interface="lan1"), interfaces=faces)
    network.remove_interface("lan0", at=0.01)
    found = await scan(network)
    assert found.words("192.168.7.20")[3232] == "refused"
    assert not found.finished[-1].flag("complete")


async def test_a_firewall_that_forbids_sending_ends_the_sweep_with_a_sentence() -> None:
    network = FakeNetwork(gadget(20))
    network.fail("send", errno.EPERM)
    found = await scan(network)
    assert found.summary is not None
    assert (found.summary.tested, found.summary.complete) == (0, False)
    assert any("253 addresses were not tested" in notice for notice in found.feed.notices)
    # The advice is the same for all of it, and given once.
    assert sum("firewall" in notice for notice in found.feed.notices) == 1
    # It gives up soon instead of trying 253 addresses twice.
    assert len(found.packets("udp")) < 50


async def test_buffers_that_are_full_for_a_moment_cost_no_address() -> None:
    network = FakeNetwork(gadget(20))
    network.fail("send", errno.ENOBUFS, until=0.15)
    found = await scan(network)
    assert found.summary is not None
    assert (found.summary.tested, found.summary.complete) == (253, True)
    assert found.words("192.168.1.20")[3232] == "refused"


async def test_no_route_is_an_answer_about_the_address_not_an_error() -> None:
    network = FakeNetwork(gadget(20))
    network.fail("send", errno.EHOSTUNREACH)
    found = await scan(network)
    assert found.summary is not None
    assert found.summary.tested == 253
    assert not found.peers


async def test_what_mdns_could_not_take_is_a_notice_and_no_device() -> None:
    network = FakeNetwork(gadget(20))
    network.mdns(MdnsEvent(kind=MdnsEventKind.NOTICE, interface="lan0", type="", notice="lan0: too many."), at=1.0)
    found = await scan(network)
    assert "lan0: too many." in found.feed.notices
    assert not [signal for signal in found.signals if signal.kind.startswith("mdns.")]


async def test_no_permission_for_multicast_leaves_the_sweep() -> None:
    network = FakeNetwork(gadget(20, udp={3232: "silent"}))
    network.fail("browse", errno.EPERM)
    found = await scan(network)
    assert found.words("192.168.1.20")[3232] == "silent/refused"
    assert any("no mDNS" in notice for notice in found.feed.notices)
    assert found.summary is not None
    assert found.summary.complete is False


async def test_sockets_that_cannot_be_opened_leave_mdns() -> None:
    network = FakeNetwork(gadget(20))
    network.fail("udp", errno.EACCES)
    network.mdns(service(), at=0.5)
    found = await scan(network)
    assert found.of("192.168.1.20", "mdns.service")
    assert found.summary is not None
    assert (found.summary.tested, found.summary.complete) == (0, False)
    assert any("nothing can be asked" in notice for notice in found.feed.notices)
    assert any("WLED" in notice for notice in found.feed.notices)


async def test_a_neighbour_table_that_cannot_be_read_is_told_once() -> None:
    network = FakeNetwork(gadget(20))
    network.fail("neighbours", errno.EACCES)
    found = await scan(network)
    assert found.words("192.168.1.20")[3232] == "refused"  # it answered by itself
    assert len([one for one in found.feed.notices if "neighbour table" in one]) == 1


async def test_tcp_that_the_system_refuses_is_a_notice() -> None:
    network = FakeNetwork(gadget(20))
    network.fail("tcp", errno.EMFILE)
    found = await scan(network)
    assert len([one for one in found.feed.notices if "some ports were not asked" in one]) == 1
    assert found.words("192.168.1.20")[3231] == found.words("192.168.1.20")[10022] == "refused"  # UDP goes on


async def test_interfaces_that_cannot_be_listed_any_more_make_it_incomplete() -> None:
    network = FakeNetwork(gadget(20))
    network.fail("interfaces", errno.EACCES, at=1.0)
    found = await scan(network)
    assert not found.finished[-1].flag("complete")


async def test_notices_are_told_as_they_arise_and_are_clean() -> None:
    network = FakeNetwork(gadget(20))
    network.fail("browse", errno.EPERM)
    feed = LiveFeed(network, NOTHING, plan_scan(network))
    told: list[str] = []
    feed.on_notice = told.append
    await feed.run(lambda _signal: None)
    assert tuple(told) == feed.notices
    assert all(is_clean(one) for one in told)


@pytest.mark.parametrize("after", [0.0, 0.001, 0.05, 0.5, 1.6, 3.2, 4.9])
async def test_cancelled_at_any_time_it_says_so_and_leaves_nothing(after: float) -> None:
    network = FakeNetwork(*(gadget(number, udp={3232: "silent"}, tcp={80: "open"}) for number in range(20, 60)))
    network.mdns(service(), at=0.1)
    found = await scan(network, stop_after=after)  # asserts that no task and no socket is left
    assert found.summary is None
    if found.signals:
        assert [one.kind for one in found.signals].count("scan.finished") == 1
        assert found.signals[-1].kind == "scan.finished"
        assert not found.signals[-1].flag("complete")
        assert (found.signals[-1].number("tested") or 0) <= 253


async def test_a_receiver_that_fails_ends_the_run_with_its_own_error() -> None:
    network = FakeNetwork(gadget(20))
    feed = LiveFeed(network, NOTHING, plan_scan(network))
    taken: list[Signal] = []

    def take(signal: Signal) -> None:
        if signal.kind == "neighbour.seen":
            raise OSError(errno.ENOSPC, "No space left on device")
        taken.append(signal)

    before = asyncio.all_tasks()
    with pytest.raises(OSError, match="No space left"):
        await feed.run(take)
    assert asyncio.all_tasks() == before
    assert network.open_count == 0
    assert all(one.kind != "scan.finished" for one in taken)


async def test_without_any_interface_nothing_is_sent() -> None:
    network = FakeNetwork(interfaces=[fake_interface(skip="it is a container's bridge")])
    with pytest.raises(NoInterfaceError, match="container's bridge") as caught:
        plan_scan(network)
    assert "espied doctor" in caught.value.hint
    assert network.ledger.count == 0


async def test_a_liar_with_ten_thousand_names_does_not_stop_the_scan() -> None:
    network = FakeNetwork(gadget(20))
    for number in range(2000):
        network.mdns(service(instance=f"x{number}", host=f"x{number}.local", port=number), at=0.1)
    found = await scan(network)
    assert len(found.of("192.168.1.20", "mdns.service")) == 2000
    assert found.finished[-1].flag("complete")


async def test_an_interface_that_moves_to_another_network_does_not_end_a_watch() -> None:
    # A laptop that changes its Wi-Fi: the gate admits the new network only, and records of the old one are still about.
    network = FakeNetwork(gadget(20))
    network.clock.script(network.clock.mono() + 100.0, lambda: setattr(network, "_interfaces", [fake_interface("lan0", "10.9.0.2/24")]))
    network.mdns(service("_wled._tcp"), at=1.0)
    network.mdns(service("_wled._tcp"), at=900.0)
    found = await scan(network, catalogue=asking("/json/info", "mdns:_wled._tcp"), forever=True, stop_after=1000)
    assert max(one.mono for one in found.signals) > 900
    assert any("directly attached" in notice for notice in found.feed.notices)
    assert all(packet.mono < 400 for packet in found.packets("udp") if packet.to == "192.168.1.20")


async def test_an_interface_without_ipv4_is_said_in_one_calm_sentence_and_the_scan_is_complete() -> None:
    six = InterfaceAddress(address=ip_address("fe80::1"), network=ip_network("fe80::/64"), scope_id=3)
    faces = [fake_interface(), Interface(name="lan1", index=3, mac="02:00:00:00:00:09", addresses=(six,))]
    network = FakeNetwork(gadget(20), interfaces=faces)
    found = await scan(network)
    (notice,) = found.feed.notices
    assert "lan1 has no IPv4 address" in notice
    assert found.summary is not None
    assert found.summary.complete
