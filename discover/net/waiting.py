"""Waiting for an event or for a time, whichever comes first, by the network's own clock (a scripted one needs no real time)."""

from __future__ import annotations

import asyncio
from functools import partial

from discover.net.api import Clock
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
