"""What USB tells of boards: the table of ids, who may use a port, what has no port, and the twin on the network."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.atlas.usb import UsbKind, usb_kind, usb_kinds
from discover.boards.access import access_to, holders_of, permission
from discover.boards.board import FREE, Access, AccessState, Holder, Port, Usb
from discover.boards.twin import twins_of
from discover.boards.usb import board_on, boards_on, natural, portless
from discover.errors import CatalogueError
from discover.model.device import Device, Evidence
from discover.model.signal import Source
from discover.text import is_clean

C3 = Usb(vid=0x303A, pid=0x1001, serial="24:6F:28:12:34:50", manufacturer="Espressif", product="USB JTAG/serial debug unit", location="1-1")
BRIDGE = Usb(
    vid=0x10C4, pid=0xEA60, serial="0001", manufacturer="Silicon Labs", product="CP2102 USB to UART Bridge Controller", location="1-2"
)


def free(device: str) -> Access:
    del device
    return FREE


# The table


@pytest.mark.parametrize("kind", usb_kinds(), ids=lambda kind: f"{kind.vid}:{kind.pid} {kind.title}")
def test_every_entry_is_the_one_that_fits_its_examples(kind: UsbKind) -> None:
    for example in kind.examples:
        assert usb_kind(int(example.vid, 16), int(example.pid, 16), example.manufacturer, example.product) is kind
    assert kind.means.endswith(".")
    assert kind.source


def test_a_bridge_is_never_said_to_be_a_board() -> None:
    for vid in (0x10C4, 0x1A86, 0x0403, 0x067B):
        kind = usb_kind(vid, 0x0001)
        assert kind is not None
        assert kind.espressif == "maybe"
        assert "USB does not tell" in kind.means


def test_ids_that_nobody_knows_have_no_entry() -> None:
    assert usb_kind(0xDEAD, 0xBEEF) is None
    assert not board_on(Port(device="/dev/ttyACM0", usb=Usb(vid=0xDEAD, pid=0xBEEF)), free).may_be_espressif


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('vid = "303A"', "hexadecimal"),
        ('vid = "303a"\nespressif = "perhaps"', "perhaps"),
        ('vid = "303a"\nnonsense = 1', "nonsense"),
        ('vid = "303a"', "example"),
    ],
)
def test_a_mistake_in_the_table_names_the_entry(tmp_path: Path, entry: str, said: str) -> None:
    path = tmp_path / "usb.toml"
    more = "" if "espressif" in entry else 'espressif = "yes"\n'
    path.write_text(f'[[usb]]\n{entry}\n{more}title = "T"\nmeans = "M."\nsource = "S"\n')
    with pytest.raises(CatalogueError, match=said):
        usb_kinds(path)


# Listing


def test_only_ports_on_usb_are_boards_and_they_are_sorted_as_people_count() -> None:
    ports = [Port(device=f"/dev/ttyUSB{number}", usb=BRIDGE) for number in (10, 2, 1)]
    boards = boards_on([Port(device="/dev/ttyS0"), *ports], free)
    assert [board.port.device for board in boards] == ["/dev/ttyUSB1", "/dev/ttyUSB2", "/dev/ttyUSB10"]
    assert natural("COM3") < natural("COM12")


def test_the_serial_number_of_a_port_in_the_chip_is_its_mac() -> None:
    board = board_on(Port(device="/dev/ttyACM0", usb=C3), free)
    assert (board.mac, board.mac_source) == ("24:6f:28:12:34:50", "usb-serial-number")


@pytest.mark.parametrize(
    ("usb", "mac"),
    [
        (replace(C3, serial=""), ""),
        (replace(C3, serial="not a MAC"), ""),
        (replace(C3, pid=0x0002, serial="0"), ""),
        # Firmware that makes the port writes twelve digits; they are believed where the prefix is Espressif's.
        (replace(C3, pid=0x80C2, serial="246F28123450"), "24:6f:28:12:34:50"),
        (replace(C3, pid=0x80C2, serial="123456789abc"), ""),
        (replace(BRIDGE, serial="246F28123450"), ""),
    ],
)
def test_other_serial_numbers_are_not_taken_for_one(usb: Usb, mac: str) -> None:
    assert board_on(Port(device="/dev/ttyACM0", usb=usb), free).mac == mac


def test_a_stick_that_shares_a_bridges_ids_is_left_alone() -> None:
    stick = replace(BRIDGE, product="Sonoff Zigbee 3.0 USB Dongle Plus")
    assert not board_on(Port(device="/dev/ttyUSB0", usb=stick), free).may_be_espressif
    assert board_on(Port(device="/dev/ttyUSB0", usb=BRIDGE), free).may_be_espressif


@given(st.text(max_size=20), st.text(max_size=20))
def test_keys_of_any_names_can_be_compared(one: str, other: str) -> None:
    assert (natural(one) < natural(other)) + (natural(other) < natural(one)) <= 1


# Who may use it


def test_a_port_that_nobody_has_open_is_free(tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.touch()
    assert access_to(str(port), proc=tmp_path, locks=()).state is AccessState.OK


def test_a_port_that_is_not_there_is_gone(tmp_path: Path) -> None:
    access = access_to(str(tmp_path / "ttyUSB9"), proc=tmp_path, locks=())
    assert access.state is AccessState.GONE
    assert access.fix


def test_a_url_is_not_judged() -> None:
    assert access_to("socket://127.0.0.1:1").state is AccessState.UNKNOWN


def test_who_has_it_open_is_read_from_proc(tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.touch()
    for pid, name in ((41, "picocom\n"), (42, "\x1b[31mevil\n")):
        (tmp_path / str(pid) / "fd").mkdir(parents=True)
        (tmp_path / str(pid) / "fd" / "3").symlink_to(port)
        (tmp_path / str(pid) / "comm").write_text(name)
    (tmp_path / str(os.getpid()) / "fd").mkdir(parents=True)
    (tmp_path / str(os.getpid()) / "fd" / "3").symlink_to(port)
    (tmp_path / "99" / "fd").mkdir(parents=True)
    (tmp_path / "99" / "fd" / "0").symlink_to("/dev/null")
    access = access_to(str(port), proc=tmp_path, locks=())
    assert access.state is AccessState.IN_USE
    assert {one.pid for one in access.holders} == {41, 42}, "not this process, and nobody else's files"
    assert all(is_clean(one.name) for one in access.holders)
    assert "1 more have it open" in access.detail


def test_a_lock_file_of_a_living_process_counts_and_a_stale_one_does_not(tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.touch()
    lock = tmp_path / "LCK..ttyUSB0"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        lock.write_text(f"{other.pid:10d}\n")
        found = [one.pid for one in holders_of(port, proc=tmp_path, locks=(tmp_path,))]
        other.communicate(b"\n", timeout=20)
    assert found == [other.pid]
    for text in (f"{other.pid}", "", "0", "²", "-1", "\xff" * 50):
        lock.write_text(text)
        assert list(holders_of(port, proc=tmp_path, locks=(tmp_path,))) == []


def test_without_permission_the_group_to_join_is_named(tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.touch()
    access = access_to(str(port), proc=tmp_path, locks=(), may=lambda path: path != port)
    assert access.state is AccessState.NO_PERMISSION
    assert access.detail
    assert access.fix
    node = stat.S_IFCHR | 0o660
    detail, fix = permission("/dev/ttyUSB0", node, 4242, user="mg", members=())
    assert "4242" in detail
    assert fix.startswith("sudo usermod -aG 4242 mg")
    assert "log out" in fix


def test_who_joined_already_is_told_to_log_in_again() -> None:
    detail, fix = permission("/dev/ttyUSB0", stat.S_IFCHR | 0o660, 4242, user="mg", members=("eve", "mg"))
    assert "before that" in detail
    assert "usermod" not in fix


@pytest.mark.parametrize(("mode", "gid"), [(0o600, 4242), (0o640, 4242), (0o660, 0)])
def test_nobody_is_told_to_join_a_group_that_is_not_let_in(mode: int, gid: int) -> None:
    detail, fix = permission("/dev/ttyUSB0", stat.S_IFCHR | mode, gid, user="mg", members=())
    assert "root" in detail
    assert "usermod" not in fix
    assert "udev" in fix


def test_holders_are_values() -> None:
    assert Holder(pid=1, name="init") == Holder(pid=1, name="init")


# What is plugged in and has no port


def sysfs(folder: Path, name: str, vid: str, pid: str, driver: str = "") -> None:
    (folder / name / f"{name}:1.0").mkdir(parents=True)
    (folder / name / "idVendor").write_text(f"{vid}\n")
    (folder / name / "idProduct").write_text(f"{pid}\n")
    if driver:
        (folder / name / f"{name}:1.0" / "driver").symlink_to(f"../../drivers/{driver}")


def test_a_known_device_without_a_port_is_shown_with_the_reason(tmp_path: Path) -> None:
    sysfs(tmp_path, "1-1", "1a86", "7523", "usbfs")
    sysfs(tmp_path, "1-2", "10c4", "ea60")
    sysfs(tmp_path, "1-3", "303a", "1001", "cdc_acm")
    sysfs(tmp_path, "1-4", "0bda", "8153", "r8152")  # a network adapter: none of ours
    sysfs(tmp_path, "1-5", "2e8a", "000a")  # a Pico: nothing for esptool
    sysfs(tmp_path, "usb1", "zzzz", "1001")
    (tmp_path / "1-1:1.0").mkdir()
    found = portless([Port(device="/dev/ttyUSB0", usb=BRIDGE)], tmp_path)
    assert [(one.usb.location, one.driver) for one in found] == [("1-1", "usbfs"), ("1-3", "cdc_acm")], "1-2 has a port"
    assert "brltty" in found[0].why
    assert "brltty" in found[0].fix
    assert all(one.why and one.fix for one in found)


def test_where_there_is_no_sysfs_nothing_is_found(tmp_path: Path) -> None:
    assert portless([], tmp_path / "nowhere") == ()


# Twins


def device(mac: str, name: str = "kitchen", told: str = "") -> Device:
    evidence = (Evidence(claim="mac", value=told, weight=95, rule="r", source=Source.MDNS, when=0.0, why="w"),) if told else ()
    return Device(id=f"mac:{mac}", name=name, mac=mac, addresses=("192.168.1.20",), evidence=evidence)


@pytest.mark.parametrize(
    ("mac", "chip", "face", "sure"),
    [
        ("24:6f:28:12:34:50", "ESP32", "station", "certain"),
        ("24:6f:28:12:34:51", "ESP32", "softap", "likely"),
        ("24:6f:28:12:34:53", "ESP32", "ethernet", "likely"),
        ("26:6f:28:12:34:50", "ESP8266", "softap", "possible"),
        ("24:6f:28:12:34:50", "ESP32-P4", "ethernet", "certain"),
    ],
)
def test_the_twin_is_found_by_any_mac_of_the_chip(mac: str, chip: str, face: str, sure: str) -> None:
    (twin,) = twins_of("24:6f:28:12:34:50", chip, [device("aa:bb:cc:00:00:01", "other"), device(mac)])
    assert (twin.title, twin.address, twin.mac, twin.face, twin.sure) == ("kitchen", "192.168.1.20", mac, face, sure)
    assert twin.rule


def test_a_mac_that_the_device_told_counts_as_much_as_the_networks() -> None:
    behind_a_bridge = device("aa:bb:cc:00:00:01", told="24:6F:28:12:34:50")
    (twin,) = twins_of("24:6f:28:12:34:50", "ESP32", [behind_a_bridge])
    assert twin.sure == "certain"


def test_neighbours_of_one_reel_are_no_twins() -> None:
    assert twins_of("24:6f:28:12:34:50", "ESP32", [device("24:6f:28:12:34:54"), device("24:6f:28:12:34:4f"), device("")]) == ()


def test_the_surest_twin_comes_first() -> None:
    found = twins_of("24:6f:28:12:34:50", "ESP32", [device("26:6f:28:12:34:50"), device("24:6f:28:12:34:51"), device("24:6f:28:12:34:50")])
    assert [twin.sure for twin in found] == ["certain", "likely", "possible"]
