"""Questions that answer themselves: multicast and broadcast ones for a network, two unicast ones for a host.

All of them are plain "who is there" of their protocols and free of side effects (facts: gear): Microchip's
announce (Balboa spas and others), Gecko's first greeting, Digi's ADDP type 1, SSDP's search.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.model.signal import Source
from discover.net.api import Clock
from discover.net.emitter import Emitter
from discover.net.gate import is_private
from discover.probe.book import Book, Line
from discover.probe.wait import wait_until
from discover.proto import addp, gecko, microchip, ssdp

BROADCAST: Final = "broadcast"
"""Stands for the directed broadcast address of each of the interface's private networks."""
HOST_DELAY: Final = 0.45
"""Seconds after the first knock at a host before it is asked: the knocks come first in its ration of ICMP errors."""
HOST_SPACING: Final = 0.06
HOST_RETRY: Final = 1.3
"""Seconds before a silent host is asked again; its second ICMP ration is there by then."""
HOST_PATIENCE: Final = 1.0
SEARCH_TARGET: Final = "upnp:rootdevice"
"""One answer a device; "ssdp:all" brings one for each service, and several kilobytes of air a device."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question to a network: when (seconds after the scan's start), what, to whom, and why."""

    at: float
    payload: bytes
    to: str
    port: int
    purpose: str


QUESTIONS: Final = (
    Question(0.0, ssdp.encode_search(SEARCH_TARGET), ssdp.GROUP, ssdp.PORT, "SSDP search"),
    Question(0.0, addp.QUESTION, addp.GROUP, addp.PORT, "ADDP discovery (type 1)"),
    Question(0.0, addp.QUESTION, BROADCAST, addp.PORT, "ADDP discovery (type 1)"),
    Question(0.0, gecko.QUESTION, BROADCAST, gecko.PORT, "Gecko greeting"),
    Question(0.0, microchip.QUESTION, BROADCAST, microchip.PORT, "Microchip announce, long form"),
    Question(1.0, microchip.QUESTION_SHORT, BROADCAST, microchip.PORT, "Microchip announce, short form"),
    # UPnP Device Architecture 2.0, section 1.3.2: send a search more than once, UDP loses datagrams.
    Question(1.2, ssdp.encode_search(SEARCH_TARGET), ssdp.GROUP, ssdp.PORT, "SSDP search"),
)
"""In order of time. Answers to SSDP may take MX = 2 s, so the last one is in by 3.2 s."""


async def ask_network(line: Line, interface: Interface, clock: Clock, on_trouble: Callable[[NetworkError], None]) -> None:
    """Ask all questions on one interface; answers become signals in the line's book.

    A question that the system refuses to send is told to ``on_trouble`` and the others are still asked.
    """
    start = clock.mono()
    broadcasts = tuple(str(one.broadcast) for one in interface.ipv4 if one.broadcast is not None and is_private(one.network))
    for question in QUESTIONS:
        wait = start + question.at - clock.mono()
        if wait > 0:
            await clock.sleep(wait)
        for address in broadcasts if question.to == BROADCAST else (question.to,):
            try:
                await line.send(question.payload, address, question.port, purpose=question.purpose)
            except NetworkError as error:
                on_trouble(error)


async def ask_host(line: Line, book: Book, emit: Emitter, clock: Clock, address: str) -> None:
    """Ask one live host on 30303 (long form, then ``D``) and 10022, unless it has answered there already.

    Emits udp.silent (control "none") for a port that stays silent. Raises NetworkError.
    """
    contact = book.contact(address)
    await clock.sleep(HOST_DELAY)
    asked = dict.fromkeys((microchip.PORT, gecko.PORT), 0)
    for questions, patience in ((_FIRST, HOST_RETRY), (_AGAIN, HOST_PATIENCE)):
        for port, payload, purpose in questions:
            if not contact.resolved(port):
                asked[port] += 1
                await line.send(payload, address, port, purpose=purpose)
                await clock.sleep(HOST_SPACING)
        await wait_until(clock, contact, lambda: all(map(contact.resolved, asked)), patience)
    for port, tries in asked.items():
        if not contact.resolved(port):
            emit(Source.UDP, "udp.silent", address, {"port": port, "tries": tries, "control": "none"})


_FIRST: Final = (
    (microchip.PORT, microchip.QUESTION, "Microchip announce, long form"),
    (gecko.PORT, gecko.QUESTION, "Gecko greeting"),
)
_AGAIN: Final = (
    (microchip.PORT, microchip.QUESTION_SHORT, "Microchip announce, short form"),
    (gecko.PORT, gecko.QUESTION, "Gecko greeting"),
)
