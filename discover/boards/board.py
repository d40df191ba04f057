"""USB boards as values: the port, what USB tells of it, who may use it, the chip that answered, its twin on the network."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from discover.errors import EXIT_NEGATIVE, EspiedError

if TYPE_CHECKING:
    from discover.atlas.usb import UsbKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Usb:
    """What the USB descriptors tell; texts are cleaned, "" where there are none. ``location`` is bus and port, "1-1.2"."""

    vid: int
    pid: int
    serial: str = ""
    manufacturer: str = ""
    product: str = ""
    location: str = ""

    @property
    def id(self) -> str:
        """The ids as lsusb writes them: "303a:1001"."""
        return f"{self.vid:04x}:{self.pid:04x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A serial port: its device ("/dev/ttyUSB0", "COM3") and what USB tells of it, None where it is no USB port."""

    device: str
    usb: Usb | None = None


class AccessState(StrEnum):
    """Whether the port can be used. Nothing is opened to find out."""

    OK = "ok"
    NO_PERMISSION = "no-permission"
    IN_USE = "in-use"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A program that has the port open."""

    pid: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may and who does use a port.

    ``group`` owns it; ``detail`` says what stands in the way and ``fix`` what to do ("" where nothing).
    """

    state: AccessState
    group: str = ""
    holders: tuple[Holder, ...] = ()
    detail: str = ""
    fix: str = ""


FREE = Access(state=AccessState.OK)
"""Nothing in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldChip:
    """What a chip told esptool. ``name`` is the family ("ESP32-S3"), ``description`` the part with its revision.

    ``mac`` is the base MAC ("" where it was not told), ``crystal_mhz`` 0 where it was not told. ``missing`` names what
    could not be read, each with the reason; ``restarted`` is False where the port has no line to restart the board by.
    """

    name: str
    description: str = ""
    revision: str = ""
    features: tuple[str, ...] = ()
    crystal_mhz: int = 0
    mac: str = ""
    missing: tuple[str, ...] = ()
    restarted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A device of the inventory that is the same board: its ``mac`` is the board's ``face`` by ``rule``. ``last_seen`` is Unix time."""

    id: str
    title: str
    address: str
    mac: str
    face: str
    rule: str
    sure: str
    last_seen: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board on a serial port. ``kind`` is None for ids that the table does not know.

    ``mac`` is its base MAC and ``mac_source`` how it is known: "usb-serial-number", "chip" or "" (not known);
    ``chip`` what the chip told where it was asked, ``error`` why it did not.
    """

    port: Port
    kind: UsbKind | None = None
    access: Access = FREE
    mac: str = ""
    mac_source: str = ""
    chip: ToldChip | None = None
    error: EspiedError | None = None
    twins: tuple[Twin, ...] = ()

    @property
    def may_be_espressif(self) -> bool:
        """True where an Espressif chip can be behind it, as far as USB tells: only those are asked without being named."""
        return self.kind is not None and self.kind.espressif != "no"


class BoardError(EspiedError):
    """A board cannot be asked: the port is not there, in use, not permitted, or vanished meanwhile. ``number`` is an errno, 0 for none."""

    number: int = 0


class NoChipError(EspiedError):
    """The port works and no Espressif chip answered on it; ``late`` where the time for asking ran out."""

    exit_code = EXIT_NEGATIVE
    late: bool = False
