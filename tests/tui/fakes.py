"""Stand-ins for the engine and the inventory: a feed that plays a script, an inventory of fixed devices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from discover.errors import EspiedError
from discover.model.check import OtaCheck, Step
from discover.model.device import Device
from discover.model.network import Progress
from discover.model.scan import ScanSummary
from discover.model.signal import Signal, Source
from discover.model.snapshot import Snapshot
from tests.present.samples import CHECK, DEVICES, NOW, PACKETS, PROGRESS, SUMMARY, ledger_of


class FakeFeed:
    """Tells of ``count`` devices, one signal each, then ends with ``summary`` or, with ``forever``, waits."""

    live = False

    def __init__(
        self,
        count: int = len(DEVICES),
        *,
        summary: ScanSummary = SUMMARY,
        progress: Progress | None = PROGRESS,
        forever: bool = False,
        error: EspiedError | None = None,
        check: OtaCheck | EspiedError = CHECK,
        notices: tuple[str, ...] = (),
        gate: asyncio.Event | None = None,
    ) -> None:
        self.count = count
        self.summary = summary
        self.progress = progress
        self.forever = forever
        self.error = error
        self.check_result = check
        self.notices = notices
        self.gate = gate
        self.ledger = ledger_of(PACKETS)
        self.runs = 0
        self.cancelled = False
        self.checked: list[tuple[str, str]] = []
        self.levels: list[tuple[int | None, bool]] = []

    async def run(self, on_signal: Callable[[Signal], None], on_progress: Callable[[Progress], None]) -> ScanSummary:
        self.runs += 1
        for number in range(self.count):
            on_signal(
                Signal(
                    when=NOW, mono=number / 10, source=Source.NEIGHBOUR, interface="eth0", peer=f"10.0.0.{number}", kind="neighbour.seen"
                )
            )
        if self.progress is not None:
            on_progress(self.progress)
        if self.error is not None:
            raise self.error
        if self.forever:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        return self.summary

    async def check(
        self,
        host: str,
        *,
        port: int | None = None,
        level: int | None = None,
        kind: str = "",
        device: Device | None = None,
        on_step: Callable[[Step], None] | None = None,
        interface: str | None = None,
        consent: bool = False,
        password: str | None = None,
        host_port: int | None = None,
    ) -> OtaCheck:
        del port, kind, interface, password, host_port
        self.checked.append((host, device.id if device else ""))
        self.levels.append((level, consent))
        if isinstance(self.check_result, EspiedError):
            raise self.check_result
        for step in self.check_result.steps:
            if on_step is not None:
                on_step(step)
        if self.gate is not None:
            await self.gate.wait()
        return self.check_result


class FakeInventory:
    """Shows one more device with every signal."""

    def __init__(self, devices: Sequence[Device] = DEVICES) -> None:
        self.devices = devices
        self.signals: list[Signal] = []

    def add(self, signal: Signal) -> None:
        self.signals.append(signal)

    def snapshot(self, now: float | None = None) -> Snapshot:
        del now
        shown = self.devices[: len(self.signals)]
        return Snapshot(generated=NOW, scan=SUMMARY, devices=tuple(shown))
