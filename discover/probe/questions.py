"""Questions that answer themselves, to a whole network: multicast and broadcast. Those to one host are in ports.py.

All of them are plain "who is there" of their protocols and free of side effects (facts: gear): Microchip's
announce (Balboa spas and others), Gecko's first greeting, Digi's ADDP type 1, SSDP's search.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import Clock
from discover.net.gate import is_private
from discover.probe.book import Line
from discover.proto import wellknown

BROADCAST: Final = "broadcast"
"""Stands for the directed broadcast address of each of the interface's private networks."""
SEARCH_TARGET: Final = "upnp:rootdevice"
"""One answer a device; "ssdp:all" brings one for each service, and several kilobytes of air a device."""


class Question(NamedTuple):
    """One question to a network: when (seconds after the scan's start), what, to whom, and why."""

    at: float
    payload: bytes
    to: str
    port: int
    purpose: str


@cache
def questions() -> tuple[Question, ...]:
    """Return all questions, in order of time. Answers to SSDP may take MX = 2 s, so the last one is in by 3.2 s."""
    from discover.proto import addp, ssdp  # noqa: PLC0415 - codecs that a sweep without listeners does not need

    search = ssdp.encode_search(SEARCH_TARGET)
    return (
        Question(0.0, search, ssdp.GROUP, ssdp.PORT, "SSDP search"),
        Question(0.0, addp.QUESTION, addp.GROUP, addp.PORT, "ADDP discovery (type 1)"),
        Question(0.0, addp.QUESTION, BROADCAST, addp.PORT, "ADDP discovery (type 1)"),
        Question(0.0, wellknown.GECKO_QUESTION, BROADCAST, wellknown.GECKO_PORT, "Gecko greeting"),
        Question(0.0, wellknown.MICROCHIP_QUESTION, BROADCAST, wellknown.MICROCHIP_PORT, "Microchip announce, long form"),
        Question(1.0, wellknown.MICROCHIP_QUESTION_SHORT, BROADCAST, wellknown.MICROCHIP_PORT, "Microchip announce, short form"),
        # UPnP Device Architecture 2.0, section 1.3.2: send a search more than once, UDP loses datagrams.
        Question(1.2, search, ssdp.GROUP, ssdp.PORT, "SSDP search"),
    )


async def ask_network(line: Line, interface: Interface, clock: Clock, on_trouble: Callable[[NetworkError], None]) -> None:
    """Ask all questions on one interface; answers become signals in the line's book.

    A question that the system refuses to send is told to ``on_trouble`` and the others are still asked.
    """
    start = clock.mono()
    broadcasts = tuple(str(one.broadcast) for one in interface.ipv4 if one.broadcast is not None and is_private(one.network))
    for question in questions():
        wait = start + question.at - clock.mono()
        if wait > 0:
            await clock.sleep(wait)
        for address in broadcasts if question.to == BROADCAST else (question.to,):
            try:
                await line.send(question.payload, address, question.port, purpose=question.purpose)
            except NetworkError as error:
                on_trouble(error)
