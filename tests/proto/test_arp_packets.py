"""ARP as RFC 826 lays it out, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.proto import arp
from discover.proto.arp import ArpPacket
from discover.proto.malformed import Malformed

# Recorded with tcpdump between two network namespaces: a request of Linux, and the reply, padded as Ethernet does it.
REQUEST = bytes.fromhex("0001080006040001a6a8c0524f890a4d00010000000000000a4d0002")
REPLY = bytes.fromhex("00010800060400020200000000770a4d0002a6a8c0524f890a4d0001") + bytes(18)

macs = st.binary(min_size=6, max_size=6).filter(lambda raw: any(raw) and not raw[0] & 1).map(lambda raw: raw.hex(":"))
addresses = st.ip_addresses(v=4).map(str)


def test_a_request_is_what_the_kernel_sends() -> None:
    assert arp.encode_request("a6:a8:c0:52:4f:89", "10.77.0.1", "10.77.0.2") == REQUEST
    assert arp.decode(REQUEST) == ArpPacket(arp.REQUEST, "a6:a8:c0:52:4f:89", "10.77.0.1", "", "10.77.0.2")


def test_a_padded_reply_tells_who_has_the_address() -> None:
    assert arp.decode(REPLY) == ArpPacket(arp.REPLY, "02:00:00:00:00:77", "10.77.0.2", "a6:a8:c0:52:4f:89", "10.77.0.1")
    assert arp.encode_reply("02:00:00:00:00:77", "10.77.0.2", "a6:a8:c0:52:4f:89", "10.77.0.1") == REPLY[: arp.SIZE]


@given(macs, addresses, macs, addresses)
def test_what_was_encoded_is_decoded(mac: str, address: str, target_mac: str, target: str) -> None:
    assert arp.decode(arp.encode_request(mac, address, target)) == ArpPacket(arp.REQUEST, mac, address, "", target)
    assert arp.decode(arp.encode_reply(mac, address, target_mac, target)) == ArpPacket(arp.REPLY, mac, address, target_mac, target)


@pytest.mark.parametrize(
    ("position", "value", "reason"),
    [
        (1, 6, "not ARP for IPv4 over Ethernet"),  # IEEE 802 networks other than Ethernet
        (2, 0x86, "not ARP for IPv4 over Ethernet"),
        (4, 8, "not ARP for IPv4 over Ethernet"),
        (5, 16, "not ARP for IPv4 over Ethernet"),
        (7, 3, "neither a request nor a reply"),  # RARP
    ],
)
def test_other_protocols_in_arps_clothes_are_malformed(position: int, value: int, reason: str) -> None:
    changed = bytearray(REPLY)
    changed[position] = value
    assert arp.decode(bytes(changed)) == Malformed(reason)


@pytest.mark.parametrize("mac", ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:fb", "00:00:00:00:00:00"])
def test_a_mac_of_a_group_or_of_nobody_is_nobodys(mac: str) -> None:
    packet = arp.decode(arp.encode_reply(mac, "10.77.0.2", "a6:a8:c0:52:4f:89", "10.77.0.1"))
    assert isinstance(packet, ArpPacket)
    assert packet.sender_mac == ""


@pytest.mark.parametrize(
    ("mac", "own", "target"),
    [
        ("a6:a8:c0:52:4f", "10.77.0.1", "10.77.0.2"),
        ("not a MAC", "10.77.0.1", "10.77.0.2"),
        ("a6:a8:c0:52:4f:89", "fe80::1", "10.77.0.2"),
        ("a6:a8:c0:52:4f:89", "10.77.0.1", "10.77.0"),
        ("a6:a8:c0:52:4f:89", "10.77.0.1", "10.77.0.2\0"),
    ],
)
def test_what_cannot_be_asked_is_an_error(mac: str, own: str, target: str) -> None:
    with pytest.raises(ValueError, match=r"not a MAC|not an IPv4|fromhex"):
        arp.encode_request(mac, own, target)
