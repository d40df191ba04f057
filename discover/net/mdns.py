"""The mDNS browser, on zeroconf (whose only importer in ``net`` this is).

One instance for each interface: names are one name space in zeroconf, and the same instance on two
LANs would collide. zeroconf brings sockets, parsing, cache, and the rhythm of questions with known
answers (RFC 6762 section 5.2); what is heard is kept in :class:`discover.net.mdns_book.Book`, and what
is sent passes our gate: questions only, never an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ipaddress
import logging
import socket
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final

from zeroconf import (
    BadTypeInNameException,
    DNSQuestionType,
    IPVersion,
    NotRunningException,
    RecordUpdate,
    RecordUpdateListener,
    Zeroconf,
    current_time_millis,
)
from zeroconf._dns import DNSAddress, DNSPointer, DNSRecord, DNSService, DNSText  # the package exports them for old times' sake only
from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

from discover.errors import NetworkError
from discover.model.network import Interface
from discover.net.api import Clock, MdnsEvent, MdnsEventKind
from discover.net.gate import Gate
from discover.net.mdns_book import META, Book, type_of
from discover.net.mdns_out import GROUP4, PORT, Outbox, Sender
from discover.net.mdns_query import AAAA, A, encode_queries, host_labels
from discover.net.sockets import only_joined, raise_buffers, udp_socket
from discover.net.trouble import network_error

_TTL_GOODBYE: Final = 0
_RESPONSE: Final = 0x8000  # the QR bit of the flags
_NEW_TYPES_SECONDS: Final = 0.05
"""Types that turn up together are asked for in one packet."""
_RESOLVE_SECONDS: Final = (1.0, 2.0)
"""How long each of two questions for a host waits; a responder may answer once a second (RFC 6762 section 6)."""

# zeroconf says on its log what we say in our own words; a line on stderr would tear the app's screen.
logging.getLogger("zeroconf").addHandler(logging.NullHandler())


class _Asker(Zeroconf):
    """A zeroconf that asks and never answers: each of its packets goes to ``outbox`` instead of a socket."""

    def __init__(self, outbox: Outbox, interfaces: list[str | int], version: IPVersion) -> None:
        self._outbox = outbox
        super().__init__(interfaces=interfaces, ip_version=version)

    def async_send(self, out: Any, addr: str | None = None, port: int = PORT, v6_flow_scope: Any = (), transport: Any = None) -> None:  # noqa: ANN401 - zeroconf's own types are private
        """Take the questions; an answer has no business here (there is nothing registered)."""
        del addr, port, v6_flow_scope, transport
        if not self.done and not out.flags & _RESPONSE:
            for packet in out.packets():
                self._outbox.put(packet)


class Link:
    """One interface's mDNS sockets: what is asked passes the gate, and what comes in is in zeroconf's cache."""

    def __init__(self, zeroconf: _Asker, outbox: Outbox) -> None:
        self.zeroconf = zeroconf
        self.outbox = outbox
        self._facade = AsyncZeroconf(zc=zeroconf)

    async def start(self) -> None:
        """Wait for the sockets, enlarge their buffers, and let packets out. Raises NetworkError."""
        name = self.outbox.interface.name
        try:
            await self.zeroconf.async_wait_for_start()
        except NotRunningException as error:
            raise NetworkError(f"cannot open mDNS on {name}", "`espied doctor` says what this system allows.") from error
        for reader in self.zeroconf.engine.readers:
            raise_buffers(reader.sock)
            only_joined(reader.sock)
        senders = self.zeroconf.engine.senders
        if not senders:
            raise NetworkError(
                f"cannot join the mDNS group on {name}",
                "Multicast seems to be off on it: `ip link set IF multicast on`, or another interface.",
            )
        made: list[Sender] = []
        try:
            made.extend(Sender(one.fileno, one.transport, self.outbox.interface, ipv6=one.is_ipv6) for one in senders)
        except OSError as error:  # no files left
            for sender in made:
                sender.close()
            raise network_error(error, f"open mDNS on {name}") from error
        self.outbox.start(made)

    async def close(self) -> None:
        """Close everything."""
        await self.outbox.close()
        await self._facade.async_close()


async def open_link(gate: Gate, interface: Interface) -> Link:
    """Open mDNS on one interface: its first IPv4 address, and IPv6 by its index where it has a local one.

    Raises NetworkError with the usual cause where joining is not allowed.
    """
    v4 = [str(one.address) for one in interface.ipv4[:1]]
    # zeroconf cannot listen on ::1, and a loopback's IPv4 says it all.
    v6 = (
        [interface.index] if any(one.address.is_link_local for one in interface.ipv6) and not interface.loopback and interface.index else []
    )
    if not v4 and not v6:
        raise NetworkError(f"cannot browse mDNS on {interface.name}: it has no address", "Give it an address, or name another interface.")
    if v4:
        # zeroconf passes over some refusals and logs others; ours says it in a sentence, before anything is open.
        udp_socket(interface, socket.AF_INET, groups=(GROUP4,), doing=f"join the mDNS group on {interface.name}")[0].close()
    choices: list[tuple[list[str | int], IPVersion]] = []
    if v6:
        choices.append(([*v4, *v6], IPVersion.All if v4 else IPVersion.V6Only))
    if v4:
        choices.append(([*v4], IPVersion.V4Only))
    failure: Exception | None = None
    for interfaces, version in choices:
        outbox = Outbox(gate, interface)
        try:
            zeroconf = _Asker(outbox, interfaces, version)
        except (OSError, RuntimeError) as error:  # RuntimeError: the address has just gone
            failure = error
            continue
        link = Link(zeroconf, outbox)
        try:
            await link.start()
        except BaseException:
            await link.close()
            raise
        return link
    if isinstance(failure, OSError):
        raise network_error(failure, f"open mDNS on {interface.name}") from failure
    raise NetworkError(f"cannot open mDNS on {interface.name}: {failure}", "Look at the interface again: its addresses may have changed.")


class _Records:
    """zeroconf's cache, as the book looks things up."""

    def __init__(self, zeroconf: Zeroconf) -> None:
        self._zeroconf = zeroconf

    def _newest(self, name: str, kind: type[DNSRecord]) -> list[Any]:
        now = current_time_millis()
        found = [one for one in self._zeroconf.cache.entries_with_name(name) if isinstance(one, kind) and not one.is_expired(now)]
        return sorted(found, key=lambda one: -one.created)

    def service(self, name: str) -> tuple[str, int] | None:
        """Return host and port of the newest SRV."""
        found = self._newest(name, DNSService)
        return (found[0].server, found[0].port) if found else None

    def text(self, name: str) -> bytes | None:
        """Return the newest TXT's rdata."""
        found = self._newest(name, DNSText)
        return bytes(found[0].text) if found else None

    def addresses(self, host: str) -> tuple[str, ...]:
        """Return the host's addresses, IPv4 before IPv6, each in order."""
        found = set()
        for record in self._newest(host.rstrip(".") + ".", DNSAddress):
            with contextlib.suppress(ValueError):  # an A record of the wrong length
                found.add(ipaddress.ip_address(bytes(record.address)))
        return tuple(str(one) for one in sorted(found, key=lambda one: (one.version, int(one))))


class _Listener(RecordUpdateListener):
    """Hands every record to the browser: a batch when it came, and once more when the cache has it."""

    def __init__(self, take: Callable[[float, list[RecordUpdate]], None], done: Callable[[], None]) -> None:
        super().__init__()
        self._take = take
        self._done = done

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Take a batch; the cache does not have it yet."""
        del zc
        self._take(now, records)

    def async_update_records_complete(self) -> None:
        """The cache has the batch now."""
        self._done()


class Browser:
    """Browses one interface until closed; see :class:`discover.net.api.MdnsBrowser`."""

    def __init__(self, link: Link, clock: Clock, interface: Interface, on_event: Callable[[MdnsEvent], None]) -> None:
        self._link = link
        self._clock = clock
        self._interface = interface
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()
        self._book = Book(interface.name, _Records(link.zeroconf))
        self._listener = _Listener(self._take, self._settle)
        self._batch: list[tuple[str, str, int, MdnsEventKind | None]] = []
        self._names: dict[str, None] = {}
        self._new_types: list[str] = []
        self._browsers: list[AsyncServiceBrowser] = []
        self._wake = asyncio.Event()
        self._idle = False
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def error(self) -> NetworkError | None:
        """Why questions cannot be asked at the moment (the interface is gone, say), None where all is well."""
        return self._link.outbox.error

    def start(self, types: Iterable[str]) -> None:
        """Begin to ask for the types and the meta-query."""
        zeroconf = self._link.zeroconf
        zeroconf.async_add_listener(self._listener, None)
        # What was announced while the sockets opened is in the cache, and known answers are not told again.
        cached = [record for name in zeroconf.cache.names() for record in zeroconf.cache.entries_with_name(name)]
        self._take(current_time_millis(), [RecordUpdate(record) for record in cached])
        known = [found for one in types if (found := type_of(one.rstrip(".").removesuffix(".local") + ".local."))]
        for name in known:
            self._book.types.add(name)
        self._ask_for([META, *dict.fromkeys(known)])
        self._settle()
        self._task(self._resolve(), "mDNS resolving")

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(self._loop.create_task(work, name=f"{name} on {self._interface.name}"))

    def _ask_for(self, types: list[str]) -> None:
        # On loopback a unicast answer reaches only one of the programs that share the port.
        kind = DNSQuestionType.QM if self._interface.loopback else None
        names = [f"{name}.local." for name in types]
        try:
            self._browsers.append(AsyncServiceBrowser(self._link.zeroconf, names, handlers=[_nothing], question_type=kind))
        except BadTypeInNameException:
            # zeroconf's rules are a little stricter than the field's; one odd type must not keep the others back.
            for name in types if len(types) > 1 else ():
                self._ask_for([name])

    def _take(self, now: float, records: list[RecordUpdate]) -> None:
        for update in records:
            record = update.new
            if isinstance(record, DNSPointer):
                # Not the record itself: the cache changes its TTL in place.
                kind = None
                if record.is_expired(now):
                    kind = MdnsEventKind.GOODBYE if record.ttl == _TTL_GOODBYE else MdnsEventKind.EXPIRED
                self._batch.append((record.name, record.alias, int(record.ttl), kind))
            elif update.old is None or record.is_expired(now):
                self._names[record.name] = None

    def _pointer(self, name: str, alias: str, ttl: int, ended: MdnsEventKind | None) -> Iterable[MdnsEvent]:
        if name.lower().rstrip(".") == f"{META}.local":
            return () if ended else self._type(alias)
        if ended:
            return self._book.gone(alias, ended)
        return (*self._type(name), *self._book.pointer(name, alias, ttl, self._clock.mono()))

    def _type(self, name: str) -> tuple[MdnsEvent, ...]:
        found = self._book.learn_type(name)
        if found is None:
            return ()
        if not self._new_types:
            self._loop.call_later(_NEW_TYPES_SECONDS, self._ask_new_types)
        self._new_types.append(found)
        return (MdnsEvent(kind=MdnsEventKind.TYPE, interface=self._interface.name, type=found),)

    def _ask_new_types(self) -> None:
        types, self._new_types = self._new_types, []
        if not self._closed:
            self._ask_for(types)

    def _settle(self) -> None:
        if self._closed:
            return
        batch, self._batch = self._batch, []
        names, self._names = self._names, {}
        for pointer in batch:
            self._tell(self._pointer(*pointer))
        self._tell(self._book.changed(names, self._clock.mono()))
        if self._idle and self._book.next_due() is not None:
            self._wake.set()

    def _tell(self, events: Iterable[MdnsEvent]) -> None:
        for event in events:
            # Not from inside zeroconf: an exception of the listener's belongs to the loop, not to the packet.
            self._loop.call_soon(self._deliver, event, self._clock.mono())

    def _deliver(self, event: MdnsEvent, mono: float) -> None:
        if not self._closed:
            self._on_event(dataclasses.replace(event, mono=mono))

    async def _resolve(self) -> None:
        while True:
            due = self._book.next_due()
            self._wake.clear()
            self._idle = due is None  # a later pointer is never due before those that wait already
            wait = None if due is None else max(0.02, due - self._clock.mono())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            first, again, events = self._book.due(self._clock.mono())
            self._tell(events)
            for packet in (*encode_queries(first, unicast=not self._interface.loopback), *encode_queries(again)):
                await self._link.outbox.ask(packet)

    async def close(self) -> None:
        """Stop browsing and leave no task and no socket behind; idempotent."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for browser in self._browsers:
            await browser.async_cancel()
        self._link.zeroconf.async_remove_listener(self._listener)
        await self._link.close()


def _nothing(**_: object) -> None:
    """Take no notice: the listener has seen the records themselves."""


async def browse(gate: Gate, clock: Clock, interface: Interface, types: Iterable[str], on_event: Callable[[MdnsEvent], None]) -> Browser:
    """Browse the types, the meta-query and every type that turns up on one interface, until the browser is closed.

    A PTR's ``ttl`` is at least 1125 s: zeroconf raises shorter ones. Raises NetworkError where multicast
    is not allowed there: joining the group, or sending the first question.
    """
    link = await open_link(gate, interface)
    browser = Browser(link, clock, interface, on_event)
    try:
        browser.start(types)
        await link.outbox.first_question()
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
    link = await open_link(gate, interface)
    records = _Records(link.zeroconf)
    heard = asyncio.Event()
    try:
        link.zeroconf.async_add_listener(_Listener(lambda *_: None, heard.set), None)
        for seconds in _RESOLVE_SECONDS:
            for packet in encode_queries([(name, A), (name, AAAA)]):
                await link.outbox.ask(packet)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not (found := records.addresses(host)):
                        heard.clear()
                        await heard.wait()
                    return found
        return ()
    finally:
        await link.close()
