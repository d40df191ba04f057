"""Interfaces: networks by computation, and a sentence for each that a default scan leaves out."""

from __future__ import annotations

import ipaddress
import re
import sys
import types

import pytest

from discover.errors import NetworkError
from discover.net import interfaces
from discover.net.interfaces import RawInterface, build, list_interfaces

UP = 0x1 | 0x2 | 0x1000


def raw(name: str = "eth0", *addresses: str, flags: int | None = UP, bridge: bool = False, port_of: str = "") -> RawInterface:
    return RawInterface(
        name=name,
        number=7,
        mac="24:6f:28:00:00:01",
        addresses=addresses or ("192.168.1.5/24",),
        flags=flags,
        bridge=bridge,
        port_of=port_of,
    )


def test_network_and_broadcast_come_from_the_mask() -> None:
    face = build(raw("eth0", "192.168.1.5/255.255.255.0", "10.1.2.3/31", "fe80::5/64", "fd00::5/64"))
    assert face.skip == ""
    assert [str(one.network) for one in face.addresses] == ["192.168.1.0/24", "10.1.2.2/31", "fe80::/64", "fd00::/64"]
    assert [one.broadcast for one in face.ipv4] == [ipaddress.IPv4Address("192.168.1.255"), None]
    assert [one.scope_id for one in face.ipv6] == [7, 0]


@pytest.mark.parametrize(
    "name",
    ["eth0", "enp3s0", "wlan0", "wlp2s0", "en0", "s0", "br0", "bond0.20", "Ethernet 2", "eno1np0", "end0", "lan0", "bridge0"],
)
def test_lan_interfaces_are_used(name: str) -> None:
    assert build(raw(name)).skip == ""


@pytest.mark.parametrize(
    "name",
    [
        "docker0",
        "br-0123456789ab",
        "veth0",
        "veth1a2b3c",
        "virbr0",
        "cni0",
        "podman1",
        "lxcbr0",
        "lxdbr0",
        "incusbr0",
        "vmnet8",
        "vboxnet0",
        "vEthernet (WSL)",
        "bridge100",
        "cali0123456789a",
    ],
)
def test_interfaces_of_containers_are_skipped_and_the_way_to_use_them_is_said(name: str) -> None:
    face = build(raw(name))
    assert "containers or virtual machines" in face.skip
    assert f"--interface {name}" in face.skip
    assert face.addresses  # skipped by default, but usable


@pytest.mark.parametrize("name", ["tun0", "tap0", "wg0", "wg-home", "ppp0", "utun3", "tailscale0", "zt5u4y6ejv"])
def test_tunnels_are_skipped(name: str) -> None:
    face = build(raw(name))
    assert face.point_to_point
    assert "tunnel" in face.skip


@pytest.mark.parametrize(
    ("one", "word"),
    [
        (raw("lo", "127.0.0.1/8", flags=0x1 | 0x8), "loopback"),
        (raw("lo0", "127.0.0.1/8", flags=None), "loopback"),
        (raw("eth0", flags=0x1002), "down"),
        (raw("eth0", flags=0x1 | 0x10), "point-to-point"),
        (raw("enp1s0", port_of="br0"), "br0"),
        (raw("eth0", "8.8.8.8/24"), "private"),
        (raw("eth0", "192.0.2.2/24", "2001:db8::2/64"), "private"),
        (raw("awdl0", "fe80::1/64"), "Apple"),
        (RawInterface(name="eth9", number=3, flags=UP), "no address"),
    ],
)
def test_each_reason_is_a_sentence(one: RawInterface, word: str) -> None:
    skip = build(one).skip
    assert word in skip
    assert re.fullmatch(r"[A-Z].*\.", skip)


def test_a_half_told_address_is_left_out_and_a_zero_mac_is_none() -> None:
    face = build(RawInterface(name="eth0", number=2, mac="00:00:00:00:00:00", addresses=("what/24", "10.0.0.1/8"), flags=UP))
    assert [str(one.address) for one in face.addresses] == ["10.0.0.1"]
    assert face.mac == ""


def test_a_public_and_a_private_address_together_are_used() -> None:
    assert build(raw("eth0", "192.0.2.2/24", "fd00::2/64")).skip == ""


@pytest.mark.parametrize(
    "mask", [("255.255.254.0", "255.255.254.0"), ("ffff:ffff:ffff:ffff::/64", "64"), ("ffff:ffff::", "32"), ("", "32")]
)
def test_netmasks_as_netifaces_spells_them(mask: tuple[str, str]) -> None:
    assert interfaces._prefix(mask[0]) == mask[1]


def test_this_machine_has_a_loopback_interface_by_both_libraries() -> None:
    for found in (interfaces._by_netifaces(), interfaces._by_ifaddr()):
        loop = next(face for face in list_interfaces(found) if face.loopback)
        assert ipaddress.ip_address("127.0.0.1") in [one.address for one in loop.addresses]
        assert loop.index > 0
        assert "loopback" in loop.skip


def test_ifaddr_steps_in_where_the_extension_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "netifaces", None)
    assert any(face.loopback for face in list_interfaces())


def test_an_interface_that_vanishes_while_it_is_read_is_left_out_and_a_system_that_refuses_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = types.ModuleType("netifaces")

    def gone(_name: str) -> dict[int, list[dict[str, str]]]:
        raise ValueError("You must specify a valid interface name.")

    def refuse() -> list[str]:
        raise PermissionError(13, "Permission denied")

    for name, value in {"interfaces": lambda: ["eth7"], "ifaddresses": gone, "AF_INET": 2, "AF_INET6": 10, "AF_LINK": 17}.items():
        monkeypatch.setattr(library, name, value, raising=False)
    monkeypatch.setitem(sys.modules, "netifaces", library)
    assert list_interfaces() == ()
    monkeypatch.setattr(library, "interfaces", refuse)
    with pytest.raises(NetworkError, match="Permission denied"):
        list_interfaces()
