"""The sweep: who is there, at most 900 unresolved at once, and no address called absent that was not asked."""

from __future__ import annotations

import errno

import pytest

from discover.model.network import Packet
from discover.net.fake.hosts import FakeHost, fake_interface
from discover.net.fake.network import FakeNetwork
from discover.net.policy import Policy
from discover.probe.roll import ARP_GIVES_UP, LIMIT, Means, Window
from discover.probe.sweep import FOLLOW_UPS
from discover.probe.timing import Air
from tests.probe.probing import Sweeping, addresses, gadget, sweep, wide


def per_address(packets: list[Packet]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in packets:
        found[one.to] = found.get(one.to, 0) + 1
    return found


def hosts(count: int, **changes: object) -> list[FakeHost]:
    return [gadget(address, number, **changes) for number, address in enumerate(addresses(count))]


async def test_every_address_is_asked_once_with_one_byte() -> None:
    swept = await sweep(wide(gadget("10.0.0.7")), addresses(300))
    packets = list(swept.network.ledger.packets)
    assert per_address(packets) == dict.fromkeys(addresses(300), 1)
    assert {(one.port, one.payload) for one in packets} == {(3232, b"1")}
    assert all("anybody" in one.purpose for one in packets)
    assert swept.alive == ["10.0.0.7"]
    assert swept.counts == (300, 299)
    assert swept.sweep.complete


async def test_a_host_that_answers_nothing_but_arp_is_found() -> None:
    silent = gadget("10.0.0.7", icmp=False, other_tcp="silent")
    swept = await sweep(wide(silent), addresses(20))
    assert swept.alive == ["10.0.0.7"]


async def test_a_host_that_no_table_shows_is_found_by_its_error() -> None:
    swept = await sweep(wide(FakeHost(address="10.0.0.7")), addresses(20))
    assert swept.alive == ["10.0.0.7"]


async def test_absent_addresses_take_as_long_as_arp_and_no_longer() -> None:
    swept = await sweep(wide(), addresses(100))
    assert 3.0 < swept.network.clock.mono() <= ARP_GIVES_UP + 0.2
    assert swept.counts == (100, 100)


async def test_where_all_answer_it_is_quick() -> None:
    swept = await sweep(wide(*hosts(100)), addresses(100))
    assert swept.network.clock.mono() < 0.5
    assert len(swept.alive) == 100
    assert swept.counts == (100, 0)


def clean_air() -> Air:
    air = Air()
    for _ in range(200):
        air.answered(0.004, measured=True)
    return air


async def test_on_clean_air_nobody_waits_for_the_kernels_next_try() -> None:
    swept = await sweep(wide(*hosts(60)), addresses(240), air=clean_air())
    assert len(swept.alive) == 60
    assert swept.counts == (240, 180)
    assert swept.network.clock.mono() < 0.5


async def test_on_air_of_which_only_arp_is_known_nobody_waits_for_the_last_try() -> None:
    swept = await sweep(wide(*hosts(60)), addresses(240))
    assert len(swept.alive) == 60
    assert swept.network.clock.mono() < 2.0


async def test_on_lossy_air_the_sweep_waits_for_the_kernels_second_try() -> None:
    swept = await sweep(wide(*hosts(60, loss=0.1, delay=(0.002, 0.3)), seed=3), addresses(240))
    assert len(swept.alive) >= 59
    assert 1.0 < swept.network.clock.mono() <= ARP_GIVES_UP + 0.2


async def test_with_few_hosts_nothing_is_known_of_the_air_and_it_waits_to_the_end() -> None:
    swept = await sweep(wide(*hosts(2)), addresses(50))
    assert swept.network.clock.mono() > 3.0


async def test_never_more_than_900_unresolved_at_once() -> None:
    swept = await sweep(wide(), addresses(2500))
    assert swept.counts == (2500, 2500)
    times = [one.mono for one in swept.network.ledger.packets]
    # Absent addresses stay unresolved for ARP's 3.07 s: within that time no more than 900 may be asked.
    assert all(times[index + 900] - times[index] >= 3.07 for index in range(len(times) - 900))
    assert swept.network.clock.mono() < 3 * (ARP_GIVES_UP + 0.2) + 1


async def test_nor_where_the_sweep_no_longer_waits_for_those_the_kernel_still_asks_for() -> None:
    swept = await sweep(wide(*hosts(60)), addresses(1500))
    assert swept.counts == (1500, 1440)
    times = [one.mono for one in swept.network.ledger.packets if one.to not in addresses(60)]
    assert all(times[index + 900] - times[index] >= 3.07 for index in range(len(times) - 900))


async def test_two_sweeps_share_the_kernels_one_table() -> None:
    window = Window(900)
    one = await sweep(wide(), addresses(600), window=window)
    now = one.network.clock.mono()
    assert window.free(now + 0.2) == 900


async def test_no_socket_waits_for_more_than_its_share_of_addresses() -> None:
    network = wide()
    opened: list[int] = []
    original = network.udp

    def counting(*args: object, **kwargs: object) -> object:
        opened.append(network.ledger.count)
        return original(*args, **kwargs)  # type: ignore[arg-type]

    network.udp = counting  # type: ignore[method-assign,assignment]
    await sweep(network, addresses(1000))
    shares = [after - before for before, after in zip(opened, [*opened[1:], network.ledger.count], strict=True)]
    assert max(shares) <= Policy().socket_addresses
    assert sum(shares) == 1000


async def test_a_wide_network_needs_few_sockets_at_once() -> None:
    network = wide()
    most = 0
    original = network.udp

    def counting(*args: object, **kwargs: object) -> object:
        nonlocal most
        endpoint = original(*args, **kwargs)  # type: ignore[arg-type]
        most = max(most, network.open_count)
        return endpoint

    network.udp = counting  # type: ignore[method-assign,assignment]
    await sweep(network, addresses(3500))
    assert most <= 14


async def test_the_liveness_phase_keeps_to_its_rate() -> None:
    policy = Policy(liveness_rate=100.0, liveness_burst=50.0)
    network = wide(policy=policy)
    await sweep(network, addresses(250), policy=policy)
    times = [one.mono for one in network.ledger.packets]
    assert max(sum(start <= when < start + 1.0 for when in times) for start in times) <= 150 + 1


async def test_nobody_waits_for_who_has_spoken_unasked() -> None:
    network = wide()
    one = Sweeping(network, addresses(10))
    for address in addresses(9):
        one.book.alive(address)
    one.sweep.failed("10.0.0.10")
    await one.run()
    assert one.counts == (10, 1)
    network = wide()
    one = Sweeping(network, addresses(10))
    for address in addresses(10):
        one.book.alive(address)
    await one.run()
    assert one.counts == (10, 0)
    assert network.clock.mono() < 0.1


async def test_what_was_knocked_at_is_remembered_for_the_port_phase() -> None:
    swept = await sweep(wide(gadget("10.0.0.7")), addresses(10))
    assert swept.sweep.knocked("10.0.0.7") == {3232: 0.0}
    assert swept.sweep.knocked("10.0.9.9") == {}


async def test_the_estimate_is_near_the_truth_and_ends_at_nothing() -> None:
    one = Sweeping(wide(), addresses(1000))
    before = one.sweep.estimate()
    await one.run()
    taken = one.network.clock.mono()
    assert taken / 2 < before < taken * 2
    assert one.sweep.estimate() == 0.0


# Other means than the kernel's ARP.


async def test_behind_a_router_everyone_is_asked_twice_and_only_answers_count() -> None:
    network = wide(FakeHost(address="10.0.0.7", loses=1), FakeHost(address="10.0.0.8"), gadget("10.0.0.9", icmp=False))
    swept = await sweep(network, [f"10.0.0.{number}" for number in range(1, 11)], routed=True)
    counted = per_address(list(network.ledger.packets))
    assert {"10.0.0.7", "10.0.0.8"} <= set(swept.alive)
    assert counted["10.0.0.10"] == 2
    assert counted["10.0.0.8"] == 1
    assert network.clock.mono() <= LIMIT[Means.ROUTED] + 0.2
    assert swept.sweep.tested == 10


async def test_with_the_privilege_addresses_are_asked_by_arp_and_no_datagram_leaves() -> None:
    network = wide(*hosts(40), privileged=True)
    swept = await sweep(network, addresses(120))
    assert len(swept.alive) == 40
    assert {one.transport for one in network.ledger.packets} == {"arp"}
    assert swept.counts == (120, 80)
    assert swept.sweep.knocked("10.0.0.1") == {}, "the port phase must ask the first question itself"


async def test_raw_arp_asks_again_sooner_than_the_kernel() -> None:
    swept = await sweep(wide(*hosts(60, loses=1), privileged=True, seed=1), addresses(120))
    assert len(swept.alive) == 60
    assert swept.network.clock.mono() < 2.5
    assert max(per_address(list(swept.network.ledger.packets)).values()) >= 2


async def test_a_host_that_the_kernel_has_not_resolved_is_asked_by_arp_again_a_few_times() -> None:
    network = wide(*hosts(20), privileged=True)
    swept = await sweep(network, addresses(40), resolved=lambda address: address != "10.0.0.3")
    counted = per_address(list(network.ledger.packets))
    assert 2 <= counted["10.0.0.3"] <= 1 + FOLLOW_UPS
    assert counted["10.0.0.4"] == 1
    assert swept.counts == (40, 20)


async def test_help_that_the_system_refuses_is_no_trouble() -> None:
    network = wide(*hosts(20), privileged=True)
    one = Sweeping(network, addresses(20), resolved=lambda _address: False)
    network.fail("arp", errno.EPERM, at=0.001)
    await one.run()
    assert one.counts == (20, 0)
    assert one.sweep.complete


async def test_raw_arp_leaves_the_kernels_table_alone() -> None:
    window = Window(10)
    swept = await sweep(wide(*hosts(20), privileged=True), addresses(500), window=window)
    assert swept.sweep.tested == 500
    assert window.free(0.0) == 10


async def test_raw_arp_ends_within_its_limit() -> None:
    swept = await sweep(wide(*hosts(50, loss=0.4, delay=(0.0, 0.3)), privileged=True, seed=2), addresses(100))
    assert swept.network.clock.mono() <= LIMIT[Means.RAW] + 0.2
    assert len(swept.alive) >= 48
    assert max(per_address(list(swept.network.ledger.packets)).values()) <= 4


async def test_loopback_is_over_at_once() -> None:
    lo = fake_interface("lo", "127.0.0.1/8", mac="", index=1, loopback=True)
    network = FakeNetwork(FakeHost(address="127.0.0.1", interface="lo"), interfaces=[lo])
    swept = await sweep(network, ["127.0.0.1", "127.0.0.2"])
    assert "127.0.0.1" in swept.alive
    assert swept.sweep.tested == 2
    assert network.clock.mono() <= LIMIT[Means.LOOPBACK] + 0.05


async def test_a_system_that_tells_no_changes_is_read_instead() -> None:
    silent = [gadget(address, number, icmp=False) for number, address in enumerate(addresses(20))]
    swept = await sweep(wide(*silent, neighbour_events=False), addresses(60))
    assert len(swept.alive) == 20
    assert swept.counts == (60, 40)


# What the system refuses.


REFUSALS = [errno.EPERM, errno.ENETUNREACH, errno.ENETDOWN, errno.ENODEV, errno.EINVAL]


@pytest.mark.parametrize("number", REFUSALS)
async def test_a_system_that_refuses_is_given_up_soon_and_nothing_is_claimed(number: int) -> None:
    network = wide()
    network.fail("send", number)
    swept = await sweep(network, addresses(2000))
    assert swept.counts == (0, 0)
    assert swept.sweep.error is not None
    assert not swept.sweep.complete
    assert network.clock.mono() < 10


@pytest.mark.parametrize("number", REFUSALS)
async def test_so_is_raw_arp(number: int) -> None:
    network = wide(privileged=True)
    one = Sweeping(network, addresses(2000))
    network.fail("arp", number)  # opening it was allowed
    await one.run()
    assert one.counts == (0, 0)
    assert one.sweep.error is not None
    assert not one.sweep.complete
    assert network.clock.mono() < 10


async def test_one_address_that_the_system_refuses_does_not_end_the_sweep() -> None:
    network = wide(gadget("10.0.0.200"))
    network.fail("send", errno.EPERM, until=0.3)
    swept = await sweep(network, addresses(250))
    assert swept.alive == ["10.0.0.200"]
    assert swept.sweep.complete


async def test_an_address_that_is_refused_for_good_stays_untested() -> None:
    network = wide(*hosts(30))
    network.fail("send", errno.EPERM, until=0.9)
    swept = await sweep(network, addresses(30))
    assert swept.sweep.error is None
    assert not swept.sweep.complete
    assert swept.sweep.tested < 30
    assert swept.sweep.unanswered == 0


async def test_the_time_of_a_first_answer_is_learnt() -> None:
    air = Air()
    await sweep(wide(*hosts(50, delay=0.02)), addresses(200), air=air)
    assert air.arp.count == 50
    assert air.arp.quantile(0.9) < 0.1
