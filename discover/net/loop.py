"""The event loop of a command: where answers trickle in over lossy air, it reads a few milliseconds' worth at a time.

To be woken costs more than to read an answer: on lossy air with devices in power save a sweep of a /24 was woken 370 times for
some 700 answers (measured). When a datagram came, the kernel tells; only what a connection took seems longer by the rest.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

LONGEST_REST: Final = 0.0625
"""Seconds that a loop rests at the most: who presses Ctrl-C does not notice."""


class RestingSelector(selectors.DefaultSelector):
    """Waits for files as its base does, but after each wait ``rest`` seconds pass before the next one looks at them.

    What is due by time is on time: a wait never ends later than its timeout. Nothing is due sooner than a callback that is ready,
    so a loop that has something to do does not rest.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rest = 0.0
        self._looked = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for files; see :meth:`selectors.BaseSelector.select`."""
        if self.rest and (timeout is None or timeout > 0):
            left = self._looked + self.rest - time.monotonic()
            if timeout is not None:
                left = min(left, timeout)
            if left > 0:
                time.sleep(left)
                timeout = None if timeout is None else timeout - left
        found = super().select(timeout)
        self._looked = time.monotonic()
        return found


if sys.platform == "win32":
    run = asyncio.run
    """Run a coroutine to its end. Windows' loop has no selector that could rest."""

    def rest(seconds: float) -> None:
        """Let the running loop rest; not here."""
        del seconds

else:

    class RestingLoop(asyncio.SelectorEventLoop):
        """The usual loop with a selector that can rest."""

        def __init__(self) -> None:
            self.files = RestingSelector()
            super().__init__(self.files)

    def run(main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end in a loop that can rest, as :func:`asyncio.run` does in the usual one."""
        with asyncio.Runner(loop_factory=RestingLoop) as runner:
            return runner.run(main)

    def rest(seconds: float) -> None:
        """Let the running loop rest so many seconds (at most :data:`LONGEST_REST`) after each look at its files; 0.0: not any more.

        Nothing in a loop that was not begun by :func:`run`.
        """
        loop = asyncio.get_running_loop()
        if isinstance(loop, RestingLoop):
            loop.files.rest = min(seconds, LONGEST_REST)
