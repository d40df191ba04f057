from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from discover.inventory.sent import Purpose, Who, address_order, merged, ports_words, purposes, recipients, sent_to, sent_words
from discover.model.network import Packet
from discover.model.scan import ScanInterface, ScanSummary
from discover.model.snapshot import Snapshot
from discover.net.ledger import MemoryLedger, Tally
from tests.inventory.kit import NOW, folded, mdns, seen

LAMP_MAC = "24:6f:28:aa:00:01"
FOUND = folded(
    seen(0, "192.168.1.5", LAMP_MAC),
    seen(0, "fe80::5", LAMP_MAC),
    mdns(0, "192.168.1.5", "Lamp", f"mac={LAMP_MAC}", kind="_wled._tcp", host="lamp.local"),
)
SNAPSHOT = replace(
    FOUND, scan=ScanSummary(interfaces=(ScanInterface(name="eth0", address="192.168.1.2", network="192.168.1.0/24"),), planned=253)
)


def packet(to: str, port: int = 3232, purpose: str = "knock", transport: str = "udp", at: float = 0.0) -> Packet:
    return Packet(mono=at, interface="eth0", to=to, port=port, transport=transport, purpose=purpose, payload=b"1")


def tallied(packets: Iterable[Packet]) -> tuple[Tally, ...]:
    ledger = MemoryLedger()
    for one in packets:
        ledger.record(one)
    return ledger.tallies()


packets = st.lists(
    st.builds(
        packet,
        to=st.sampled_from(["192.168.1.5", "fe80::5%eth0", "192.168.1.9", "224.0.0.251", "192.168.1.2", "nonsense"]),
        port=st.integers(0, 3),
        purpose=st.sampled_from(["knock", "control"]),
        transport=st.sampled_from(["udp", "arp"]),
    ),
    max_size=30,
)


def who(*addresses: str, snapshot: Snapshot = SNAPSHOT) -> list[tuple[Who, str]]:
    return [(one.who, one.name) for one in recipients(tallied(packet(address) for address in addresses), snapshot)]


def whose(*addresses: str) -> list[tuple[Who, str]]:
    """Ask each address something else, so that none looks swept."""
    found = recipients(tallied(packet(address, port) for port, address in enumerate(addresses)), SNAPSHOT)
    return [(one.who, one.name) for one in found]


def test_all_addresses_of_a_device_are_one_recipient_with_its_name() -> None:
    (lamp,) = recipients(tallied([packet("fe80::5%eth0"), packet("192.168.1.5")]), SNAPSHOT)
    assert (lamp.who, lamp.name, lamp.addresses, lamp.packets, lamp.size) == (Who.DEVICE, "Lamp", ("192.168.1.5", "fe80::5%eth0"), 2, 2)


def test_groups_broadcasts_and_this_machine_have_names() -> None:
    assert whose("192.168.1.2", "192.168.1.255", "224.0.0.251", "ff02::1%eth0", "239.1.2.3", "255.255.255.255") == [
        (Who.GROUP, "broadcast"),
        (Who.GROUP, "mDNS group"),
        (Who.GROUP, "multicast"),
        (Who.GROUP, "broadcast"),
        (Who.GROUP, "all IPv6 nodes"),
        (Who.SELF, "this machine"),
    ]


def test_an_address_that_was_asked_as_all_others_were_is_no_broadcast() -> None:
    part = replace(SNAPSHOT, scan=ScanSummary(interfaces=(ScanInterface(name="eth0", address="10.0.0.2", network="10.0.0.0/24"),)))
    swept = [packet(f"10.0.0.{number}") for number in range(3, 256)]
    greeting = [packet("10.0.3.255", 10022, "greeting")]
    found = recipients(tallied([*swept, *greeting]), part)
    assert [(one.name, one.addresses) for one in found if one.who is Who.GROUP] == [("broadcast", ("10.0.3.255",))]
    assert sum(one.who is Who.NOBODY for one in found) == 253


def test_a_small_network_has_its_broadcast_too() -> None:
    small = replace(SNAPSHOT, scan=ScanSummary(interfaces=(ScanInterface(name="eth0", address="10.0.0.66", network="10.0.0.64/26"),)))
    assert who("10.0.0.127", snapshot=small) == [(Who.GROUP, "broadcast")]


def test_devices_come_first_and_addresses_in_the_order_of_numbers() -> None:
    found = recipients(tallied(packet(one) for one in ("192.168.1.10", "192.168.1.9", "224.0.0.251", "192.168.1.5")), SNAPSHOT)
    assert [one.addresses[0] for one in found] == ["192.168.1.5", "224.0.0.251", "192.168.1.9", "192.168.1.10"]
    assert address_order("192.168.1.200") < address_order("fe80::1%eth0") < address_order("nonsense")


def test_purposes_come_in_the_order_of_their_first_packet() -> None:
    some = tallied([packet("10.0.0.1", 7, "late", at=2.0), packet("10.0.0.1", 3232, at=1.0), packet("10.0.0.2", 2040, at=3.0)])
    assert purposes(some) == (
        Purpose(purpose="knock", transport="udp", ports=((2040, 1), (3232, 1)), packets=2, size=2),
        Purpose(purpose="late", transport="udp", ports=((7, 1),), packets=1, size=1),
    )


def test_transports_without_ports_have_words() -> None:
    (arp,) = purposes(tallied([packet("10.0.0.1", 0, transport="arp")]))
    (ping,) = purposes(tallied([packet("ff02::1", 0, transport="icmp6")]))
    (mdns_query,) = purposes(tallied([packet("224.0.0.251", 5353, transport="mdns")]))
    assert [ports_words(one) for one in (arp, ping, mdns_query)] == ["ARP", "ICMPv6", "5353/udp"]


@given(packets)
def test_every_packet_is_counted_once(some: list[Packet]) -> None:
    tallies = tallied(some)
    assert sum(one.packets for one in recipients(tallies, SNAPSHOT)) == len(some)
    assert sum(one.packets for one in purposes(tallies)) == len(some)
    assert sent_words(tallies).startswith(f"{len(some)} packet" if some else "nothing")
    lamp = sent_to(tallies, ("192.168.1.5", "fe80::5"))
    assert sum(one.packets for one in lamp) == sum(one.to in ("192.168.1.5", "fe80::5%eth0") for one in some)


@given(packets, packets)
def test_two_ledgers_are_added_up(first: list[Packet], then: list[Packet]) -> None:
    assert set(merged((*tallied(first), *tallied(then)))) == set(tallied([*first, *then]))


def test_the_snapshot_is_not_needed_to_know_who_nobody_is() -> None:
    empty = Snapshot(generated=NOW, scan=ScanSummary(), devices=())
    assert who("192.168.1.5", "127.0.0.1", snapshot=empty) == [(Who.SELF, "this machine"), (Who.NOBODY, "")]
