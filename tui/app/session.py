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
from discover.model.signal import Signal, Source
from discover.model.snapshot import ScanSummary, Snapshot
from tui.app.contracts import AppFeed, AppInventory
from tui.app.messages import FeedTrouble, FeedUpdate

INTERVAL: Final = 0.1
"""Seconds between two updates: faster is not seen, and costs."""

_STALE: Final = 3600.0
"""A feed whose signals are older than this is a recording: its own last moment is its "now"."""


class Session:
    """Runs one feed and posts what comes of it.

    ``feed_factory`` is called off the event loop's thread, because what it imports takes a tenth of a second.
    ``post`` takes the messages; ``wall`` gives Unix seconds.
    """

    def __init__(
        self,
        feed_factory: Callable[[], AppFeed],
        inventory_factory: Callable[[], AppInventory],
        post: Callable[[Message], object],
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._feed_factory = feed_factory
        self._inventory_factory = inventory_factory
        self._post = post
        self._wall = wall
        self._inventory: AppInventory | None = None
        self._progress: Progress | None = None
        self._summary: ScanSummary | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._newest = 0.0
        self.feed: AppFeed | None = None
        self.snapshot: Snapshot | None = None

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences of the feed about what it will not or could not do."""
        return tuple(getattr(self.feed, "notices", ()))

    def now(self) -> float:
        """Return the moment that relative times count from: the wall's, or a recording's last one."""
        wall = self._wall()
        return self._newest if self._newest and abs(wall - self._newest) > _STALE and self._replayed else wall

    @property
    def _replayed(self) -> bool:
        return not getattr(self.feed, "live", True)

    async def run(self) -> None:
        """Run the feed to its end; errors on purpose become a message, others are bugs and go on up."""
        try:
            self._inventory = await asyncio.to_thread(self._inventory_factory)
            self.feed = await asyncio.to_thread(self._feed_factory)
            self._flush()
            self._summary = await self.feed.run(self._on_signal, self._on_progress)
        except EspiedError as error:
            self._post(FeedTrouble(error))
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        self._flush()

    def refresh_if_due(self) -> bool:
        """Post an update where a source's word has run out since the last one, which turns present into stale."""
        now = self.now()
        if self.snapshot is None or self._replayed:
            return False
        since = self.snapshot.generated
        due = any(since < heard.expires <= now for device in self.snapshot.devices for heard in device.presence.heard)
        if due:
            self._flush()
        return due

    def checked(self, result: OtaCheck) -> None:
        """Let the inventory know what a check came to."""
        if self._inventory is not None:
            self._on_signal(_as_signal(result, self._wall()))

    def _on_signal(self, signal: Signal) -> None:
        if self._inventory is not None:
            self._inventory.add(signal)
            self._newest = max(self._newest, signal.when)
            self._soon()

    def _on_progress(self, progress: Progress) -> None:
        self._progress = progress
        self._soon()

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._flush()

    def _flush(self) -> None:
        if self._inventory is None:
            return
        self.snapshot = self._inventory.snapshot(None if self._replayed else self._wall())
        self._post(FeedUpdate(self.snapshot, self._progress, self.notices, self._summary))


def _as_signal(check: OtaCheck, now: float) -> Signal:
    """Say a check's result as the signal that the inventory keeps (KINDS: ota.checked)."""
    return Signal(
        when=check.when or now,
        mono=0.0,
        source=Source.OTA,
        interface="",
        peer=check.address,
        kind="ota.checked",
        fields={
            "ota": check.kind,
            "port": check.port,
            "transport": check.transport,
            "level": check.level,
            "verdict": check.verdict.value,
            "password": check.password.value,
        },
    )
