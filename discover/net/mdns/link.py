"""One interface's mDNS sockets: everything is read at once, and worked off in small portions.

A LAN of 1000 devices answers in moments (ESP-IDF's responder waits 25, 50, 75 or 100 ms in turn), and the system's stock
receive buffer (212,992 bytes on Linux, doubled for who asks for it) holds some 300 answers. So the buffer is
emptied whenever the event loop gets there, before anything is parsed, and several sockets share the work where
the system gives one too little (:mod:`discover.net.mdns.shares`). Who sends more than any honest
responder is not listened to beyond that, and what the system dropped is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import Clock
from discover.net.gate import Gate
from discover.net.mdns.out import GROUP4, GROUP6, PORT, Outbox, Sender
from discover.net.mdns.shares import keep_share, lost_packets, shares
from discover.net.pace import Bucket
from discover.net.sockets import IP_RECVERR, IPV6_RECVERR, LINUX, udp_socket
from discover.net.trouble import network_error
from discover.net.udp import EVENTS
from discover.net.udp_connected import Watch

_MAX_PACKET: Final = 9000
"""RFC 6762 section 17: no larger packet is sent or need be understood, headers included."""
_RESPONSE: Final = 0x80
"""The QR bit, in the third byte of the header."""
_BATCH: Final = 1024
"""Packets read before others get their turn: about 3 ms."""
_PORTION_SECONDS: Final = 0.004
"""Packets are parsed for so long before the sockets are looked at again: a thousand a second come in less than 5 in that time."""
_QUEUE: Final = 8192
"""Packets that wait to be parsed; with more than that at once this machine cannot keep up."""
_UNIT: Final = 512
"""Bytes of a packet that count like one packet more: parsing takes time for each record."""
_SOURCE_RATE: Final = 1000.0
_SOURCE_BURST: Final = 3000.0
"""Of one address: a responder with 200 services sends some 50 packets at once, a reflector between two LANs 1000."""
_RATE: Final = 4000.0
_BURST: Final = 8000.0
"""Of all together: at some 60 microseconds a packet, a quarter of a CPU (measured)."""
_SOURCES: Final = 4096
_IP_TTL: Final = 255
"""RFC 6762 section 11: some responders look at it to tell what comes from this link."""

OnPacket = Callable[[bytes, str], None]
"""Takes a response and its source's address."""


class Link:
    """The sockets of one interface, IPv4 and IPv6 where it has a link-local address, open until :meth:`close`.

    ``on_packet`` is called from the event loop for every response heard, one packet at a time; what it
    raises goes to the loop's handler. Not ``browsing``: for a few answers to the group, without more sockets than that takes.
    Raises NetworkError with the usual cause where joining is not allowed.
    """

    def __init__(self, gate: Gate, clock: Clock, interface: Interface, on_packet: OnPacket, *, browsing: bool = True) -> None:
        self.interface = interface
        self.ignored = 0
        """Packets that were not looked at because their sender, or all together, sent too many."""
        self.loudest = ""
        """The address whose packet was ignored last."""
        self._on_packet = on_packet
        self._browsing = browsing
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[bytes, str]] = deque()
        self._work: asyncio.Handle | None = None
        self._sources: dict[str, Bucket] = {}
        self._all = Bucket(_RATE, _BURST)
        self._watch = Watch(self._loop)
        self._sockets: list[socket.socket] = []
        self._lost_before = lost_packets()
        try:
            senders = self._open()
        except BaseException:
            for one in self._sockets:
                one.close()
            raise
        self.outbox = Outbox(gate, clock, interface, senders)
        for one in self._sockets:
            self._watch.add(one, partial(self._readable, one))

    # Opening.

    def _open(self) -> list[Sender]:
        """Open all sockets; return what sends, one of each family."""
        face = self.interface
        # A loopback's IPv4 says it all, and the IPv6 group is joined where there is an address of that link.
        six = not face.loopback and bool(face.index) and any(one.address.is_link_local for one in face.ipv6)
        if not face.ipv4 and not six:
            raise NetworkError(f"cannot browse mDNS on {face.name}: it has no address", "Give it an address, or name another interface.")
        senders: list[Sender] = []
        for family in ([socket.AF_INET] if face.ipv4 else []) + ([socket.AF_INET6] if six else []):
            try:
                senders.append(Sender(self._open_family(family), face))
            except NetworkError:
                if not senders:
                    raise  # IPv6 is often off where IPv4 works, and one is enough
        return senders

    def _open_family(self, family: int) -> socket.socket:
        """Open the sockets that hear the group, and those that hear what comes to our own address; return one to send by."""
        first = self._open_one(family)
        if not self._browsing:
            return first
        count = shares(first)
        with contextlib.suppress(NetworkError):  # no files left: one is enough to work with
            group = [first, *(self._open_one(family) for _ in range(count - 1))]
            self._divide(group)
        if sys.platform == "win32":
            return first  # bound to our address already
        # Another program may be bound to our address (python-zeroconf does that): it would get all unicast answers.
        with contextlib.suppress(NetworkError):
            for _ in range(count):
                self._open_one(family, exact=True)
        return first

    def _divide(self, group: Sequence[socket.socket]) -> None:
        try:
            for index, sock in enumerate(group if len(group) > 1 else ()):
                keep_share(sock, index, len(group))
        except OSError:  # no filters in this container: whole copies help nobody
            for sock in group[1:]:
                self._sockets.remove(sock)
                sock.close()

    def _open_one(self, family: int, *, exact: bool = False) -> socket.socket:
        face = self.interface
        doing = f"join the mDNS group on {face.name}"
        four = family == socket.AF_INET
        groups = () if exact else (GROUP4 if four else GROUP6,)
        # Where it hears other interfaces, too (an old kernel), these are unicasts alone: IP_MULTICAST_ALL is off.
        sock, _ = udp_socket(face, family, local_port=PORT, groups=groups, exact=exact, doing=doing)
        self._sockets.append(sock)
        try:
            if four:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _IP_TTL)
            else:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _IP_TTL)
            if LINUX:  # ICMP errors are not about the group; unread ones would wake the loop for ever
                sock.setsockopt(*((socket.IPPROTO_IP, IP_RECVERR) if four else (socket.IPPROTO_IPV6, IPV6_RECVERR)), 0)
        except OSError as error:
            raise network_error(error, doing) from error
        return sock

    # Reading.

    def _readable(self, sock: socket.socket) -> None:
        now = self._loop.time()
        for _ in range(_BATCH):
            try:
                packet, peer = sock.recvfrom(_MAX_PACKET)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if error.errno in EVENTS:
                    continue  # an ICMP error about some packet of ours (Windows)
                self._sockets.remove(sock)
                self._watch.remove(sock)  # the interface is gone; what is asked next says so
                break
            # Questions, our own among them, are no news. Neither is what cannot be a packet.
            if len(packet) > 12 and packet[2] & _RESPONSE:
                self._admit(packet, peer[0], now)
        if self._queue and self._work is None:
            self._work = self._loop.call_soon(self._parse)

    def _admit(self, packet: bytes, source: str, now: float) -> None:
        bucket = self._sources.get(source)
        if bucket is None:
            if len(self._sources) >= _SOURCES:
                self._sources.clear()
            bucket = self._sources[source] = Bucket(_SOURCE_RATE, _SOURCE_BURST)
        cost = 1 + len(packet) // _UNIT
        if len(self._queue) >= _QUEUE or bucket.wait(now, cost) > 0 or self._all.wait(now, cost) > 0:
            self.ignored += 1
            self.loudest = source
            return
        bucket.spend(now, cost)
        self._all.spend(now, cost)
        self._queue.append((packet, source))

    def _parse(self) -> None:
        self._work = None
        until = time.perf_counter() + _PORTION_SECONDS
        try:
            while self._queue:
                self._on_packet(*self._queue.popleft())
                if time.perf_counter() >= until:
                    break
        finally:
            if self._queue:
                self._work = self._loop.call_soon(self._parse)

    def lost(self) -> int:
        """Return how many UDP packets this system dropped since the start because a receive buffer was full (Linux), ours or another's."""
        return max(0, lost_packets() - self._lost_before)

    def close(self) -> None:
        """Close the sockets; what was read and not parsed is left. Idempotent."""
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self._queue.clear()
        for sock in self._sockets:
            self._watch.remove(sock)
        self._sockets.clear()
        self._watch.close()
        self.outbox.close()
