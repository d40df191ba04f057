"""What the app needs from below, as protocols: the engine and the inventory keep them, and so do the tests' stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from discover.model.check import OtaCheck, Step
from discover.model.device import Device
from discover.model.network import Progress
from discover.model.scan import ScanSummary
from discover.model.signal import Signal
from discover.model.snapshot import Snapshot
from discover.net.ledger import Tally


class PacketLedger(Protocol):
    """Every packet sent: ``discover.net.api.Ledger``, as far as the app reads it."""

    @property
    def count(self) -> int:
        """How many packets were sent."""
        ...

    def tallies(self) -> tuple[Tally, ...]:
        """Return what every address got, a tally for each purpose, transport and port."""
        ...


class AppFeed(Protocol):
    """A source of signals that can also check one device: ``discover.engine.Feed``."""

    @property
    def live(self) -> bool:
        """True where it speaks of now, False for a recording."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what was not or could not be done, oldest first."""
        ...

    @property
    def ledger(self) -> PacketLedger:
        """What was sent."""
        ...

    async def run(self, on_signal: Callable[[Signal], None], on_progress: Callable[[Progress], None]) -> ScanSummary:
        """Produce signals until done or cancelled. Raises EspiedError."""
        ...

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
        """Check one device's OTA port. Raises EspiedError."""
        ...


class AppInventory(Protocol):
    """Folds signals into devices: ``discover.inventory.fold.Inventory``."""

    def add(self, signal: Signal) -> None:
        """Take one signal."""
        ...

    def snapshot(self, now: float | None = None) -> Snapshot:
        """Return the state of all devices at ``now`` (Unix seconds; None: the newest signal's)."""
        ...
