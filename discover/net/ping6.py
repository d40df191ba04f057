"""One ping to all IPv6 nodes of a link: who has IPv6 only is found by nothing else.

Whoever answers asks for our MAC first, and so the neighbour table learns its MAC, too (RFC 4861 section 7.2.3).
"""

from __future__ import annotations

import errno
import ipaddress
import secrets
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import Clock, Timer
from discover.net.drain import Drain
from discover.net.gate import Gate
from discover.net.sockets import raise_buffers, sockaddr
from discover.net.trouble import network_error
from discover.proto import icmp6
from discover.proto.malformed import Malformed

AGAIN: Final = 1.0
"""Seconds until the second and last request: the air repeats no multicast that got lost."""
PURPOSE: Final = "ping to all IPv6 nodes"
TOKEN: Final = b"espied: who is here?"
"""What a request carries, so that its reader knows whose it is; the real one adds random bytes."""
_RANDOM: Final = 8
_MAX_MESSAGE: Final = 256
_MOST: Final = 4096
"""Addresses told: anybody on the link can make up more."""
_UNIQUE_LOCAL: Final = ipaddress.ip_network("fc00::/7")  # RFC 4193
_ICMP6_FILTER: Final = 1  # linux/icmpv6.h
_PASS_REPLIES: Final = struct.pack(
    "=8I", *(0xFFFFFFFF ^ (1 << icmp6.ECHO_REPLY % 32 if word == icmp6.ECHO_REPLY // 32 else 0) for word in range(8))
)
"""struct icmp6_filter of Linux: a bit set keeps the type out."""
_NOT_HERE: Final = frozenset({errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL, errno.ENOPROTOOPT})
"""Errors of making the socket that mean: not this user, or no IPv6 (a tentative address cannot be bound to, either)."""


def own_address(interface: Interface) -> ipaddress.IPv6Address | None:
    """Return the address to ask from: a link-local one, so that link-local ones answer, else a unique-local one, else None."""
    found = [one.address for one in interface.ipv6 if isinstance(one.address, ipaddress.IPv6Address) and answers_count(str(one.address))]
    return min(found, key=lambda one: not one.is_link_local, default=None)


def answers_count(address: str) -> bool:
    """Tell whether the text is a link-local or unique-local IPv6 address."""
    try:
        one = ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return one.is_link_local or one in _UNIQUE_LOCAL


class NodesPing:
    """The ping; see :meth:`discover.net.api.Network.ping_nodes`. Needs a running event loop.

    Raises OSError where the socket cannot be had, NetworkError where the first request cannot be sent.
    """

    def __init__(
        self, gate: Gate, clock: Clock, interface: Interface, source: ipaddress.IPv6Address, on_reply: Callable[[str], None]
    ) -> None:
        self._gate = gate
        self._clock = clock
        self._interface = interface
        self._source = str(source)
        self._on_reply = on_reply
        self._own = {str(one.address) for one in interface.ipv6}
        self._token = TOKEN + secrets.token_bytes(_RANDOM)
        self._told: set[str] = set()
        self._timer: Timer | None = None
        self._sock, self._identifier = _socket(interface, self._source)
        self._drain: Drain[tuple[bytes, tuple[str, int, int, int]]] = Drain(
            # Errors are not told: the interface's own troubles are the sockets' that matter.
            clock,
            self._sock,
            partial(self._sock.recvfrom, _MAX_MESSAGE),
            self._batch,
        )
        try:
            self._send(1)
        except BaseException:
            self.close()
            raise

    def _send(self, sequence: int) -> None:
        echo = icmp6.Echo(self._identifier, sequence, self._token)
        payload = icmp6.encode_echo_request(echo, source=self._source, target=icmp6.ALL_NODES)
        wait = self._gate.wait(icmp6.ALL_NODES, liveness=True, transport="icmp6", payload=payload)
        if wait > 0:
            self._timer = self._clock.call_later(wait, partial(self._send_later, sequence))
            return
        try:
            self._sock.sendto(payload, sockaddr(self._interface, icmp6.ALL_NODES, 0))
        except OSError as error:
            raise network_error(error, f"ping the IPv6 nodes on {self._interface.name}") from error
        self._gate.note(
            interface=self._interface.name,
            address=icmp6.ALL_NODES,
            port=0,
            transport="icmp6",
            purpose=PURPOSE,
            payload=payload,
            liveness=True,
        )
        self._timer = self._clock.call_later(AGAIN, partial(self._send_later, 2)) if sequence == 1 else None

    def _send_later(self, sequence: int) -> None:
        try:
            self._send(sequence)
        except NetworkError:
            # An interface that has gone meanwhile is told by all who need it; this is the repetition of an extra.
            self._timer = None

    def _batch(self, received: list[tuple[bytes, tuple[str, int, int, int]]]) -> None:
        for message, sender in received:
            echo = icmp6.decode_echo_reply(message)
            if isinstance(echo, Malformed) or (echo.identifier, echo.data) != (self._identifier, self._token):
                continue
            address = str(ipaddress.IPv6Address(sender[0].partition("%")[0]))
            if address in self._told or address in self._own or not answers_count(address) or len(self._told) >= _MOST:
                continue
            if self._drain.closed:
                return  # who was told has closed us
            self._told.add(address)
            self._on_reply(address)

    def close(self) -> None:
        """Close the socket; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._drain.close()


def _socket(interface: Interface, source: str) -> tuple[socket.socket, int]:
    """Return a socket for ICMPv6 echo bound to ``source``, and the identifier of its messages. Raises OSError."""
    try:
        # Linux lets the groups of net.ipv4.ping_group_range ping, macOS everybody; the kernel then deals with one identifier only.
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6)
        raw = False
    except OSError:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        raw = True
    try:
        sock.settimeout(0)
        if raw and sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, _PASS_REPLIES)
        raise_buffers(sock)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface.index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        sock.bind(sockaddr(interface, source, 0))
        port = sock.getsockname()[1]
    except BaseException:
        sock.close()
        raise
    return sock, port if port and not raw and sys.platform == "linux" else secrets.randbelow(0xFFFF) + 1


def ping_nodes(gate: Gate, clock: Clock, interface: Interface, on_reply: Callable[[str], None]) -> NodesPing | None:
    """Begin the ping, None where this user may not or there is no IPv6. Raises NetworkError."""
    source = own_address(interface)
    if sys.platform == "win32" or source is None or interface.loopback or not interface.multicast:
        return None
    try:
        return NodesPing(gate, clock, interface, source, on_reply)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return None
        raise network_error(error, f"ping the IPv6 nodes on {interface.name}") from error
