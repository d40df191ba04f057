"""The mDNS browser: one instance for each interface, because the same instance on two LANs is two things.

Packets are parsed by zeroconf (:mod:`discover.net.mdns.parse`). The rest is ours: sockets that do not lose a burst
(:mod:`discover.net.mdns.link`), records and instances within bounds (:mod:`discover.net.mdns.records`,
:mod:`discover.net.mdns.book`), the rhythm of questions (:mod:`discover.net.mdns.schedule`) and packets full of them.
What is sent passes our gate: questions only, never an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import Clock, MdnsEvent, MdnsEventKind
from discover.net.clock import SystemClock
from discover.net.gate import Gate
from discover.net.mdns.book import Book
from discover.net.mdns.instance import META, type_of
from discover.net.mdns.limits import Limits
from discover.net.mdns.link import Link
from discover.net.mdns.query import AAAA, PTR, A, encode_browse, encode_queries, host_labels, labels
from discover.net.mdns.records import Records, key_of
from discover.net.mdns.schedule import Schedule
from discover.net.pace import Bucket
from discover.net.waiting import Alarm

if TYPE_CHECKING:
    from discover.net.mdns.parse import Pointer

_RESOLVE_SECONDS: Final = (1.0, 2.0)
"""How long each of two questions for a host waits; a responder may answer once a second (RFC 6762 section 6)."""
_ASK_RATE: Final = 20.0
_ASK_BURST: Final = 18.0
"""Packets of questions for instances: together below the 40 that a host may get in a second, so that browsing has room."""
_ASK_SPACING: Final = 0.01
"""Seconds between two of them: some 50 devices answer each, and more of them come into one packet."""
_LEAST_WAIT: Final = 0.005
"""Seconds: whatever is due is worked off in portions of this size at least."""


class Browser:
    """Browses one interface until closed; see :class:`discover.net.api.MdnsBrowser`."""

    def __init__(self, gate: Gate, clock: Clock, interface: Interface, on_event: Callable[[MdnsEvent], None]) -> None:
        self._clock = clock
        self._interface = interface
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()
        self._records = Records()
        self._book = Book(interface.name, self._records)
        self._schedule = Schedule(random.uniform)
        self._asking = Bucket(_ASK_RATE, _ASK_BURST)
        self._alarm = Alarm(clock)
        self._sleeps_until: float | None = 0.0
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._link = Link(gate, clock, interface, self._take)
        self._limits = Limits(interface.name, self._book, self._records, self._link, clock.mono())

    @property
    def error(self) -> NetworkError | None:
        """Why questions cannot be asked at the moment (the interface is gone, say), None where all is well."""
        return self._link.outbox.error

    async def start(self, types: Iterable[str]) -> None:
        """Begin to ask for the types and the meta-query. Raises NetworkError where the first question cannot leave."""
        known = [found for one in types if (found := type_of(one.rstrip(".").removesuffix(".local") + ".local."))]
        for name in known:
            self._book.learn_type(f"{name}.local")
        self._schedule.add([META, *dict.fromkeys(known)], self._clock.mono())
        self._task = self._loop.create_task(self._ask(), name=f"mDNS questions on {self._interface.name}")
        import discover.net.mdns.parse  # noqa: F401, PLC0415 - takes as long as the first question has to wait anyway

        await self._link.outbox.first_question()

    # Hearing.

    def _take(self, packet: bytes, _source: str) -> None:
        from discover.net.mdns.parse import read  # noqa: PLC0415 - see start

        now = self._clock.mono()
        pointers, names = read(packet, self._records, now)
        for pointer in pointers:
            self._tell(self._pointer(pointer, now))
        if names:
            self._tell(self._book.changed(names, now, pointed={key_of(pointer.alias) for pointer in pointers}))
        due = self._book.next_due()
        if due is not None and (self._sleeps_until is None or due < self._sleeps_until):
            self._alarm.ring()

    def _pointer(self, pointer: Pointer, now: float) -> Iterable[MdnsEvent]:
        name, alias, ttl = pointer
        if name.lower().rstrip(".") == f"{META}.local":
            return self._type(alias, ttl, now) if ttl else ()
        if not ttl:
            return self._book.gone(alias, MdnsEventKind.GOODBYE, now)
        return (*self._type(name, 0, now), *self._book.pointer(name, alias, ttl, now))

    def _type(self, name: str, ttl: float, now: float) -> tuple[MdnsEvent, ...]:
        found = self._book.learn_type(name, ttl, now)
        if found is None:
            return ()
        self._schedule.add([found], now)
        self._alarm.ring()
        return (MdnsEvent(kind=MdnsEventKind.TYPE, interface=self._interface.name, type=found),)

    def _tell(self, events: Iterable[MdnsEvent]) -> None:
        for event in events:
            # Not from inside the parser's loop: an exception of the listener's belongs to the loop, not to the packet.
            self._loop.call_soon(self._deliver, event, self._clock.mono())

    def _deliver(self, event: MdnsEvent, mono: float) -> None:
        if not self._closed:
            self._on_event(event._replace(mono=mono))

    # Asking.

    async def _ask(self) -> None:
        while True:
            now = self._clock.mono()
            self._look(now)
            first, again = self._schedule.take(now)
            if first or again:
                await self._ask_types(first, again)
            elif not self._book.waiting(now):
                await self._sleep(self._next_due(), now)
            elif (wait := self._asking.wait(now)) > 0:
                await self._clock.sleep(wait)  # nothing that is heard makes it shorter
            else:
                self._asking.spend(now)
                await self._link.outbox.ask(self._question)
                await self._clock.sleep(_ASK_SPACING)

    def _look(self, now: float) -> None:
        """Work off what time has done: records and pointers that ran out, changes that were held back."""
        self._tell(self._book.changed(self._records.expire(now), now))
        ended, stale = self._book.look(now)
        self._tell(ended)
        if stale:
            self._schedule.refresh(stale, now)
        self._tell(self._book.late(now))
        self._tell(self._limits.news(now))

    def _next_due(self) -> float | None:
        known = (self._schedule.next_due(), self._book.next_due(), self._book.next_look(), self._records.next_end())
        return min((one for one in known if one is not None), default=None)

    async def _sleep(self, until: float | None, now: float) -> None:
        self._sleeps_until = until
        await self._alarm.wait(None if until is None else max(_LEAST_WAIT, until - now))
        self._sleeps_until = 0.0

    async def _ask_types(self, first: Sequence[str], again: Sequence[str]) -> None:
        # On loopback a unicast answer reaches only one of the programs that share the port.
        named = {one: name for one in (*first, *again) if (name := labels("", one)) is not None}
        unicast = not self._interface.loopback
        now = self._clock.mono()
        known = {named[one]: self._book.known(one, now) for one in again if one in named}
        # One packet after the other: a thousand known answers are not encoded in a moment.
        for packet in itertools.chain(
            encode_queries([(named[one], PTR) for one in first if one in named], unicast=unicast), encode_browse(known)
        ):
            await self._link.outbox.ask(partial(bytes, packet))
        self._tell(self._limits.news(self._clock.mono(), look=True))

    def _question(self) -> bytes:
        packet, events = self._book.ask(self._clock.mono(), unicast=not self._interface.loopback)
        self._tell(events)
        return packet

    async def close(self) -> None:
        """Stop browsing and leave no task and no socket behind; idempotent."""
        if self._closed:
            return
        self._tell_last()
        self._closed = True
        self._link.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _tell_last(self) -> None:
        now = self._clock.mono()
        for event in self._limits.news(now, final=True):
            self._deliver(event, now)


async def browse(gate: Gate, clock: Clock, interface: Interface, types: Iterable[str], on_event: Callable[[MdnsEvent], None]) -> Browser:
    """Browse the types, the meta-query and every type that turns up on one interface, until the browser is closed.

    A PTR's ``ttl`` is at least 1125 s (:data:`discover.net.mdns.book.MIN_TTL`). Raises NetworkError where
    multicast is not allowed there: joining the group, or sending the first question.
    """
    browser = Browser(gate, clock, interface, on_event)
    try:
        await browser.start(types)
    except BaseException:
        await browser.close()
        raise
    return browser


async def resolve_local(gate: Gate, interfaces: Sequence[Interface], host: str) -> tuple[str, ...]:
    """Ask all interfaces for a ".local" host; return the first answer's addresses, empty where nobody answers in time."""
    tasks = [asyncio.ensure_future(_resolve_on(gate, interface, host)) for interface in interfaces]
    try:
        for answer in asyncio.as_completed(tasks):
            with contextlib.suppress(NetworkError):  # no multicast on this one; another interface may know
                if found := await answer:
                    return found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return ()


async def _resolve_on(gate: Gate, interface: Interface, host: str) -> tuple[str, ...]:
    name = host_labels(host)
    if name is None:
        return ()
    from discover.net.mdns.parse import read  # noqa: PLC0415 - whoever only browses imports it later

    clock, records, heard = SystemClock(), Records(), asyncio.Event()
    records.want(host)

    def take(packet: bytes, _source: str) -> None:
        read(packet, records, clock.mono())
        heard.set()

    link = Link(gate, clock, interface, take, browsing=False)
    try:
        (packet,) = encode_queries([(name, A), (name, AAAA)])
        for seconds in _RESOLVE_SECONDS:
            await link.outbox.ask(lambda: packet)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not (found := records.addresses(host)):
                        heard.clear()
                        await heard.wait()
                    return found
        return ()
    finally:
        link.close()
