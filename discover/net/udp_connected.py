"""UDP endpoints where there is no IP_RECVERR (macOS, BSD, Windows): a connected socket for each target.

A connected socket is told of ICMP port unreachable on every system (RFC 1122 section 4.1.3.3). A
connected socket hears only its target, so broadcasts and multicasts go out by an unconnected one,
which also hears who answers from elsewhere.
"""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from discover.model.network import Interface
from discover.net.api import Clock, UdpEventKind
from discover.net.gate import Gate, parse_address, plain
from discover.net.sockets import sockaddr, udp_socket
from discover.net.trouble import errno_name
from discover.net.udp import EVENTS, MAX_DATAGRAM, PEER_ERRORS, EndpointBase, Target

MAX_SOCKETS: Final = 192
"""Targets with a socket at the same time: macOS gives a process 256 files; the oldest target is given up first."""
_POLL_SECONDS: Final = 0.02
"""How often sockets are looked at where the event loop cannot watch them (Windows' proactor)."""
_BATCH: Final = 64


class ConnectedUdpEndpoint(EndpointBase):
    """The portable endpoint."""

    def __init__(
        self, gate: Gate, clock: Clock, interface: Interface, *, broadcast: bool, local_port: int, groups: tuple[str, ...]
    ) -> None:
        super().__init__(gate, clock, interface)
        self._everyone: dict[int, socket.socket] = {}
        self._targets: OrderedDict[tuple[str, int], socket.socket] = OrderedDict()
        self._watch = Watch(self._loop)
        self._broadcast = broadcast
        self._local_port = local_port
        self._groups = groups
        if broadcast or local_port or groups:
            self._common(socket.AF_INET if interface.ipv4 else socket.AF_INET6)

    def _common(self, family: int) -> socket.socket:
        sock = self._everyone.get(family)
        if sock is None:
            sock, _ = udp_socket(self._interface, family, local_port=self._local_port, groups=self._groups, broadcast=self._broadcast)
            self._everyone[family] = sock
            self._watch.add(sock, lambda: self._read(sock, None))
        return sock

    def _out(self, payload: bytes, address: str, port: int) -> bool:
        for _ in range(2):  # the first send after an ICMP error only reports that error
            try:
                self._try(payload, self._gate.host(address), port)
            except OSError as error:
                if error.errno not in PEER_ERRORS:
                    raise
                self._put(EVENTS[error.errno], address, port, reason=errno_name(error.errno))
            else:
                return True
        return False

    def _try(self, payload: bytes, host: str, port: int) -> None:
        sock = self._targets.get((host, port))
        if sock is not None:
            sock.send(payload)
            return
        parsed = parse_address(host)
        family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
        everyone = parsed.is_multicast or host == "255.255.255.255" or any(parsed == one.broadcast for one in self._interface.ipv4)
        target = sockaddr(self._interface, host, port)
        if everyone or self._local_port:
            self._common(family).sendto(payload, target)
        else:
            self._connected(family, target).send(payload)

    def _connected(self, family: int, target: Target) -> socket.socket:
        key = (target[0], target[1])
        sock = self._targets.get(key)
        if sock is None:
            while len(self._targets) >= MAX_SOCKETS:
                self._watch.remove(self._targets.popitem(last=False)[1])
            sock, _ = udp_socket(self._interface, family)
            try:
                sock.connect(target)
            except OSError:
                sock.close()
                raise
            self._targets[key] = sock
            self._watch.add(sock, lambda: self._read(sock, key))
        return sock

    def _read(self, sock: socket.socket, target: tuple[str, int] | None) -> None:
        for _ in range(_BATCH):
            try:
                payload, peer = sock.recvfrom(MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if target is not None and error.errno in EVENTS:
                    self._put(EVENTS[error.errno], target[0], target[1], reason=errno_name(error.errno))
                break
            if peer[1] != sock.getsockname()[1] or plain(peer[0]) not in self._own:
                self._put(UdpEventKind.REPLY, peer[0], peer[1], payload)
        self._mind()

    def _pause(self) -> None:
        self._watch.pause()

    def _resume(self) -> None:
        self._watch.resume()

    def close(self) -> None:
        """Close all sockets; idempotent."""
        if not self._closed:
            self._closed = True
            for sock in (*self._everyone.values(), *self._targets.values()):
                self._watch.remove(sock)
            self._watch.close()
            self._targets.clear()
            self._box.close()


class Watch:
    """Calls back when a socket can be read: by the event loop, or by looking at it where the loop cannot."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._callbacks: dict[socket.socket, Callable[[], None]] = {}
        self._polls = False
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None

    def add(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        """Watch a socket."""
        self._callbacks[sock] = callback
        if not self._paused:
            self._begin(sock, callback)

    def _begin(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        if not self._polls:
            try:
                self._loop.add_reader(sock.fileno(), callback)
            except NotImplementedError:
                self._polls = True
        if self._polls and self._timer is None:
            self._timer = self._loop.call_later(_POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        self._timer = None
        for sock, callback in list(self._callbacks.items()):
            if not self._paused and sock in self._callbacks:
                callback()
        if self._callbacks and not self._paused:
            self._timer = self._loop.call_later(_POLL_SECONDS, self._poll)

    def _end(self, sock: socket.socket) -> None:
        if not self._polls and not self._paused:
            self._loop.remove_reader(sock.fileno())

    def pause(self) -> None:
        """Call back for nothing until :meth:`resume`."""
        for sock in self._callbacks:
            self._end(sock)
        self._paused = True

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._paused = False
        for sock, callback in self._callbacks.items():
            self._begin(sock, callback)

    def remove(self, sock: socket.socket) -> None:
        """Stop watching a socket and close it."""
        if self._callbacks.pop(sock, None) is not None:
            self._end(sock)
        sock.close()

    def close(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
