"""The ledger: every packet sent, by device and purpose (DESIGN section 3, invariant 5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Final, NamedTuple

from discover.model.network import Packet

KEPT: Final = 20_000
"""Packets kept one by one: more than a scan of a /22 sends, and some 3 MB. A watch of days sends millions."""


class Tally(NamedTuple):
    """What one device got for one purpose: ``packets`` and their payload ``size`` in bytes; ``first`` and ``last`` in monotonic seconds."""

    to: str
    transport: str
    port: int
    purpose: str
    packets: int
    size: int
    first: float
    last: float


class _Row:
    """A tally that still grows; ``number`` is its place in the order of first packets."""

    __slots__ = ("first", "last", "number", "packets", "size")

    def __init__(self, number: int, first: float) -> None:
        self.number = number
        self.packets = 0
        self.size = 0
        self.first = first
        self.last = first


class MemoryLedger:
    """A ledger in memory, append-only: tallies of everything for ever, and the newest ``kept`` packets one by one.

    ``kept`` None keeps them all. Each address asked for one purpose takes some 210 bytes (measured).
    """

    def __init__(self, kept: int | None = KEPT) -> None:
        self._newest: deque[Packet] = deque(maxlen=kept)
        self._count = 0
        # By what was sent first and by address second: a sweep asks very many addresses for very few purposes.
        self._tallies: dict[tuple[str, int, str], dict[str, _Row]] = {}
        self._rows = 0

    def keep_all(self) -> None:
        """Keep every packet one by one from now on, for who writes them all down."""
        self._newest = deque(self._newest)

    def record(self, packet: Packet) -> None:
        """Add one packet."""
        self._newest.append(packet)
        self._count += 1
        mono, _interface, to, port, transport, purpose, payload = packet
        what = (transport, port, purpose)
        rows = self._tallies.get(what)
        if rows is None:
            rows = self._tallies[what] = {}
        row = rows.get(to)
        if row is None:
            row = rows[to] = _Row(self._rows, mono)
            self._rows += 1
        row.packets += 1
        row.size += len(payload)
        row.last = mono

    @property
    def packets(self) -> Sequence[Packet]:
        """The newest packets, all where no more than ``kept`` were sent, oldest first (a copy: it does not grow under a reader)."""
        return tuple(self._newest)

    @property
    def count(self) -> int:
        """How many packets were sent."""
        return self._count

    def since(self, count: int) -> Sequence[Packet]:
        """Return the packets sent after the first ``count`` ones, oldest first; of very many only the newest ``kept``."""
        held = len(self._newest)
        return tuple(islice(self._newest, max(0, held - max(0, self._count - count)), held))

    def to(self, address: str) -> Sequence[Packet]:
        """Return the newest packets that one address got, oldest first."""
        return tuple(packet for packet in self._newest if packet.to == address)

    def tallies(self) -> tuple[Tally, ...]:
        """Return what every address got, a tally for each purpose, transport and port, in the order of their first packets."""
        found = [(row.number, to, what, row) for what, rows in self._tallies.items() for to, row in rows.items()]
        found.sort(key=lambda one: one[0])
        return tuple(
            Tally(
                to=to,
                transport=transport,
                port=port,
                purpose=purpose,
                packets=row.packets,
                size=row.size,
                first=row.first,
                last=row.last,
            )
            for _, to, (transport, port, purpose), row in found
        )

    def by_device(self) -> Mapping[str, tuple[Tally, ...]]:
        """Return for each address what it got, a tally for each purpose, transport and port, in the order of the first packet."""
        result: dict[str, list[Tally]] = {}
        for tally in self.tallies():
            result.setdefault(tally.to, []).append(tally)
        return MappingProxyType({to: tuple(found) for to, found in result.items()})

    def by_purpose(self) -> Mapping[str, int]:
        """Return how many packets each purpose took, in the order of the first packet."""
        result: dict[str, int] = {}
        for (_, _, purpose), rows in self._tallies.items():
            result[purpose] = result.get(purpose, 0) + sum(row.packets for row in rows.values())
        return MappingProxyType(result)
