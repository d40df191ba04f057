"""The MAC addresses that one Espressif chip makes out of its one base address: pure arithmetic, both ways.

A chip leaves the factory with one base MAC (eFuse). Its interfaces get theirs from it, in one of two ways that
the firmware's configuration chooses (ESP-IDF, "Miscellaneous System APIs", MAC Address; components/esp_hw_support
mac_addr.c ``esp_read_mac`` and port/*/Kconfig.mac):

- four universally administered addresses (the default of ESP32, C3, S3): station, soft-AP, Bluetooth and
  Ethernet are the base with 0, 1, 2 and 3 added to its last byte;
- two: station and Bluetooth are the base with 0 and 1 added; soft-AP and Ethernet are the local variants of
  station and of Bluetooth (second bit of the first byte set).

Only the last byte is added to, without carry into the one before. The ESP8266 has station and soft-AP, the
latter with that bit set (the headers X-Esp8266-Sta-Mac and X-Esp8266-Ap-Mac of its core's HTTP updater show both).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from discover.proto.mac import canonical_mac


class Face(StrEnum):
    """An interface of a chip."""

    STATION = "station"
    SOFTAP = "softap"
    BLUETOOTH = "bluetooth"
    ETHERNET = "ethernet"


class Derived(NamedTuple):
    """The MAC of one interface ("aa:bb:cc:dd:ee:ff") and the rule that makes it, in a few words."""

    face: Face
    mac: str
    rule: str


_LOCAL: Final = 0b10  # IEEE 802-2014 section 8.2: locally administered
_FLIPPED: Final = 0b100  # what ESP-IDF flips where the base is local already
_BASE: Final = "the base address itself"

# mac_addr.c: ESP32-S2 chips that by mistake have the same base as others use a reserved range for their soft-AP.
_S2_MISTAKE: Final = (0x7CDFA1003000, 0x7CDFA1005FFF)
_S2_MISTAKE_OFFSET: Final = 0x1D000

# Chips without Wi-Fi of their own: the base is the MAC of the one interface they have (Kconfig.mac, mac_addr.c).
_ONLY_FACE: Final = {"ESP32-H2": Face.BLUETOOTH, "ESP32-P4": Face.ETHERNET}


def faces(base: str, chip: str = "") -> tuple[Derived, ...]:
    """Return every MAC that an interface of ``chip`` ("ESP32-S3"; "": any) with this base can have, () where ``base`` is no MAC.

    Both configurations are listed, the one with four addresses first; an address appears once.
    """
    base = canonical_mac(base)
    if not base:
        return ()
    only = _ONLY_FACE.get(chip.upper())
    if only is not None:
        return (Derived(only, base, _BASE),)
    found = [Derived(Face.STATION, base, _BASE)]
    softap_local = Derived(Face.SOFTAP, local_variant(base), "the base address with the bit for local addresses")
    if chip.upper().startswith(("ESP8266", "ESP8285")):
        return (*found, softap_local)
    found += [Derived(face, plus(base, step), f"base address + {step}") for step, face in enumerate(_FOUR) if step]
    if chip.upper() in ("", "ESP32-S2"):
        number = int(base.replace(":", ""), 16)
        if _S2_MISTAKE[0] <= number <= _S2_MISTAKE[1]:
            moved = (number + _S2_MISTAKE_OFFSET).to_bytes(6).hex(":")
            found.append(Derived(Face.SOFTAP, moved, "base address + 0x1d000, reserved for some ESP32-S2"))
    found += [
        softap_local,
        Derived(Face.BLUETOOTH, plus(base, 1), "base address + 1, where the firmware is configured for two addresses"),
        Derived(Face.ETHERNET, local_variant(plus(base, 1)), "base address + 1 with the bit for local addresses"),
    ]
    first: dict[str, Derived] = {}
    for one in found:
        first.setdefault(one.mac, one)
    return tuple(first.values())


_FOUR: Final = (Face.STATION, Face.SOFTAP, Face.BLUETOOTH, Face.ETHERNET)


def face_of(mac: str, base: str, chip: str = "") -> Derived | None:
    """Return which interface of the chip with ``base`` has ``mac``; None where none has."""
    wanted = canonical_mac(mac)
    return next((one for one in faces(base, chip) if one.mac == wanted), None)


def bases_of(mac: str, chip: str = "") -> tuple[str, ...]:
    """Return every base address of a chip that can have an interface with ``mac``, the likeliest first; () where it is no MAC."""
    mac = canonical_mac(mac)
    if not mac:
        return ()
    guesses = [plus(mac, -step) for step in range(4)]
    guesses += [plus(universal, -step) for universal in universal_variants(mac) for step in range(2)]
    number = int(mac.replace(":", ""), 16) - _S2_MISTAKE_OFFSET
    if _S2_MISTAKE[0] <= number <= _S2_MISTAKE[1]:
        guesses.append(number.to_bytes(6).hex(":"))
    return tuple(base for base in dict.fromkeys(guesses) if face_of(mac, base, chip))


def plus(mac: str, step: int) -> str:
    """Return the MAC with ``step`` added to its last byte, which wraps round alone (``mac[5] += 1`` in mac_addr.c)."""
    return f"{mac[:-2]}{(int(mac[-2:], 16) + step) & 0xFF:02x}"


def local_variant(mac: str) -> str:
    """Return the local address that ESP-IDF derives from a MAC (``esp_derive_local_mac``)."""
    first = int(mac[:2], 16)
    return f"{first ^ _FLIPPED if first & _LOCAL else first | _LOCAL:02x}{mac[2:]}"


def universal_variants(mac: str) -> tuple[str, ...]:
    """Return the addresses whose local variant is ``mac``: none where it is no local address."""
    first = int(mac[:2], 16)
    if not first & _LOCAL:
        return ()
    return (f"{first & ~_LOCAL:02x}{mac[2:]}", f"{first ^ _FLIPPED:02x}{mac[2:]}")
