"""Questions that answer themselves, to a whole network: multicast and broadcast. Those to one host are in ports.py.

All of them are plain "who is there" of their protocols and free of side effects (facts: gear): Microchip's
announce (Balboa spas and others), Gecko's first greeting, Digi's ADDP type 1, SSDP's search.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import Clock
from discover.net.gate import is_private
from discover.probe.book import Line
from discover.proto import addp, gecko, microchip, ssdp

BROADCAST: Final = "broadcast"
"""Stands for the directed broadcast address of each of the interface's private networks."""
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
