"""Who made the network interface behind a MAC address. Data only: no network, the same answer for the same package.

The names are those of the IEEE's MA-L registry as ``aiooui`` ships it. It knows prefixes of 24 bits: where
the IEEE sells smaller blocks, it names the IEEE, and so does this.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from typing import Final

from discover.atlas.espressif import ESPRESSIF_PREFIXES, hex_digits
from discover.errors import CatalogueError

LOCALLY_ADMINISTERED: Final = "locally administered (random) address"
"""What is said of an address that no maker gave (IEEE 802c: bit 1 of the first byte)."""

ESPRESSIF: Final = "Espressif Inc."
"""The name as aiooui 0.1.11 spells it."""


def vendor_of(mac: str) -> str:
    """Return the maker's name for a MAC in any usual notation, "" where it is unknown or no MAC.

    A group address ("33:33:..") has no maker: "". A random one says so (LOCALLY_ADMINISTERED).
    """
    digits = hex_digits(mac)
    if not digits:
        return ""
    first = int(digits[:2], 16)
    if first & 0b01:
        return ""
    if first & 0b10:
        return LOCALLY_ADMINISTERED
    return ESPRESSIF if digits[:6] in ESPRESSIF_PREFIXES else _lookup()(digits[:6]) or ""


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
