"""Waiting for a host's answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from discover.net.api import Clock
from discover.net.waiting import wait_for_event
from discover.probe.book import Contact

_INSTANT: Final = 1e-6
"""Less is no wait: adding it to a clock may not even change the clock."""


async def wait_until(clock: Clock, contact: Contact, done: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``done()``, asked anew after everything heard of the host, at most ``seconds``; return its last word."""
    end = clock.mono() + seconds
    while not done():
        left = end - clock.mono()
        if left < _INSTANT:
            return False
        contact.heard.clear()
        await wait_for_event(clock, contact.heard, left)
    return True
