"""The kernel's way to an address, and the outlook that is made of it."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import sys
from dataclasses import replace
from pathlib import Path as File

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.model.network import Interface, InterfaceAddress
from discover.model.outlook import Outlook
from discover.net import place
from discover.net.firewall import read as firewall
from discover.net.firewall.read import FirewallReader, Raw
from discover.net.outlook import Lookout, describe
from discover.net.real import RealNetwork
from discover.net.routes import Path, parse, parse_route_get, path_to, request


def answer(*attributes: tuple[int, bytes], kind: int = 24) -> bytes:
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, 32, 0, 0, 254, 0, 0, 1, 0x200)
    for number, value in attributes:
        body += struct.pack("=HH", 4 + len(value), number) + value + b"\0" * (-len(value) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body


def test_the_kernels_answer_names_interface_next_hop_and_our_address() -> None:
    ours, gateway = socket.inet_aton("192.168.1.2"), socket.inet_aton("192.168.1.1")
    told = parse(answer((1, socket.inet_aton("10.0.0.7")), (4, struct.pack("=I", 3)), (5, gateway), (7, ours)))
    assert told == Path(link=3, gateway="192.168.1.1", local="192.168.1.2")
    assert parse(answer((4, struct.pack("=I", 3)))) == Path(link=3)


def test_the_kernels_refusal_is_an_error() -> None:
    refused = struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -101)
    with pytest.raises(OSError, match="no route") as caught:
        parse(refused)
    assert caught.value.errno == 101


@given(st.binary(max_size=120))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    for message in (data, answer()[:-4] + data):
        with contextlib.suppress(OSError):  # the bytes may be the kernel's word for an error
            assert isinstance(parse(message), Path)


def test_the_question_is_one_rtnetlink_message() -> None:
    message = request("10.0.0.7", link=3)
    length, kind, flags, _, _ = struct.unpack_from("=IHHII", message)
    assert (length, kind, flags) == (len(message), 26, 1)
    assert socket.inet_aton("10.0.0.7") in message
    assert struct.pack("=I", 3) in message


def test_macos_tells_gateway_and_interface() -> None:
    routed = "   route to: 10.0.0.7\ndestination: default\n    gateway: 192.168.1.1\n  interface: en0\n      flags: <UP,GATEWAY>\n"
    assert parse_route_get(routed) == Path(gateway="192.168.1.1", interface="en0")
    assert parse_route_get("    gateway: link#6\n  interface: en0\n") == Path(interface="en0")
    assert parse_route_get("route: writing to routing socket: not in table") == Path()


def test_a_way_is_asked_of_this_system_without_sending() -> None:
    way = path_to("127.0.0.1")
    assert (way.local, way.trouble, way.gateway) == ("127.0.0.1", "", "")
    if sys.platform == "linux":
        assert way.link == socket.if_nametoindex("lo")
    assert path_to("fe80::1%no-such-interface").trouble


def face(name: str, index: int, *addresses: str, **fields: object) -> Interface:
    found = tuple(InterfaceAddress(address=one.ip, network=one.network) for one in (ipaddress.ip_interface(text) for text in addresses))
    return replace(Interface(name=name, index=index, mac="", addresses=found), **fields)  # type: ignore[arg-type]


ETH, WLAN = face("eth0", 2, "192.168.1.2/24"), face("wlan0", 3, "192.168.1.3/24")
TUN = face("wg0", 4, "10.8.0.2/32", point_to_point=True)
DOCKER = face(
    "docker0", 5, "172.17.0.1/16", skip="It looks like a bridge of containers or virtual machines. Use it with --interface docker0."
)
ALL = (ETH, WLAN, TUN, DOCKER)


def test_the_outlook_says_what_is_on_the_way() -> None:
    near = describe("192.168.1.20", ALL, Path(link=2, local="192.168.1.2"))
    assert (near.interface, near.network, near.twins, near.gateway) == ("eth0", "192.168.1.2/24", ("wlan0",), "")
    far = describe("10.9.0.7", ALL, Path(link=2, gateway="192.168.1.1", local="192.168.1.2"))
    assert (far.gateway, far.twins) == ("192.168.1.1", ())
    assert describe("10.9.0.7", ALL, Path(link=4, local="10.8.0.2")).point_to_point
    assert describe("172.17.0.2", ALL, Path(local="172.17.0.1")).virtual
    assert describe("192.168.1.20", ALL, Path(trouble="Network is unreachable")).trouble
    assert describe("fe80::1%eth0", ALL, Path(link=2, local="fe80::2")).twins == ()


async def test_the_real_network_looks_out_without_sending() -> None:
    network = RealNetwork()
    outlook = await network.outlook("127.0.0.1", port=3232)
    assert (outlook.local, outlook.trouble) == ("127.0.0.1", "")
    assert network.ledger.count == 0


async def test_firewalls_are_read_once_for_many_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    def read() -> Raw:
        reads.append(1)
        return Raw({}, {}, "linux")

    monkeypatch.setattr(firewall, "read", read)
    reader = FirewallReader()
    outlook = Outlook(local="192.168.1.2", interface="eth0")
    for number in range(1, 20):
        assert await reader.words(f"192.168.1.{number + 2}", outlook) == ()
    assert len(reads) == 1


async def test_the_gateways_neighbour_row_is_part_of_the_outlook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "default_gateway", lambda _name: "127.0.0.9")
    outlook = await Lookout().look("127.0.0.1", RealNetwork().interfaces(), firewalls=False)
    assert (outlook.default_gateway, outlook.gateway_mac, outlook.firewalls) == ("127.0.0.9", "", ())


def test_programs_are_taken_from_the_systems_folders_alone(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "nft"
    fake.write_text("#!/bin/sh\necho owned\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    raw = firewall.read()
    assert all("owned" not in one.text for one in raw.printed.values())
