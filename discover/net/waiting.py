"""Waiting for an event or for a time, whichever comes first, by the network's own clock (a scripted one needs no real time)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from discover.net.api import Clock, Timer
from discover.net.mailbox import settle


async def wait_for_event(clock: Clock, event: asyncio.Event, seconds: float) -> bool:
    """Wait until ``event`` is set, at most ``seconds``; tell whether it is. Does not clear it."""
    if event.is_set() or seconds <= 0:
        return event.is_set()
    waiter = asyncio.ensure_future(event.wait())
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({waiter, timer}, return_when=asyncio.FIRST_COMPLETED)
        return event.is_set()
    finally:
        waiter.cancel()
        timer.cancel()
        await asyncio.gather(waiter, timer, return_exceptions=True)


class Alarm:
    """Wakes the one task that waits, when it is rung or its time has come; unlike :func:`wait_for_event` it starts no tasks for that."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Wake who waits, or who will wait next."""
        self._rung = True
        if self._waiter is not None:
            settle(self._waiter)

    async def wait(self, seconds: float | None) -> None:
        """Wait until it is rung, at most ``seconds`` (None: as long as it takes)."""
        if not self._rung and (seconds is None or seconds > 0):
            waiter = self._waiter = asyncio.get_running_loop().create_future()
            timer = None if seconds is None else self._clock.call_later(seconds, partial(settle, waiter))
            try:
                await waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        else:
            await asyncio.sleep(0)  # others get their turn even where it is rung without end
        self._rung = False


class Bell:
    """Calls ``callback(late)`` at the time that was set last, or soon after it is rung; it starts no task and waits for nothing.

    ``late`` is by how many seconds the time was overrun: 0.0 where it was rung. Each call is the last one until
    a time is set or it is rung again.
    """

    def __init__(self, clock: Clock, callback: Callable[[float], None]) -> None:
        self._clock = clock
        self._callback = callback
        self._timer: Timer | None = None
        self._at: float | None = None
        self._expected = 0.0
        """When it strikes if nobody sleeps: a time that has passed already is no oversleeping."""
        self._rung = False

    def set(self, when: float | None) -> None:
        """Call back at ``when`` (monotonic seconds; None: not before it is rung) instead of the time before; nothing where it was rung."""
        if self._rung or (when == self._at and (when is None or self._timer is not None)):
            return
        self.cancel()
        self._at = when
        if when is not None:
            now = self._clock.mono()
            self._expected = max(now, when)
            self._timer = self._clock.call_later(self._expected - now, self._strike)

    def set_no_later(self, when: float | None) -> None:
        """Call back at ``when`` where that is sooner than the time that was set; to be called too soon costs less than to set it anew."""
        if when is not None and (self._at is None or when < self._at):
            self.set(when)

    def ring(self) -> None:
        """Call back as soon as what is ready now has had its turn."""
        if not self._rung:
            self.cancel()
            self._rung = True
            self._timer = self._clock.call_later(0.0, self._strike)

    def _strike(self) -> None:
        late = 0.0 if self._rung or self._at is None else self._clock.mono() - self._expected
        self._timer, self._at, self._rung = None, None, False
        self._callback(late)

    def cancel(self) -> None:
        """Call back no more; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._at, self._rung = None, None, False
