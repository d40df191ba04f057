r"""A scripted network on a virtual clock: what the real one promises, without a packet and without waiting.

It has the same gate, pace and ledger as the real one, so invariants are tested against it::

    network = FakeNetwork(
        FakeHost(address="192.168.1.20", mac="24:6f:28:00:00:01", udp={3232: "silent"}),
        FakeHost(address="192.168.1.21", udp={30303: lambda question: b"BALBOA\r\n00-15-27-00-00-01\r\n"}),
    )
    network.mdns(MdnsEvent(kind=MdnsEventKind.RESOLVED, interface="lan0", type="_http._tcp", instance="x"), at=0.1)
    network.fail("send", errno.EPERM, at=2.0)
    network.remove_interface("lan0", at=3.0)

All ``at`` are virtual seconds since the clock's start. Nothing here is global: two networks know
nothing of each other, and one may be used in one event loop at a time.
"""

from __future__ import annotations

import errno
import ipaddress
import math
import os
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from discover.model.network import Interface, Neighbour, Network
from discover.model.outlook import Outlook
from discover.net.api import MdnsEvent, MdnsEventKind, TcpOutcome, UdpEvent, UdpEventKind
from discover.net.connects import OnOutcome
from discover.net.fake.air import Air
from discover.net.fake.connects import FakeConnector, answer_to_syn
from discover.net.fake.ends import FakeBrowser, FakeTcpStream, FakeUdpEndpoint
from discover.net.fake.faults import Faults, Operation
from discover.net.fake.hosts import ARP_TIMEOUT, FakeHost, fake_interface
from discover.net.fake.link import FakeArpAsker, FakeLink, FakePing, FakeSubscription
from discover.net.fake.listener import FakeListener
from discover.net.gate import Gate, attached_networks, parse_address
from discover.net.ledger import MemoryLedger
from discover.net.outlook import describe
from discover.net.policy import DEFAULT, Policy
from discover.net.routes import Path
from discover.net.tcp import settle
from discover.net.trouble import network_error
from discover.net.virtual import VirtualClock

EPHEMERAL: Final = 40_000
"""The port of ours that a listener gets which wants any."""
SYN_REPEATS: Final = (1.0, 3.0, 7.0)
"""Seconds after which the kernel sends a SYN again (RFC 6298: 1 s, doubled each time)."""
MDNS_GROUP: Final = "224.0.0.251"
# The meta-query of RFC 6763 section 9: PTR? _services._dns-sd._udp.local
META_QUERY: Final = b"\0\0\0\0\0\1\0\0\0\0\0\0\x09_services\x07_dns-sd\x04_udp\x05local\0\0\x0c\0\1"


class FakeNetwork:
    """The scripted network.

    ``names`` maps host names to addresses for :meth:`resolve`. ``neighbour_events`` False: a system that tells no changes of its
    table. ``privileged``: raw ARP is allowed. ``ping_nodes``: all IPv6 nodes may be pinged. ``policy``: the
    gate's. ``seed``: of all that hosts leave to chance.
    """

    def __init__(
        self,
        *hosts: FakeHost,
        interfaces: Sequence[Interface] | None = None,
        clock: VirtualClock | None = None,
        allowed: Iterable[Network] = (),
        own: bool = False,
        names: Mapping[str, Sequence[str]] | None = None,
        neighbour_events: bool = True,
        privileged: bool = False,
        ping_nodes: bool = False,
        policy: Policy = DEFAULT,
        seed: int = 0,
    ) -> None:
        self._clock = VirtualClock() if clock is None else clock
        self._start = self._clock.mono()
        self._interfaces = [fake_interface()] if interfaces is None else list(interfaces)
        self._ledger = MemoryLedger()
        self.rests: dict[str, float] = {}
        """By interface: how long what comes in may wait to be read."""
        self._gate = Gate(self._clock, self._ledger, attached_networks(self._interfaces), policy, allowed=allowed, own=own)
        self._air = Air(self._clock, seed)
        self._hosts: dict[tuple[str, str], FakeHost] = {}
        self._asked: dict[tuple[str, str], float] = {}
        self._arp: dict[tuple[str, str], tuple[float, float] | None] = {}
        self._faults = Faults(self._clock)
        self._endpoints: list[FakeUdpEndpoint] = []
        self._streams: list[FakeTcpStream] = []
        self._listeners: list[FakeListener] = []
        self._browsers: list[FakeBrowser] = []
        self._connectors: list[FakeConnector] = []
        self._script: list[tuple[float, MdnsEvent]] = []
        self.link = FakeLink(self, events=neighbour_events, privileged=privileged, ping=ping_nodes)
        self.pings: Container[str] | None = None
        """Who answers a ping; None: this user may not ping."""
        self.way: Callable[[Outlook], Outlook] = lambda outlook: outlook
        """Turns what :meth:`outlook` finds in the script's interfaces into what a test wants to be known."""
        self._names = {name.lower().rstrip("."): tuple(found) for name, found in (names or {}).items()}
        for host in hosts:
            self.add(host)

    # What the script may do.

    def add(self, host: FakeHost, *, at: float | None = None) -> None:
        """Put a host on its interface, now or at a time; the one with the same address there is replaced."""
        name = host.interface or (self._interfaces[0].name if self._interfaces else "")

        def put() -> None:
            self._hosts[name, host.address] = host
            self.link.changed(name, host.address)

        self._do(at, put)

    def remove(self, address: str, *, at: float | None = None) -> None:
        """Take a host away without a word, as a power cut does."""

        def take() -> None:
            for key in [key for key in self._hosts if key[1] == address]:
                del self._hosts[key]
                self.link.changed(*key)

        self._do(at, take)

    def remove_interface(self, name: str, *, at: float | None = None) -> None:
        """Make an interface vanish: it is no longer listed and every operation on it fails with ENODEV."""

        def vanish() -> None:
            self._interfaces = [one for one in self._interfaces if one.name != name]

        self._do(at, vanish)

    def fail(self, operation: Operation, number: int, *, at: float = 0.0, until: float = math.inf, interface: str = "") -> None:
        """Let an operation fail with an errno from ``at`` to ``until``, on one interface or ("") on all.

        "send" with ECONNREFUSED or EHOSTUNREACH becomes an event, with EAGAIN or ENOBUFS a socket that is full, as the real
        one tells them; all others are NetworkErrors. "tcp" is for connects of both kinds.
        """
        self._faults.add(operation, number, at=at, until=until, interface=interface)

    def datagram(self, payload: bytes, *, source: str, source_port: int, to_port: int = 0, interface: str = "", at: float = 0.0) -> None:
        """Let a datagram arrive unasked: at the endpoints with local port ``to_port``, or (0) at all that are open then."""

        def arrive() -> None:
            event = UdpEvent(kind=UdpEventKind.REPLY, address=source, port=source_port, payload=payload, mono=self._clock.mono())
            for endpoint in list(self._endpoints):
                if interface in ("", endpoint.interface.name) and to_port in (0, endpoint.local_port):
                    endpoint.deliver(event)

        self._do(at, arrive)

    def call(self, source: str, port: int, *, at: float = 0.0) -> None:
        """Let a host connect to a TCP port of ours; nothing where nobody listens there then."""

        def ring() -> None:
            for listener in [one for one in self._listeners if one.port == port]:
                listener.ring(source)

        self._do(at, ring)

    def mdns(self, event: MdnsEvent, *, at: float = 0.0) -> None:
        """Let a browser of the event's interface learn something; one that opens later gets the latest state (no old goodbyes)."""
        self._script.append((self._start + at, event))

        def tell() -> None:
            for browser in list(self._browsers):
                if browser.interface.name == event.interface:
                    browser.deliver(event)

        self._do(at, tell)

    @property
    def open_count(self) -> int:
        """How many endpoints, streams, listeners, browsers, connectors and subscriptions are still open: 0 after a tidy scan."""
        ours = (*self._endpoints, *self._streams, *self._listeners, *self._browsers, *self._connectors)
        return len(ours) + self.link.open_count

    # What discover.net.api.Network promises.

    @property
    def clock(self) -> VirtualClock:
        """The virtual clock."""
        return self._clock

    @property
    def ledger(self) -> MemoryLedger:
        """The ledger of every packet sent."""
        return self._ledger

    @property
    def gate(self) -> Gate:
        """The gate that every packet passes."""
        return self._gate

    def mark_fragile(self, address: str) -> None:
        """Give the host the smaller budget of a fragile device from now on; idempotent."""
        self._gate.mark_fragile(address)

    def spent(self) -> float:
        """Return the seconds until the budget of the whole lets a packet leave, whoever it goes to; 0.0 where it does now."""
        return self._gate.spent()

    def rest(self, interface: Interface, seconds: float | None) -> None:
        """Note how long what comes in may wait; here it is read at once all the same."""
        if seconds is None:
            self.rests.pop(interface.name, None)
        else:
            self.rests[interface.name] = seconds

    def interfaces(self) -> Sequence[Interface]:
        """List the interfaces that have not vanished. Raises NetworkError where the script says so."""
        number = self._faults.number("interfaces", "")
        if number:
            raise network_error(OSError(number, os.strerror(number)), "list the interfaces")
        self._gate.attach(attached_networks(self._interfaces))
        return tuple(self._interfaces)

    async def neighbours(self, interface: Interface) -> Sequence[Neighbour]:
        """Return who was asked or heard on the interface: reachable, stale (known), incomplete or failed."""
        self.require(interface, "neighbours", f"read the neighbour table of {interface.name}")
        keys = dict.fromkeys((*self._hosts, *self._asked))
        rows = (self.row(*key) for key in keys if key[0] == interface.name)
        return tuple(row for row in rows if row is not None)

    def neighbour_events(self, interface: Interface, on_change: Callable[[Neighbour | None], None]) -> FakeSubscription | None:
        """Be told changes of the table at their virtual moments; see ``link.overflow`` for those that get lost."""
        return self.link.neighbour_events(interface, on_change)

    def arp(self, interface: Interface, on_reply: Callable[[str, str], None]) -> FakeArpAsker | None:
        """Return an asker where the script's user is privileged."""
        return self.link.arp(interface, on_reply)

    def ping_nodes(self, interface: Interface, on_reply: Callable[[str], None]) -> FakePing | None:
        """Ping the hosts with an IPv6 address, where the script allows it."""
        return self.link.ping_nodes(interface, on_reply)

    def udp(self, interface: Interface, *, broadcast: bool = False, local_port: int = 0, groups: Iterable[str] = ()) -> FakeUdpEndpoint:
        """Open a scripted endpoint. Raises NetworkError where the script says so."""
        self.require(interface, "udp", f"open a UDP socket on {interface.name}")
        endpoint = FakeUdpEndpoint(
            self, interface, broadcast=broadcast, local_port=local_port, groups=tuple(groups), on_close=self._endpoints.remove
        )
        self._endpoints.append(endpoint)
        return endpoint

    async def tcp(
        self, interface: Interface | None, address: str, port: int, *, purpose: str, timeout: float
    ) -> tuple[TcpOutcome, FakeTcpStream | None]:
        """Connect to a scripted host."""
        face = interface or self._route(address)
        room = self._gate.policy.connect_packets
        await self._gate.admit(interface=face.name if face else "", address=address, port=port, transport="tcp", purpose=purpose, room=room)
        outcome = TcpOutcome.UNREACHABLE
        try:
            if face is not None:
                self.require(face, "tcp", f"connect to {address}:{port}")
                outcome = await self._dial(face, address, port, timeout)
        finally:
            settle(self._gate, address, outcome, room - 1, stays=True)
        host = self.host(face, address) if face is not None else None
        if face is None or host is None or outcome is not TcpOutcome.OPEN:
            return outcome, None
        stream = FakeTcpStream(self, face, host, port, on_close=self._streams.remove)
        self._streams.append(stream)
        return TcpOutcome.OPEN, stream

    async def _dial(self, face: Interface, address: str, port: int, timeout: float) -> TcpOutcome:
        waited, seconds, outcome = 0.0, 0.0, TcpOutcome.SILENT
        for repeat in (*SYN_REPEATS, math.inf):
            seconds, outcome = answer_to_syn(self, face, address, port)
            if outcome is not TcpOutcome.SILENT or repeat >= timeout:
                break
            await self._clock.sleep(repeat - waited)
            waited = repeat
        if outcome is TcpOutcome.SILENT or waited + seconds > timeout:
            await self._clock.sleep(timeout - waited)
            return TcpOutcome.SILENT
        await self._clock.sleep(seconds)
        return outcome

    def listener(self, interface: Interface, caller: str, *, port: int = 0) -> FakeListener:
        """Listen for :meth:`call`. Raises NetworkError where the script says so."""
        self.require(interface, "listen", f"listen on a TCP port of {interface.name}")
        listener = FakeListener(self._clock, self._gate, self._gate.host(caller), port or EPHEMERAL, self._listeners.remove)
        self._listeners.append(listener)
        return listener

    def connector(self, interface: Interface, on_outcome: OnOutcome) -> FakeConnector:
        """Return a connector to scripted hosts; like the real one it opens nothing yet."""
        connector = FakeConnector(self, interface, on_outcome, self._connectors.remove)
        self._connectors.append(connector)
        return connector

    async def browse(self, interface: Interface, types: Iterable[str], on_event: Callable[[MdnsEvent], None]) -> FakeBrowser:
        """Browse the script. ``types`` are only counted on: every scripted event of the interface is told."""
        self.require(interface, "browse", f"browse mDNS on {interface.name}")
        await self._gate.admit(
            interface=interface.name, address=MDNS_GROUP, port=5353, transport="mdns", purpose="mDNS query", payload=META_QUERY
        )
        browser = FakeBrowser(self._clock, interface, tuple(types), on_event, self._browsers.remove)
        self._browsers.append(browser)
        latest: dict[tuple[str, str], MdnsEvent] = {}
        for when, event in sorted(self._script, key=lambda one: one[0]):
            if event.interface == interface.name and when <= self._clock.mono():
                latest[event.type.lower(), event.instance.lower()] = event
        for event in latest.values():
            if event.kind in (MdnsEventKind.TYPE, MdnsEventKind.RESOLVED):
                # RFC 6762 section 6: a shared answer comes 20 to 120 ms after the question.
                self._clock.script_in(0.02, partial(browser.deliver, event))
        return browser

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Return the scripted addresses of a name; an address is its own."""
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            return self._names.get(host.lower().rstrip("."), ())

    async def ping(self, interface: Interface, address: str, *, purpose: str, timeout: float) -> bool | None:
        """Ping a scripted address: it answers where :attr:`pings` names it; None where that is None."""
        if self.pings is None:
            return None
        await self._gate.admit(interface=interface.name, address=address, port=0, transport="icmp", purpose=purpose, payload=b"ping")
        await self._clock.sleep(0.004 if address in self.pings else timeout)
        return address in self.pings

    async def outlook(self, address: str, *, port: int = 0, host_port: int = 0, firewalls: bool = True) -> Outlook:  # noqa: ARG002 - no firewalls
        """Return the way by the script's interfaces, without firewalls, as :attr:`way` changes it."""
        if number := self._faults.number("outlook", ""):
            raise network_error(OSError(number, os.strerror(number)), "read the routes")
        face = self._route(address)
        ours = next((str(one.address) for one in (face.addresses if face else ()) if parse_address(address) in one.network), "")
        path = Path(link=face.index if face else 0, local=ours, trouble="" if face else os.strerror(errno.ENETUNREACH))
        return self.way(describe(address, self._interfaces, path))

    # What the endpoints ask of it.

    def require(self, interface: Interface, operation: Operation, doing: str) -> None:
        """Raise NetworkError where the interface is gone or the script lets the operation fail."""
        number = self.check(interface, operation)
        if number:
            raise network_error(OSError(number, os.strerror(number)), doing)

    def check(self, interface: Interface, operation: str) -> int:
        """Return the errno an operation fails with now, 0 where it succeeds."""
        if all(one.name != interface.name for one in self._interfaces):
            return errno.ENODEV
        return self._faults.number(operation, interface.name)

    def host(self, interface: Interface, address: str) -> FakeHost | None:
        """Return the host that answers ARP at an address of the interface."""
        found = self._hosts.get((interface.name, address))
        return found if found is not None and found.arp else None

    def asked(self, interface: Interface, address: str) -> None:
        """Note that the kernel asked by ARP for an address of the interface's networks."""
        key = (interface.name, address)
        row = self.row(*key)
        again = key not in self._asked or (row is not None and row.state == "failed")
        if again and any(parse_address(address) in one.network for one in interface.addresses):
            self._asked[key] = self._clock.mono()
            self._arp.pop(key, None)
            found = self._heard(key)
            self.link.asked(interface, address, None if found is None else sum(found))

    def arp_wait(self, interface: Interface, address: str) -> float | None:
        """Return the seconds that the kernel holds packets back because ARP requests were lost; None where it gives the host up."""
        key = (interface.name, address)
        if key not in self._asked:
            return 0.0  # a router's business
        found = self._heard(key)
        return None if found is None else max(0.0, self._asked[key] + found[0] - self._clock.mono())

    def _heard(self, key: tuple[str, str]) -> tuple[float, float] | None:
        host = self._hosts.get(key)
        if key not in self._arp and host is not None and host.arp:
            self._arp[key] = self._air.arp(host)
        return self._arp.get(key)

    def row(self, interface: str, address: str) -> Neighbour | None:
        """Return an address's row of the neighbour table now, None where it has none."""
        key = (interface, address)
        asked, host, now = self._asked.get(key), self._hosts.get(key), self._clock.mono()
        failed = asked is not None and now >= asked + ARP_TIMEOUT
        mac = ""
        if host is None or not host.arp:
            if asked is None:
                return None
            state = "failed" if failed else "incomplete"
        else:
            if not host.mac or (asked is None and not host.known):
                return None
            found = self._heard(key) if asked is not None else None
            heard = asked is not None and found is not None and now >= asked + sum(found)
            state = "reachable" if heard else "stale" if host.known else "failed" if failed else "incomplete"
            mac = host.mac if state in ("reachable", "stale") else ""
        return Neighbour(address=address, mac=mac, interface=interface, state=state)

    def hosts_on(self, interface: Interface) -> list[FakeHost]:
        """Return all hosts on the interface."""
        return [host for (name, _), host in self._hosts.items() if name == interface.name and host.arp]

    def loses(self, host: FakeHost) -> bool:
        """Tell whether this datagram to the host is lost."""
        return self._air.loses(host)

    def drops(self, host: FakeHost) -> bool:
        """Tell whether a packet is lost by chance."""
        return self._air.drops(host)

    def delay(self, host: FakeHost) -> float:
        """Return the seconds until this answer is back."""
        return self._air.delay(host)

    def refuses(self, host: FakeHost) -> bool:
        """Tell whether the host sends an ICMP error for a datagram to a closed port."""
        return self._air.refuses(host)

    def _do(self, at: float | None, action: Callable[[], object]) -> None:
        if at is None or self._start + at <= self._clock.mono():
            action()
        else:
            self._clock.script(at, action)

    def _route(self, address: str) -> Interface | None:
        wanted = parse_address(address)
        return next((face for face in self._interfaces if any(wanted in one.network for one in face.addresses)), None)
