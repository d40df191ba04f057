"""What a USB id tells of the board behind it: ``usb.toml``, read strictly, and the one entry that fits best.

A USB-serial bridge tells who made the bridge, not what is soldered behind it; every entry says how far its word goes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from discover.atlas.read import convert, read_toml, where_of
from discover.errors import CatalogueError

FILE: Final = Path(__file__).with_name("usb.toml")

ESPRESSIF_WORDS: Final = ("yes", "maybe", "no")
SERIAL_WORDS: Final = ("", "mac", "maybe-mac")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbExample:
    """Ids that the entry is the right one for: hexadecimal, and the texts as a device tells them."""

    vid: str
    pid: str
    manufacturer: str = ""
    product: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbKind:
    """One kind of board or bridge.

    ``vid`` and ``pid`` are four lower-case hexadecimal digits (``pid`` "" for every product of that maker);
    ``manufacturer`` and ``product`` are globs without case ("" for any). ``espressif`` says whether an Espressif chip
    is behind it: "yes", "maybe", "no". ``serial`` is "mac" where the USB serial number is the chip's base MAC,
    "maybe-mac" where firmware usually makes it so. ``chips`` names the chips where the id narrows them down,
    ``means`` is one sentence for people, ``driver`` what other systems need, ``source`` where all this stands.
    """

    vid: str
    title: str
    means: str
    espressif: str
    source: str
    pid: str = ""
    manufacturer: str = ""
    product: str = ""
    serial: str = ""
    chips: tuple[str, ...] = ()
    driver: str = ""
    examples: tuple[UsbExample, ...] = ()

    def fits(self, vid: int, pid: int, manufacturer: str, product: str) -> bool:
        """Tell whether a device with these ids and texts is of this kind."""
        return (
            self.vid == f"{vid:04x}"
            and self.pid in ("", f"{pid:04x}")
            and (not self.manufacturer or fnmatchcase(manufacturer.casefold(), self.manufacturer.casefold()))
            and (not self.product or fnmatchcase(product.casefold(), self.product.casefold()))
        )

    @property
    def narrowness(self) -> int:
        """How narrow it is: texts before product ids before makers."""
        return 4 * bool(self.product) + 2 * bool(self.manufacturer) + bool(self.pid)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    usb: tuple[UsbKind, ...]


@functools.cache
def usb_kinds(path: Path = FILE) -> tuple[UsbKind, ...]:
    """Return every entry, the narrowest first. Raises CatalogueError that names the file and the entry."""
    data = read_toml(path)
    kinds = convert({**data, "usb": [_renamed(one) for one in data.get("usb", ())]}, _File, where_of(path)).usb
    for kind in kinds:
        where = f"{where_of(path)}: {kind.title!r}"
        for name, digits in (("vid", kind.vid), ("pid", kind.pid or "0000")):
            if len(digits) != 4 or not set(digits) <= set("0123456789abcdef"):
                raise CatalogueError(f"{where}: {name} {digits!r} is not four hexadecimal digits in lower case", "For example 303a.")
        if kind.espressif not in ESPRESSIF_WORDS or kind.serial not in SERIAL_WORDS:
            raise CatalogueError(
                f"{where}: espressif {kind.espressif!r} or serial {kind.serial!r} is no word for it",
                f"espressif: {', '.join(ESPRESSIF_WORDS)}; serial: {', '.join(filter(None, SERIAL_WORDS))}, or leave it away.",
            )
        if not (kind.source and kind.examples):
            raise CatalogueError(f"{where} has no source or no example", "Every entry says where it is from, and what it fits.")
    return tuple(sorted(kinds, key=lambda kind: -kind.narrowness))


def _renamed(entry: dict[str, object]) -> dict[str, object]:
    """Return the entry with our field's name for its tables [[usb.example]]."""
    return {"examples" if key == "example" else key: value for key, value in entry.items()}


def usb_kind(vid: int, pid: int, manufacturer: str = "", product: str = "") -> UsbKind | None:
    """Return the narrowest entry for these ids; None for a device that the table does not know."""
    return next((kind for kind in usb_kinds() if kind.fits(vid, pid, manufacturer, product)), None)
