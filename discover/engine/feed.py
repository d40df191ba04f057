"""Feeds: sources of signals. A live one scans, a replay reads a recording; both look the same from above."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from discover.model.network import Progress
from discover.model.scan import ScanSummary, begun, ended
from discover.model.signal import Signal
from discover.net.api import Ledger

if TYPE_CHECKING:
    from discover.model.check import OtaCheck, Step
    from discover.model.device import Device

OnSignal = Callable[[Signal], None]
OnProgress = Callable[[Progress], None]
OnNotice = Callable[[str], None]
OnStep = Callable[["Step"], None]


class Feed(Protocol):
    """A source of signals that can also check one device."""

    live: bool
    """True where it speaks of now, False for a recording."""
    on_notice: OnNotice | None
    """Told each notice as it arises."""

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what was not or could not be done, oldest first."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Every packet sent."""
        ...

    async def run(self, on_signal: OnSignal, on_progress: OnProgress | None = None) -> ScanSummary:
        """Produce signals, in order, until done or cancelled; ``on_progress`` is called at most ten times a second.

        What ``on_signal`` raises ends the run and is raised.
        """
        ...

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
        """Check one device's OTA port; the words are those of discover.ota.check, and so are the errors."""
        ...


def summary_of(signals: Iterable[Signal]) -> ScanSummary:
    """Return what the scan.* signals say of the last scan: what a replay's ``run`` returns."""
    summary = ScanSummary()
    for signal in signals:
        if signal.kind == "scan.started":
            summary = begun(signal)
        elif signal.kind == "scan.finished":
            summary = ended(summary, signal)
    return summary
