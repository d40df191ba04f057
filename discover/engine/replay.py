"""The replay: a recording as a feed, signal for signal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from discover.engine.feed import OnNotice, OnProgress, OnSignal, OnStep, summary_of
from discover.errors import UsageError
from discover.model.network import Progress
from discover.model.scan import ScanSummary
from discover.model.signal import Signal
from discover.net.api import Clock, Ledger
from discover.net.ledger import MemoryLedger

if TYPE_CHECKING:
    from discover.model.check import OtaCheck
    from discover.model.device import Device

MAX_GAP: Final = 600.0
"""Longest pause that is replayed (recorded seconds): a watch may have heard nothing for a night."""
BREATH: Final = 200
"""Signals between two chances for others in the event loop, at full speed."""
TICK: Final = 0.1


class ReplayFeed:
    """Replays signals in order: at once (``speed`` 0), or in their recorded time divided by ``speed``.

    Raises UsageError for a negative speed.
    """

    live = False

    def __init__(
        self, signals: Iterable[Signal], *, speed: float = 0.0, clock: Clock | None = None, on_notice: OnNotice | None = None
    ) -> None:
        if not speed >= 0:
            raise UsageError(f"{speed} is no speed", "0 replays at once, 1 as it was recorded, 10 ten times as fast.")
        self.on_notice = on_notice
        self._signals = tuple(signals)
        self._speed = speed
        self._clock = clock
        self._ledger = MemoryLedger()

    @property
    def notices(self) -> tuple[str, ...]:
        """Nothing: a recording does not hold the notices of its scan."""
        return ()

    @property
    def ledger(self) -> Ledger:
        """An empty ledger: a replay sends nothing."""
        return self._ledger

    async def run(self, on_signal: OnSignal, on_progress: OnProgress | None = None) -> ScanSummary:
        """Replay everything and return what the recording's last scan.finished says."""
        clock = self._clock or _system_clock()
        start = last_tick = clock.mono()
        peers: set[str] = set()
        before: float | None = None
        for number, signal in enumerate(self._signals, start=1):
            gap = 0.0 if before is None else min(signal.mono - before, MAX_GAP)
            if self._speed > 0 and gap > 0:
                await clock.sleep(gap / self._speed)
            elif number % BREATH == 0:
                await asyncio.sleep(0)
            before = signal.mono
            if signal.peer:
                peers.add(signal.peer)
            on_signal(signal)
            now = clock.mono()
            if on_progress is not None and (now - last_tick >= TICK or number == len(self._signals)):
                last_tick = now
                on_progress(self._progress(number, len(peers), now - start))
        return summary_of(self._signals)

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
        """Refuse: the devices of a recording are not there. Raises UsageError."""
        del port, level, kind, device, on_step, interface, consent, password, host_port
        raise UsageError(f"{host or 'this device'} comes from a recording and cannot be checked", "Check it live: `espied check HOST`.")

    def _progress(self, number: int, hosts: int, elapsed: float) -> Progress:
        total = len(self._signals)
        return Progress(
            phase="replaying" if number < total else "done",
            planned=total,
            tested=number,
            hosts=hosts,
            packets_sent=0,
            elapsed=elapsed,
            remaining=0.0 if number == total else None,
        )


def _system_clock() -> Clock:
    from discover.net.clock import SystemClock  # noqa: PLC0415 - a replay with a clock of its own needs none

    return SystemClock()
