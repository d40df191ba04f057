"""Whom a check is about: hosts as people write them, and what a device announced."""

from __future__ import annotations

import errno
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from discover.errors import NoInterfaceError, UsageError
from discover.model.check import Hop, Verdict
from discover.model.device import OtaStatus, Password
from discover.net.fake.hosts import FakeHost, answers, fake_interface
from discover.net.fake.network import FakeNetwork
from discover.ota import check
from discover.ota.route import choose, refuse
from discover.ota.target import Announcement, announced, family_way, parse_host
from tests.ota.lan import ADDRESS, MAC, arduino, esphome, known, signal, step, words


@pytest.mark.parametrize(
    ("text", "name", "port", "literal"),
    [
        ("kitchen.local", "kitchen.local", None, False),
        ("kitchen.local:8266", "kitchen.local", 8266, False),
        ("  192.168.1.20 ", "192.168.1.20", None, True),
        ("192.168.1.20:3232", "192.168.1.20", 3232, True),
        ("fe80::1%eth0", "fe80::1%eth0", None, True),
        ("[fe80::1%eth0]:3232", "fe80::1%eth0", 3232, True),
        ("[fd00::2]", "fd00::2", None, True),
        ("esp_kitchen", "esp_kitchen", None, False),
    ],
)
def test_hosts_as_people_write_them(text: str, name: str, port: int | None, *, literal: bool) -> None:
    host = parse_host(text)
    assert (host.name, host.port, host.literal) == (name, port, literal)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ":3232",
        "a:b",
        "a:0",
        "a:70000",
        "a:-1",
        "http://a/",
        "[kitchen]:1",
        "[fe80::1",
        "[fe80::1]x",
        "a b",
        "a\x1b[31m",
        "1:2:3",
        "a:٣",
    ],
)
def test_what_is_no_host_is_refused_with_advice(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_host(text)
    assert caught.value.hint
    assert "\x1b" not in caught.value.message


def test_two_ports_that_differ_are_refused() -> None:
    assert parse_host("a:1", 1).port == 1
    with pytest.raises(UsageError):
        parse_host("a:1", 2)


@given(st.text(max_size=40))
def test_any_text_is_a_host_or_a_usage_error(text: str) -> None:
    try:
        host = parse_host(text)
    except UsageError:
        return
    assert host.name
    assert host.port is None or 1 <= host.port <= 65535


def test_an_arduino_announcement_tells_port_board_and_password() -> None:
    found = announced(arduino(8266, auth="no", board="nodemcuv2"))
    assert (found.kind, found.port, found.transport, found.password, found.heard) == ("arduino", 8266, "udp", Password.NO, True)
    assert "nodemcuv2" in found.said


def test_the_newest_record_wins() -> None:
    old = signal("_arduino._tcp", 3232, "auth_upload=no", when=1.0)
    new = signal("_arduino._tcp", 3232, "auth_upload=yes", when=2.0)
    assert announced(known(old, new)).password is Password.YES
    assert announced(known(new, old)).password is Password.YES


def test_txt_keys_have_no_case_and_the_first_of_two_counts() -> None:
    found = announced(known(signal("_arduino._tcp", 3232, "Auth_Upload=YES", "auth_upload=no")))
    assert found.password is Password.YES


def test_the_users_port_decides_which_of_two_services_is_meant() -> None:
    device = known(signal("_arduino._tcp", 8266, "auth_upload=yes"), ota=None)
    assert announced(device, port=8266).heard
    other = announced(device, port=3232)
    assert (other.kind, other.port, other.password) == ("unknown", 3232, Password.UNKNOWN)


def test_an_esphome_known_without_a_record_has_its_version_from_the_firmware() -> None:
    status = OtaStatus(kind="esphome", port=3232, transport="tcp", password=Password.UNKNOWN, verdict="announced", checked=None)
    found = announced(known(ota=status, firmware="2026.10.0", title="ESPHome"))
    assert (found.kind, found.version, found.heard) == ("esphome", "2026.10.0", False)


@pytest.mark.parametrize(
    ("kind", "port", "expected"),
    [("", None, ("unknown", 0)), ("", 8892, ("esphome", 8892)), ("", 65280, ("arduino", 65280)), ("esphome", None, ("esphome", 3232))],
)
def test_without_a_device_the_number_tells_what_it_can(kind: str, port: int | None, expected: tuple[str, int]) -> None:
    found: Announcement = announced(None, kind=kind, port=port)
    assert (found.kind, found.port) == expected


@pytest.mark.parametrize(
    ("kind", "title", "note"),
    [("http", "WLED", "Open http://192.168.1.20/update in a browser."), ("pull", "Tasmota", "Start the upgrade from its console.")],
)
async def test_kinds_without_a_listener_are_not_applicable_because(kind: str, title: str, note: str) -> None:
    status = OtaStatus(kind=kind, port=80, transport="tcp", password=Password.UNKNOWN, verdict="announced", checked=None, note=note)
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC))
    result = await check(network, ADDRESS, device=known(ota=status, title=title))
    assert (result.verdict, result.kind, result.sent) == (Verdict.NOT_APPLICABLE, kind, ())
    assert title in step(result, "update service")
    assert note in step(result, "update service")
    assert network.ledger.count == 0


async def test_a_name_that_resolves_is_used() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC), names={"kitchen.local": (ADDRESS,)})
    result = await check(network, "kitchen.local", device=arduino())
    assert (result.host, result.address) == ("kitchen.local", ADDRESS)
    assert words(result)[0] == "name: pass"


async def test_a_name_that_does_not_resolve_ends_the_check_unless_the_inventory_knows_better() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC))
    result = await check(network, "kitchen.local")
    assert (result.verdict, words(result), result.sent) == (Verdict.HOST_DOWN, ["name: fail"], ())
    better = await check(network, "kitchen.local", device=arduino())
    assert (better.address, words(better)[0]) == (ADDRESS, "name: warn")
    assert "libnss-mdns" in step(better, "name")


class AskingNetwork(FakeNetwork):
    """Asks by mDNS for a name, as the real one does where the system's resolver does not know it."""

    async def resolve(self, host: str) -> tuple[str, ...]:
        for label in (b"printer", host.partition(".")[0].encode()):  # a browser beside the check asks for other names
            payload = b"\0" * 12 + bytes((len(label),)) + label + b"\x05local\0\0\x01\0\x01"
            await self.gate.admit(
                interface="lan0", address="224.0.0.251", port=5353, transport="mdns", purpose="mDNS query", payload=payload
            )
        return await super().resolve(host)


async def test_a_question_for_the_name_is_told_with_the_packets() -> None:
    network = AskingNetwork(FakeHost(address=ADDRESS, mac=MAC), names={"kitchen.local": (ADDRESS,)})
    result = await check(network, "Kitchen.local", device=arduino(), level=0)
    assert [(sent.to, sent.transport) for sent in result.sent] == [("224.0.0.251:5353", "mdns")]
    assert b"itchen" in bytes.fromhex(result.sent[0].bytes_hex)


async def test_a_name_that_leads_elsewhere_than_the_inventory_is_pointed_out() -> None:
    network = FakeNetwork(FakeHost(address="192.168.1.77", mac=MAC), names={"kitchen.local": ("192.168.1.77",)})
    result = await check(network, "kitchen.local", device=arduino())
    assert (result.address, words(result)[0]) == ("192.168.1.77", "name: warn")
    assert (result.verdict, result.hop) == (Verdict.CLOSED, Hop.NAME)
    assert f"leads to 192.168.1.77, and the device was last seen at {ADDRESS}" in result.sentence
    assert result.fix


async def test_an_announcement_from_elsewhere_says_nothing_of_the_address_that_the_name_leads_to() -> None:
    network = FakeNetwork(FakeHost(address="192.168.1.77", mac=MAC), names={"kitchen.local": ("192.168.1.77",)})
    result = await check(network, "kitchen.local", device=esphome("2024.10.3"))
    assert (result.verdict, result.hop) == (Verdict.NO_ANSWER, Hop.NAME)


async def test_a_device_that_answers_at_its_new_address_has_only_moved() -> None:
    moved = FakeHost(address="192.168.1.77", mac=MAC, tcp={3232: answers(b"\x00\x02")})
    result = await check(FakeNetwork(moved, names={"kitchen.local": ("192.168.1.77",)}), "kitchen.local", device=esphome())
    assert (result.verdict, result.hop) == (Verdict.READY, None)


async def test_a_device_is_found_by_the_name_the_inventory_gives_it() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC))
    device = known(*arduino().signals, name="Kitchen light")
    result = await check(network, "kitchen LIGHT:3232", device=device, level=0)
    assert (result.host, result.address, result.port) == ("kitchen LIGHT", ADDRESS, 3232)
    empty = await check(network, "", device=device, level=0)
    assert empty.address == ADDRESS


async def test_wrong_words_are_usage_errors() -> None:
    network = FakeNetwork()
    for wrong in (
        {"level": 4},
        {"level": -1},
        {"kind": "carrier pigeon"},
        {"port": 0},
        {"password": ""},
        {"host_port": 65536},
    ):
        with pytest.raises(UsageError):
            await check(network, ADDRESS, **wrong)
    with pytest.raises(UsageError):
        await check(network, "")
    with pytest.raises(NoInterfaceError):
        await check(network, ADDRESS, interface="eth9")


async def test_a_machine_that_does_not_list_its_interfaces_is_blocked_not_the_host_down() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC))
    network.fail("interfaces", errno.EPERM)
    result = await check(network, ADDRESS, device=arduino())
    assert (result.verdict, words(result)) == (Verdict.BLOCKED, ["interface: fail"])


async def test_a_neighbour_table_that_cannot_be_read_only_leaves_a_question_open() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC))
    network.fail("neighbours", errno.EPERM)
    result = await check(network, ADDRESS, device=esphome("2024.1.0"))
    assert result.verdict is Verdict.ANNOUNCED


LAN = fake_interface("lan0", "192.168.1.2/24", "fe80::2/64", "fd00::2/64")
VPN = fake_interface("wg0", "10.8.0.2/24", index=3, skip="it is a VPN")


def test_an_address_of_our_network_beats_a_routed_one() -> None:
    route, interface = choose(["172.20.0.9", "192.168.1.20"], [VPN, LAN])
    assert (route.address, route.local, route.on_link, interface) == ("192.168.1.20", "192.168.1.2", True, LAN)


def test_a_link_local_address_gets_its_zone_and_keeps_the_one_it_has() -> None:
    assert choose(["fe80::20"], [LAN])[0].address == "fe80::20%lan0"
    assert choose(["fe80::20%lan0"], [LAN])[0].address == "fe80::20%lan0"
    assert not choose(["fe80::20%eth7"], [LAN])[0].on_link


def test_ipv4_comes_before_ipv6_because_most_uploaders_have_no_ipv6() -> None:
    assert choose(["fd00::20", "192.168.1.20"], [LAN])[0].address == "192.168.1.20"


def test_a_way_over_a_vpn_or_a_router_is_said() -> None:
    assert "VPN" in choose(["10.8.0.9"], [LAN, VPN])[0].note
    routed, interface = choose(["172.20.0.9"], [VPN, LAN])
    assert (routed.on_link, interface) == (False, LAN)
    assert "router" in routed.note


def test_no_address_no_route() -> None:
    assert choose(["nonsense"], [LAN]) == (choose([], [])[0], None)
    assert choose([], [LAN])[0].address == ""


GROUPS = ("224.0.0.1", "239.255.255.250", "255.255.255.255", "0.0.0.0", "ff02::1", "::ffff:224.0.0.1", "::")


@pytest.mark.parametrize("address", GROUPS)
async def test_a_check_is_never_about_a_group(address: str) -> None:
    network = FakeNetwork()
    with pytest.raises(UsageError, match="one device"):
        await check(network, address, kind="arduino", port=3232, level=2, consent=True)
    # Nor where somebody else says that this is the device's address.
    assert choose([address], [LAN])[0].address == ""
    assert choose([address, "192.168.1.20"], [LAN])[0].address == "192.168.1.20"
    result = await check(network, "", device=replace(known(), addresses=("192.168.1.20", address)), kind="arduino", port=3232, level=1)
    assert {packet.to for packet in network.ledger.packets} <= {"192.168.1.20"}
    assert result.address == "192.168.1.20"


@pytest.mark.parametrize(
    ("platform", "port"),
    [
        ("ESP32", 3232),
        ("ESP32-C3", 3232),
        ("ESP8266", 8266),
        ("RP2040", 2040),
        ("RP2350", 2040),
        ("BK7231N", 8892),
        ("RTL8710B", 8892),
        ("LN882H", 8820),
        ("", 8082),
    ],
)
def test_esphomes_port_follows_from_the_platform_it_announces(platform: str, port: int) -> None:
    txt = ("version=2026.10.0", *([f"platform={platform}"] if platform else []))
    kind, family = family_way("esphome", known(signal("_esphomelib._tcp", 6053, *txt)))
    found = announced(known(signal("_esphomelib._tcp", 6053, *txt)), kind=kind, family=family)
    assert (found.kind, found.port, found.transport) == ("esphome", port, "tcp")
    assert f"{port}/tcp" in found.said


@pytest.mark.parametrize(("port", "words"), [(3232, "ESPHome on the ESP32"), (8266, "WebREPL"), (2040, "Pico W")])
async def test_a_number_that_fits_several_services_is_said_to(port: int, words: str) -> None:
    result = await check(FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={port: "silent"})), f"{ADDRESS}:{port}")
    assert (result.verdict, result.kind) == (Verdict.LIKELY, "arduino")
    assert words in step(result, "announced")
    assert all(one.transport == "udp" for one in result.sent)


async def test_several_default_ports_that_keep_silent_are_named() -> None:
    result = await check(FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, udp={8266: "silent", 2040: "silent"})), ADDRESS)
    assert (result.verdict, result.port) == (Verdict.LIKELY, 8266)
    assert "8266 (ESP8266), 2040 (Pico W)" in step(result, "update service")


async def test_a_web_servers_port_alone_does_not_say_whose_it_is() -> None:
    result = await check(FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, tcp={80: "open"})), f"{ADDRESS}:80")
    assert (result.verdict, result.sent) == (Verdict.NOT_APPLICABLE, ())
    assert "`--kind` web_server, wled" in step(result, "update service")


def test_an_address_that_is_a_networks_or_of_another_machines_interface_is_refused() -> None:
    faces = (fake_interface("lan0", "192.168.1.2/24", "fe80::2/64"),)
    for fine in ("192.168.1.20", "10.0.0.255", "fe80::1%lan0", "fe80::1%2", "fe80::1"):
        refuse(fine, faces)
    with pytest.raises(UsageError, match="broadcast address of lan0"):
        refuse("192.168.1.255", faces)
    with pytest.raises(NoInterfaceError, match="no interface wlan9"):
        refuse("fe80::1%wlan9", faces)


async def test_a_board_that_is_known_for_its_webrepl_is_not_asked() -> None:
    network = FakeNetwork(FakeHost(address=ADDRESS, mac=MAC, tcp={8266: "open"}))
    result = await check(network, ADDRESS, device=known(family="micropython-webrepl", title="MicroPython with WebREPL"))
    assert (result.verdict, result.sent) == (Verdict.NOT_APPLICABLE, ())
    assert "files, not firmware" in step(result, "update service")
