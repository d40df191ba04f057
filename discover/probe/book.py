"""The book of one interface: what each address answered over UDP, and each event as a signal once."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from discover.model.network import Interface
from discover.model.signal import Source
from discover.net.api import Network, UdpEvent, UdpEventKind
from discover.net.emitter import Emitter
from discover.proto.replies import decode_udp
from discover.proto.ssdp import PORT as SSDP_PORT

MAX_REPLIES: Final = 128
"""Replies kept of one address in one sweep; a chatty media box answers an M-SEARCH with about 30."""
MAX_CONTACTS: Final = 16_384
"""Addresses that answered and are remembered, about 1 kB each; more in one network can only be made up."""
LATELY: Final = 5.0
"""Seconds for which the sweep's knock counts: a host that mDNS wakes an hour later has not heard it."""
OWN_FAILURE: Final = 1.0
"""Seconds after our question from which a failure in the neighbour table is about it: the kernel tries for 3 s (measured)."""


@dataclass(slots=True)
class Contact:
    """What one address answered: ports that replied, ports that ICMP called closed, ports that could not be reached and why."""

    replied: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    unreachable: dict[int, str] = field(default_factory=dict)
    controls: set[int] = field(default_factory=set)
    """Ports that we knock at as a control: their ICMP errors are a measure, not a finding."""
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by every event; whoever waits clears it first."""
    alive: bool = False
    payloads: set[tuple[int, int]] = field(default_factory=set)
    """Port and hash of every reply told: the bytes themselves would be 64 kB each from whoever means ill."""

    def resolved(self, port: int) -> bool:
        """Tell whether the port has answered in any way."""
        return port in self.replied or port in self.refused or port in self.unreachable

    def either(self, ports: tuple[int, int]) -> bool:
        """Tell whether one of two ports has answered in any way."""
        return self.resolved(ports[0]) or self.resolved(ports[1])


class Book:
    """Takes UDP events of one interface and keeps what they say.

    ``own`` are our addresses, whose datagrams (our own multicast) are not signals; ``on_alive`` is told
    an address the first time it answers.
    """

    def __init__(self, emit: Emitter, own: Collection[str], on_alive: Callable[[str], None]) -> None:
        self._emit = emit
        self._own = frozenset(own)
        self._on_alive = on_alive
        self._contacts: dict[str, Contact] = {}
        self._absent: set[str] = set()
        self._asked: dict[str, float] = {}

    def peek(self, address: str) -> Contact | None:
        """Return the contact of an address that answered, None where it has not."""
        return self._contacts.get(address)

    def is_absent(self, address: str) -> bool:
        """Tell whether the address was asked for and nobody is there."""
        return address in self._absent

    def contact(self, address: str) -> Contact:
        """Return the contact of an address, made where there is none yet."""
        found = self._contacts.get(address)
        if found is None:
            found = Contact()
            if len(self._contacts) < MAX_CONTACTS:
                self._contacts[address] = found
        return found

    def renew(self) -> None:
        """Begin a new sweep: answers count anew; waiting hosts keep their contacts' identity."""
        for contact in self._contacts.values():
            contact.replied.clear()
            contact.refused.clear()
            contact.unreachable.clear()
            contact.payloads.clear()
            contact.alive = False
        self._absent.clear()
        self._asked.clear()

    def alive(self, address: str) -> None:
        """Note that somebody is at the address, from whatever source."""
        contact = self.contact(address)
        contact.heard.set()
        if not contact.alive:
            contact.alive = True
            self._absent.discard(address)
            self._on_alive(address)

    def asked(self, address: str, now: float) -> None:
        """Note that the sweep asks for the address now (monotonic seconds)."""
        self._asked[address] = now
        self._absent.discard(address)

    def was_asked(self, address: str, now: float) -> bool:
        """Tell whether the sweep has asked for the address just now, so that its knock counts as the first one."""
        return now - self._asked.get(address, -LATELY) < LATELY

    def failed(self, address: str, now: float) -> None:
        """Note that the neighbour table calls the address failed: nobody is there, if that is about our question."""
        asked = self._asked.get(address)
        contact = self._contacts.get(address)
        # The table keeps failures of an earlier scan until it is asked again, and may have been read before that.
        if asked is not None and now - asked >= OWN_FAILURE and (contact is None or not contact.alive):
            self._absent.add(address)

    def take(self, event: UdpEvent) -> None:
        """Take one event: emit its signal, note it, wake who waits."""
        address = canonical(event.address)
        if address in self._own:
            return
        if event.kind is UdpEventKind.UNREACHABLE:
            self._unreachable(address, event)
            return
        if address not in self._contacts and len(self._contacts) >= MAX_CONTACTS:
            return  # nothing could be remembered of it, so every further datagram would be a signal again
        contact = self.contact(address)
        if event.kind is UdpEventKind.REPLY:
            self._reply(address, contact, event)
        else:
            fresh = event.port not in contact.refused
            contact.refused.add(event.port)
            self.alive(address)
            if fresh and event.port not in contact.controls:
                self._emit(Source.UDP, "udp.refused", address, {"port": event.port})
        contact.heard.set()

    def _unreachable(self, address: str, event: UdpEvent) -> None:
        contact = self._contacts.get(address)
        if contact is None or not contact.alive:
            # Nobody there is no signal: a sweep would fill the recording with addresses that never were.
            self._absent.add(address)
            return
        fresh = event.port not in contact.unreachable
        contact.unreachable.setdefault(event.port, event.reason)
        if fresh and event.port not in contact.controls:
            self._emit(Source.UDP, "udp.unreachable", address, {"port": event.port, "reason": event.reason})
        contact.heard.set()

    def _reply(self, address: str, contact: Contact, event: UdpEvent) -> None:
        key = (event.port, hash(event.payload))
        contact.replied.add(event.port)
        if key in contact.payloads or len(contact.payloads) >= MAX_REPLIES:
            return
        contact.payloads.add(key)
        protocol, fields = decode_udp(event.port, event.payload)
        # The answer to an M-SEARCH may come from any port; what listens is 1900.
        port = SSDP_PORT if protocol == "ssdp" else event.port
        contact.replied.add(port)
        self._emit(Source.UDP, "udp.reply", address, {**fields, "port": port, "protocol": protocol}, event.payload)
        self.alive(address)


class Line:
    """One UDP socket whose events go into a book until it is closed.

    ``run`` is its pump. Raises NetworkError where the socket cannot be opened.
    """

    def __init__(self, network: Network, interface: Interface, book: Book) -> None:
        self._endpoint = network.udp(interface, broadcast=True)
        self._book = book
        self._closed = False

    async def run(self) -> None:
        """Hand events to the book until the socket is closed."""
        while not self._closed:
            event = await self._endpoint.receive(_LONG)
            if event is not None:
                self._book.take(event)

    async def send(self, payload: bytes, address: str, port: int, *, purpose: str) -> None:
        """Send one datagram through the gate. Raises what UdpEndpoint.send raises."""
        await self._endpoint.send(payload, address, port, purpose=purpose)

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._closed = True
        self._endpoint.close()


_LONG: Final = 3600.0
"""Seconds of one wait for the next event; the pump is ended by cancelling it."""


def canonical(address: str) -> str:
    """Return an address without scope, an IPv4-mapped one as IPv4; text that is no address as it is."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
