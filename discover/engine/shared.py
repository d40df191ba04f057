"""What the posts of a run share: bounds, counts, and where signals and notices go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from discover.atlas.family import Catalogue
from discover.engine.meter import Meter
from discover.errors import EspiedError
from discover.model.signal import Signal
from discover.net.api import Network
from discover.net.policy import DEFAULT, Policy
from discover.probe.roll import Window

STREAMS_AT_ONCE: Final = 16
"""GETs open at once."""


@dataclass(slots=True)
class Shared:
    """Made anew for each run, inside its event loop."""

    network: Network
    catalogue: Catalogue
    meter: Meter
    group: asyncio.TaskGroup
    """Owns every task of the run: none outlives it."""
    hand_on: Callable[[Signal], None]
    notice: Callable[[str], None]
    own: frozenset[str]
    """All our addresses, as canonical text."""
    barred: bool = False
    """True once the system refused something that the scan needs: it is not complete then."""
    advised: set[str] = field(default_factory=set)
    """Hints that were given already."""
    policy: Policy = DEFAULT
    window: Window = field(default_factory=lambda: Window(DEFAULT.unresolved))
    streams: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(STREAMS_AT_ONCE))
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no host is being asked."""

    def trouble(self, what: str, error: EspiedError, *, bars: bool = True) -> None:
        """Make a notice of what the system refused, with its hint the first time; what ``bars`` makes the scan incomplete."""
        self.barred = self.barred or bars
        hint = "" if error.hint in self.advised else f" {error.hint}"
        self.advised.add(error.hint)
        self.notice(f"{what}: {error.message}.{hint}".rstrip())

    def begin(self) -> None:
        """Count one more host being asked."""
        self.meter.asking += 1
        self.idle.clear()

    def end(self) -> None:
        """Count one host less."""
        self.meter.asking -= 1
        if self.meter.asking == 0:
            self.idle.set()
