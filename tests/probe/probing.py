"""Running the port phase and the sweep on a scripted network, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from discover.errors import EspiedError
from discover.listen.neighbours import NeighbourWatch
from discover.model.network import Packet
from discover.model.signal import Signal
from discover.net.emitter import Emitter
from discover.net.fake.hosts import FakeHost, fake_interface
from discover.net.fake.network import FakeNetwork
from discover.net.policy import DEFAULT as DEFAULT_POLICY
from discover.net.policy import Policy
from discover.net.waiting import wait_for_event
from discover.probe.asking import PortPhase
from discover.probe.book import Book
from discover.probe.ports import DEFAULT, PortQuestion
from discover.probe.roll import Window
from discover.probe.sweep import Sweep
from discover.probe.timing import Air

ADDRESS: Final = "192.168.1.20"
LONGEST: Final = 300.0
"""Virtual seconds after which a phase that has not ended never will."""


class Asking:
    """A port phase at work, and what it told."""

    def __init__(
        self,
        network: FakeNetwork,
        *,
        questions: Iterable[PortQuestion] = DEFAULT,
        air: Air | None = None,
        policy: Policy = DEFAULT_POLICY,
        fragile: Iterable[str] = (),
    ) -> None:
        self.network = network
        self.signals: list[Signal] = []
        self.done: list[str] = []
        self.trouble: list[EspiedError] = []
        self.marked: set[str] = set()
        self.air = Air() if air is None else air
        self._macs = frozenset(fragile)
        self._added = 0
        self._idle = asyncio.Event()
        interface = network.interfaces()[0]
        self.emit = Emitter(network.clock, interface.name, self.signals.append, 0.0)
        self.book = Book(self.emit, (), lambda _address: None, on_heard=lambda *heard: self.phase.heard(*heard))  # noqa: PLW0108 - the phase comes later
        self.phase = PortPhase(
            network,
            interface,
            self.emit,
            self.book,
            air=self.air,
            policy=policy,
            questions=questions,
            on_done=self._done,
            on_trouble=self.trouble.append,
            is_fragile=self._macs.__contains__,
            mark_fragile=self._mark,
        )

    def _mark(self, address: str) -> None:
        self.marked.add(address)
        self.network.mark_fragile(address)

    def _done(self, address: str) -> None:
        self.done.append(address)
        if len(self.done) >= self._added:
            self._idle.set()

    def add(self, address: str, *, mac: str = "", asked: Mapping[int, float] | None = None) -> None:
        """Ask one more host."""
        self._added += 1
        self._idle.clear()
        self.phase.add(address, mac=mac, asked=asked)

    async def wait(self) -> None:
        """Wait until every host has been asked everything."""
        assert await wait_for_event(self.network.clock, self._idle, LONGEST), "the port phase does not end"

    # What came of it.

    def silent(self, address: str = "") -> dict[int | None, str]:
        """Return for each UDP port that kept silent what the control said."""
        return {
            one.number("port"): one.text("control")
            for one in self.signals
            if one.kind == "udp.silent" and address in ("", one.peer)
        }  # fmt: skip

    def ports(self, kind: str, address: str = "") -> list[int]:
        """Return the ports that were told as ``kind``, in order."""
        return [one.number("port") or 0 for one in self.signals if one.kind == kind and address in ("", one.peer)]

    @property
    def likely(self) -> set[tuple[str, int | None]]:
        """What is told as a silent listener."""
        return {(one.peer, one.number("port")) for one in self.signals if one.text("control") == "refused"}

    def sent(self, port: int | None = None, transport: str = "udp") -> list[Packet]:
        """Return what was sent, all or to one port."""
        return [one for one in self.network.ledger.packets if one.transport == transport and port in (None, one.port)]


@asynccontextmanager
async def asking(network: FakeNetwork, **options: object) -> AsyncIterator[Asking]:
    """Run a port phase for the body; afterwards nothing of it is left, or the test fails."""
    before = asyncio.all_tasks()
    one = Asking(network, **options)  # type: ignore[arg-type]
    task = asyncio.create_task(one.phase.run())
    try:
        yield one
        assert not task.done(), "the port phase ended by itself"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        one.phase.close()
    assert network.open_count == 0
    assert asyncio.all_tasks() == before


async def ask(network: FakeNetwork, *addresses: str, asked: Mapping[int, float] | None = None, **options: object) -> Asking:
    """Ask hosts (the usual one where none is named) for their ports, to the end."""
    async with asking(network, **options) as one:
        for address in addresses or (ADDRESS,):
            one.add(address, asked=asked)
        await one.wait()
        return one


class Sweeping:
    """A sweep, whom it found, and the neighbour table that helps it."""

    def __init__(
        self,
        network: FakeNetwork,
        addresses: Sequence[str],
        *,
        air: Air | None = None,
        window: Window | None = None,
        policy: Policy = DEFAULT_POLICY,
        routed: bool = False,
        interface: int = 0,
        resolved: Callable[[str], bool] = lambda _address: True,
    ) -> None:
        self.network = network
        self.alive: list[str] = []
        self.signals: list[Signal] = []
        self.trouble: list[EspiedError] = []
        self.air = Air() if air is None else air
        self.window = Window(policy.unresolved) if window is None else window
        self.face = network.interfaces()[interface]
        wanted = frozenset(addresses)
        emit = Emitter(network.clock, self.face.name, self.signals.append, 0.0)
        self.book = Book(emit, (), self._found)
        self.watch = NeighbourWatch(
            network,
            self.face,
            emit,
            wanted=wanted.__contains__,
            on_seen=lambda address, _mac, fresh: self.book.alive(address) if fresh else None,
            on_failed=lambda address: self.sweep.failed(address),  # noqa: PLW0108 - the sweep comes later
            on_trouble=self.trouble.append,
        )
        self.asker = None if routed else network.arp(self.face, self.watch.heard)
        self.sweep = Sweep(
            network,
            self.face,
            self.book,
            addresses=addresses,
            planned=len(addresses),
            air=self.air,
            window=self.window,
            policy=policy,
            routed=routed,
            asker=self.asker,
            resolved=resolved,
        )

    def _found(self, address: str) -> None:
        self.alive.append(address)
        self.sweep.alive(address)

    async def run(self) -> None:
        """Sweep to the end and leave nothing behind, or fail."""
        before = asyncio.all_tasks()
        watching = asyncio.create_task(self.watch.run())
        try:
            await self.sweep.run()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            if self.asker is not None:
                self.asker.close()
        assert self.network.open_count == 0
        assert asyncio.all_tasks() == before

    @property
    def counts(self) -> tuple[int, int]:
        """Addresses tested, and those of them that gave no sign of life."""
        return self.sweep.tested, self.sweep.unanswered


async def sweep(network: FakeNetwork, addresses: Sequence[str], **options: object) -> Sweeping:
    """Sweep addresses to the end."""
    one = Sweeping(network, addresses, **options)  # type: ignore[arg-type]
    await one.run()
    return one


def addresses(count: int) -> list[str]:
    """Return addresses of the wide network, 250 of each /24."""
    return [f"10.0.{number // 250}.{number % 250 + 1}" for number in range(count)]


def wide(*hosts: FakeHost, **options: object) -> FakeNetwork:
    """Return a network with one interface in 10.0.0.0/16."""
    return FakeNetwork(*hosts, interfaces=[fake_interface("lan0", "10.0.255.254/16")], **options)  # type: ignore[arg-type]


def gadget(address: str, number: int = 1, **changes: object) -> FakeHost:
    """Return a host with a MAC, so that the neighbour table knows it."""
    return FakeHost(**{"address": address, "mac": f"02:00:00:00:{number // 256:02x}:{number % 256:02x}", **changes})  # type: ignore[arg-type]
