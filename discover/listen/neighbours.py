"""The neighbour table: who answered ARP, with which MAC, as the kernel tells it or read again and again.

It knows hosts that answer nothing else. An entry that is not fresh (stale, delay, probe) is hearsay
from before the scan: it is told with its state, and told again once the kernel has heard the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from discover.errors import NetworkError, NotPrivateError
from discover.model.network import Interface, Neighbour
from discover.model.signal import Source
from discover.net.api import Network
from discover.net.emitter import Emitter
from discover.net.gate import plain
from discover.net.waiting import Alarm

FRESH: Final = frozenset({"reachable", "permanent", "noarp"})
"""States in which the kernel has heard the host lately (30 s on Linux), or was told that it is there."""
FAILED: Final = "failed"

_FIRST_INTERVALS: Final = (0.02, 0.03, 0.05, 0.1, 0.1, 0.2)
INTERVAL: Final = 0.4
"""Seconds between two reads while a sweep runs, on a system that tells no changes by itself."""
TOLD_INTERVAL: Final = 20.0
"""Seconds between two reads where changes are told: only a safeguard."""
_SHARE: Final = 10
"""A read takes at most one tenth of the time: macOS and Windows start a program for it."""
MAX_KNOWN: Final = 16_384


class _Known:
    __slots__ = ("fresh", "mac")

    def __init__(self, mac: str, *, fresh: bool) -> None:
        self.mac = mac
        self.fresh = fresh


class NeighbourWatch:
    """Watches one interface's table.

    ``wanted`` tells which addresses count; ``on_seen(address, mac, fresh)`` is told every one that has a MAC, once
    per :meth:`renew`, and again where it is fresh and was not; ``on_failed(address)`` every one that did not answer
    ARP; ``on_trouble`` a table that cannot be read (once).
    """

    def __init__(
        self,
        network: Network,
        interface: Interface,
        emit: Emitter,
        *,
        wanted: Callable[[str], bool],
        on_seen: Callable[[str, str, bool], None],
        on_failed: Callable[[str], None],
        on_trouble: Callable[[NetworkError], None],
    ) -> None:
        self._network = network
        self._interface = interface
        self._emit = emit
        self._wanted = wanted
        self._on_seen = on_seen
        self._on_failed = on_failed
        self._on_trouble = on_trouble
        self._known: dict[str, _Known] = {}
        self._confirmed: set[str] = set()
        self._resolved: set[str] = set()
        self._troubled = False
        self._alarm = Alarm(network.clock)
        self._reads = 0
        self.quiet_interval = INTERVAL
        """Seconds between two reads once the first ones are done; the engine raises it while nothing is swept."""

    def renew(self) -> None:
        """Begin a new sweep: everything is told anew, and the table is read often again."""
        self._known.clear()
        self._confirmed.clear()
        self._reads = 0
        self.quiet_interval = INTERVAL
        self._alarm.ring()

    def mac(self, address: str) -> str:
        """Return the MAC last seen at an address, "" where none was."""
        known = self._known.get(address)
        return known.mac if known is not None else ""

    async def run(self) -> None:
        """Read the table at once, soon and then every ``quiet_interval`` seconds, until cancelled; hear what is told meanwhile."""
        clock = self._network.clock
        news = self._network.neighbour_events(self._interface, self._told)
        try:
            while True:
                before = clock.mono()
                await self.read()
                cost = clock.mono() - before
                if news is not None:
                    interval = TOLD_INTERVAL
                else:
                    interval = _FIRST_INTERVALS[self._reads] if self._reads < len(_FIRST_INTERVALS) else self.quiet_interval
                self._reads += 1
                await self._alarm.wait(max(interval, cost * _SHARE))
        finally:
            if news is not None:
                news.close()

    async def read(self) -> None:
        """Read the table once and emit what is new in it."""
        try:
            rows = await self._network.neighbours(self._interface)
        except NetworkError as error:
            if not self._troubled:
                self._troubled = True
                self._on_trouble(error)
            return
        for row in rows:
            self._take(row)

    def resolved(self, address: str) -> bool:
        """Tell whether the system itself knows the MAC of an address, so that datagrams to it leave at once."""
        return address in self._resolved

    def heard(self, address: str, mac: str) -> None:
        """Take what an ARP packet told: as fresh as can be."""
        self._take(Neighbour(address=address, mac=mac, interface=self._interface.name, state="reachable"), heard=True)

    def confirm(self, address: str) -> None:
        """Note that a host has just answered at an address whose MAC only the table knows."""
        if address not in self._confirmed and len(self._confirmed) < MAX_KNOWN:
            self._confirmed.add(address)
            self._alarm.ring()

    def _told(self, row: Neighbour | None) -> None:
        if row is None:
            self._alarm.ring()  # changes were lost: the table knows
        else:
            self._take(row)

    def _take(self, row: Neighbour, *, heard: bool = False) -> None:
        try:
            address = plain(row.address)
        except NotPrivateError:
            return  # no address at all
        if not self._wanted(address):
            return
        known = self._known.get(address)
        if row.mac and not heard and len(self._resolved) < MAX_KNOWN:
            self._resolved.add(address)
        if row.state == FAILED:
            self._resolved.discard(address)
            self._on_failed(address)
            if known is not None:
                del self._known[address]
                self._emit(Source.NEIGHBOUR, "neighbour.failed", address)
            return
        if not row.mac or (known is None and len(self._known) >= MAX_KNOWN):
            return
        fresh = row.state in FRESH or address in self._confirmed
        if known is None or known.mac != row.mac or (fresh and not known.fresh):
            self._known[address] = _Known(row.mac, fresh=fresh)
            state = row.state if row.state in FRESH or not fresh else "reachable"
            self._emit(Source.NEIGHBOUR, "neighbour.seen", address, {"mac": row.mac, "state": state})
            self._on_seen(address, row.mac, fresh)
