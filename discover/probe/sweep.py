"""Liveness without privileges: one small datagram an address makes the kernel ask by ARP (facts: network).

The datagram is the knock on 3232/udp, so it asks the first question of the port phase, too. Who is
there shows in the neighbour table (read beside this, see listen/neighbours.py), by an answer or by
an ICMP error; who is not, by the kernel's EHOSTUNREACH.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from discover.errors import EspiedError, NetworkError, NotPrivateError
from discover.model.network import Interface
from discover.net.api import Network
from discover.probe.book import Book, Line
from discover.proto.arduinoota import KNOCK

LIVENESS_PORT: Final = 3232
CHUNK: Final = 180
"""Addresses on one socket. Linux holds 256 datagrams that wait for ARP on a socket (measured), then says EAGAIN;
at most 200 addresses a socket found every host of a /22, one socket for all found a third."""
CHUNKS_AT_ONCE: Final = 5
"""5 x 180 = 900 unresolved neighbours: the kernel's table holds 1024 (gc_thresh3), and beyond that hosts are lost without an error."""
ARP_GIVES_UP: Final = 3.4
"""Linux asks by ARP three times, a second apart, and reports EHOSTUNREACH after 3.07 s (measured); a little more for a busy machine."""
ANSWER_TIME: Final = 1.0
"""How long a host that is there may take for its first answer: power save holds a datagram up to about 300 ms (measured)."""
LOOPBACK_TIME: Final = 0.15
ROUTED_TIME: Final = 2.5
"""No ARP speaks for a host behind a router: it is asked twice and given this long."""
ROUTED_RETRY: Final = 1.0
FAILURES: Final = 3
"""Addresses in a row that the system refuses to send to before the rest of a target is given up."""
BACK_OFF: Final = (0.2, 0.5)
"""Seconds before each retry of a refused send: ENOBUFS passes in milliseconds, an interface that renews its lease in less than a second."""
_TICK: Final = 0.1

Paced = Callable[[], Awaitable[None]]


class Sweep:
    """The sweep of one target.

    ``slots`` bounds the chunks at work in the whole scan, because the kernel's neighbour table is one for
    all interfaces. ``on_tested`` is told how many more addresses have got their chance; ``error`` is what
    ended the sweep early, None where nothing did.
    """

    def __init__(
        self,
        network: Network,
        interface: Interface,
        book: Book,
        slots: asyncio.Semaphore,
        *,
        on_tested: Callable[[int], None],
        arp: bool = True,
    ) -> None:
        self._network = network
        self._interface = interface
        self._book = book
        self._slots = slots
        self._on_tested = on_tested
        self._arp = arp
        self._failures = 0
        self.error: EspiedError | None = None
        self.complete = True
        """False once an address has not got its chance."""

    async def run(self, addresses: Iterable[str]) -> None:
        """Ask every address once; return when each was answered for or has had its time."""
        async with asyncio.TaskGroup() as group:
            for chunk in _chunks(addresses):
                await self._slots.acquire()
                if self.error is not None:
                    self._slots.release()
                    self.complete = False
                    return
                group.create_task(self._chunk(chunk))

    async def _chunk(self, addresses: tuple[str, ...]) -> None:
        try:
            await self._ask(addresses)
        finally:
            self._slots.release()

    async def _ask(self, addresses: tuple[str, ...]) -> None:
        try:
            line = Line(self._network, self._interface, self._book)
        except NetworkError as error:
            self.error, self.complete = error, False
            return
        pump = asyncio.create_task(line.run())
        try:
            asked = [address for address in addresses if await self._send(line, address)]
            await self._wait(line, asked)
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            line.close()

    async def _wait(self, line: Line, asked: list[str]) -> None:
        clock = self._network.clock
        sent = clock.mono()
        if self._interface.loopback:
            patience, answer_time = LOOPBACK_TIME, LOOPBACK_TIME
        else:
            patience, answer_time = (ARP_GIVES_UP if self._arp else ROUTED_TIME), ANSWER_TIME
        waiting, retried, told = asked, False, 0
        while waiting and (passed := clock.mono() - sent) < patience:
            if not self._arp and not retried and passed >= ROUTED_RETRY:
                retried = True
                for address in waiting:
                    await self._send(line, address)
            await clock.sleep(min(_TICK, patience))
            waiting = [address for address in waiting if not self._settled(address, since=sent, answer_time=answer_time)]
            self._on_tested(len(asked) - len(waiting) - told)
            told = len(asked) - len(waiting)
        self._on_tested(len(asked) - told)

    def _settled(self, address: str, *, since: float, answer_time: float) -> bool:
        if self._book.is_absent(address):
            return True
        contact = self._book.peek(address)
        if contact is None:
            return False
        if contact.resolved(LIVENESS_PORT):
            return True
        # Somebody is there: the socket stays open a little for the answer to the knock itself.
        return contact.alive and self._network.clock.mono() - since >= answer_time

    async def _send(self, line: Line, address: str) -> bool:
        """Send the knock; False where the system refused it and every retry."""
        if self.error is not None:
            self.complete = False
            return False
        for wait in (*BACK_OFF, None):
            self._book.asked(address, self._network.clock.mono())
            try:
                await line.send(KNOCK, address, LIVENESS_PORT, purpose="is anybody there (knock)")
            except (NetworkError, NotPrivateError) as error:  # the gate's refusal: the interface stands in another network now
                if wait is not None:
                    await self._network.clock.sleep(wait)
                    continue
                self.complete = False
                self._failures += 1
                if self._failures >= FAILURES:
                    self.error = error
            else:
                self._failures = 0
                return True
        return False


def _chunks(addresses: Iterable[str]) -> Iterator[tuple[str, ...]]:
    rest = iter(addresses)
    while chunk := tuple(islice(rest, CHUNK)):
        yield chunk
