"""The live feed: one scan, or a watch that never ends, on all interfaces of its plan."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from discover.atlas.catalogue import Catalogue
from discover.engine.feed import OnNotice, OnProgress, OnSignal, OnStep
from discover.engine.meter import PACED_ABOVE, Coverage, Meter
from discover.engine.plan import ScanPlan
from discover.engine.post import Post
from discover.engine.shared import Shared
from discover.errors import NetworkError
from discover.model.scan import ScanSummary, finished_fields
from discover.model.signal import Signal, Source
from discover.net.api import Ledger, Network
from discover.net.emitter import Emitter

if TYPE_CHECKING:
    from discover.model.check import OtaCheck
    from discover.model.device import Device

SWEEP_EVERY: Final = 300.0
"""Seconds of rest between two sweeps of a watch: one small datagram an address each time."""
TICK: Final = 0.2
"""Seconds between two calls of ``on_progress`` while something is going on."""
IDLE_TICK: Final = 5.0


class LiveFeed:
    """Scans as the plan says; ``forever`` goes on listening and sweeps again every few minutes until cancelled.

    ``network`` is the one that the plan was made on. ``on_notice`` is told each notice as it arises.
    """

    live = True

    def __init__(
        self, network: Network, catalogue: Catalogue, plan: ScanPlan, *, forever: bool = False, on_notice: OnNotice | None = None
    ) -> None:
        self.network = network
        self.plan = plan
        self.on_notice = on_notice
        self._catalogue = catalogue
        self._forever = forever
        self._notices: list[str] = list(plan.notices)
        self._run: _Run | None = None

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what was not or could not be done, oldest first."""
        return tuple(self._notices)

    @property
    def ledger(self) -> Ledger:
        """Every packet sent."""
        return self.network.ledger

    async def run(self, on_signal: OnSignal, on_progress: OnProgress | None = None) -> ScanSummary:
        """Scan. Ends after the plan's seconds or when the sweep is complete, whichever is later.

        Cancelled, it still emits scan.finished (complete only where a watch was between two sweeps), leaves
        no task and no socket, and raises CancelledError. Raises what ``on_signal`` raises; what the system
        refuses on the way becomes a notice and honest coverage.
        """
        for notice in self.plan.notices:
            self._tell(notice)
        self._run = _Run(
            self.network,
            self._catalogue,
            self.plan,
            on_signal=on_signal,
            on_progress=on_progress,
            notice=self._add_notice,
            forever=self._forever,
        )
        try:
            return await self._run.scan()
        finally:
            self._run = None

    async def check(
        self,
        host: str,
        *,
        port: int | None = None,
        level: int | None = None,
        kind: str = "",
        device: Device | None = None,
        on_step: OnStep | None = None,
        interface: str | None = None,
        consent: bool = False,
        password: str | None = None,
        host_port: int | None = None,
    ) -> OtaCheck:
        """Check one device's OTA port (discover.ota.check); while a scan runs, its result is a signal of the scan, too."""
        from discover.ota import check  # noqa: PLC0415 - a scan needs no checks
        from discover.ota.report import signal_of  # noqa: PLC0415 - likewise

        result = await check(
            self.network,
            host,
            port=port,
            level=level,
            kind=kind,
            device=device,
            on_step=on_step,
            interface=interface,
            consent=consent,
            password=password,
            host_port=host_port,
        )
        run = self._run
        if run is not None and result.address:
            run.add(signal_of(result, mono=round(run.meter.elapsed, 6)))
        return result

    def _add_notice(self, notice: str) -> None:
        if notice not in self._notices:
            self._notices.append(notice)
            self._tell(notice)

    def _tell(self, notice: str) -> None:
        if self.on_notice is not None:
            self.on_notice(notice)


class _Run:
    """One run of a live feed."""

    def __init__(
        self,
        network: Network,
        catalogue: Catalogue,
        plan: ScanPlan,
        *,
        on_signal: OnSignal,
        on_progress: OnProgress | None,
        notice: OnNotice,
        forever: bool,
    ) -> None:
        clock, ledger = network.clock, network.ledger
        sent_before = ledger.count
        self.meter = Meter(
            clock, clock.mono(), sent=lambda: ledger.count - sent_before, until=None if forever else plan.seconds, planned=plan.planned
        )
        self._network = network
        self._catalogue = catalogue
        self._plan = plan
        self._on_signal = on_signal
        self._on_progress = on_progress
        self._notice = notice
        self._forever = forever
        self._emit = Emitter(clock, "", self.add, self.meter.start)
        self._posts: list[Post] = []
        self._broken = False
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """What the receiver of the signals raised."""
        self._complete = False

    def add(self, signal: Signal) -> None:
        """Hand one signal on; once the receiver has raised, nothing more."""
        if self._broken:
            return
        if signal.peer and signal.kind != "neighbour.failed":
            self.meter.heard(signal)
        try:
            self._on_signal(signal)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the run; from a socket's callback it could not
            self._broken = True
            self._failure.set_exception(error)

    async def scan(self) -> ScanSummary:
        """Run to the end."""
        plan = self._plan
        interfaces = tuple(f"{one.name} {one.address} {one.network}" for one in plan.scan_interfaces)
        self._emit(Source.SCAN, "scan.started", "", {"interfaces": interfaces, "passive": plan.passive})
        summary: ScanSummary | None = None
        try:
            async with asyncio.TaskGroup() as group:
                await self._work(group)
        except BaseExceptionGroup as trouble:
            raise _first(trouble) from None
        except asyncio.CancelledError:
            # A watch between two sweeps has done all it set out to do; anything else was cut short.
            self._complete = self._complete and self._forever and not self.meter.busy
            raise
        finally:
            for post in self._posts:
                await post.close()
            if not self._broken:
                self._report()
                summary = self._finish()
            if self._failure.done():
                self._failure.exception()  # taken note of, whatever else ends the run
        if self._failure.done():
            self._failure.result()
        return summary if summary is not None else ScanSummary()

    async def _work(self, group: asyncio.TaskGroup) -> None:
        plan = self._plan
        shared = Shared(
            network=self._network,
            catalogue=self._catalogue,
            meter=self.meter,
            group=group,
            hand_on=self.add,
            notice=self._notice,
            own=plan.own,
        )
        shared.idle.set()
        self.meter.sweeping = not plan.passive
        self.meter.coverage = self._coverage
        ticker = group.create_task(self._tick())
        guard = group.create_task(self._guard())
        faces = {one.name: one for one in (*plan.interfaces, *(target.interface for target in plan.targets))}
        self._posts = [Post(shared, plan, face) for face in faces.values()]
        await asyncio.gather(*(post.open() for post in self._posts))
        self._announce()
        while True:
            self._complete = await self._sweep(shared)
            if not self._forever:
                break
            self._finish()
            for post in self._posts:
                post.rest()
            await self.meter.clock.sleep(SWEEP_EVERY)
            self._complete = False
            self.meter.sweeping = not plan.passive
            self._report()
            for post in self._posts:
                post.renew()
        while (left := plan.seconds - self.meter.elapsed) > _INSTANT or not shared.idle.is_set():
            # Hosts that mDNS told late are still asked; nobody listens longer than asked for otherwise.
            await (self.meter.clock.sleep(left) if left > _INSTANT else shared.idle.wait())
        self._complete = self._complete and self._all_there() and not shared.barred
        for post in self._posts:
            post.stop()
        ticker.cancel()
        guard.cancel()

    def _announce(self) -> None:
        """Say first how long a large sweep will take."""
        planned = self._plan.planned
        self.meter.paced = any(post.paced for post in self._posts)
        if planned <= PACED_ABOVE:
            return
        seconds = max(1, round(max(sum(post.turns) for post in self._posts)))
        why = (
            f" are asked {PACED_ABOVE} at a time, because the system's neighbour table holds about a thousand: this"
            if self.meter.paced
            else ": the sweep"
        )
        self._notice(f"{planned} addresses{why} takes about {seconds} second{'' if seconds == 1 else 's'}.")

    async def _guard(self) -> None:
        """End the run with what the receiver of the signals raised."""
        await asyncio.shield(self._failure)

    async def _sweep(self, shared: Shared) -> bool:
        """Sweep all targets and wait for the hosts that were found; tell whether every address got its chance."""
        if self._plan.passive:
            return True
        done = await asyncio.gather(*(post.sweep() for post in self._posts))
        self.meter.sweeping = False
        self._report()
        await shared.idle.wait()
        return all(done) and self._coverage().tested >= self.meter.planned and self._all_there() and not shared.barred

    def _coverage(self) -> Coverage:
        """Return what all interfaces together have covered."""
        each = [post.coverage for post in self._posts]
        return Coverage(
            tested=sum(one.tested for one in each),
            unanswered=sum(one.unanswered for one in each),
            strangers=sum(one.strangers for one in each),
            proxied=sum(one.proxied for one in each),
            sweep_left=max((one.sweep_left for one in each), default=0.0),
            hosts_left=max((one.hosts_left for one in each), default=0.0),
        )

    def _all_there(self) -> bool:
        """Tell whether all interfaces are still there; one that is not becomes a notice."""
        try:
            there = {one.name for one in self._network.interfaces() if one.up}
        except NetworkError as error:
            self._notice(f"the interfaces cannot be listed any more: {error.message}")
            return False
        gone = [post.interface.name for post in self._posts if post.interface.name not in there]
        for name in gone:
            self._notice(f"{name} vanished during the scan: what was found there until then is kept.")
        return not gone

    def _finish(self) -> ScanSummary:
        meter, covered = self.meter, self._coverage()
        summary = ScanSummary(
            interfaces=self._plan.scan_interfaces,
            seconds=round(meter.elapsed * 10) / 10,
            planned=meter.planned,
            tested=covered.tested,
            unanswered=covered.unanswered,
            strangers=covered.strangers,
            proxied=covered.proxied,
            packets_sent=meter.sent(),
            complete=self._complete,
            passive=self._plan.passive,
        )
        self._emit(Source.SCAN, "scan.finished", "", finished_fields(summary))
        return summary

    async def _tick(self) -> None:
        """Report progress, often while something is going on."""
        if self._on_progress is None:
            return
        while True:
            self._report()
            idle = self._forever and not self.meter.busy
            await self.meter.clock.sleep(IDLE_TICK if idle else TICK)

    def _report(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.meter.progress())


_INSTANT: Final = 1e-6
"""Less is no wait: adding it to a clock may not even change the clock."""


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the exception that began it: whoever runs a feed catches errors, not groups of them."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
