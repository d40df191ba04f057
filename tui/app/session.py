"""One run of a feed: signals into the inventory, and at most ten updates a second out of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from textual.message import Message

from discover.errors import EspiedError
from discover.model.check import OtaCheck
from discover.model.network import Progress
from discover.model.scan import ScanSummary
from discover.model.signal import Signal
from discover.model.snapshot import Snapshot
from discover.net.ledger import Tally
from tui.app.contracts import AppFeed, AppInventory
from tui.app.keeper import Keeper
from tui.app.messages import FeedTrouble, FeedUpdate

INTERVAL: Final = 0.1
"""Seconds between two updates: faster is not seen, and costs."""

WATCHING: Final = "watching"
"""The phase of a feed that never ends, between two sweeps."""


class Session:
    """Runs one feed and posts what comes of it.

    ``feed_factory`` and ``inventory_factory`` are called off the event loop's thread, because what they import
    takes a tenth of a second. ``post`` takes the messages; ``wall`` gives Unix seconds.
    """

    def __init__(
        self,
        feed_factory: Callable[[], AppFeed],
        inventory_factory: Callable[[], AppInventory],
        post: Callable[[Message], object],
        *,
        keeper: Keeper | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._feed_factory = feed_factory
        self._inventory_factory = inventory_factory
        self._post = post
        self._wall = wall
        self._keeper = keeper or Keeper(None)
        self._saving: asyncio.Future[None] | None = None
        self._progress: Progress | None = None
        self._summary: ScanSummary | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._sent: tuple[int, tuple[Tally, ...]] = (0, ())
        self.inventory: AppInventory | None = None
        self.feed: AppFeed | None = None
        self.snapshot: Snapshot | None = None

    @property
    def sent(self) -> tuple[Tally, ...]:
        """What the feed has sent so far: the same object until more is sent."""
        if self.feed is None:
            return ()
        count = self.feed.ledger.count
        if count != self._sent[0]:
            self._sent = (count, self.feed.ledger.tallies())
        return self._sent[1]

    @property
    def idle(self) -> bool:
        """True where the feed has ended, or watches between two sweeps."""
        return self._summary is not None or self._closed or (self._progress is not None and self._progress.phase == WATCHING)

    def now(self) -> float:
        """Return the moment that relative times count from: the wall's, or a recording's own last one."""
        if self._live or self.snapshot is None:
            return self._wall()
        return self.snapshot.generated

    @property
    def _live(self) -> bool:
        return self.feed is None or self.feed.live

    async def run(self) -> None:
        """Run the feed to its end; errors on purpose become a message, others are bugs and go on up."""
        try:
            self.inventory = await asyncio.to_thread(self._inventory_factory)
            await asyncio.to_thread(self._keeper.open)
            self.feed = await asyncio.to_thread(self._feed_factory)
            self._flush()
            self._summary = await self.feed.run(self._on_signal, self._on_progress)
            self._flush()
        except EspiedError as error:
            self._flush()
            self._post(FeedTrouble(error))
        finally:
            self.close()

    def close(self) -> None:
        """Post nothing of its own accord any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def refresh_if_due(self) -> bool:
        """Post an update where a source's word has run out since the last one, which turns present into stale."""
        if self.snapshot is None or not self._live:
            return False
        now, since = self.now(), self.snapshot.generated
        due = any(since < heard.expires <= now for device in self.snapshot.devices for heard in device.presence.heard)
        if due:
            self._flush()
        return due

    def checked(self, result: OtaCheck) -> None:
        """Let the inventory know what a check came to; while it runs, the feed itself says so."""
        if self._closed and self.inventory is not None and result.address:
            from discover.ota.report import signal_of  # noqa: PLC0415 - whoever checks has loaded it already

            self.inventory.add(signal_of(result))
            self._flush()

    def _on_signal(self, signal: Signal) -> None:
        # A feed that is cancelled for the next one still says that it is finished: that would end the next one's scan.
        if self.inventory is not None and not self._closed:
            self.inventory.add(signal)
            self._soon()

    def _on_progress(self, progress: Progress) -> None:
        self._progress = progress
        self._soon()

    def _soon(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._flush()

    def _flush(self) -> None:
        if self.inventory is None:
            return
        self.snapshot = self._keeper.overlay(self.inventory.snapshot(self._wall() if self._live else None))
        notices = (*(self.feed.notices if self.feed is not None else ()), *self._keeper.notices)
        self._post(FeedUpdate(self.snapshot, self._progress, notices, self._summary))
        if self.idle and self._saving is None and self._live:
            # The first complete picture is kept at once, so that not even a power cut loses it; the last one at the end.
            self._saving = asyncio.get_running_loop().run_in_executor(None, self._keeper.save, self.snapshot)
