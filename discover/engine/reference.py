"""What answers at every loopback address: a server bound to all addresses says nothing about one of them."""

from __future__ import annotations

import asyncio
from typing import Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import Network, TcpOutcome
from discover.net.emitter import Emitter
from discover.probe.book import Book, Line
from discover.probe.ports import KNOCK_PORTS, TCP_PORTS
from discover.proto import wellknown
from discover.proto.wellknown import KNOCK

ANSWER_TIME: Final = 0.15
"""Seconds for our own kernel to refuse; it takes microseconds."""


async def answering_everywhere(network: Network, interface: Interface) -> frozenset[tuple[str, int]]:
    """Return the (transport, port) pairs, of those that a scan asks, that do not refuse at our own loopback address."""
    own = next((str(one.address) for one in interface.ipv4), "")
    if not own:
        return frozenset()
    tcp = {("tcp", port) for port in TCP_PORTS if await _open(network, interface, own, port)}
    try:
        return frozenset(tcp | await _bound(network, interface, own))
    except NetworkError:
        return frozenset(tcp)


async def _open(network: Network, interface: Interface, own: str, port: int) -> bool:
    try:
        outcome, stream = await network.tcp(interface, own, port, purpose="does this machine itself listen (connect)", timeout=ANSWER_TIME)
    except NetworkError:
        return False
    if stream is not None:
        stream.close()
    return outcome is TcpOutcome.OPEN


async def _bound(network: Network, interface: Interface, own: str) -> set[tuple[str, int]]:
    book = Book(Emitter(network.clock, interface.name, lambda _signal: None, 0.0), (), lambda _address: None)
    line = Line(network, interface, book)
    pump = asyncio.create_task(line.run())
    questions = {
        **dict.fromkeys(KNOCK_PORTS, KNOCK),
        wellknown.MICROCHIP_PORT: wellknown.MICROCHIP_QUESTION,
        wellknown.GECKO_PORT: wellknown.GECKO_QUESTION,
    }
    try:
        for port, payload in questions.items():
            await line.send(payload, own, port, purpose="does this machine itself listen")
        await network.clock.sleep(ANSWER_TIME)
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        line.close()
    return {("udp", port) for port in questions if port not in book.contact(own).refused}
