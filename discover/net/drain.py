"""Reading what strangers may send at any rate: a batch at a time, and in a flood with pauses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from discover.net.api import Clock, Timer

T = TypeVar("T")

BATCH: Final = 64
"""Messages read before others get their turn."""
FLOOD: Final = 16
"""Full batches one after the other that count as a flood: 1024 answers may come in one burst, as many as Linux's table holds."""
PAUSE: Final = 0.1
"""Seconds that a flood waits in (and falls out of) the kernel's buffer: so at most some 10,000 messages a second are read."""
_ERRORS: Final = 16
"""Errors one after the other, with nothing read between, after which a socket is given up."""


class Drain(Generic[T]):
    """Reads a non-blocking socket until it is closed; needs a running event loop that can watch it.

    ``receive`` reads one message. ``on_batch`` gets what was there; ``on_error`` each error of the socket, which
    after a row of them is not read any more. The socket is the drain's own from here on.
    """

    def __init__(
        self,
        clock: Clock,
        sock: socket.socket,
        receive: Callable[[], T],
        on_batch: Callable[[list[T]], None],
        on_error: Callable[[OSError], None] | None = None,
    ) -> None:
        self._clock = clock
        self._sock = sock
        self._receive = receive
        self._on_batch = on_batch
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._full = 0
        self._errors = 0
        self._pause: Timer | None = None
        self.closed = False
        self._loop.add_reader(sock.fileno(), self._readable)

    def _readable(self) -> None:
        batch: list[T] = []
        error: OSError | None = None
        for _ in range(BATCH):
            try:
                batch.append(self._receive())
            except (BlockingIOError, InterruptedError):
                break
            except OSError as caught:
                error = caught
                break
        self._full = self._full + 1 if len(batch) == BATCH else 0
        if self._full >= FLOOD:
            self._full = 0
            self._loop.remove_reader(self._sock.fileno())
            self._pause = self._clock.call_later(PAUSE, self._resume)
        self._errors = 0 if batch else self._errors + (error is not None)
        if self._errors >= _ERRORS:
            self._loop.remove_reader(self._sock.fileno())
        if batch:
            self._on_batch(batch)
        if error is not None and self._on_error is not None and not self.closed:  # who got the batch may have closed us
            self._on_error(error)

    def _resume(self) -> None:
        self._pause = None
        if not self.closed:
            self._loop.add_reader(self._sock.fileno(), self._readable)

    def close(self) -> None:
        """Stop reading and close the socket; idempotent."""
        if not self.closed:
            self.closed = True
            if self._pause is not None:
                self._pause.cancel()
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()
