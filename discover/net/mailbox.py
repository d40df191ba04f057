"""A queue of events with a waiting time: what UDP endpoints receive through, on the real clock or a scripted one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Timer(Protocol):
    """Something that was scheduled and can be called off."""

    def cancel(self) -> None:
        """Call it off; idempotent."""
        ...


CallLater = Callable[[float, Callable[[], None]], Timer]
"""``call_later(seconds, callback) -> Timer``: an event loop's, or a scripted clock's."""


def settle(future: asyncio.Future[None]) -> None:
    """Wake who waits for the future; nothing where it is done already."""
    if not future.done():
        future.set_result(None)


def fail(future: asyncio.Future[None] | None, error: BaseException) -> None:
    """Raise the error where somebody waits for the future, from a callback whose own errors would be lost; only the first one."""
    if future is not None and not future.done():
        future.set_exception(error)


class Mailbox(Generic[T]):
    """Events in order, for one or several receivers. ``on_taken(left)`` tells how many are left after one was taken."""

    def __init__(self, call_later: CallLater, on_taken: Callable[[int], None] | None = None) -> None:
        self._call_later = call_later
        self._on_taken = on_taken
        self._events: deque[T] = deque()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._listener: Callable[[], None] | None = None
        self._called = False
        self.holding = False
        """True while more is being put in: the listener is called by :meth:`flush` then."""

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: T) -> None:
        """Add an event and wake one receiver; after :meth:`close` it is dropped."""
        if self._closed:
            return
        self._events.append(event)
        if self._waiters:
            self._wake_one()
        elif self._listener is not None and not (self._called or self.holding):
            self._called = True
            self._call_later(0.0, self.flush)

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Call ``listener`` soon whenever there are events that nobody waits for; it takes them all. None: no more."""
        self._listener = listener
        if listener is not None and self._events and not self._called:
            self._called = True
            self._call_later(0.0, self.flush)

    def flush(self) -> None:
        """Call the listener now where there is something for it."""
        self._called = False
        if self._listener is not None and self._events:
            self._listener()

    def _wake_one(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                settle(waiter)
                return

    async def get(self, timeout: float) -> T | None:
        """Return the next event; None after ``timeout`` seconds without one, and at once where the box is closed and empty."""
        if not self._events and not self._closed and timeout > 0:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            timer = self._call_later(timeout, partial(settle, waiter))
            try:
                await waiter
            except asyncio.CancelledError:
                # Cancelled just when an event woke us: hand the event to the next one who waits.
                if self._events:
                    self._wake_one()
                raise
            finally:
                timer.cancel()
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        return self.take()

    def take(self) -> T | None:
        """Return the next event, None where there is none now; for one who drains the box without a task switch for each."""
        if not self._events:
            return None
        event = self._events.popleft()
        if self._on_taken is not None:
            self._on_taken(len(self._events))
        return event

    def close(self) -> None:
        """Wake all receivers with None; what was not taken is dropped. Idempotent."""
        self._closed = True
        self._events.clear()
        while self._waiters:
            settle(self._waiters.popleft())
