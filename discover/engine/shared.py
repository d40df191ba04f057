"""What the posts of a run share: bounds, counts, and where signals and notices go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from discover.atlas.catalogue import Catalogue
from discover.engine.meter import Meter
from discover.errors import EspiedError
from discover.model.signal import Signal
from discover.net.api import Network
from discover.net.policy import DEFAULT, Policy
from discover.probe.roll import Window

STREAMS_AT_ONCE: Final = 16
"""GETs open at once."""


class Shared:
    """Made anew for each run, inside its event loop. ``group`` owns every task of the run: none outlives it."""

    def __init__(
        self,
        *,
        network: Network,
        catalogue: Catalogue,
        meter: Meter,
        group: asyncio.TaskGroup,
        hand_on: Callable[[Signal], None],
        notice: Callable[[str], None],
        own: frozenset[str],
    ) -> None:
        self.network = network
        self.catalogue = catalogue
        self.meter = meter
        self.group = group
        self.hand_on = hand_on
        self.notice = notice
        self.own = own
        """All our addresses, as canonical text."""
        self.barred = False
        """True once the system refused something that the scan needs: it is not complete then."""
        self.advised: set[str] = set()
        """Hints that were given already."""
        self.policy: Policy = DEFAULT
        self.window = Window(DEFAULT.unresolved)
        self.streams = asyncio.Semaphore(STREAMS_AT_ONCE)
        self.idle = asyncio.Event()
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
