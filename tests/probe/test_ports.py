"""The port phase of one host: harmless questions, a control before silence is believed, and an end."""

from __future__ import annotations

import errno
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.network import Interface, Packet
from discover.net.api import UdpEvent, UdpEventKind
from discover.net.fake.hosts import FakeHost
from discover.net.fake.network import FakeNetwork
from discover.net.policy import Policy
from discover.probe.limits import CONTROL_WINDOW, MOST_JUDGED
from discover.probe.ports import (
    CONTROLS,
    DEFAULT,
    GECKO,
    KNOCK_PORTS,
    MICROCHIP,
    TCP_PORTS,
    connect,
    control,
    control_port,
    control_ports,
    knock,
)
from discover.probe.timing import LEAST_TIMEOUT, UNKNOWN_TIMEOUT, Air
from discover.proto import gecko, microchip
from tests.probe.probing import ADDRESS, Asking, ask, asking

KNOCKS = tuple(map(knock, KNOCK_PORTS))
SPA = b"BWGSPA\r\n00-15-27-00-00-01\r\n"


def is_control(packet: Packet) -> bool:
    return packet.port in control_ports(ADDRESS)


def gaps(packets: list[Packet]) -> list[float]:
    return [after.mono - before.mono for before, after in pairwise(packets)]


# What is asked.


@given(st.ip_addresses(v=4).map(str), st.integers(0, 100))
def test_a_control_port_is_high_fixed_and_one_of_sixteen(address: str, index: int) -> None:
    port = control_port(address, index)
    assert 61_000 <= port <= 64_999
    assert port == control_port(address, index) == control(address, index).port
    assert control_ports(address) == {control_port(address, each) for each in range(CONTROLS)}
    assert len(control_ports(address)) == CONTROLS == 16


def test_a_question_at_a_control_port_makes_it_no_control() -> None:
    port = control_port(ADDRESS, 3)
    assert port not in control_ports(ADDRESS, [knock(port)])
    assert port in control_ports(ADDRESS, [connect(port)])


def test_a_knock_and_its_control_are_the_byte_1() -> None:
    assert {one.payload(number) for one in (*KNOCKS, control(ADDRESS, 0)) for number in range(20)} == {b"1"}


def test_no_datagram_is_empty() -> None:
    assert all(one.payload(number) for one in DEFAULT if one.transport == "udp" for number in range(10))


def test_a_connect_goes_only_where_it_does_no_harm() -> None:
    assert {one.port for one in DEFAULT if one.transport == "tcp"} == set(TCP_PORTS) == {80, 3197, 3199}


async def test_all_questions_are_asked_and_every_packet_says_why() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS)))
    assert {(each.transport, each.port) for each in one.network.ledger.packets} == {(each.transport, each.port) for each in DEFAULT}
    assert all(each.purpose for each in one.network.ledger.packets)
    assert {each.payload for each in one.sent() if each.port in KNOCK_PORTS} == {b"1"}
    assert one.done == [ADDRESS]


# What silence means.


async def test_where_all_is_closed_every_port_is_asked_once_and_no_control_is_needed() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS)))
    assert sorted(one.ports("udp.refused")) == sorted(each.port for each in DEFAULT if each.transport == "udp")
    assert sorted(one.ports("tcp.refused")) == sorted(TCP_PORTS)
    assert one.network.ledger.count == len(DEFAULT)


async def test_controls_are_no_findings() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent"})))
    assert any(is_control(each) for each in one.sent())
    assert not control_ports(ADDRESS) & {each.number("port") for each in one.signals}


async def test_silence_beside_refused_controls_is_a_listener() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent", 8266: "silent"})), questions=KNOCKS)
    assert one.silent() == {3232: "refused", 8266: "refused"}
    assert sorted(one.ports("udp.refused")) == sorted(set(KNOCK_PORTS) - {3232, 8266})


async def test_one_silence_is_never_enough_for_a_listener() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent"})), questions=KNOCKS)
    (told,) = [each for each in one.signals if each.kind == "udp.silent"]
    assert (told.number("tries") or 0) == len(one.sent(3232)) >= 2


async def test_a_knock_that_is_repeated_is_followed_by_a_control() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, udp={2040: "silent", 3199: "silent"})), questions=KNOCKS)
    controls = [each.mono for each in one.sent() if is_control(each)]
    for port in (2040, 3199):
        for again in one.sent(port)[1:]:
            assert any(0 <= when - again.mono <= CONTROL_WINDOW for when in controls)


async def test_a_silent_port_is_asked_again_only_after_its_wait() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, icmp=False)), questions=KNOCKS)
    assert set(one.silent().values()) == {"silent"}
    for port in KNOCK_PORTS:
        # Nothing answered, so nothing is known of the air but what power save may do to it.
        assert all(gap >= UNKNOWN_TIMEOUT - 1e-6 for gap in gaps(one.sent(port)))


async def test_on_quick_air_a_silent_port_is_asked_again_sooner_but_not_at_once() -> None:
    air = Air()
    for _ in range(100):
        air.answered(0.002, measured=True)
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, icmp=False, delay=0.002)), questions=KNOCKS, air=air)
    first = gaps(one.sent(3232))[0]
    assert LEAST_TIMEOUT - 1e-6 <= first < UNKNOWN_TIMEOUT


async def test_each_control_is_measured_anew() -> None:
    # Five errors for the closed ports and none for any control.
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent"}, icmp_limit=5)), questions=KNOCKS)
    assert one.silent() == {3232: "silent"}


async def test_a_listener_is_told_although_the_host_rations_its_errors() -> None:
    host = FakeHost(address=ADDRESS, udp={3232: "silent", 8266: "silent"}, icmp_burst=6, icmp_rate=1.0)
    one = await ask(FakeNetwork(host), questions=KNOCKS)
    assert one.silent() == {3232: "refused", 8266: "refused"}


async def test_a_host_that_keeps_silent_throughout_has_no_listener() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, icmp=False, other_tcp="silent")))
    assert not one.likely
    assert not one.ports("udp.refused")
    assert sorted(one.ports("tcp.silent")) == sorted(TCP_PORTS)


async def test_a_reply_to_a_knock_is_a_reply() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, udp={3197: lambda _byte: b"LABDEV"})), questions=KNOCKS)
    (told,) = [each for each in one.signals if each.kind == "udp.reply"]
    assert (told.number("port"), told.text("text")) == (3197, "LABDEV")
    assert 3197 not in one.silent()
    assert len(one.sent(3197)) == 1


async def test_an_error_that_comes_as_late_as_power_save_makes_it_is_still_an_error() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, delay=0.35)))
    assert not one.silent()
    assert sorted(one.ports("tcp.refused")) == sorted(TCP_PORTS)


async def test_an_error_that_comes_too_late_is_told_all_the_same() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, delay=2.5))
    async with asking(network, questions=KNOCKS) as one:
        one.add(ADDRESS)
        await one.wait()
        assert not one.likely
        await network.clock.sleep(3.0)
    assert sorted(one.ports("udp.refused")) == sorted(KNOCK_PORTS)


@pytest.mark.parametrize("limit", range(20))
async def test_however_few_icmp_errors_come_no_closed_port_is_called_likely(limit: int) -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, icmp_limit=limit)))
    assert not one.likely


@pytest.mark.parametrize("lost", range(12))
async def test_however_many_first_datagrams_are_lost_no_closed_port_is_called_likely(lost: int) -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, loses=lost)))
    assert not one.likely


@pytest.mark.parametrize("burst", range(8))
@pytest.mark.parametrize("rate", [0.5, 1.0, 3.0])
async def test_however_errors_are_rationed_no_closed_port_is_called_likely(burst: int, rate: float) -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, icmp_burst=max(1, burst), icmp_rate=rate, udp={8266: "silent"})))
    assert one.likely <= {(ADDRESS, 8266)}


# What a host gets.


def most_in_a_second(packets: list[Packet]) -> int:
    times = [one.mono for one in packets]
    return max(sum(start <= when < start + 1.0 for when in times) for start in times)


@pytest.mark.parametrize("host", [{}, {"icmp": False}, {"icmp": False, "other_tcp": "silent"}, {"udp": {3232: "silent"}}])
async def test_a_host_gets_less_than_its_budget(host: dict[str, object]) -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, **host)))  # type: ignore[arg-type]
    assert most_in_a_second(list(one.network.ledger.packets)) < 40


async def test_a_host_that_listens_everywhere_gets_its_budget_and_no_more() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, udp=dict.fromkeys(KNOCK_PORTS, "silent"))))
    assert most_in_a_second(list(one.network.ledger.packets)) <= 40
    assert one.likely == {(ADDRESS, port) for port in KNOCK_PORTS}


@pytest.mark.parametrize("budget", [4, 5, 10])
async def test_a_small_budget_makes_it_slower_and_no_less_true(budget: int) -> None:
    policy = Policy(host_packets=budget)
    host = FakeHost(address=ADDRESS, udp={3232: "silent"}, tcp={80: "open"})
    one = await ask(FakeNetwork(host, policy=policy), policy=policy)
    assert most_in_a_second(list(one.network.ledger.packets)) <= budget
    assert one.likely <= {(ADDRESS, 3232)}
    assert one.likely or budget < 10
    assert one.ports("tcp.open") == [80]


async def test_never_more_questions_wait_than_the_policy_allows() -> None:
    policy = Policy(host_probes=2)
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, delay=0.1)), policy=policy)
    times = [each.mono for each in one.network.ledger.packets]
    assert all(times[index + 2] - times[index] >= 0.1 - 1e-6 for index in range(len(times) - 2))


async def test_a_fragile_device_is_asked_slowly() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent"}))
    async with asking(network, fragile=["24:6f:28:00:00:01"]) as one:
        one.add(ADDRESS, mac="24:6f:28:00:00:01")
        await one.wait()
    assert one.marked == {ADDRESS}
    assert most_in_a_second(list(network.ledger.packets)) <= Policy().fragile_packets
    questions = [each for each in network.ledger.packets if not is_control(each)]
    assert all(gap >= Policy().fragile_spacing * 0.99 for gap in gaps(questions))
    assert one.likely == {(ADDRESS, 3232)}


async def test_a_fragile_devices_budget_has_room_for_the_control_behind_each_knock() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent", 8266: "silent", 2040: "silent"}))
    async with asking(network, fragile=["24:6f:28:00:00:01"]) as one:
        one.add(ADDRESS, mac="24:6f:28:00:00:01")
        await one.wait()
    controls = [each.mono for each in one.sent() if is_control(each)]
    again = [each.mono for port in (3232, 8266, 2040) for each in one.sent(port)[1:]]
    late = [when for when in again if not any(0 <= control - when <= CONTROL_WINDOW for control in controls)]
    assert len(late) <= 1, "a control that waits for the budget speaks for nobody"
    assert len(one.likely) == 3


async def test_a_device_with_an_update_port_is_fragile_from_then_on() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent"})))
    assert one.marked == {ADDRESS}
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, udp={3197: "silent"})))
    assert not one.marked


async def test_a_mac_that_comes_later_counts() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, icmp=False))
    async with asking(network, fragile=["24:6f:28:00:00:01"]) as one:
        one.add(ADDRESS)
        one.phase.learn(ADDRESS, "24:6f:28:00:00:01")
        await one.wait()
    assert one.marked == {ADDRESS}
    assert all(gap > 0 for gap in gaps([each for each in network.ledger.packets if not is_control(each)]))


# Its end.


@pytest.mark.parametrize("limit", [0, 1, 3, 6, 8])
async def test_a_host_that_rations_its_errors_does_not_hold_the_scan(limit: int) -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, icmp_limit=limit)))
    assert one.network.clock.mono() < 12
    assert all(len(one.sent(port)) <= MOST_JUDGED for port in KNOCK_PORTS)


async def test_a_host_is_asked_twice_what_no_control_can_tell() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, icmp=False)), questions=(MICROCHIP, GECKO))
    assert [each.payload for each in one.sent(microchip.PORT)][:2] == [microchip.QUESTION, microchip.QUESTION_SHORT]
    assert 2 <= len(one.sent(gecko.PORT)) <= 4
    assert one.silent() == {microchip.PORT: "none", gecko.PORT: "none"}
    told = {each.number("port"): each.number("tries") for each in one.signals}
    assert told == {port: len(one.sent(port)) for port in (microchip.PORT, gecko.PORT)}


async def test_a_port_that_answers_the_short_form_alone_is_found() -> None:
    host = FakeHost(address=ADDRESS, udp={microchip.PORT: lambda question: SPA if question == microchip.QUESTION_SHORT else None})
    one = await ask(FakeNetwork(host))
    assert one.ports("udp.reply") == [microchip.PORT]


async def test_who_has_answered_before_is_not_asked_that_again() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS))
    async with asking(network) as one:
        one.add(ADDRESS)
        one.book.take(UdpEvent(kind=UdpEventKind.REPLY, address=ADDRESS, port=microchip.PORT, payload=SPA))
        await one.wait()
    assert not one.sent(microchip.PORT)
    assert one.ports("udp.reply") == [microchip.PORT]


async def test_a_port_that_the_sweep_has_knocked_at_is_first_waited_for() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, udp={3232: "silent"}))
    async with asking(network, questions=KNOCKS) as one:
        await network.clock.sleep(1.0)
        one.add(ADDRESS, asked={3232: 0.98})
        await one.wait()
    assert one.sent(3232)[0].mono > max(one.sent(port)[0].mono for port in KNOCK_PORTS if port != 3232)
    assert one.likely == {(ADDRESS, 3232)}


async def test_an_answer_to_the_sweeps_knock_ends_that_question() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS))
    async with asking(network, questions=KNOCKS) as one:
        one.add(ADDRESS, asked={3232: 0.0})
        one.book.take(UdpEvent(kind=UdpEventKind.REFUSED, address=ADDRESS, port=3232, reason="ECONNREFUSED"))
        await one.wait()
    assert not one.sent(3232)
    assert 3232 in one.ports("udp.refused")


async def test_an_open_port_is_told_and_the_connection_closed() -> None:
    one = await ask(FakeNetwork(FakeHost(address=ADDRESS, tcp={80: "open", 3197: "silent"})))
    assert one.ports("tcp.open") == [80]
    assert one.ports("tcp.silent") == [3197]
    assert one.ports("tcp.refused") == [3199]


async def test_a_host_that_is_dropped_is_asked_nothing_more() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, icmp=False))
    async with asking(network) as one:
        one.add(ADDRESS)
        await network.clock.sleep(0.1)
        count = network.ledger.count
        one.phase.drop(ADDRESS)
        await one.wait()
        await network.clock.sleep(5.0)
    assert network.ledger.count == count
    assert one.done == [ADDRESS]


async def test_a_host_may_be_asked_again_when_it_is_done() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS))
    async with asking(network) as one:
        one.add(ADDRESS)
        await one.wait()
        count = network.ledger.count
        one.add(ADDRESS)
        await one.wait()
    assert network.ledger.count == 2 * count
    assert one.done == [ADDRESS, ADDRESS]


async def test_a_host_is_asked_once_however_often_it_is_added() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS))
    async with asking(network) as one:
        one.add(ADDRESS)
        one.phase.add(ADDRESS)
        await one.wait()
    assert one.done == [ADDRESS]
    assert network.ledger.count == len(DEFAULT)


async def test_more_hosts_than_are_asked_at_once_are_all_asked() -> None:
    policy = Policy(active_hosts=2)
    hosts = [f"192.168.1.{number}" for number in range(20, 30)]
    network = FakeNetwork(*(FakeHost(address=each, udp={3232: "silent"}) for each in hosts))
    one = await ask(network, *hosts, policy=policy)
    assert sorted(one.done) == hosts
    assert one.likely == {(each, 3232) for each in hosts}


async def test_where_the_budget_of_the_whole_is_spent_all_hosts_wait_for_it_together() -> None:
    policy = Policy(overall_rate=100, overall_burst=20)
    hosts = [f"192.168.1.{number}" for number in range(20, 35)]
    network = FakeNetwork(*(FakeHost(address=each, udp={3232: "silent"}) for each in hosts), policy=policy)
    one = await ask(network, *hosts, policy=policy)
    assert one.likely == {(each, 3232) for each in hosts}
    times = [packet.mono for packet in network.ledger.packets]
    for start, first in enumerate(times):
        inside = sum(1 for when in times[start:] if when <= first + 1.0)
        assert inside <= 100 + 20 + 1
    moments = len({round(when, 4) for when in times})
    assert moments < len(times) * 0.75, "not each packet by itself"


async def test_what_comes_in_may_wait_only_while_somebody_is_asked_on_slow_air() -> None:
    hosts = [f"192.168.1.{number}" for number in range(20, 40)]
    network = FakeNetwork(*(FakeHost(address=each, delay=0.2, udp={3232: "silent"}) for each in hosts))
    seen: list[float] = []
    note = network.rest

    def rest(interface: Interface, seconds: float | None) -> None:
        note(interface, seconds)
        seen.append(network.rests.get(interface.name, 0.0))

    network.rest = rest  # type: ignore[method-assign]
    await ask(network, *hosts)
    assert 0.0 < max(seen) < 0.2 / 4
    assert network.rests == {}
    quick = FakeNetwork(*(FakeHost(address=each) for each in hosts))
    await ask(quick, *hosts)
    assert quick.rests == {}


async def test_a_system_that_refuses_to_send_is_said() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS))
    network.fail("send", errno.EPERM)
    one = await ask(network)
    assert one.trouble
    assert one.done == [ADDRESS]
    assert not one.silent(), "what was not sent is not silent"
    assert sorted(one.ports("tcp.refused")) == sorted(TCP_PORTS)


async def test_the_estimate_ends_at_nothing() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, icmp_burst=6, udp={3232: "silent"}))
    async with asking(network) as one:
        assert one.phase.estimate() == 0.0
        assert one.phase.active == 0
        one.add(ADDRESS)
        assert one.phase.active == 1
        assert 0.0 < one.phase.estimate() < 10.0
        await one.wait()
        assert one.phase.estimate() == 0.0
        assert one.phase.active == 0


def told(one: Asking) -> list[str]:
    return [each.kind for each in one.signals]


async def test_the_same_network_gives_the_same_signals() -> None:
    def network() -> FakeNetwork:
        return FakeNetwork(FakeHost(address=ADDRESS, loss=0.2, delay=(0.001, 0.2), udp={3232: "silent"}), seed=5)

    assert told(await ask(network())) == told(await ask(network()))
