"""One interface at work: its listeners, its sweep, its hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from ipaddress import ip_address
from typing import Any, Final

from discover.atlas.espressif import is_espressif
from discover.engine.hold import LoopbackHold
from discover.engine.hosts import TELLING, Hosts
from discover.engine.meter import PACED_ABOVE, Coverage, sweep_time
from discover.engine.plan import ScanPlan, Target
from discover.engine.proxy import ProxyWatch
from discover.engine.reference import answering_everywhere
from discover.engine.shared import Shared
from discover.errors import EspiedError, NetworkError
from discover.listen.broadcasts import CHANNELS, hear_channel
from discover.listen.mdns import browse_signals
from discover.listen.neighbours import NeighbourWatch
from discover.model.network import Interface
from discover.model.signal import Signal
from discover.net.api import ArpAsker, MdnsBrowser, Subscription
from discover.net.emitter import Emitter
from discover.probe.asking import PortPhase
from discover.probe.book import Book, Line
from discover.probe.ports import KNOCK_PORTS
from discover.probe.questions import ask_network
from discover.probe.sweep import Sweep
from discover.probe.timing import Air

WATCH_INTERVAL: Final = 20.0
"""Seconds between two reads of the neighbour table while nothing is swept: one netlink dump costs about 2 ms."""
_MOST_PLACES: Final = 8192
"""Addresses whose target is remembered."""


class Post:
    """Everything a run does on one interface: :meth:`open`, :meth:`sweep`, :meth:`stop`, and :meth:`close` whatever happened."""

    def __init__(self, shared: Shared, plan: ScanPlan, interface: Interface) -> None:
        self.interface = interface
        self._shared = shared
        self._plan = plan
        self._targets = () if plan.passive else tuple(one for one in plan.targets if one.interface == interface)
        self._places: dict[str, Target | None] = {}
        self._listens = interface in plan.interfaces
        self._hold = LoopbackHold(self._hand_on, self._is_target)
        self._emit = Emitter(
            shared.network.clock, interface.name, self._hold.take if interface.loopback else self._hand_on, shared.meter.start
        )
        self._air = Air()
        self._book = Book(self._emit, shared.own, self._on_alive, on_heard=self._on_heard, on_flood=self._on_flood)
        self._watch = NeighbourWatch(
            shared.network,
            interface,
            self._emit,
            wanted=self._counts,
            on_seen=self._on_seen,
            on_failed=self._on_failed,
            on_trouble=self._trouble("the neighbour table cannot be read, so hosts that answer nothing else are missed", bars=False),
        )
        self._proxies = ProxyWatch(sum(one.planned for one in self._targets), self._on_proxy)
        self._line: Line | None = None
        self._ports: PortPhase | None = None
        self._hosts: Hosts | None = None
        self._arp: ArpAsker | None = None
        self._ping: Subscription | None = None
        self._sweeps: list[tuple[Target, Sweep]] = []
        self._browser: MdnsBrowser | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start listening and ask the network's questions; what is not allowed here becomes a notice."""
        shared = self._shared
        network, interface = shared.network, self.interface
        if interface.loopback and self._targets:
            self._hold.everywhere = await answering_everywhere(network, interface)
        if not self._plan.passive and not interface.ipv4:
            shared.notice(f"{interface.name} has no IPv4 address: devices there are found by mDNS and in the neighbour table alone.")
        elif not self._plan.passive:
            try:
                self._line = Line(network, interface, self._book, open_to_all=True)
                if self._targets:
                    self._open_ports()
            except NetworkError as error:
                self._trouble("nothing can be asked")(error)
            else:
                self._spawn(self._line.run())
        if not interface.loopback:
            self._spawn(self._watch.run())
        if not self._plan.passive and not interface.loopback:
            self._open_link()
        if not self._listens:
            return
        for channel in CHANNELS:
            if interface.loopback and self._targets and channel.port in KNOCK_PORTS:
                continue  # our own socket would keep silent at each of loopback's addresses, as an update listener does
            self._spawn(
                hear_channel(
                    network, interface, self._emit, channel, own=shared.own, on_trouble=self._deaf, on_peer=self._book.alive
                )
            )  # fmt: skip
        if self._line is not None:
            self._spawn(ask_network(self._line, interface, network.clock, self._trouble("some questions could not be asked", bars=False)))
        # In the background: importing zeroconf takes longer than sending the first packets.
        self._spawn(self._browse())

    def _open_ports(self) -> None:
        """Open the port phase. Raises NetworkError."""
        shared, interface = self._shared, self.interface

        def done(address: str) -> None:
            hosts.done(address)

        def trouble(error: EspiedError) -> None:
            hosts.trouble(error)

        ports = PortPhase(
            shared.network,
            interface,
            self._emit,
            self._book,
            air=self._air,
            policy=shared.policy,
            questions=self._plan.questions,
            on_done=done,
            on_trouble=trouble,
            is_fragile=is_espressif,
            mark_fragile=shared.network.mark_fragile,
        )
        hosts = Hosts(shared, interface, self._emit, ports)
        self._ports, self._hosts = ports, hosts
        self._spawn(ports.run())

    def _open_link(self) -> None:
        """Open what needs a privilege and is not missed without it: raw ARP, and the ping to all IPv6 nodes."""
        network, interface = self._shared.network, self.interface
        try:
            if any(target.attached for target in self._targets):
                self._arp = network.arp(interface, self._watch.heard)
            if not self._plan.limited:
                self._ping = network.ping_nodes(interface, self._watch.confirm)
        except NetworkError as error:
            self._trouble("IPv6 and ARP are asked by the system alone", bars=False)(error)

    @property
    def turns(self) -> tuple[float, ...]:
        """About how many seconds each target will take, before anything is known of the air."""
        return tuple(sweep_time(one.planned, raw=self._arp is not None and one.attached) for one in self._targets)

    @property
    def paced(self) -> bool:
        """Tell whether a target has more addresses than the kernel's neighbour table holds, and is asked through it."""
        return any(one.planned > PACED_ABOVE and (self._arp is None or not one.attached) for one in self._targets)

    @property
    def coverage(self) -> Coverage:
        """What the sweeps of this interface have covered by now."""
        sweeps = [sweep for _, sweep in self._sweeps]
        return Coverage(
            tested=sum(one.tested for one in sweeps),
            unanswered=sum(one.unanswered for one in sweeps),
            strangers=len(self._book.strangers),
            proxied=self._proxies.ghosts(self._spoke),
            sweep_left=sum(one.estimate() for one in sweeps) if sweeps else sum(self.turns),
            hosts_left=self._ports.estimate() if self._ports is not None else 0.0,
        )

    async def sweep(self) -> bool:
        """Sweep the targets; return False where some addresses did not get their chance."""
        if self._line is None or self._ports is None:
            return not self._targets
        self._sweeps = [(target, self._sweep_of(target)) for target in self._targets]
        for address in self._book.living():  # who was heard before need not be asked whether it is there
            sweep = self._sweep_for(address)
            if sweep is not None:
                sweep.alive(address)
        complete = True
        for target, sweep in self._sweeps:
            complete &= await self._sweep_target(target, sweep)
        return complete

    def rest(self) -> None:
        """Look at the neighbour table only now and then, until the next sweep."""
        self._watch.quiet_interval = WATCH_INTERVAL

    def renew(self) -> None:
        """Begin another sweep of a watch."""
        self._book.renew()
        self._watch.renew()

    def stop(self) -> None:
        """Stop listening; nothing new begins after this."""
        self._hosts = None
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Close the sockets that outlive their tasks; called when all tasks have ended. Idempotent."""
        for one in (self._line, self._ports, self._arp, self._ping):
            if one is not None:
                one.close()
        if self._browser is not None:
            browser, self._browser = self._browser, None
            await browser.close()

    def _sweep_of(self, target: Target) -> Sweep:
        return Sweep(
            self._shared.network,
            self.interface,
            self._book,
            addresses=target.addresses(),
            planned=target.planned,
            air=self._air,
            window=self._shared.window,
            policy=self._shared.policy,
            routed=not target.attached,
            asker=self._arp,
            resolved=self._watch.resolved,
        )

    async def _sweep_target(self, target: Target, sweep: Sweep) -> bool:
        await sweep.run()
        if self.interface.loopback and sweep.error is None:
            for address in target.addresses():  # nothing here is absent: each is asked for its ports
                self._book.alive(address)
        if sweep.error is not None:
            untested = target.planned - sweep.tested
            self._trouble(f"the sweep of {target.network} ended early, {untested} addresses were not tested")(sweep.error)
        return sweep.complete

    async def _browse(self) -> None:
        try:
            types = self._shared.catalogue.service_types
            notice = self._shared.notice
            self._browser = await browse_signals(self._shared.network, self.interface, self._emit, types, on_notice=notice)
        except NetworkError as error:
            self._trouble("no mDNS")(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(self._shared.group.create_task(work))

    def _sweep_for(self, address: str) -> Sweep | None:
        target = self._target_of(address)
        return None if target is None else next((sweep for one, sweep in self._sweeps if one is target), None)

    def _on_alive(self, address: str) -> None:
        """Take the first sign of life of an address, of whatever kind."""
        sweep = self._sweep_for(address)
        if sweep is not None:
            sweep.alive(address)
        self._ask(address, sweep)

    def _ask(self, address: str, sweep: Sweep | None) -> None:
        if self._hosts is not None and self._is_target(address):
            asked = sweep.knocked(address) if sweep is not None else {}
            trip = sweep.trip(address) if sweep is not None else 0.0
            self._hosts.live(address, mac=self._watch.mac(address), asked=asked, trip=trip)

    def _on_seen(self, address: str, mac: str, fresh: bool) -> None:  # noqa: FBT001 - the watch's callback has these three
        """Take a row of the neighbour table. One that is not fresh is worth asking, but no sign of life."""
        if self._ports is not None:
            self._ports.learn(address, mac)
        if not self._is_target(address):
            return
        if fresh and self._proxies.seen(address, mac) and not self._spoke(address):
            sweep = self._sweep_for(address)
            if sweep is not None:
                sweep.alive(address)  # it has had its chance; whether somebody is there, the proxy does not tell
        elif fresh:
            self._book.alive(address)
        else:
            self._ask(address, self._sweep_for(address))

    def _on_failed(self, address: str) -> None:
        sweep = self._sweep_for(address)
        if sweep is not None:
            sweep.failed(address)

    def _on_heard(self, address: str, port: int, refused: bool, mono: float) -> None:  # noqa: FBT001 - the book's callback has these
        if self._ports is not None:
            self._ports.heard(address, port, refused, mono)

    def _on_flood(self, address: str) -> None:
        self._shared.notice(f"{self.interface.name}: {address} answers without end; only its first answers are taken.")

    def _on_proxy(self, mac: str) -> None:
        self._shared.notice(
            f"{self.interface.name}: {mac} answers ARP for nearly every address here (a proxy-ARP router): "
            "only addresses that say something themselves are asked for their ports."
        )
        for address in tuple(self._proxies.behind(mac)):
            if self._ports is not None and not self._spoke(address):
                self._ports.drop(address)

    def _spoke(self, address: str) -> bool:
        """Tell whether the address has said anything itself."""
        contact = self._book.peek(address)
        return contact is not None and contact.spoke

    def _hand_on(self, signal: Signal) -> None:
        self._shared.hand_on(signal)
        if self._hosts is None or signal.kind not in TELLING:
            return
        if signal.kind == "mdns.service":
            addresses = tuple(address for address in signal.items("addresses") if self._is_target(address))
            for address in addresses:
                self._book.contact(address).spoke = True
                self._book.alive(address)
            self._hosts.learn(signal, addresses)
        elif self._is_target(signal.peer):
            self._hosts.learn(signal, (signal.peer,))

    def _is_target(self, address: str) -> bool:
        return self._target_of(address) is not None

    def _target_of(self, address: str) -> Target | None:
        """Return the target that an address belongs to; asked for every signal, several times."""
        try:
            return self._places[address]
        except KeyError:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            found = self._places[address] = next((one for one in self._targets if address in one), None)
            return found

    def _counts(self, address: str) -> bool:
        """Tell whether a row of the neighbour table is one of those that this scan is about."""
        if self._is_target(address):
            return True
        parsed = ip_address(address)
        if self._plan.limited or (self._targets and parsed.version == 4) or address in self._shared.own:
            return False
        edges = [each for one in self.interface.ipv4 for each in (one.broadcast, one.network.network_address)]
        inside = any(parsed in one.network for one in self.interface.addresses if one.network.version == parsed.version)
        return inside and not parsed.is_multicast and parsed not in edges

    def _deaf(self, name: str, error: NetworkError) -> None:
        if self.interface.loopback:
            return  # what holds a port there is a program of this machine: one of those that the sweep finds
        self._shared.notice(f"{self.interface.name}: {name} is not heard: {error.message}")

    def _trouble(self, what: str, *, bars: bool = True) -> _Trouble:
        return _Trouble(self._shared, f"{self.interface.name}: {what}", bars=bars)


class _Trouble:
    """Makes one notice of a kind of trouble, however often it comes."""

    def __init__(self, shared: Shared, what: str, *, bars: bool) -> None:
        self._shared = shared
        self._what = what
        self._bars = bars
        self._said = False

    def __call__(self, error: EspiedError) -> None:
        if not self._said:
            self._said = True
            self._shared.trouble(self._what, error, bars=self._bars)
