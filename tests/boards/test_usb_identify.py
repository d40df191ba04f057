"""Asking chips: fake ROM loaders on ptys and sockets, and everything else that can be behind a port; always in bounded time."""

from __future__ import annotations

import errno
import fcntl
import ipaddress
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from discover.boards.board import FREE, Access, AccessState, BoardError, NoChipError, ToldChip
from discover.boards.esptool_api import serial_ports
from discover.boards.identify import Target, identify, target_of
from discover.errors import EspiedError, NotPrivateError, UsageError
from discover.proto.mac import mac_from_bytes
from tests.boards.fake_rom import (
    MAC,
    READ_REG,
    SECURITY_INFO,
    SYNC,
    Lines,
    Rom,
    Silicon,
    Talk,
    cut_short,
    echo,
    esp32,
    esp32c3,
    esp32c6,
    esp32s3,
    esp8266,
    garbage,
    hang_up,
    late,
    on_pty,
    on_rfc2217,
    on_socket,
    only,
    silence,
    with_chip_id,
)

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
HOME = (*LOOPBACK, ipaddress.ip_network("192.168.1.0/24"), ipaddress.ip_network("fe80::/64"))


def free(device: str) -> Access:
    del device
    return FREE


def ask(url: str, *, seconds: float = 12, access: Callable[[str], Access] = free) -> ToldChip:
    return identify(Target(name=url, url=url, in_network="://" in url), seconds=seconds, access=access)


# Chips that answer


@pytest.mark.parametrize(
    ("silicon", "name", "description", "crystal", "mac"),
    [
        (esp32(), "ESP32", "ESP32-D0WD-V3 (revision v3.0)", 40, MAC),
        (esp8266(), "ESP8266", "ESP8266EX", 26, bytes.fromhex("5ccf7f123450")),
        (esp32c3(), "ESP32-C3", "ESP32-C3 (QFN32) (revision v0.0)", 40, MAC),
        (esp32s3(), "ESP32-S3", "ESP32-S3 (QFN56) (revision v0.0)", 40, MAC),
        (esp32c6(), "ESP32-C6", "ESP32-C6 (QFN40) (revision v0.0)", 40, MAC),
    ],
    ids=["esp32", "esp8266", "esp32c3", "esp32s3", "esp32c6"],
)
def test_a_chip_tells_who_it_is(
    silicon: Silicon, name: str, description: str, crystal: int, mac: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    rom = Rom(silicon)
    with on_pty(rom.feed) as port:
        told = ask(port)
    assert (told.name, told.description, told.crystal_mhz, told.mac) == (name, description, crystal, mac_from_bytes(mac))
    assert "Wi-Fi" in " ".join(told.features)
    assert told.missing == ()
    assert not told.restarted, "a pty has no line to restart a board by"
    assert set(rom.asked) == {SYNC, SECURITY_INFO, READ_REG}, "it was asked, and nothing was written or run"
    assert capfd.readouterr() == ("", ""), "esptool says nothing of its own"


def test_a_chip_behind_a_socket_tells_the_same() -> None:
    with on_socket(Rom(esp32()).feed) as url:
        told = ask(url)
    assert (told.name, told.mac, told.revision) == ("ESP32", mac_from_bytes(MAC), "v3.0")


def test_a_chip_in_secure_download_mode_tells_its_family_alone() -> None:
    rom = Rom(esp32c3(flags=4))
    with on_pty(rom.feed) as port:
        told = ask(port)
    assert (told.name, told.mac) == ("ESP32-C3", "")
    assert "secure download mode" in told.missing[0]
    assert READ_REG not in rom.asked


def test_a_board_that_is_slow_to_start_is_waited_for() -> None:
    with on_pty(late(Rom(esp32()), deaf=1)) as port:
        assert ask(port).name == "ESP32"


# pyserial 3.5 rfc2217.py sets up its thread in the way of Python 2.
@pytest.mark.filterwarnings("ignore:set(Daemon|Name)\\(:DeprecationWarning")
def test_the_board_is_restarted_into_its_firmware_afterwards() -> None:
    lines = Lines()
    with on_rfc2217(Rom(esp32c3()).feed, lines) as url:
        told = ask(url)
    assert told.restarted
    assert lines.restarted


# What is no chip, and what breaks


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        (silence, NoChipError),
        (garbage, NoChipError),
        (echo, NoChipError),
        (Rom(with_chip_id(77, 0)).feed, NoChipError),
        (Rom(Silicon({})).feed, NoChipError),
        (cut_short(Rom(esp32())), NoChipError),
        (hang_up, BoardError),
        (only(Rom(esp32()), 2), BoardError),
    ],
    ids=["silent", "garbage", "echo", "unknown-chip", "unknown-magic", "cut-short", "vanishes", "vanishes-midway"],
)
def test_every_other_thing_ends_in_time_with_what_to_do(talk: Talk, error: type[EspiedError]) -> None:
    with on_pty(talk) as port, pytest.raises(error) as raised:
        ask(port, seconds=0.4)
    assert raised.value.message.startswith(port)
    assert raised.value.hint
    assert raised.value.exit_code == (1 if error is NoChipError else 3)


@pytest.mark.parametrize("silicon", [with_chip_id(77, 0), Silicon({})], ids=["by-id", "by-magic"])
def test_a_chip_that_is_too_new_is_not_called_no_chip(silicon: Silicon) -> None:
    with on_pty(Rom(silicon).feed) as port, pytest.raises(NoChipError, match="does not know") as raised:
        ask(port)
    assert "esptool" in raised.value.hint


def test_the_time_is_the_users_to_choose() -> None:
    with on_pty(cut_short(Rom(esp32()))) as port, pytest.raises(NoChipError, match=r"within 0\.3 s"):
        ask(port, seconds=0.3)


def test_a_board_that_vanishes_is_said_to_have_vanished() -> None:
    seen = [FREE, Access(state=AccessState.GONE)]
    with on_pty(hang_up) as port, pytest.raises(BoardError, match="vanished while the board was asked"):
        ask(port, access=lambda _: seen.pop(0))


def test_a_port_that_another_program_locked_is_in_use() -> None:
    with on_pty(silence) as port:
        other = os.open(port, os.O_RDWR | os.O_NOCTTY)
        try:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(BoardError, match="in use by another program") as raised:
                ask(port)
        finally:
            os.close(other)
    assert "monitor" in raised.value.hint


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux tells who has a file open")
def test_who_uses_it_is_told_before_it_is_touched() -> None:
    rom = Rom(esp32())
    with on_pty(rom.feed) as port:
        holding = subprocess.Popen([sys.executable, "-c", f"f = open({port!r}); print(flush=True); input()"], stdin=-1, stdout=-1)
        assert holding.stdout is not None
        holding.stdout.readline()
        try:
            with pytest.raises(BoardError, match=f"process {holding.pid}") as raised:
                identify(Target(name=port, url=port, in_network=False))
        finally:
            holding.communicate(b"\n", timeout=10)
    assert raised.value.hint.startswith("Close ")
    assert rom.asked == []


@pytest.mark.parametrize("state", [AccessState.NO_PERMISSION, AccessState.GONE])
def test_a_port_that_cannot_be_used_is_not_opened(state: AccessState) -> None:
    rom = Rom(esp32())
    with on_pty(rom.feed) as port, pytest.raises(BoardError, match="because") as raised:
        ask(port, access=lambda _: Access(state=state, detail="because", fix="do this"))
    assert raised.value.hint == "do this"
    assert rom.asked == []


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_a_server_that_is_not_there_is_said_so(scheme: str) -> None:
    with on_socket(silence) as url:
        pass  # and now it is closed
    with pytest.raises(BoardError, match=os.strerror(errno.ECONNREFUSED)) as raised:
        ask(url.replace("socket:", f"{scheme}:"))
    assert "ser2net" in raised.value.hint


def test_what_is_no_serial_port_says_so() -> None:
    with pytest.raises(BoardError, match="is no serial port"):
        ask("/dev/zero")


# What may be asked


def resolved(*addresses: str) -> Callable[[str], Sequence[str]]:
    return lambda _: addresses


def test_a_host_in_an_attached_network_is_opened_by_the_address_that_was_judged() -> None:
    target = target_of("RFC2217://lab.local:4000?timeout=5", HOME, resolved("192.168.1.9"))
    assert target == Target(name="RFC2217://lab.local:4000?timeout=5", url="rfc2217://192.168.1.9:4000?timeout=5", in_network=True)
    assert target_of("socket://[fe80::1%eth0]:4000", HOME, resolved("fe80::1%eth0")).url == "socket://[fe80::1%eth0]:4000"


@pytest.mark.parametrize(
    "addresses", [("8.8.8.8",), ("192.168.2.1",), ("192.168.1.9", "8.8.8.8"), ("::ffff:8.8.8.8",), ("2001:4860:4860::8888",), ("0.0.0.0",)]
)
def test_nobody_outside_is_reached(addresses: tuple[str, ...]) -> None:
    with pytest.raises(NotPrivateError):
        target_of("socket://somewhere:4000", HOME, resolved(*addresses))


@pytest.mark.parametrize(
    "text",
    [
        *("", "\x1b[31m", "socket://", "socket://:4000", "socket://host", "socket://host:0", "socket://host:99999", "socket://host:x"),
        *("socket://[::1", "socket://user@host:1", "spy:///dev/ttyUSB0?file=/etc/motd", "loop://", "hwgrep://.*", "://", "http://host:80"),
        *("/", "/etc/passwd"),
    ],
)
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        target_of(text, HOME, resolved("127.0.0.1"))
    assert raised.value.hint


def test_a_name_that_nobody_knows_and_a_port_that_is_not_there_are_said() -> None:
    def unknown(host: str) -> Sequence[str]:
        raise OSError(errno.ENOENT, f"nobody knows {host}")

    with pytest.raises(BoardError, match="cannot be resolved"):
        target_of("socket://nowhere:1", HOME, unknown)
    with pytest.raises(BoardError, match="has no address"):
        target_of("socket://nowhere:1", HOME, resolved())
    with pytest.raises(BoardError, match="There is no port"):
        target_of("/dev/ttyUSB-none", HOME)


def test_a_device_is_taken_as_it_is(tmp_path: Path) -> None:
    with on_pty(silence) as port:
        link = tmp_path / "usb-Espressif-if00"
        link.symlink_to(port)
        assert target_of(str(link), ()) == Target(name=str(link), url=str(link), in_network=False)


def test_listing_the_ports_of_this_machine_opens_none() -> None:
    ports = serial_ports()
    assert len({port.device for port in ports}) == len(ports)
