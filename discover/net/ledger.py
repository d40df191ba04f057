"""The ledger: every packet sent, by device and purpose (DESIGN section 3, invariant 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from discover.model.network import Packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What one device got for one purpose: ``packets`` and their payload ``size`` in bytes; ``first`` and ``last`` in monotonic seconds."""

    to: str
    transport: str
    port: int
    purpose: str
    packets: int
    size: int
    first: float
    last: float


class MemoryLedger:
    """A ledger in memory, append-only."""

    def __init__(self) -> None:
        self._packets: list[Packet] = []

    def record(self, packet: Packet) -> None:
        """Add one packet."""
        self._packets.append(packet)

    @property
    def packets(self) -> Sequence[Packet]:
        """All packets, oldest first (a copy: it does not grow under a reader)."""
        return tuple(self._packets)

    @property
    def count(self) -> int:
        """How many packets were sent."""
        return len(self._packets)

    def to(self, address: str) -> Sequence[Packet]:
        """Return the packets one address got, oldest first."""
        return tuple(packet for packet in self._packets if packet.to == address)

    def by_device(self) -> Mapping[str, tuple[Tally, ...]]:
        """Return for each address what it got, a tally for each purpose, transport and port, in the order of the first packet."""
        found: dict[tuple[str, str, int, str], list[Packet]] = {}
        for packet in self._packets:
            found.setdefault((packet.to, packet.transport, packet.port, packet.purpose), []).append(packet)
        result: dict[str, tuple[Tally, ...]] = {}
        for (to, transport, port, purpose), packets in found.items():
            tally = Tally(
                to=to,
                transport=transport,
                port=port,
                purpose=purpose,
                packets=len(packets),
                size=sum(len(packet.payload) for packet in packets),
                first=packets[0].mono,
                last=packets[-1].mono,
            )
            result[to] = (*result.get(to, ()), tally)
        return MappingProxyType(result)

    def by_purpose(self) -> Mapping[str, int]:
        """Return how many packets each purpose took, in the order of the first packet."""
        result: dict[str, int] = {}
        for packet in self._packets:
            result[packet.purpose] = result.get(packet.purpose, 0) + 1
        return MappingProxyType(result)
