"""The book of one interface: what each address answered over UDP, and each event as a signal once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Final

from discover.errors import NotPrivateError
from discover.model.network import Interface
from discover.model.signal import Source
from discover.net.api import Network, UdpEvent, UdpEventKind
from discover.net.emitter import Emitter
from discover.net.gate import plain
from discover.net.mailbox import fail, settle
from discover.proto.replies import decode_udp
from discover.proto.wellknown import SSDP_PORT

MAX_REPLIES: Final = 128
"""Replies kept of one address in one sweep; a chatty media box answers an M-SEARCH with about 30."""
MAX_CONTACTS: Final = 16_384
"""Addresses that answered and are remembered, about 1 kB each; more in one network can only be made up."""
MAX_STRANGERS: Final = 1024
FLOOD: Final = 1000
"""Superfluous replies of one address that are called a flood."""


class Contact:
    """What one address answered: ports that replied, ports that ICMP called closed, ports that could not be reached and why."""

    __slots__ = ("alive", "controls", "ignored", "payloads", "refused", "replied", "spoke", "unreachable")

    def __init__(self) -> None:
        self.replied: set[int] = set()
        self.refused: set[int] = set()
        self.unreachable: dict[int, str] = {}
        self.controls: set[int] = set()
        """Ports that we knock at as a control: their ICMP errors are a measure, not a finding."""
        self.alive = False
        self.spoke = False
        """It has answered something itself: a reply, a refusal; a row in the neighbour table may be a proxy's."""
        self.ignored = 0
        """Replies beyond :data:`MAX_REPLIES`: a flood."""
        self.payloads: set[tuple[int, int]] = set()
        """Port and hash of every reply told: the bytes themselves would be 64 kB each from whoever means ill."""

    def resolved(self, port: int) -> bool:
        """Tell whether the port has answered in any way."""
        return port in self.replied or port in self.refused or port in self.unreachable


OnHeard = Callable[[str, int, bool, float], None]
"""``on_heard(address, port, refused, mono)``: a port answered, or an ICMP error came for it, at that monotonic second."""


class Book:
    """Takes UDP events of one interface and keeps what they say.

    ``own`` are our addresses, whose datagrams (our own multicast) are not signals; ``on_alive`` is told
    an address the first time it answers, ``on_heard`` every answer, ``on_flood`` an address that answers
    without end (once).
    """

    def __init__(
        self,
        emit: Emitter,
        own: Collection[str],
        on_alive: Callable[[str], None],
        *,
        on_heard: OnHeard | None = None,
        on_flood: Callable[[str], None] | None = None,
    ) -> None:
        self._emit = emit
        self._own = frozenset(own)
        self._on_alive = on_alive
        self._on_heard = on_heard
        self._on_flood = on_flood
        self._contacts: dict[str, Contact] = {}
        self.strangers: dict[str, None] = {}
        """Addresses that answered a socket from which nobody asked them; at most :data:`MAX_STRANGERS`."""

    def peek(self, address: str) -> Contact | None:
        """Return the contact of an address that answered, None where it has not."""
        return self._contacts.get(address)

    def contact(self, address: str) -> Contact:
        """Return the contact of an address, made where there is none yet."""
        found = self._contacts.get(address)
        if found is None:
            found = Contact()
            if len(self._contacts) < MAX_CONTACTS:
                self._contacts[address] = found
        return found

    def living(self) -> tuple[str, ...]:
        """Return the addresses that have given a sign of life."""
        return tuple(address for address, contact in self._contacts.items() if contact.alive)

    def renew(self) -> None:
        """Begin a new sweep: answers count anew; waiting hosts keep their contacts' identity."""
        for contact in self._contacts.values():
            contact.replied.clear()
            contact.refused.clear()
            contact.unreachable.clear()
            contact.payloads.clear()
            contact.alive = contact.spoke = False
            contact.ignored = 0

    def alive(self, address: str) -> None:
        """Note that somebody is at the address, from whatever source."""
        contact = self.contact(address)
        if not contact.alive:
            contact.alive = True
            self._on_alive(address)

    def stranger(self, address: str) -> None:
        """Note an answer from an address that was never asked: counted and shown, never taken for a device."""
        if address not in self._own and len(self.strangers) < MAX_STRANGERS:
            self.strangers[address] = None

    def take(self, event: UdpEvent) -> None:
        """Take one event: emit its signal, note it, tell who asked."""
        address = canonical(event.address)
        if address in self._own:
            return
        if event.kind is UdpEventKind.UNREACHABLE:
            self._unreachable(address, event)
            return
        if address not in self._contacts and len(self._contacts) >= MAX_CONTACTS:
            return  # nothing could be remembered of it, so every further datagram would be a signal again
        contact = self.contact(address)
        contact.spoke = True
        if event.kind is UdpEventKind.REPLY:
            self._reply(address, contact, event)
        else:
            fresh = event.port not in contact.refused
            contact.refused.add(event.port)
            self.alive(address)
            if fresh and event.port not in contact.controls:
                self._emit(Source.UDP, "udp.refused", address, {"port": event.port})
            self._tell(address, event.port, event.mono, refused=True)

    def _tell(self, address: str, port: int, mono: float, *, refused: bool) -> None:
        if self._on_heard is not None:
            self._on_heard(address, port, refused, mono)

    def _unreachable(self, address: str, event: UdpEvent) -> None:
        contact = self._contacts.get(address)
        if contact is None or not contact.alive:
            return  # nobody there is no signal: a sweep would fill the recording with addresses that never were
        fresh = event.port not in contact.unreachable
        contact.unreachable.setdefault(event.port, event.reason)
        if fresh and event.port not in contact.controls:
            self._emit(Source.UDP, "udp.unreachable", address, {"port": event.port, "reason": event.reason})
        self._tell(address, event.port, event.mono, refused=False)

    def _reply(self, address: str, contact: Contact, event: UdpEvent) -> None:
        key = (event.port, hash(event.payload))
        contact.replied.add(event.port)
        if key in contact.payloads or len(contact.payloads) >= MAX_REPLIES:
            contact.ignored += 1
            if contact.ignored == FLOOD and self._on_flood is not None:
                self._on_flood(address)
            return
        contact.payloads.add(key)
        protocol, fields = decode_udp(event.port, event.payload)
        # The answer to an M-SEARCH may come from any port; what listens is 1900.
        port = SSDP_PORT if protocol == "ssdp" else event.port
        contact.replied.add(port)
        self._emit(Source.UDP, "udp.reply", address, {**fields, "port": port, "protocol": protocol}, event.payload)
        self.alive(address)
        self._tell(address, event.port, event.mono, refused=False)
        if port != event.port:
            self._tell(address, port, event.mono, refused=False)


class Line:
    """One UDP socket whose events go into a book until it is closed.

    ``run`` is its pump. ``open_to_all``: what is asked there goes to everybody, so everybody may answer; on
    any other line an answer from an address that was not asked is a stranger's. Raises NetworkError where
    the socket cannot be opened.
    """

    def __init__(self, network: Network, interface: Interface, book: Book, *, open_to_all: bool = False) -> None:
        self._endpoint = network.udp(interface, broadcast=open_to_all)
        self._book = book
        self._asked: set[str] | None = None if open_to_all else set()
        self._closed = False
        self._ended: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Hand events to the book until the socket is closed. Raises what the book raises."""
        if self._closed:
            return
        self._ended = asyncio.get_running_loop().create_future()
        self._endpoint.listen(self._hear)
        try:
            await self._ended
        finally:
            self._endpoint.listen(None)

    def _hear(self) -> None:
        try:
            self.drain()
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            fail(self._ended, error)

    def drain(self) -> None:
        """Hand over what has come in already."""
        while (event := self._endpoint.receive_nowait()) is not None:
            self._take(event)

    def _take(self, event: UdpEvent) -> None:
        if (
            self._asked is None
            or event.address in self._asked
            or event.kind is not UdpEventKind.REPLY
            or canonical(event.address) in self._asked
        ):
            self._book.take(event)
        else:
            self._book.stranger(canonical(event.address))

    async def send(self, payload: bytes, address: str, port: int, *, purpose: str) -> None:
        """Send one datagram through the gate. Raises what UdpEndpoint.send raises."""
        self._note(address)
        await self._endpoint.send(payload, address, port, purpose=purpose)

    def try_send(self, payload: bytes, address: str, port: int, *, purpose: str, liveness: bool = False) -> float:
        """Send one datagram now (0.0) or return the seconds to wait. Raises what UdpEndpoint.try_send raises."""
        self._note(address)
        return self._endpoint.try_send(payload, address, port, purpose=purpose, liveness=liveness)

    def _note(self, address: str) -> None:
        if self._asked is not None and address not in self._asked:
            self._asked.add(canonical(address))

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._closed = True
        self._endpoint.close()
        if self._ended is not None:
            settle(self._ended)


@lru_cache(maxsize=4096)
def canonical(address: str) -> str:
    """Return an address without scope, an IPv4-mapped one as IPv4; text that is no address as it is."""
    try:
        return plain(address)
    except NotPrivateError:
        return address
