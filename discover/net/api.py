"""What the engine may ask of the network: protocols that the real and the scripted network both keep.

Every packet passes one gate (``discover/net/gate.py``): it refuses empty datagrams and foreign
networks, waits for the budget of the host and of the whole, and writes the ledger. Nothing else sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from discover.model.network import Interface, Neighbour, Packet
from discover.net.ledger import Tally

if TYPE_CHECKING:
    from discover.model.outlook import Outlook  # a scan has none: importing it takes 2 ms of CPU (measured)


class Timer(Protocol):
    """Something that was scheduled and can be called off."""

    def cancel(self) -> None:
        """Call it off; idempotent."""
        ...


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

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back after ``seconds``, from the running event loop."""
        ...


class Ledger(Protocol):
    """Every packet sent, by device and purpose (invariant 5)."""

    def record(self, packet: Packet) -> None:
        """Add one packet."""
        ...

    @property
    def packets(self) -> Sequence[Packet]:
        """The newest packets (20,000 unless :meth:`keep_all` was called first), oldest first."""
        ...

    @property
    def count(self) -> int:
        """How many packets were sent."""
        ...

    def since(self, count: int) -> Sequence[Packet]:
        """Return the packets sent after the first ``count`` ones, oldest first; of very many only the newest."""
        ...

    def tallies(self) -> tuple[Tally, ...]:
        """Return what every address got: exact and complete, however many packets that were; in the order of their first packets."""
        ...

    def keep_all(self) -> None:
        """Keep every packet one by one from now on."""
        ...


class UdpEventKind(StrEnum):
    """What can come back from a datagram."""

    REPLY = "reply"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


class UdpEvent(NamedTuple):
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

    def try_send(self, payload: bytes, address: str, port: int, *, purpose: str, liveness: bool = False) -> float:
        """Send one datagram now, or return the seconds until it is worth trying again: 0.0 means that it has left.

        It waits for nothing: a budget that is spent and a socket buffer that is full (EAGAIN) both become a time
        to wait, and only what left is in the ledger. ``liveness``: counted against the budget of the liveness
        phase instead of the overall one. Raises what :meth:`send` raises.
        """
        ...

    async def receive(self, timeout: float) -> UdpEvent | None:
        """Return the next event, or None after ``timeout`` seconds without one."""
        ...

    def receive_nowait(self) -> UdpEvent | None:
        """Return the next event that is there already, None where there is none: to drain what :meth:`receive` woke for."""
        ...

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Call ``listener`` whenever events have come that nobody waits for in :meth:`receive`; it takes them all and raises nothing.

        Not from inside a send, so that who sends is not told in the middle of it. None: no more. For a sweep, whose
        answers come by the hundred, it saves a task switch for each.
        """
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


class TcpListener(Protocol):
    """A TCP port of ours that waits for one caller.

    Whoever connects is hung up on at once, also while nobody waits in :meth:`called`: not a byte is sent or read.
    """

    @property
    def port(self) -> int:
        """The port that is bound, 0 once closed."""
        ...

    async def called(self, timeout: float) -> bool:
        """Wait until the caller has connected; False after ``timeout`` seconds without it. Nobody else counts."""
        ...

    def close(self) -> None:
        """Stop listening; idempotent."""
        ...


class Connector(Protocol):
    """Non-blocking TCP connects that are closed as soon as they are decided, for all hosts of one interface."""

    def try_connect(self, address: str, port: int, *, purpose: str) -> float:
        """Begin to connect now, or return the seconds until it is worth trying again: 0.0 means that a SYN has left.

        How it ends is told to the connector's ``on_outcome``, never from inside this call; an open connection is
        closed at once. One attempt at a time for an address and port: a new one ends the one before without a word.
        Raises NotPrivateError for a foreign address and NetworkError where this machine refuses.
        """
        ...

    def abandon(self, address: str, port: int) -> None:
        """End an attempt without a word; nothing where there is none. Call it within 0.9 s: the kernel repeats a SYN after 1 s."""
        ...

    def close(self) -> None:
        """End all attempts; idempotent."""
        ...


class Subscription(Protocol):
    """Something that calls back until it is closed."""

    def close(self) -> None:
        """Stop; no call comes after this. Idempotent."""
        ...


class ArpAsker(Protocol):
    """Raw ARP on one interface (needs CAP_NET_RAW); replies go to its ``on_reply`` until it is closed."""

    def try_ask(self, address: str, *, purpose: str) -> float:
        """Broadcast one ARP request now, or return the seconds until it is worth trying again. Raises NetworkError, NotPrivateError."""
        ...

    def close(self) -> None:
        """Close the socket; idempotent."""
        ...


class MdnsEventKind(StrEnum):
    """What a browser reports. Goodbye, expiry and silence are three different things."""

    TYPE = "type"
    RESOLVED = "resolved"
    GOODBYE = "goodbye"
    EXPIRED = "expired"
    NOTICE = "notice"
    """Something was not taken or not told: a limit, a flood, a full buffer. Only ``notice`` says more."""


class MdnsEvent(NamedTuple):
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
    notice: str = ""


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

    def mark_fragile(self, address: str) -> None:
        """Give the host the smaller budget of a fragile device from now on, whoever sends; idempotent."""
        ...

    def spent(self) -> float:
        """Return the seconds until the budget of the whole lets a packet leave, whoever it goes to; 0.0 where it does now."""
        ...

    def rest(self, interface: Interface, seconds: float | None) -> None:
        """Let what comes in wait so long for more before it is read, as far as all interfaces agree; None: this one does not mind.

        Needs a running event loop.
        """
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

    def listener(self, interface: Interface, caller: str, *, port: int = 0) -> TcpListener:
        """Listen on a TCP port of ours (0: any free one) for a call of the address ``caller``; inbound only. Needs a running event loop.

        Raises NotPrivateError for a foreign address and NetworkError where the port cannot be had.
        """
        ...

    def connector(self, interface: Interface, on_outcome: Callable[[str, int, TcpOutcome], None]) -> Connector:
        """Return a connector whose attempts leave by the interface; ``on_outcome(address, port, outcome)``. Needs a running event loop."""
        ...

    def neighbour_events(self, interface: Interface, on_change: Callable[[Neighbour | None], None]) -> Subscription | None:
        """Be told every change of the interface's neighbour table as it happens; None where this system tells none.

        ``on_change(None)`` means that changes were lost (the kernel's queue overflowed): read the table. Sends nothing.
        """
        ...

    def arp(self, interface: Interface, on_reply: Callable[[str, str], None]) -> ArpAsker | None:
        """Return an asker by raw ARP, None without the privilege or off Ethernet.

        ``on_reply(address, mac)`` is told of every reply or request heard.
        """
        ...

    def ping_nodes(self, interface: Interface, on_reply: Callable[[str], None]) -> Subscription | None:
        """Ping IPv6's all-nodes group (ff02::1) once, and again a second later; None where this user may not or there is no IPv6.

        ``on_reply(address)`` is told every link-local or unique-local address that answers, until it is closed. Raises NetworkError.
        """
        ...

    async def browse(self, interface: Interface, types: Iterable[str], on_event: Callable[[MdnsEvent], None]) -> MdnsBrowser:
        """Browse the types, the meta-query and every type that turns up. Raises NetworkError where multicast is not allowed."""
        ...

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Return the addresses of a host name (the system's resolver, then mDNS for ".local"); empty where it has none."""
        ...

    async def ping(self, interface: Interface, address: str, *, purpose: str, timeout: float) -> bool | None:
        """Ping one host once; None where this user may not. Raises NotPrivateError and NetworkError."""
        ...

    async def outlook(self, address: str, *, port: int = 0, host_port: int = 0, firewalls: bool = True) -> Outlook:
        """Return what this machine knows of its way to a device and back, with its firewalls' rules where they can be read.

        ``port`` is the device's UDP port whose answers come back, ``host_port`` our TCP port that it would call; 0 for any.
        Sends nothing. Raises NetworkError.
        """
        ...
