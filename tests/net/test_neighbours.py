"""Neighbour tables of three systems, from recorded bytes and outputs."""

from __future__ import annotations

import contextlib
import errno
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.errors import NetworkError
from discover.net import neighbours, netlink
from discover.net.fake.hosts import fake_interface
from discover.net.neighbours import canonical_mac, parse_arp_an, parse_ndp_an, parse_netsh, parse_proc_arp, parse_windows_arp
from discover.net.netlink import Row, parse

# Recorded on Linux 6.18 in a network namespace (interface 3: neighbours added with `ip neigh add`).
IPV4 = bytes.fromhex(
    "4c0000001c000200010000002a530000020000000300000080000001080001000a0500090a000200246f28aabb0900000800040000000000140003000e0000000e"
    "0000000e000000000000004c0000001c000200010000002a530000020000000300000002000001080001000a0500070a000200246f28aabb070000080004000000"
    "0000140003000f0000000f0000000f00000001000000400000001c000200010000002a530000020000000300000020000001080001000a05000a08000400000000"
    "00140003007e1700000e0000000e000000000000004c0000001c000200010000002a530000020000000300000004000001080001000a0500080a000200246f28aa"
    "bb0800000800040000000000140003007e1700000e0000000e000000000000001400000003000200010000002a53000000000000"
)
IPV6 = bytes.fromhex(
    "580000001c000200010000002a5300000a000000030000004000000514000100ff0200000000000000000000000000160a00020033330000001600000800040000"
    "0000001400030088170000180000001800000000000000580000001c000200010000002a5300000a000000030000000200000114000100fd050000000000000000"
    "0000000000770a000200246f28aabb77000008000400000000001400030018000000180000001800000001000000580000001c000200010000002a5300000a0000"
    "00020000004000000514000100ff0200000000000000000000000000160a0002003333000000160000080004000000000014000300881700001800000018000000"
    "000000001400000003000200010000002a53000000000000"
)
ROWS4 = [
    Row(3, "10.5.0.9", "24:6f:28:aa:bb:09", "permanent"),
    Row(3, "10.5.0.7", "24:6f:28:aa:bb:07", "reachable"),
    Row(3, "10.5.0.10", "", "failed"),
    Row(3, "10.5.0.8", "24:6f:28:aa:bb:08", "stale"),
]


def test_a_recorded_dump() -> None:
    assert parse(IPV4) == (ROWS4, True)
    rows, complete = parse(IPV6)
    assert complete
    assert rows == [
        Row(3, "ff02::16", "33:33:00:00:00:16", "noarp"),
        Row(3, "fd05::77", "24:6f:28:aa:bb:77", "reachable"),
        Row(2, "ff02::16", "33:33:00:00:00:16", "noarp"),
    ]


def test_a_dump_in_parts_is_not_complete_before_its_end() -> None:
    first = struct.unpack_from("=I", IPV4)[0]
    assert parse(IPV4[:first]) == (ROWS4[:1], False)
    assert parse(IPV4[first:]) == (ROWS4[1:], True)


def test_the_kernels_refusal_is_an_error() -> None:
    message = struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -errno.EPERM) + bytes(16)
    with pytest.raises(OSError, match="refused") as caught:
        parse(message)
    assert caught.value.errno == errno.EPERM


@given(st.binary(max_size=300))
def test_no_bytes_make_the_parser_fail(data: bytes) -> None:
    try:
        rows, _ = parse(data)
    except OSError:
        return  # a kernel error message, made up
    assert all(row.address for row in rows)


@given(st.integers(0, len(IPV4) - 1), st.integers(0, 255))
def test_one_wrong_byte_neither_fails_nor_hangs(position: int, value: int) -> None:
    damaged = bytearray(IPV4)
    damaged[position] = value
    with contextlib.suppress(OSError):  # the byte may have made it a kernel error message
        rows, _ = parse(bytes(damaged))
        assert len(rows) <= 4


def test_the_request_asks_for_a_dump_of_one_family() -> None:
    assert netlink.request(2, 1) == bytes.fromhex("1c0000001e0001030100000000000000020000000000000000000000")


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
def test_this_kernel_answers() -> None:
    assert all(row.state in netlink.STATES.values() for row in netlink.dump())


def test_only_hosts_of_the_interface_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = [
        Row(3, "10.5.0.255", "ff:ff:ff:ff:ff:ff", "noarp"),
        Row(3, "127.0.0.1", "", "noarp"),
        Row(4, "10.5.0.1", "02:00:00:00:00:04", "stale"),
    ]
    monkeypatch.setattr(netlink, "dump", lambda: [*ROWS4, *parse(IPV6)[0], *extra])
    found = neighbours._linux(fake_interface("s0", "10.5.0.1/24", index=3))
    assert [(one.address, one.state) for one in found] == [
        ("10.5.0.9", "permanent"),
        ("10.5.0.7", "reachable"),
        ("10.5.0.10", "failed"),
        ("10.5.0.8", "stale"),
        ("fd05::77", "reachable"),
    ]
    assert {one.interface for one in found} == {"s0"}


PROC_ARP = """IP address       HW type     Flags       HW address            Mask     Device
10.5.0.9         0x1         0x6         24:6f:28:aa:bb:09     *        s0
10.5.0.8         0x1         0x2         24:6F:28:aa:bb:08     *        s0
10.5.0.10        0x1         0x0         00:00:00:00:00:00     *        s0
10.5.0.11        0x1         zz          24:6f:28:aa:bb:0b     *        s0
192.168.7.1      0x1         0x2         02:00:00:00:00:01     *        eth0
"""


def test_proc_arp_where_netlink_is_forbidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse() -> list[Row]:
        raise PermissionError(errno.EPERM, "no")

    (tmp_path / "arp").write_text(PROC_ARP, encoding="ascii")
    monkeypatch.setattr(netlink, "dump", refuse)
    monkeypatch.setattr(neighbours, "PROC_ARP", tmp_path / "arp")
    found = neighbours._linux(fake_interface("s0", "10.5.0.1/24", index=3))
    assert found == parse_proc_arp(PROC_ARP, "s0")
    assert [(one.address, one.mac, one.state) for one in found] == [
        ("10.5.0.9", "24:6f:28:aa:bb:09", "permanent"),
        ("10.5.0.8", "24:6f:28:aa:bb:08", "stale"),
        ("10.5.0.10", "", "incomplete"),
    ]
    monkeypatch.setattr(neighbours, "PROC_ARP", tmp_path / "none")
    with pytest.raises(NetworkError, match="neighbour table"):
        neighbours._linux(fake_interface("s0"))


ARP_AN = """? (192.168.1.1) at 0:11:22:a:b:c on en0 ifscope [ethernet]
? (192.168.1.7) at (incomplete) on en0 ifscope [ethernet]
? (192.168.1.5) at 24:6f:28:0:0:1 on en0 ifscope permanent [ethernet]
? (192.168.1.255) at ff:ff:ff:ff:ff:ff on en7 ifscope [ethernet]
? (224.0.0.251) at 1:0:5e:0:0:fb on en0 ifscope permanent [ethernet]
"""
NDP_AN = """Neighbor                                Linklayer Address  Netif Expire    St Flgs Prbs
fe80::1%lo0                             (incomplete)         lo0 permanent R
fe80::aede:48ff:fe00:1122%en0           ac:de:48:0:11:22     en0 23h59m58s S  R
fd00::44                                (incomplete)         en0 expired   N
fe80::5%en0                             24:6f:28:0:0:1       en0 permanent R
"""


def test_macos() -> None:
    assert [(one.address, one.mac, one.state) for one in parse_arp_an(ARP_AN, "en0")] == [
        ("192.168.1.1", "00:11:22:0a:0b:0c", "stale"),
        ("192.168.1.7", "", "incomplete"),
        ("192.168.1.5", "24:6f:28:00:00:01", "permanent"),
    ]
    assert [(one.address, one.mac, one.state) for one in parse_ndp_an(NDP_AN, "en0")] == [
        ("fe80::aede:48ff:fe00:1122", "ac:de:48:00:11:22", "stale"),
        ("fd00::44", "", "incomplete"),
        ("fe80::5", "24:6f:28:00:00:01", "permanent"),
    ]


ARP_A_GERMAN = """
Schnittstelle: 192.168.1.5 --- 0xb
  Internetadresse       Physische Adresse     Typ
  192.168.1.1           00-11-22-0a-0b-0c     dynamisch
  192.168.1.255         ff-ff-ff-ff-ff-ff     statisch
  224.0.0.251           01-00-5e-00-00-fb     statisch

Schnittstelle: 172.20.0.1 --- 0x1c
  Internetadresse       Physische Adresse     Typ
  172.20.0.9            00-15-5d-00-00-09     dynamisch
"""
NETSH = """

Interface 11: Ethernet


Internet Address                              Physical Address   Type
--------------------------------------------  -----------------  -----------
fe80::aede:48ff:fe00:1122                     ac-de-48-00-11-22  Stale (Router)
fd00::44                                      00-00-00-00-00-00  Unreachable
ff02::fb                                      33-33-00-00-00-fb  Permanent
fd00::45                                      24-6f-28-00-00-01  Reachable

Interface 1: Loopback Pseudo-Interface 1

fe80::9                                       24-6f-28-00-00-09  Reachable
"""


def test_windows_in_any_language() -> None:
    face = fake_interface("Ethernet", "192.168.1.5/24", "fe80::5/64", index=11)
    assert [(one.address, one.mac, one.state, one.interface) for one in parse_windows_arp(ARP_A_GERMAN, face)] == [
        ("192.168.1.1", "00:11:22:0a:0b:0c", "stale", "Ethernet")
    ]
    assert [(one.address, one.mac, one.state) for one in parse_netsh(NETSH, face)] == [
        ("fe80::aede:48ff:fe00:1122", "ac:de:48:00:11:22", "stale"),
        ("fd00::44", "", "failed"),
        ("fd00::45", "24:6f:28:00:00:01", "reachable"),
    ]


@given(st.text(max_size=400))
def test_no_text_makes_a_parser_fail(text: str) -> None:
    face = fake_interface("en0", "192.168.1.5/24")
    for noisy in (text, "x\n" + text, ARP_A_GERMAN[:60] + text, NETSH[:30] + text):
        parse_proc_arp(noisy, "en0")
        parse_arp_an(noisy, "en0")
        parse_ndp_an(noisy, "en0")
        parse_windows_arp(noisy, face)
        parse_netsh(noisy, face)


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("0:1:2:a:b:c", "00:01:02:0a:0b:0c"),
        ("00-01-02-0A-0B-0C", "00:01:02:0a:0b:0c"),
        ("00:00:00:00:00:00", ""),
        ("(incomplete)", ""),
        ("", ""),
    ],
)
def test_canonical_mac(text: str, mac: str) -> None:
    assert canonical_mac(text) == mac
