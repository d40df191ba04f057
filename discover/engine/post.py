"""One interface at work: its listeners, its sweep, its hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from ipaddress import ip_address
from typing import Any, Final

from discover.engine.hold import LoopbackHold
from discover.engine.hosts import Hosts
from discover.engine.plan import ScanPlan, Target
from discover.engine.reference import answering_everywhere
from discover.engine.shared import Shared
from discover.errors import EspiedError, NetworkError
from discover.listen.broadcasts import CHANNELS, hear_channel
from discover.listen.mdns import browse_signals
from discover.listen.neighbours import NeighbourWatch
from discover.model.network import Interface
from discover.model.signal import Signal
from discover.net.api import MdnsBrowser
from discover.net.emitter import Emitter
from discover.probe.book import Book, Line
from discover.probe.knock import KNOCK_PORTS
from discover.probe.questions import ask_network
from discover.probe.sweep import Sweep

WATCH_INTERVAL: Final = 20.0
"""Seconds between two reads of the neighbour table while nothing is swept: one netlink dump costs about 2 ms."""


class Post:
    """Everything a run does on one interface: :meth:`open`, :meth:`sweep`, :meth:`stop`, and :meth:`close` whatever happened."""

    def __init__(self, shared: Shared, plan: ScanPlan, interface: Interface) -> None:
        self.interface = interface
        self._shared = shared
        self._plan = plan
        self._targets = () if plan.passive else tuple(one for one in plan.targets if one.interface == interface)
        self._listens = interface in plan.interfaces
        self._hold = LoopbackHold(self._hand_on, self._is_loopback_target)
        self._emit = Emitter(shared.network.clock, interface.name, self._hold.take, shared.meter.start)
        self._book = Book(self._emit, shared.own, self._on_alive)
        self._watch = NeighbourWatch(
            shared.network,
            interface,
            self._emit,
            wanted=self._counts,
            on_seen=lambda address, _mac: self._book.alive(address),
            on_failed=lambda address: self._book.failed(address, shared.network.clock.mono()),
            on_trouble=self._trouble("the neighbour table cannot be read, so hosts that answer nothing else are missed", bars=False),
        )
        self._line: Line | None = None
        self._hosts: Hosts | None = None
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
                self._line = Line(network, interface, self._book)
            except NetworkError as error:
                self._trouble("nothing can be asked")(error)
            else:
                self._spawn(self._line.run())
                if self._targets:
                    self._hosts = Hosts(shared, interface, self._emit, self._book, self._line)
        if not self._listens:
            return
        if not interface.loopback:
            self._spawn(self._watch.run())
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

    async def sweep(self) -> bool:
        """Sweep the targets; return False where some addresses did not get their chance."""
        if self._line is None:
            return not self._targets
        complete = True
        for target in self._targets:
            complete &= await self._sweep_target(target)
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
        if self._line is not None:
            self._line.close()
        if self._browser is not None:
            browser, self._browser = self._browser, None
            await browser.close()

    async def _sweep_target(self, target: Target) -> bool:
        sweep = Sweep(
            self._shared.network,
            self.interface,
            self._book,
            self._shared.sweeps,
            on_tested=self._on_tested,
            arp=target.attached and not self.interface.loopback,
        )
        before = self._shared.meter.tested
        await sweep.run(target.addresses())
        if self.interface.loopback and sweep.error is None:
            for address in target.addresses():  # nothing here is absent: each is asked for its ports
                self._book.alive(address)
        if sweep.error is not None:
            tested = self._shared.meter.tested - before
            self._trouble(f"the sweep of {target.network} ended early, {target.planned - tested} addresses were not tested")(sweep.error)
        return sweep.complete

    async def _browse(self) -> None:
        try:
            self._browser = await browse_signals(self._shared.network, self.interface, self._emit, self._shared.catalogue.service_types)
        except NetworkError as error:
            self._trouble("no mDNS")(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(self._shared.group.create_task(work))

    def _on_tested(self, count: int) -> None:
        self._shared.meter.tested += count

    def _on_alive(self, address: str) -> None:
        if self._hosts is not None and self._is_target(address):
            self._hosts.live(address)

    def _hand_on(self, signal: Signal) -> None:
        self._shared.hand_on(signal)
        if self._hosts is None:
            return
        if signal.kind == "mdns.service":
            addresses = tuple(address for address in signal.items("addresses") if self._is_target(address))
            for address in addresses:
                self._book.alive(address)
            self._hosts.learn(signal, addresses)
        elif self._is_target(signal.peer):
            self._hosts.learn(signal, (signal.peer,))

    def _is_target(self, address: str) -> bool:
        return any(address in target for target in self._targets)

    def _is_loopback_target(self, address: str) -> bool:
        return self.interface.loopback and self._is_target(address)

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
