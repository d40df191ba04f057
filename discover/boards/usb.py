"""The boards on USB, by what USB tells of them: no port is opened and no board restarts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from discover.atlas.espressif import is_espressif
from discover.atlas.usb import UsbKind, usb_kind
from discover.boards.access import access_to
from discover.boards.board import Access, Board, Port, Usb
from discover.proto.mac import canonical_mac
from discover.text import clean

SYSFS: Final = Path("/sys/bus/usb/devices")
_MOST_DEVICES: Final = 512

AccessTo = Callable[[str], Access]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portless:
    """A USB device of a known kind that has no serial port; ``driver`` is what holds it ("" for nothing)."""

    usb: Usb
    kind: UsbKind
    driver: str

    @property
    def why(self) -> str:
        """What that means, in a sentence."""
        if self.driver == "usbfs":
            return "a program took it away from the serial driver: often brltty, which looks for Braille displays."
        if self.driver:
            return f"the driver {self.driver} has it, and makes no serial port of it."
        return "no driver has taken it."

    @property
    def fix(self) -> str:
        """What to do about it."""
        if self.driver == "usbfs":
            return "If it is brltty: sudo systemctl mask --now brltty-udev.service, and plug the board in again."
        if self.kind.espressif == "yes":
            return "Hold BOOT, press and release RESET, release BOOT: the bootloader makes a port, whatever the firmware does."
        return self.kind.driver or "Plug it in again, and look at the end of `sudo dmesg`."


def boards_on(ports: Iterable[Port], access: AccessTo = access_to) -> tuple[Board, ...]:
    """Return the ports that are on USB as boards, sorted by port. Pure but for ``access``, which opens nothing."""
    boards = (board_on(port, access) for port in ports if port.usb is not None)
    return tuple(sorted(boards, key=lambda board: natural(board.port.device)))


def board_on(port: Port, access: AccessTo = access_to) -> Board:
    """Return what USB tells of the board on a port; nothing of a port that is not on USB."""
    usb = port.usb
    kind = usb_kind(usb.vid, usb.pid, usb.manufacturer, usb.product) if usb else None
    mac = serial_mac(usb, kind) if usb and kind else ""
    return Board(port=port, kind=kind, access=access(port.device), mac=mac, mac_source="usb-serial-number" if mac else "")


def serial_mac(usb: Usb, kind: UsbKind) -> str:
    """Return the base MAC that the USB serial number is, "" where it is none.

    The port in the chip itself always has it; firmware usually does (12 digits), which is believed where the
    prefix is Espressif's.
    """
    mac = canonical_mac(usb.serial) if kind.serial else ""
    return mac if kind.serial == "mac" or (mac and is_espressif(mac)) else ""


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key that sorts ttyUSB2 before ttyUSB10."""
    parts: list[str] = [""]
    for char in text:
        if parts[-1] and char.isdecimal() == parts[-1][-1].isdecimal():
            parts[-1] += char
        else:
            parts.append(char)
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts if part)


def portless(ports: Iterable[Port], folder: Path = SYSFS) -> tuple[Portless, ...]:
    """Return USB devices of known kinds that no serial port belongs to: the answer to "it is plugged in, where is it?".

    Linux only: elsewhere nothing is found. Source: the kernel's Documentation/ABI/stable/sysfs-bus-usb.
    """
    taken = {port.usb.location.partition(":")[0] for port in ports if port.usb}
    return tuple(one for one in _plugged(folder) if one.usb.location not in taken)


def _plugged(folder: Path) -> Iterator[Portless]:
    try:
        names = sorted(os.listdir(folder))[:_MOST_DEVICES]  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return
    for name in names:
        if ":" in name:
            continue  # an interface, not a device
        here = folder / name
        vid, pid = _number(here / "idVendor"), _number(here / "idProduct")
        if vid is None or pid is None:
            continue
        usb = Usb(
            vid=vid,
            pid=pid,
            serial=_text(here / "serial"),
            manufacturer=_text(here / "manufacturer"),
            product=_text(here / "product"),
            location=name,
        )
        kind = usb_kind(vid, pid, usb.manufacturer, usb.product)
        if kind is not None and kind.espressif != "no":
            yield Portless(usb=usb, kind=kind, driver=_driver(here))


def _driver(device: Path) -> str:
    """Return the driver of the device's first interface that has one."""
    for interface in sorted(device.glob(f"{device.name}:*")):
        try:
            return clean(os.path.basename(os.readlink(interface / "driver")), 40)  # noqa: PTH115, PTH119 - a name is wanted, no path
        except OSError:
            continue
    return ""


def _text(path: Path) -> str:
    try:
        return clean(path.read_bytes().strip(), 126)  # a USB string descriptor holds 126 characters (USB 2.0 section 9.6.7)
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text, 16) if len(text) == 4 and set(text.lower()) <= set("0123456789abcdef") else None
