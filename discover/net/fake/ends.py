"""What the scripted network hands out: UDP endpoints, TCP streams and mDNS browsers."""

from __future__ import annotations

import errno
import ipaddress
import os
from collections.abc import Callable, Generator
from typing import Final, Protocol

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import MdnsEvent, UdpEvent, UdpEventKind
from discover.net.fake.hosts import ARP_TIMEOUT, FakeHost, TcpHandler
from discover.net.full import Fullness
from discover.net.gate import Gate, parse_address
from discover.net.mailbox import Mailbox
from discover.net.tcp import CLOSING, acknowledged
from discover.net.trouble import errno_name, network_error
from discover.net.virtual import VirtualClock

EVENT_ERRNOS: Final = {
    errno.ECONNREFUSED: UdpEventKind.REFUSED,
    errno.EHOSTUNREACH: UdpEventKind.UNREACHABLE,
}
"""Errors on a send that are news about the peer, not about us."""


class World(Protocol):
    """The scripted network, as its endpoints see it."""

    @property
    def clock(self) -> VirtualClock:
        """The virtual clock."""
        ...

    @property
    def gate(self) -> Gate:
        """The gate."""
        ...

    def check(self, interface: Interface, operation: str) -> int:
        """Return the errno an operation fails with now, 0 where it succeeds."""
        ...

    def host(self, interface: Interface, address: str) -> FakeHost | None:
        """Return the host at an address."""
        ...

    def hosts_on(self, interface: Interface) -> list[FakeHost]:
        """Return all hosts of the interface."""
        ...

    def asked(self, interface: Interface, address: str) -> None:
        """Note that the kernel asked for an address by ARP."""
        ...

    def loses(self, host: FakeHost) -> bool:
        """Tell whether this datagram is lost."""
        ...

    def refuses(self, host: FakeHost) -> bool:
        """Tell whether the host sends one more ICMP error."""
        ...

    def drops(self, host: FakeHost) -> bool:
        """Tell whether a packet of the host's is lost by chance."""
        ...

    def delay(self, host: FakeHost) -> float:
        """Return the seconds until this answer is back."""
        ...

    def arp_wait(self, interface: Interface, address: str) -> float | None:
        """Return the seconds that the kernel holds packets back because ARP requests were lost; None: it gives the host up."""
        ...


class FakeUdpEndpoint:
    """A scripted UDP endpoint."""

    def __init__(
        self,
        world: World,
        interface: Interface,
        *,
        broadcast: bool,
        local_port: int,
        groups: tuple[str, ...],
        on_close: Callable[[FakeUdpEndpoint], None],
    ) -> None:
        self.interface = interface
        self.local_port = local_port
        self.groups = groups
        self._world = world
        self._broadcast = broadcast
        self._on_close = on_close
        self._box: Mailbox[UdpEvent] = Mailbox(world.clock.call_later)
        self._full = Fullness(world.clock)
        self._closed = False

    async def send(self, payload: bytes, address: str, port: int, *, purpose: str) -> None:
        """Send one datagram; see :class:`discover.net.api.UdpEndpoint`."""
        while True:
            self._open_or_raise(address, port)
            async with self._world.gate.turn(address, transport="udp", payload=payload):
                self._open_or_raise(address, port)
                wait = self._leave(payload, address, port, purpose, liveness=False)
            if wait <= 0:
                return
            await self._world.clock.sleep(wait)

    def try_send(self, payload: bytes, address: str, port: int, *, purpose: str, liveness: bool = False) -> float:
        """Send one datagram now or say when to try again; see :class:`discover.net.api.UdpEndpoint`."""
        self._open_or_raise(address, port)
        wait = self._world.gate.wait(address, liveness=liveness, transport="udp", payload=payload)
        return wait if wait > 0 else self._leave(payload, address, port, purpose, liveness=liveness)

    def _open_or_raise(self, address: str, port: int) -> None:
        if self._closed:
            raise NetworkError(f"cannot {self._doing(address, port)}: the endpoint is closed")

    def _doing(self, address: str, port: int) -> str:
        return f"send to {address}:{port} on {self.interface.name}"

    def _leave(self, payload: bytes, address: str, port: int, purpose: str, *, liveness: bool) -> float:
        if (left := self._full.left()) > 0:
            return left
        number = self._world.check(self.interface, "send")
        everyone = self._everyone(address)
        if not number and not self._broadcast and everyone and not parse_address(address).is_multicast:
            number = errno.EACCES  # as the kernel says without SO_BROADCAST
        if number in EVENT_ERRNOS:
            self._later(0.0, UdpEvent(kind=EVENT_ERRNOS[number], address=address, port=port, reason=errno_name(number)))
            return 0.0
        if number:
            return self._full.again(OSError(number, os.strerror(number)), self._doing(address, port))
        self._full.clear()
        self._world.gate.note(
            interface=self.interface.name,
            address=address,
            port=port,
            transport="udp",
            purpose=purpose,
            payload=payload,
            liveness=liveness,
        )
        if everyone:
            for host in self._world.hosts_on(self.interface):
                if callable(host.udp.get(port)):
                    self._reach(host, payload, port)
        else:
            self._one(payload, address, port)
        return 0.0

    def _one(self, payload: bytes, address: str, port: int) -> None:
        self._world.asked(self.interface, address)
        host = self._world.host(self.interface, address)
        wait = self._world.arp_wait(self.interface, address)
        if host is not None and wait is not None:
            self._reach(host, payload, port, after=wait)
        elif any(str(one.address) == address for one in self.interface.addresses):
            self._later(0.0, UdpEvent(kind=UdpEventKind.REFUSED, address=address, port=port, reason="ECONNREFUSED"))
        else:
            self._later(ARP_TIMEOUT, UdpEvent(kind=UdpEventKind.UNREACHABLE, address=address, port=port, reason="EHOSTUNREACH"))

    def _everyone(self, address: str) -> bool:
        parsed = parse_address(address)
        return (
            parsed.is_multicast
            or parsed == ipaddress.IPv4Address("255.255.255.255")
            or any(parsed == one.broadcast for one in self.interface.addresses)
        )

    def _reach(self, host: FakeHost, payload: bytes, port: int, *, after: float = 0.0) -> None:
        if self._world.loses(host):
            return
        behaviour = host.udp.get(port, "refused")
        if behaviour == "refused":
            if self._world.refuses(host) and not self._world.drops(host):
                event = UdpEvent(kind=UdpEventKind.REFUSED, address=host.address, port=port, reason="ECONNREFUSED")
                self._later(after + self._world.delay(host), event)
        elif callable(behaviour):
            said = behaviour(payload)
            self._world.asked(self.interface, host.address)  # whoever answers us has asked for us, and so we know it
            for answer in (said,) if isinstance(said, bytes) else (said or ()):
                if not self._world.drops(host):
                    event = UdpEvent(kind=UdpEventKind.REPLY, address=host.stranger or host.address, port=port, payload=answer)
                    self._later(after + self._world.delay(host), event, times=host.repeats)

    def _later(self, seconds: float, event: UdpEvent, *, times: int = 1) -> None:
        def arrive() -> None:
            for _ in range(times):
                self.deliver(event)

        # Nobody need wait for an answer: time moves for those who do.
        self._world.clock.script_in(seconds, arrive)

    def deliver(self, event: UdpEvent) -> None:
        """Put an event into the endpoint's queue, now."""
        self._box.put(event._replace(mono=self._world.clock.mono()))

    async def receive(self, timeout: float) -> UdpEvent | None:
        """Return the next event, or None after ``timeout`` virtual seconds."""
        return await self._box.get(timeout)

    def receive_nowait(self) -> UdpEvent | None:
        """Return the next event that is there already, None where there is none."""
        return self._box.take()

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Call back when events have come; see :class:`discover.net.api.UdpEndpoint`."""
        self._box.listen(listener)

    def close(self) -> None:
        """Close; idempotent."""
        if not self._closed:
            self._closed = True
            self._box.close()
            self._on_close(self)


class FakeTcpStream:
    """A scripted connection."""

    def __init__(
        self,
        world: World,
        interface: Interface,
        host: FakeHost,
        port: int,
        *,
        on_close: Callable[[FakeTcpStream], None],
    ) -> None:
        self._world = world
        self._interface = interface
        self._host = host
        self._port = port
        self._on_close = on_close
        self._chunks: Mailbox[bytes] = Mailbox(world.clock.call_later)
        self._rest = b""
        self._ended = False
        self._peer_gone = False
        self._closed = False
        self._talk: Generator[bytes, bytes, None] | None = None
        behaviour = host.tcp[port]
        if behaviour == "closes":
            self._hang_up()
        elif callable(behaviour):
            self._start(behaviour)

    def _start(self, handler: TcpHandler) -> None:
        self._talk = handler()
        self._advance(next)

    def _advance(self, step: Callable[[Generator[bytes, bytes, None]], bytes]) -> None:
        if self._talk is None:
            return
        try:
            said = step(self._talk)
        except StopIteration:
            self._hang_up()
            return
        if said:
            self._world.clock.script_in(self._world.delay(self._host), lambda: self._chunks.put(said))

    def _hang_up(self) -> None:
        self._peer_gone = True
        self._world.clock.script_in(self._world.delay(self._host), lambda: self._chunks.put(b""))

    async def send(self, payload: bytes, *, purpose: str) -> None:
        """Write; see :class:`discover.net.api.TcpStream`."""
        doing = f"write to {self._host.address}:{self._port}"
        if self._closed:
            raise NetworkError(f"cannot {doing}: the connection is closed")
        if not payload:
            return
        await self._world.gate.admit(
            interface=self._interface.name,
            address=self._host.address,
            port=self._port,
            transport="tcp",
            purpose=purpose,
            payload=payload,
        )
        number = self._world.check(self._interface, "send") or (errno.ECONNRESET if self._peer_gone else 0)
        if number:
            raise network_error(OSError(number, os.strerror(number)), doing)
        self._advance(lambda talk: talk.send(payload))

    async def receive(self, limit: int, timeout: float) -> bytes | None:
        """Return up to ``limit`` bytes, b"" at the end, None after ``timeout`` virtual seconds."""
        if not self._rest and not self._ended:
            chunk = await self._chunks.get(timeout)
            if chunk is None:
                return None
            self._ended = not chunk
            self._world.gate.charge(self._host.address, acknowledged(chunk))
            self._rest = chunk
        taken, self._rest = self._rest[:limit], self._rest[limit:]
        return taken

    def close(self) -> None:
        """Close; idempotent."""
        if not self._closed:
            self._closed = True
            if self._talk is not None:
                self._talk.close()
            self._chunks.close()
            self._world.gate.release(self._host.address, CLOSING)
            self._world.gate.charge(self._host.address, CLOSING)
            self._on_close(self)


class FakeBrowser:
    """A scripted browser; while it is open, time moves for the script's sake."""

    def __init__(
        self,
        clock: VirtualClock,
        interface: Interface,
        types: tuple[str, ...],
        on_event: Callable[[MdnsEvent], None],
        on_close: Callable[[FakeBrowser], None],
    ) -> None:
        self.interface = interface
        self.types = types
        self._clock = clock
        self._on_event = on_event
        self._on_close = on_close
        self._closed = False
        self._release = clock.hold()

    def deliver(self, event: MdnsEvent) -> None:
        """Tell an event, now; after :meth:`close` nothing is told."""
        if not self._closed:
            self._on_event(event._replace(mono=self._clock.mono()))

    async def close(self) -> None:
        """Stop; idempotent."""
        if not self._closed:
            self._closed = True
            self._release()
            self._on_close(self)
