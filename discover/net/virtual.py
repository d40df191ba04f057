"""A virtual clock: waiting costs no time, and what happens is the same every time.

Virtual time stands still while anything in the event loop can run. As soon as the loop is idle
(everybody waits), it jumps to the next thing that was scheduled. So a scan of "5 seconds" takes as
long as its own work, in an order that no machine's load changes.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from functools import partial
from typing import Final

from discover.net.mailbox import settle

_ROUNDS: Final = 64
"""Rounds of an event loop that hides its ready queue (uvloop) which count as idle."""


class VirtualTimer:
    """One callback at one virtual time. ``waiter``: somebody waits for it, so time may move to reach it."""

    __slots__ = ("_clock", "callback", "cancelled", "seq", "waiter", "when")

    def __init__(self, clock: VirtualClock, when: float, seq: int, callback: Callable[[], object], *, waiter: bool) -> None:
        self._clock = clock
        self.when = when
        self.seq = seq
        self.callback = callback
        self.waiter = waiter
        self.cancelled = False

    def __lt__(self, other: VirtualTimer) -> bool:
        return (self.when, self.seq) < (other.when, other.seq)

    def cancel(self) -> None:
        """Call it off; idempotent."""
        if not self.cancelled:
            self.cancelled = True
            self._clock.forget(self)


class VirtualClock:
    """A clock that only moves while everybody waits.

    ``start`` is the first monotonic time and ``wall_start`` the wall time at that moment (Unix
    seconds). Beyond ``horizon`` seconds after the start time stands still, so a watcher that sleeps
    for ever leaves the loop idle instead of racing through the years.
    """

    def __init__(self, *, start: float = 0.0, wall_start: float = 1_760_000_000.0, horizon: float = 86_400.0) -> None:
        self._now = start
        self._start = start
        self._wall_start = wall_start
        self._end = start + horizon
        self._timers: list[VirtualTimer] = []
        self._seq = 0
        self._waiters = 0
        self._pump_loop: asyncio.AbstractEventLoop | None = None

    def wall(self) -> float:
        """Return virtual Unix seconds."""
        return self._wall_start + (self._now - self._start)

    def mono(self) -> float:
        """Return virtual monotonic seconds."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait for virtual seconds."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, partial(settle, future))
        try:
            await future
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> VirtualTimer:
        """Call back after ``seconds``; somebody waits for it."""
        return self._add(self._now + max(0.0, seconds), callback, waiter=True)

    def script(self, when: float, callback: Callable[[], object]) -> VirtualTimer:
        """Call back ``when`` seconds after the start, should time get there: nobody waits for it.

        May be called outside an event loop; a time that has passed means "as soon as somebody waits".
        """
        return self._add(max(self._now, self._start + when), callback, waiter=False)

    def script_in(self, seconds: float, callback: Callable[[], object]) -> VirtualTimer:
        """Call back ``seconds`` from now, should time get there: nobody waits for it."""
        return self._add(self._now + max(0.0, seconds), callback, waiter=False)

    def hold(self) -> Callable[[], None]:
        """Let time move for the script's sake, too, until the returned function is called (an open browser waits like that)."""
        self._waiters += 1
        self._arm()
        released = False

        def release() -> None:
            nonlocal released
            if not released:
                released = True
                self._waiters -= 1

        return release

    def forget(self, timer: VirtualTimer) -> None:
        """Note that a timer was cancelled or ran; for timers only."""
        if timer.waiter:
            self._waiters -= 1

    def _add(self, when: float, callback: Callable[[], object], *, waiter: bool) -> VirtualTimer:
        self._seq += 1
        timer = VirtualTimer(self, when, self._seq, callback, waiter=waiter)
        heapq.heappush(self._timers, timer)
        self._waiters += waiter
        self._arm()
        return timer

    def _arm(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # a script written before the loop runs; the first waiter arms it
        if self._pump_loop is not loop and self._timers and self._waiters > 0:
            self._pump_loop = loop
            loop.call_soon(self._pump, loop, 0)

    def _pump(self, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
        ready = getattr(loop, "_ready", None)
        # Another virtual clock that waits for us to be idle is no work: two clocks would wait for each other for ever.
        busy = rounds < _ROUNDS if ready is None else not all(_is_pump(handle) for handle in ready)
        if busy:
            loop.call_soon(self._pump, loop, rounds + 1)
            return
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        if not self._timers or self._waiters <= 0 or self._timers[0].when > self._end:
            self._pump_loop = None
            return
        self._now = max(self._now, self._timers[0].when)
        timer = heapq.heappop(self._timers)
        timer.cancel()
        loop.call_soon(self._pump, loop, 0)
        timer.callback()


def _is_pump(handle: object) -> bool:
    return isinstance(getattr(getattr(handle, "_callback", None), "__self__", None), VirtualClock)
