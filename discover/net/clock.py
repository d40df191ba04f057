"""The system's clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class SystemClock:
    """Wall time, monotonic time and waiting, as the operating system has them."""

    def wall(self) -> float:
        """Return Unix seconds."""
        return time.time()

    def mono(self) -> float:
        """Return monotonic seconds; only differences mean something."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` (not at all where it is zero or less, but let others run)."""
        await asyncio.sleep(max(0.0, seconds))

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back after ``seconds``, from the running event loop."""
        return asyncio.get_running_loop().call_later(max(0.0, seconds), callback)
