"""TCP connects for a sweep: many at once, none waited for, each closed as soon as it is decided."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
from collections.abc import Callable
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import TcpOutcome
from discover.net.gate import Gate
from discover.net.sockets import LINUX, Route, sockaddr, tcp_route, tcp_socket
from discover.net.tcp import OUTCOMES, meets_itself, settle
from discover.net.trouble import network_error

OnOutcome = Callable[[str, int, TcpOutcome], None]

GUARD: Final = 0.95
"""Seconds after which an attempt that nobody abandoned is silent: the kernel repeats a SYN, past the ledger, after 1 s
(RFC 6298 section 2.1; Linux: TCP_TIMEOUT_INIT)."""
BUSY_WAIT: Final = 0.005
"""Seconds until it is worth trying again while as many sockets are open as the policy allows."""
_POLL_SECONDS: Final = 0.02
"""How often sockets are looked at where the event loop cannot watch them (Windows' proactor)."""
_DECIDED: Final = 0x004  # EPOLLOUT (epoll_ctl(2)): connected, refused or given up; errors are always told
_BATCH: Final = 64
"""Decided connects taken before others get their turn."""
_MOST_ROUTES: Final = 4096
_UNDER_WAY: Final = frozenset({0, errno.EINPROGRESS, errno.EINTR, 10035})  # the last is Windows' WSAEWOULDBLOCK
_NEVER_LEFT: Final = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH})
"""What the routing table itself says to a connect, without a packet."""


class _Attempt:
    """One connect under way; ``began`` in seconds of the event loop's clock."""

    __slots__ = ("address", "began", "error", "port", "sock")

    def __init__(self, address: str, port: int, sock: socket.socket, began: float) -> None:
        self.address = address
        self.port = port
        self.sock = sock
        self.began = began
        self.error = 0


class SocketConnector:
    """Connects by non-blocking sockets; see :class:`discover.net.api.Connector`.

    A SYN leaves only where the whole connection would fit into the host's budget. An attempt that nobody
    abandons ends as SILENT after 0.95 s. On Windows the kernel repeats a SYN that was refused, which nothing
    here can forbid.
    """

    def __init__(self, gate: Gate, interface: Interface, on_outcome: OnOutcome) -> None:
        self._gate = gate
        self._interface = interface
        self._on_outcome = on_outcome
        self._loop = asyncio.get_running_loop()
        self._attempts: dict[tuple[str, int], _Attempt] = {}
        self._guard: asyncio.TimerHandle | None = None
        self._poller: asyncio.TimerHandle | None = None
        self._polled: dict[socket.socket, _Attempt] = {}
        self._epoll = _epoll(self._loop, self._ready)
        self._files: dict[int, _Attempt] = {}
        """Attempts that the epoll instance watches, by file descriptor."""
        self._routes: dict[str, Route] = {}
        self._closed = False

    def try_connect(self, address: str, port: int, *, purpose: str) -> float:
        """Begin to connect now or say when to try again; see :class:`discover.net.api.Connector`."""
        if self._closed:
            raise NetworkError(f"cannot {self._doing(address, port)}: the connector is closed")
        room = self._gate.policy.connect_packets
        self.abandon(address, port)  # first: what it had set aside is free again
        wait = self._gate.wait(address, room=room)
        if wait > 0:
            return wait
        if len(self._attempts) >= self._gate.policy.streams:
            return BUSY_WAIT
        host = self._gate.host(address)
        try:
            sock = tcp_socket(self._route(host))
        except OSError as error:
            raise network_error(error, self._doing(address, port)) from error
        attempt = _Attempt(address, port, sock, self._loop.time())
        try:
            if LINUX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)  # should the guard come late, one SYN more and no others
            attempt.error = sock.connect_ex(sockaddr(self._interface, host, port))
        except BaseException:
            sock.close()
            raise
        if attempt.error not in _UNDER_WAY and attempt.error not in OUTCOMES:
            sock.close()
            raise network_error(OSError(attempt.error, os.strerror(attempt.error)), self._doing(address, port))
        if attempt.error not in _NEVER_LEFT:
            self._gate.note(interface=self._interface.name, address=address, port=port, transport="tcp", purpose=purpose, room=room)
        self._attempts[address, port] = attempt
        if attempt.error in _UNDER_WAY:
            attempt.error = 0
            self._watch(attempt)
            if self._guard is None:
                self._guard = self._loop.call_later(GUARD, self._give_up)
        else:
            self._loop.call_soon(self._at_once, attempt)
        return 0.0

    def _route(self, host: str) -> Route:
        """Return how the host is reached; worked out once for all of its ports."""
        found = self._routes.get(host)
        if found is None:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            found = self._routes[host] = tcp_route(self._interface, host)
        return found

    def _doing(self, address: str, port: int) -> str:
        return f"connect to {address} port {port} on {self._interface.name}"

    def _at_once(self, attempt: _Attempt) -> None:
        if self._attempts.get((attempt.address, attempt.port)) is attempt:
            self._end(attempt, OUTCOMES[attempt.error])

    def _give_up(self) -> None:
        """End what has waited long enough; one timer for all attempts, which stand in the order of their beginning."""
        over = self._loop.time() - GUARD
        for attempt in [one for one in self._attempts.values() if one.began <= over]:
            if self._attempts.get((attempt.address, attempt.port)) is attempt:  # what is told may end others
                self._end(attempt, TcpOutcome.SILENT)
        first = next(iter(self._attempts.values()), None)
        self._guard = None if first is None else self._loop.call_later(max(0.0, first.began - over), self._give_up)

    def _watch(self, attempt: _Attempt) -> None:
        if self._epoll is not None:
            self._files[attempt.sock.fileno()] = attempt
            self._epoll.register(attempt.sock, _DECIDED)
            return
        try:
            self._loop.add_writer(attempt.sock.fileno(), self._decided, attempt)
        except NotImplementedError:
            self._polled[attempt.sock] = attempt
            if self._poller is None:
                self._poller = self._loop.call_later(_POLL_SECONDS, self._poll)

    def _ready(self, epoll: select.epoll) -> None:
        for file, _ in epoll.poll(0, _BATCH):
            attempt = self._files.get(file)
            if attempt is not None:  # what is told of one may end another
                self._decided(attempt)

    def _poll(self) -> None:
        socks = list(self._polled)
        _, ready, failed = select.select([], socks, socks, 0.0)
        for sock in dict.fromkeys((*ready, *failed)):
            attempt = self._polled.get(sock)
            if attempt is not None:
                self._decided(attempt)
        self._poller = self._loop.call_later(_POLL_SECONDS, self._poll) if self._polled else None

    def _decided(self, attempt: _Attempt) -> None:
        number = attempt.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            # An errno that comes later came from the network: an ICMP error of a kind that the table does not name.
            self._end(attempt, OUTCOMES.get(number, TcpOutcome.UNREACHABLE))
            return
        try:
            outcome = TcpOutcome.REFUSED if meets_itself(attempt.sock) else TcpOutcome.OPEN
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                return  # woken too early
            outcome = OUTCOMES.get(error.errno or 0, TcpOutcome.UNREACHABLE)
        self._end(attempt, outcome)

    def _end(self, attempt: _Attempt, outcome: TcpOutcome) -> None:
        self._drop(attempt, outcome)
        self._on_outcome(attempt.address, attempt.port, outcome)

    def _drop(self, attempt: _Attempt, outcome: TcpOutcome) -> None:
        del self._attempts[attempt.address, attempt.port]
        if self._epoll is not None:
            self._files.pop(attempt.sock.fileno(), None)  # closing takes it out of the epoll instance, too (epoll(7))
        elif self._polled.pop(attempt.sock, None) is None and not attempt.error:
            self._loop.remove_writer(attempt.sock.fileno())
        attempt.sock.close()
        if attempt.error not in _NEVER_LEFT:
            settle(self._gate, attempt.address, outcome, self._gate.policy.connect_packets - 1)

    def abandon(self, address: str, port: int) -> None:
        """End an attempt without a word; see :class:`discover.net.api.Connector`."""
        attempt = self._attempts.get((address, port))
        if attempt is not None:
            self._drop(attempt, TcpOutcome.SILENT)

    def close(self) -> None:
        """End all attempts; idempotent."""
        self._closed = True
        for attempt in list(self._attempts.values()):
            self._drop(attempt, TcpOutcome.SILENT)
        for timer in (self._poller, self._guard):
            if timer is not None:
                timer.cancel()
        self._poller = self._guard = None
        if self._epoll is not None and not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()


def _epoll(loop: asyncio.AbstractEventLoop, on_ready: Callable[[select.epoll], None]) -> select.epoll | None:
    """Return an epoll instance that the loop watches as one reader, None where there is none (not Linux, or not this loop).

    For hundreds of short connects that takes a third of the time of a writer in the loop for each (measured).
    """
    if not LINUX:
        return None
    epoll = select.epoll()
    try:
        loop.add_reader(epoll.fileno(), on_ready, epoll)
    except NotImplementedError:
        epoll.close()
        return None
    return epoll
