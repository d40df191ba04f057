"""Waiting for what a simulated device does, without guessing how long it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

Until = Callable[[Callable[[], bool]], Awaitable[None]]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the device has no event for it, and must not grow one for tests
            await asyncio.sleep(0.001)


@pytest.fixture
def until() -> Until:
    """Wait until a condition holds; ten seconds at most."""
    return _until
