"""The real network: sockets, the neighbour table, mDNS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from discover.model.network import Interface, Neighbour
from discover.model.network import Network as AddressRange
from discover.net.api import ArpAsker, MdnsBrowser, MdnsEvent, Subscription, TcpListener, TcpOutcome, TcpStream, UdpEndpoint
from discover.net.arp import open_arp
from discover.net.clock import SystemClock
from discover.net.connects import OnOutcome, SocketConnector
from discover.net.gate import Gate, attached_networks
from discover.net.interfaces import list_interfaces
from discover.net.ledger import MemoryLedger
from discover.net.loop import rest
from discover.net.names import ask_system
from discover.net.neighbour_events import subscribe
from discover.net.neighbours import read_neighbours
from discover.net.sockets import LINUX, raise_file_limit
from discover.net.tcp import connect
from discover.net.udp import UdpSocketEndpoint

if TYPE_CHECKING:
    from discover.model.outlook import Outlook
    from discover.net.outlook import Lookout


class RealNetwork:
    """Everything that touches the world; see :class:`discover.net.api.Network`.

    ``allowed`` are networks beyond the attached private ones that the user named; they count only with
    ``own``, the user's word that they are theirs.
    """

    def __init__(self, *, allowed: Iterable[AddressRange] = (), own: bool = False) -> None:
        self._clock = SystemClock()
        self._ledger = MemoryLedger()
        self._gate = Gate(self._clock, self._ledger, allowed=allowed, own=own)
        self._listed = False
        self._lookout: Lookout | None = None
        self._rests: dict[str, float] = {}
        raise_file_limit()

    @property
    def clock(self) -> SystemClock:
        """The system's clock."""
        return self._clock

    @property
    def ledger(self) -> MemoryLedger:
        """The ledger of every packet sent."""
        return self._ledger

    @property
    def gate(self) -> Gate:
        """The gate that every packet passes."""
        return self._gate

    def mark_fragile(self, address: str) -> None:
        """Give the host the smaller budget of a fragile device from now on; idempotent."""
        self._gate.mark_fragile(address)

    def spent(self) -> float:
        """Return the seconds until the budget of the whole lets a packet leave, whoever it goes to; 0.0 where it does now."""
        return self._gate.spent()

    def rest(self, interface: Interface, seconds: float | None) -> None:
        """Let what comes in wait for more before it is read: as long as the most impatient interface says. Needs a running event loop."""
        if self._rests.get(interface.name) == seconds:
            return
        if seconds is None:
            del self._rests[interface.name]
        else:
            self._rests[interface.name] = seconds
        rest(min(self._rests.values(), default=0.0))

    def interfaces(self) -> Sequence[Interface]:
        """List this machine's interfaces as they are now; what they stand in becomes what the gate admits."""
        found = list_interfaces()
        self._gate.attach(attached_networks(found))
        self._listed = True
        return found

    def _ensure_listed(self) -> None:
        if not self._listed:
            self.interfaces()

    async def neighbours(self, interface: Interface) -> Sequence[Neighbour]:
        """Return the neighbour table of one interface (both families); sends nothing. Raises NetworkError."""
        if LINUX:
            return read_neighbours(interface)  # the kernel answers from memory: 1 ms for 250 rows (measured)
        return await asyncio.to_thread(read_neighbours, interface)

    def udp(self, interface: Interface, *, broadcast: bool = False, local_port: int = 0, groups: Iterable[str] = ()) -> UdpEndpoint:
        """Open a UDP endpoint; needs a running event loop. Raises NetworkError."""
        self._ensure_listed()
        if LINUX:
            return UdpSocketEndpoint(self._gate, self._clock, interface, broadcast=broadcast, local_port=local_port, groups=tuple(groups))
        from discover.net.udp_connected import ConnectedUdpEndpoint  # noqa: PLC0415 - Linux needs it not

        return ConnectedUdpEndpoint(self._gate, self._clock, interface, broadcast=broadcast, local_port=local_port, groups=tuple(groups))

    async def tcp(
        self, interface: Interface | None, address: str, port: int, *, purpose: str, timeout: float
    ) -> tuple[TcpOutcome, TcpStream | None]:
        """Connect; see :func:`discover.net.tcp.connect`."""
        self._ensure_listed()
        return await connect(self._gate, interface, address, port, purpose=purpose, timeout=timeout)

    def listener(self, interface: Interface, caller: str, *, port: int = 0) -> TcpListener:
        """Wait for a call; see :class:`discover.net.accept.SocketListener`. Needs a running event loop."""
        from discover.net.accept import SocketListener  # noqa: PLC0415 - one check in a thousand listens

        self._ensure_listed()
        return SocketListener(self._gate, interface, caller, port=port)

    def connector(self, interface: Interface, on_outcome: OnOutcome) -> SocketConnector:
        """Return a connector; see :class:`discover.net.connects.SocketConnector`. Needs a running event loop."""
        self._ensure_listed()
        return SocketConnector(self._gate, interface, on_outcome)

    def neighbour_events(self, interface: Interface, on_change: Callable[[Neighbour | None], None]) -> Subscription | None:
        """Be told changes of the neighbour table; None off Linux. Needs a running event loop; sends nothing."""
        return subscribe(self._clock, interface, on_change)

    def arp(self, interface: Interface, on_reply: Callable[[str, str], None]) -> ArpAsker | None:
        """Return an asker by raw ARP; None without CAP_NET_RAW, off Linux and off Ethernet. Needs a running event loop."""
        self._ensure_listed()
        return open_arp(self._gate, self._clock, interface, on_reply)

    def ping_nodes(self, interface: Interface, on_reply: Callable[[str], None]) -> Subscription | None:
        """Ping all IPv6 nodes of the link, twice; None where this user may not. Needs a running event loop. Raises NetworkError."""
        from discover.net.ping6 import ping_nodes  # noqa: PLC0415 - brings hmac and random along: a sweep without listeners does not ping

        self._ensure_listed()
        return ping_nodes(self._gate, self._clock, interface, on_reply)

    async def browse(self, interface: Interface, types: Iterable[str], on_event: Callable[[MdnsEvent], None]) -> MdnsBrowser:
        """Browse mDNS on one interface; zeroconf is imported here and not before. Raises NetworkError."""
        from discover.net.mdns.browse import browse  # noqa: PLC0415 - zeroconf takes 130 ms of CPU (measured): only who browses pays

        self._ensure_listed()
        return await browse(self._gate, self._clock, interface, types, on_event)

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Return a name's addresses: from the system's resolver, for ".local" or by mDNS; empty where nobody knows them in time."""
        name = host.strip().rstrip(".")
        system = asyncio.ensure_future(ask_system(name))
        if not name.lower().endswith(".local"):
            return await system
        # Both at once: a resolver without mDNS may wait long for a server that is not there, and /etc/hosts answers before anybody.
        local = asyncio.ensure_future(self._resolve_local(name))
        try:
            for answer in asyncio.as_completed((system, local)):
                if found := await answer:
                    return found
            return ()
        finally:
            for task in (system, local):
                task.cancel()
            await asyncio.gather(system, local, return_exceptions=True)

    async def _resolve_local(self, name: str) -> tuple[str, ...]:
        from discover.net.mdns.browse import resolve_local  # noqa: PLC0415 - likewise

        faces = [face for face in await asyncio.to_thread(self.interfaces) if face.addresses and face.up and not face.point_to_point]
        return await resolve_local(self._gate, faces, name)

    async def ping(self, interface: Interface, address: str, *, purpose: str, timeout: float) -> bool | None:
        """Ping one host once; see :func:`discover.net.ping4.ping`. Needs a running event loop."""
        from discover.net.ping4 import ping  # noqa: PLC0415 - only a check that heard nothing pings

        self._ensure_listed()
        return await ping(self._gate, interface, address, purpose=purpose, timeout=timeout)

    async def outlook(self, address: str, *, port: int = 0, host_port: int = 0, firewalls: bool = True) -> Outlook:
        """Return what this machine knows of its way to a device and back; see :class:`discover.net.outlook.Lookout`."""
        from discover.net.outlook import Lookout  # noqa: PLC0415 - only checks look: a scan does not pay for it

        if self._lookout is None:
            self._lookout = Lookout()
        return await self._lookout.look(address, self.interfaces(), port=port, host_port=host_port, firewalls=firewalls)
