"""The system's clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

AHEAD: Final = 1.0
"""Seconds by which the system's wall clock may run ahead of ours before we follow it: it was set, or the machine slept."""


class SystemClock:
    """Wall time, monotonic time and waiting, as the operating system has them, but for one thing: our wall time never goes back.

    What a scan hears later has a later time, whoever sets the system's clock meanwhile.
    """

    def __init__(self) -> None:
        self._wall = time.time()
        self._mono = time.monotonic()

    def wall(self) -> float:
        """Return Unix seconds: the system's where it was not set back since the last call."""
        system, mono = time.time(), time.monotonic()
        ours = self._wall + (mono - self._mono)
        if system > ours + AHEAD:
            self._wall, self._mono, ours = system, mono, system
        return ours

    mono = staticmethod(time.monotonic)
    """Return monotonic seconds; only differences mean something."""

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` (not at all where it is zero or less, but let others run)."""
        await asyncio.sleep(max(0.0, seconds))

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back after ``seconds``, from the running event loop."""
        return asyncio.get_running_loop().call_later(max(0.0, seconds), callback)
