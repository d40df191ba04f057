"""What the engine may ask of the network: protocols that the real and the scripted network both keep.

Every packet passes one gate (``discover/net/gate.py``): it refuses empty datagrams and foreign
networks, waits for the budget of the host and of the whole, and writes the ledger. Nothing else sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from discover.model.network import Interface, Neighbour, Packet


class Clock(Protocol):
    """Wall and monotonic time, and waiting; the scripted network has its own."""

    def wall(self) -> float:
        """Return Unix seconds."""
        ...

    def mono(self) -> float:
        """Return monotonic seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Ledger(Protocol):
    """Every packet sent, by device and purpose (invariant 5)."""

    def record(self, packet: Packet) -> None:
        """Add one packet."""
        ...

    @property
    def packets(self) -> Sequence[Packet]:
        """All packets, oldest first."""
        ...

    @property
    def count(self) -> int:
        """How many packets were sent."""
        ...


class UdpEventKind(StrEnum):
    """What can come back from a datagram."""

    REPLY = "reply"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpEvent:
    """A reply or an ICMP error. ``port`` is the device's port; ``payload`` is empty for errors; ``reason`` is the errno's name."""

    kind: UdpEventKind
    address: str
    port: int
    payload: bytes = b""
    reason: str = ""
    mono: float = 0.0


class UdpEndpoint(Protocol):
    """A UDP socket on one interface that also sees ICMP errors."""

    async def send(self, payload: bytes, address: str, port: int, *, purpose: str) -> None:
        """Send one datagram through the gate.

        Raises ValueError for an empty payload, NotPrivateError for a foreign address and NetworkError
        where the system refuses (EHOSTUNREACH and ECONNREFUSED become events instead).
        """
        ...

    async def receive(self, timeout: float) -> UdpEvent | None:
        """Return the next event, or None after ``timeout`` seconds without one."""
        ...

    def close(self) -> None:
        """Close the socket; idempotent."""
        ...


class TcpOutcome(StrEnum):
    """How a connection attempt ended."""

    OPEN = "open"
    REFUSED = "refused"
    SILENT = "silent"
    UNREACHABLE = "unreachable"


class TcpStream(Protocol):
    """A TCP connection; every write passes the gate."""

    async def send(self, payload: bytes, *, purpose: str) -> None:
        """Write ``payload``. Raises NetworkError where the peer has gone."""
        ...

    async def receive(self, limit: int, timeout: float) -> bytes | None:
        """Return up to ``limit`` bytes, b"" at the end of the stream, None after ``timeout`` seconds."""
        ...

    def close(self) -> None:
        """Close at once; idempotent."""
        ...


class MdnsEventKind(StrEnum):
    """What a browser reports. Goodbye, expiry and silence are three different things."""

    TYPE = "type"
    RESOLVED = "resolved"
    GOODBYE = "goodbye"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class MdnsEvent:
    """One thing the browser learnt. ``type`` without ".local." ("_http._tcp"); ``txt`` the raw TXT rdata; ``ttl`` seconds of the PTR."""

    kind: MdnsEventKind
    interface: str
    type: str
    instance: str = ""
    host: str = ""
    port: int = 0
    addresses: tuple[str, ...] = ()
    txt: bytes = b""
    ttl: int = 0
    mono: float = 0.0


class MdnsBrowser(Protocol):
    """Browses one interface until closed."""

    async def close(self) -> None:
        """Stop browsing and leave no task and no socket behind; idempotent."""
        ...


class Network(Protocol):
    """Everything that touches the world."""

    @property
    def clock(self) -> Clock:
        """The clock all of it runs by."""
        ...

    @property
    def ledger(self) -> Ledger:
        """The ledger of every packet sent."""
        ...

    def interfaces(self) -> Sequence[Interface]:
        """List this machine's interfaces, each with the reason why a default scan skips it. Raises NetworkError."""
        ...

    async def neighbours(self, interface: Interface) -> Sequence[Neighbour]:
        """Return the neighbour table of one interface (both families)."""
        ...

    def udp(self, interface: Interface, *, broadcast: bool = False, local_port: int = 0, groups: Iterable[str] = ()) -> UdpEndpoint:
        """Open a UDP socket bound to the interface's address, with multicast and broadcast going out there. Raises NetworkError."""
        ...

    async def tcp(
        self, interface: Interface | None, address: str, port: int, *, purpose: str, timeout: float
    ) -> tuple[TcpOutcome, TcpStream | None]:
        """Connect; a stream comes only with OPEN, and the caller closes it. Raises NotPrivateError."""
        ...

    async def browse(self, interface: Interface, types: Iterable[str], on_event: Callable[[MdnsEvent], None]) -> MdnsBrowser:
        """Browse the types, the meta-query and every type that turns up. Raises NetworkError where multicast is not allowed."""
        ...

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Return the addresses of a host name (the system's resolver, then mDNS for ".local"); empty where it has none."""
        ...
