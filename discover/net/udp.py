"""UDP endpoints that see ICMP errors.

Linux: one unconnected socket with IP_RECVERR, whose error queue tells which datagram (address and
port) was refused; a plain unconnected socket never hears of it (measured; ip(7), "IP_RECVERR").
Elsewhere: a connected socket for each target, see :mod:`discover.net.udp_connected`.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import Clock, UdpEvent, UdpEventKind
from discover.net.full import FULL, Fullness
from discover.net.gate import Gate, plain
from discover.net.mailbox import Mailbox
from discover.net.sockets import IP_PKTINFO, IP_RECVERR, IPV6_RECVERR, SO_TIMESTAMPNS, sockaddr, udp_socket
from discover.net.trouble import errno_name

MAX_DATAGRAM: Final = 65_535
_LONGEST_WAIT: Final = 5.0
"""Seconds that a datagram may have waited in a socket; more says that the wall clock was set."""
_ANCILLARY: Final = 128
_TIMESPEC: Final = struct.Struct("@ll")
_BATCH: Final = 64
"""Datagrams read before others get their turn."""
_PAUSE_AT: Final = 4096
_RESUME_AT: Final = 1024
"""A flood from strangers waits in the kernel's buffer, whose size is bounded, not in our memory."""
_MSG_ERRQUEUE: Final = 0x2000  # linux/socket.h
_ERRORS: Final = 1024
"""Errors taken before others get their turn: a host may send them faster than we read."""
_SEND_TRIES: Final = 300
"""One pending error a try; a socket holds about 256 datagrams that wait for ARP, each of which may fail."""

_WINDOWS_RESET: Final = 10054  # WSAECONNRESET: how Windows tells ICMP port unreachable
EVENTS: Final = {
    errno.ECONNREFUSED: UdpEventKind.REFUSED,
    errno.ECONNRESET: UdpEventKind.REFUSED,
    _WINDOWS_RESET: UdpEventKind.REFUSED,
    errno.EHOSTUNREACH: UdpEventKind.UNREACHABLE,
    errno.EHOSTDOWN: UdpEventKind.UNREACHABLE,
    errno.ENETUNREACH: UdpEventKind.UNREACHABLE,
    errno.EPROTO: UdpEventKind.UNREACHABLE,
    errno.EACCES: UdpEventKind.UNREACHABLE,  # ICMP "administratively prohibited" (RFC 1812 section 5.2.7.1)
    errno.ENOPROTOOPT: UdpEventKind.UNREACHABLE,  # ICMP protocol unreachable
}
"""What an ICMP error means; only from the error queue or a connected socket, never from our own send."""
PEER_ERRORS: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.EHOSTDOWN, _WINDOWS_RESET})
"""Errors of a send that are news about a peer, although no ICMP error is pending."""


Target = tuple[str, int] | tuple[str, int, int, int]


class EndpointBase:
    """What both kinds of endpoint share: the gate, the queue of events, and who is ourselves."""

    def __init__(self, gate: Gate, clock: Clock, interface: Interface) -> None:
        self._gate = gate
        self._clock = clock
        self._interface = interface
        self._own = {str(one.address) for one in interface.addresses} | {"127.0.0.1", "::1"}
        self._loop = asyncio.get_running_loop()
        self._box: Mailbox[UdpEvent] = Mailbox(self._loop.call_later, self._taken)
        self._closed = False
        self._full = Fullness(clock)
        self._paused = False

    def _mind(self) -> None:
        """Stop reading while too many events wait to be taken."""
        if len(self._box) >= _PAUSE_AT and not self._paused:
            self._paused = True
            self._pause()

    def _taken(self, left: int) -> None:
        if self._paused and left <= _RESUME_AT and not self._closed:
            self._paused = False
            self._resume()

    def _pause(self) -> None:
        raise NotImplementedError

    def _resume(self) -> None:
        raise NotImplementedError

    async def receive(self, timeout: float) -> UdpEvent | None:
        """Return the next event, or None after ``timeout`` seconds without one."""
        return await self._box.get(timeout)

    def receive_nowait(self) -> UdpEvent | None:
        """Return the next event that is there already, None where there is none."""
        return self._box.take()

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Call back when events have come; see :class:`discover.net.api.UdpEndpoint`."""
        self._box.listen(listener)

    async def send(self, payload: bytes, address: str, port: int, *, purpose: str) -> None:
        """Send one datagram; see :class:`discover.net.api.UdpEndpoint`."""
        while True:
            self._open_or_raise(address, port)
            # Its budget is spent when it leaves: what waits for room in the buffer must not leave in one burst later.
            async with self._gate.turn(address, transport="udp", payload=payload):
                self._open_or_raise(address, port)
                wait = self._leave(payload, address, port, purpose, liveness=False)
            if wait <= 0:
                return
            await self._clock.sleep(wait)

    def try_send(self, payload: bytes, address: str, port: int, *, purpose: str, liveness: bool = False) -> float:
        """Send one datagram now or say when to try again; see :class:`discover.net.api.UdpEndpoint`."""
        if self._closed:
            self._open_or_raise(address, port)
        wait = self._gate.wait(address, liveness=liveness, transport="udp", payload=payload)
        return wait or self._leave(payload, address, port, purpose, liveness=liveness)

    def _leave(self, payload: bytes, address: str, port: int, purpose: str, *, liveness: bool) -> float:
        """Send, and note it; or return the seconds until the socket may take it."""
        full = self._full
        if full.waiting and (left := full.left()) > 0:
            return left
        try:
            gone = self._out(payload, address, port)
        except OSError as error:
            return full.again(error, self._doing(address, port))
        if full.waiting:
            full.clear()
        if gone:
            self._gate.note(
                interface=self._interface.name,
                address=address,
                port=port,
                transport="udp",
                purpose=purpose,
                payload=payload,
                liveness=liveness,
            )
        return 0.0

    def _out(self, payload: bytes, address: str, port: int) -> bool:
        """Send now; False where it could not leave, and an event says why. Raises OSError, of :data:`FULL` where it may later."""
        raise NotImplementedError

    def _put(
        self, kind: UdpEventKind, address: str, port: int, payload: bytes = b"", reason: str = "", *, received: float | None = None
    ) -> None:
        """Queue an event. ``received`` is when the kernel had it (wall seconds): it may have waited for us."""
        mono = self._clock.mono()
        waited = 0.0 if received is None else time.time() - received
        if 0.0 < waited < _LONGEST_WAIT:  # else the wall clock was set meanwhile
            mono -= waited
        self._box.put(UdpEvent(kind=kind, address=plain(address), port=port, payload=payload, reason=reason, mono=mono))

    def _doing(self, address: str, port: int) -> str:
        return f"send to {address} port {port} on {self._interface.name}"

    def _open_or_raise(self, address: str, port: int) -> None:
        if self._closed:
            raise NetworkError(f"cannot {self._doing(address, port)}: the endpoint is closed")


class UdpSocketEndpoint(EndpointBase):
    """Linux's endpoint: one unconnected socket a family, with its error queue."""

    def __init__(
        self, gate: Gate, clock: Clock, interface: Interface, *, broadcast: bool, local_port: int, groups: tuple[str, ...]
    ) -> None:
        super().__init__(gate, clock, interface)
        self._broadcast = broadcast
        self._local_port = local_port
        self._groups = groups
        self._sockets: dict[int, socket.socket] = {}
        self._ports: dict[int, int] = {}
        self._wide: set[int] = set()
        self._fault: OSError | None = None
        try:
            if interface.ipv4 or not interface.ipv6:
                self._socket(socket.AF_INET)
            if not interface.ipv4 or any(":" in group for group in groups):
                self._socket(socket.AF_INET6)
        except NetworkError:
            self.close()
            raise

    def _socket(self, family: int) -> socket.socket:
        found = self._sockets.get(family)
        if found is None:
            found, hears_all = udp_socket(
                self._interface, family, local_port=self._local_port, groups=self._groups, broadcast=self._broadcast
            )
            self._sockets[family] = found
            self._ports[family] = found.getsockname()[1]
            if hears_all:
                self._wide.add(family)
            self._loop.add_reader(found.fileno(), self._readable, found, family)
        return found

    def _out(self, payload: bytes, address: str, port: int) -> bool:
        if self._fault is not None:
            raise self._fault
        host = self._gate.host(address)
        if ":" in host:
            family, target = socket.AF_INET6, sockaddr(self._interface, host, port)
        else:
            family, target = socket.AF_INET, (host, port)
        sock = self._sockets.get(family)
        if sock is None:
            sock = self._socket(family)
        for _ in range(_SEND_TRIES):
            try:
                sock.sendto(payload, target)
            except OSError as caught:
                if caught.errno in FULL:
                    raise
                # An ICMP error of an earlier datagram is reported on this send, which has not left: try again.
                if self._drain_errors(sock) or caught.errno == errno.ECONNREFUSED:
                    continue
                if caught.errno in PEER_ERRORS:
                    # Nothing was pending: the routing table itself says that nobody is there.
                    self._put(EVENTS[caught.errno], address, port, reason=errno_name(caught.errno))
                    return False
                raise
            else:
                return True
        raise OSError(errno.ECONNREFUSED, "errors of earlier datagrams do not end")

    def _readable(self, sock: socket.socket, family: int) -> None:
        self._box.holding = True
        try:
            self._read(sock, family)
        finally:
            self._box.holding = False
        self._box.flush()
        self._mind()

    def _read(self, sock: socket.socket, family: int) -> None:
        self._drain_errors(sock)
        for _ in range(_BATCH):
            try:
                payload, ancillary, _flags, peer = sock.recvmsg(MAX_DATAGRAM, _ANCILLARY)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                # The first pending error, told a second time; what it was about is in the queue.
                if self._drain_errors(sock) or error.errno in EVENTS:
                    continue
                self._fault = error  # the next send tells it to the one who asks
                self._loop.remove_reader(sock.fileno())
                break
            if family in self._wide and _arrival(ancillary) not in (0, self._interface.index):
                continue
            # Our own multicasts and broadcasts, which the kernel loops back, are no news.
            if peer[1] != self._ports[family] or plain(peer[0]) not in self._own:
                self._put(UdpEventKind.REPLY, peer[0], peer[1], payload, received=_received(ancillary))

    def _pause(self) -> None:
        for one in self._sockets.values():
            self._loop.remove_reader(one.fileno())

    def _resume(self) -> None:
        for family, one in self._sockets.items():
            self._loop.add_reader(one.fileno(), self._readable, one, family)

    def _drain_errors(self, sock: socket.socket) -> int:
        """Turn what the error queue holds into events; return how many errors it held."""
        count = 0
        while count < _ERRORS:
            try:
                _payload, ancillary, _flags, peer = sock.recvmsg(1, 512, _MSG_ERRQUEUE)
            except OSError:
                break  # EAGAIN: the queue is empty
            count += 1
            number = _extended_error(ancillary)
            if number in EVENTS and peer:
                self._put(EVENTS[number], peer[0], peer[1], reason=errno_name(number), received=_received(ancillary))
        return count

    def close(self) -> None:
        """Close the sockets; idempotent."""
        if not self._closed:
            self._closed = True
            for sock in self._sockets.values():
                self._loop.remove_reader(sock.fileno())
                self._loop.remove_writer(sock.fileno())
                sock.close()
            self._box.close()


def _extended_error(ancillary: Iterable[tuple[int, int, bytes]]) -> int:
    """Return ee_errno of the sock_extended_err that came with a message of the error queue (linux/errqueue.h), 0 where there is none."""
    for level, kind, data in ancillary:
        if (level, kind) in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)) and len(data) >= 16:
            number: int = struct.unpack_from("@I", data)[0]
            return number
    return 0


def _received(ancillary: Iterable[tuple[int, int, bytes]]) -> float | None:
    """Return when the kernel received it (SCM_TIMESTAMPNS, socket(7)), in wall seconds; None where it does not say."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return float(seconds + nanoseconds / 1e9)
    return None


def _arrival(ancillary: Iterable[tuple[int, int, bytes]]) -> int:
    """Return the index of the interface a datagram came in by (in_pktinfo, ip(7)), 0 where it is not told."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO) and len(data) >= 4:
            index: int = struct.unpack_from("@i", data)[0]
            return index
    return 0
