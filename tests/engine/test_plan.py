"""Plans: which interfaces, which networks, which addresses, and what is refused before a packet is sent."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.engine import plan_scan
from discover.errors import EXIT_CANNOT, EXIT_USAGE, EspiedError, NoInterfaceError, NotPrivateError, UsageError
from discover.model.network import Interface
from discover.model.scan import ScanInterface
from discover.net.fake.hosts import fake_interface
from discover.net.fake.network import FakeNetwork

LOOPBACK = fake_interface("lo", "127.0.0.1/8", "::1/128", index=1, skip="it is the loopback interface", loopback=True)
LAN = fake_interface("eth0", "192.168.1.2/24", "fe80::2/64")
WIFI = fake_interface("wlan0", "10.0.5.9/22", index=3)
BRIDGE = fake_interface("docker0", "172.17.0.1/16", index=4, skip="it is a bridge of containers")


def machine(*interfaces: Interface) -> FakeNetwork:
    return FakeNetwork(interfaces=interfaces or (LOOPBACK, LAN, WIFI, BRIDGE))


def test_a_default_scan_takes_every_interface_without_a_reason_to_skip_it() -> None:
    plan = plan_scan(machine())
    assert [one.name for one in plan.interfaces] == ["eth0", "wlan0"]
    assert plan.planned == 253 + 1021
    assert plan.scan_interfaces == (
        ScanInterface(name="eth0", address="192.168.1.2", network="192.168.1.0/24"),
        ScanInterface(name="wlan0", address="10.0.5.9", network="10.0.4.0/22"),
    )


def test_our_own_address_the_network_and_its_broadcast_are_no_hosts() -> None:
    (target,) = plan_scan(machine(LAN)).targets
    addresses = list(target.addresses())
    assert addresses == [f"192.168.1.{number}" for number in range(1, 255) if number != 2]
    assert len(addresses) == target.planned
    assert "192.168.1.2" not in target
    assert "192.168.1.3" in target
    assert "192.168.2.3" not in target
    assert "fe80::3" not in target
    assert "nonsense" not in target


def test_a_named_interface_is_taken_whatever_a_default_scan_thinks_of_it() -> None:
    plan = plan_scan(machine(), names=["docker0"])
    assert [one.name for one in plan.interfaces] == ["docker0"]
    assert plan.planned == 65_533


@pytest.mark.parametrize(
    ("interface", "says"),
    [(replace(LAN, up=False), "is down"), (replace(LAN, addresses=()), "no address")],
)
def test_a_named_interface_that_cannot_be_used_is_an_error(interface: Interface, says: str) -> None:
    with pytest.raises(NoInterfaceError, match=says) as caught:
        plan_scan(machine(interface), names=["eth0"])
    assert "espied doctor" in caught.value.hint


def test_an_unknown_interface_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="eth7") as caught:
        plan_scan(machine(), names=["eth7"])
    assert "wlan0" in caught.value.hint


@pytest.mark.parametrize(
    "interfaces",
    [(LOOPBACK,), (BRIDGE,), (replace(LAN, up=False),), (fake_interface("ppp0", "203.0.113.5/32"),), (replace(LAN, addresses=()),)],
)
def test_nothing_usable_is_an_error_that_says_why(interfaces: tuple[Interface, ...]) -> None:
    with pytest.raises(NoInterfaceError, match=interfaces[0].name) as caught:
        plan_scan(machine(*interfaces))
    assert caught.value.exit_code == EXIT_CANNOT
    assert "espied doctor" in caught.value.hint


def test_a_machine_without_interfaces_says_so() -> None:
    with pytest.raises(NoInterfaceError, match="no network interface"):
        plan_scan(FakeNetwork(interfaces=[]))


def test_a_part_of_an_attached_network_is_all_that_is_swept() -> None:
    plan = plan_scan(machine(), cidrs=["10.0.5.0/28"])
    assert [one.name for one in plan.interfaces] == ["wlan0"]
    (target,) = plan.targets
    # .9 is ours; .0 and .15 lie inside the /22 and are hosts there.
    assert list(target.addresses()) == [f"10.0.5.{number}" for number in range(16) if number != 9]
    assert plan.limited


def test_host_bits_and_single_addresses_are_understood() -> None:
    assert plan_scan(machine(), cidrs=["192.168.1.77/24"]).planned == 253
    assert plan_scan(machine(), cidrs=["192.168.1.77"]).planned == 1
    assert plan_scan(machine(), cidrs=[ipaddress.ip_network("192.168.1.0/25")]).planned == 126


def test_overlapping_networks_are_swept_once() -> None:
    assert plan_scan(machine(), cidrs=["192.168.1.0/25", "192.168.1.0/24", "192.168.1.7"]).planned == 253


@pytest.mark.parametrize("cidr", ["8.8.8.0/24", "192.168.9.0/24", "192.168.0.0/16", "100.64.0.0/24", "0.0.0.0/0", "203.0.113.7"])
def test_foreign_networks_are_refused_with_a_hint(cidr: str) -> None:
    with pytest.raises(NotPrivateError) as caught:
        plan_scan(machine(), cidrs=[cidr])
    assert "--own" in caught.value.hint
    assert "192.168.1.0/24" in caught.value.hint
    assert caught.value.exit_code == EXIT_USAGE


def test_a_foreign_network_that_is_the_users_own_is_swept_without_arp() -> None:
    plan = plan_scan(machine(), cidrs=["203.0.113.0/29"], own=True)
    (target,) = plan.targets
    assert not target.attached
    assert target.planned == 6
    assert plan.interfaces == ()  # nothing is listened for on a network that is elsewhere


@pytest.mark.parametrize("cidr", ["10.0.5", "hello", "10.0.5.0/99", "fe80::/64", "10.0.5.0/8/8", ""])
def test_what_is_no_ipv4_network_is_a_usage_error(cidr: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_scan(machine(), cidrs=[cidr])
    assert caught.value.hint


def test_never_more_than_a_16() -> None:
    big = fake_interface("eth0", "10.1.2.3/8")
    with pytest.raises(UsageError, match="too large"):
        plan_scan(machine(big), cidrs=["10.0.0.0/15"])
    assert plan_scan(machine(big), cidrs=["10.4.0.0/16"]).planned == 65_536
    with pytest.raises(UsageError, match="more than one scan"):
        plan_scan(machine(big), cidrs=["10.4.0.0/16", "10.6.0.0/16"])


def test_an_interface_in_a_huge_network_is_swept_near_our_address_and_says_so() -> None:
    plan = plan_scan(machine(fake_interface("eth0", "10.1.2.3/8")))
    (target,) = plan.targets
    assert str(target.network) == "10.1.2.0/24"
    assert any("10.0.0.0/8 is too large" in notice for notice in plan.notices)


def test_a_public_network_of_our_own_interface_is_not_swept_by_default() -> None:
    mixed = fake_interface("eth0", "203.0.113.5/24", "192.168.1.2/24")
    plan = plan_scan(machine(mixed))
    assert [str(target.network) for target in plan.targets] == ["192.168.1.0/24"]
    assert any("203.0.113.0/24 is a public network" in notice for notice in plan.notices)
    with pytest.raises(NotPrivateError):
        plan_scan(machine(mixed), cidrs=["203.0.113.0/25"])
    own = plan_scan(machine(mixed), cidrs=["203.0.113.0/24"], own=True)
    assert [target.attached for target in own.targets] == [True]


def test_link_local_beside_another_network_is_not_swept() -> None:
    plan = plan_scan(machine(fake_interface("eth0", "169.254.7.7/16", "192.168.1.2/24")))
    assert [str(target.network) for target in plan.targets] == ["192.168.1.0/24"]
    assert plan.notices
    alone = plan_scan(machine(fake_interface("eth0", "169.254.7.7/16")))
    assert alone.planned == 65_533


def test_an_interface_with_ipv6_only_is_listened_on() -> None:
    plan = plan_scan(machine(fake_interface("eth0", "fe80::2/64")))
    assert (len(plan.interfaces), plan.planned) == (1, 0)
    assert plan.scan_interfaces == (ScanInterface(name="eth0", address="fe80::2", network="fe80::/64"),)


def test_loopback_is_swept_only_where_a_part_is_named() -> None:
    assert plan_scan(machine(), cidrs=["127.77.0.0/27"]).planned == 32
    assert plan_scan(machine(), names=["lo"], cidrs=["127.77.0.0/27"]).planned == 32
    listening = plan_scan(machine(), names=["lo"])
    assert listening.planned == 0
    assert any("--network 127.77.0.0/27" in notice for notice in listening.notices)
    assert plan_scan(machine(), cidrs=["127.77.0.0/22"]).planned == 1024
    with pytest.raises(UsageError, match="loopback"):
        plan_scan(machine(), cidrs=["127.77.0.0/21"])


def test_point_to_point_networks_have_no_broadcast() -> None:
    plan = plan_scan(machine(fake_interface("tun0", "10.9.9.0/31")), names=["tun0"])
    (target,) = plan.targets
    assert list(target.addresses()) == ["10.9.9.1"]


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), 1e9])
def test_bad_times_are_usage_errors(seconds: float) -> None:
    with pytest.raises(UsageError):
        plan_scan(machine(), seconds=seconds)


def test_a_passive_plan_plans_no_address() -> None:
    assert plan_scan(machine(), passive=True).planned == 0


@given(
    st.lists(st.one_of(st.text(max_size=20), st.ip_addresses().map(str), st.from_regex(r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}", fullmatch=True)))
)
def test_any_text_for_a_network_is_planned_inside_an_attached_one_or_refused(cidrs: list[str]) -> None:
    attached = [ipaddress.ip_network(cidr) for cidr in ("127.0.0.0/8", "192.168.1.0/24", "10.0.4.0/22", "172.17.0.0/16")]
    network = machine()
    try:
        plan = plan_scan(network, cidrs=cidrs)
    except EspiedError as error:
        assert error.hint  # noqa: PT017 - both ends are fine, and each has its own promise
        return
    for target in plan.targets:
        assert any(target.network.subnet_of(one) for one in attached if isinstance(one, ipaddress.IPv4Network))
    assert network.ledger.count == 0
