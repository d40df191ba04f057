"""Proxy ARP: a router that answers for every address makes ghosts. Told apart from hosts by what else they say."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

LEAST: Final = 32
"""Addresses of one MAC below which it may be a host with many addresses, or a bridge with hosts behind it."""
SHARE: Final = 0.75
"""Share of the addresses planned from which one MAC answers for "nearly every" one; no LAN is that full."""


class ProxyWatch:
    """Counts the addresses each MAC answers for. ``planned`` is how many are asked; ``on_found(mac)`` is told each proxy once."""

    def __init__(self, planned: int, on_found: Callable[[str], None]) -> None:
        self._planned = planned
        self._on_found = on_found
        self._addresses: dict[str, set[str]] = {}
        self._proxies: set[str] = set()

    def seen(self, address: str, mac: str) -> bool:
        """Take one sign of life; tell whether it is a proxy's, so that it is none of the address's own."""
        behind = self._addresses.setdefault(mac, set())
        behind.add(address)
        if mac not in self._proxies and len(behind) >= max(LEAST, SHARE * self._planned):
            self._proxies.add(mac)
            self._on_found(mac)
        return mac in self._proxies

    def behind(self, mac: str) -> Collection[str]:
        """Return the addresses that a MAC answers for."""
        return self._addresses.get(mac, ())

    def ghosts(self, spoke: Callable[[str], bool]) -> int:
        """Return how many addresses have given no sign of life but their proxy's ARP."""
        return sum(not spoke(address) for mac in self._proxies for address in self._addresses[mac])
