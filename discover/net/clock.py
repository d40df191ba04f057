"""The system's clock."""

from __future__ import annotations

import asyncio
import time


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
