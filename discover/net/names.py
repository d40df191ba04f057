"""Asking this system for a name's addresses, with an end: its resolver may wait for half a minute for servers that are not there."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Final

SECONDS: Final = 3.0
"""glibc's resolver waits 5 s for each server, twice (resolv.conf(5)); one that works has long answered."""


async def ask_system(name: str, seconds: float = SECONDS) -> tuple[str, ...]:
    """Return the addresses that getaddrinfo(3) has for a name; empty where it has none, or none within ``seconds``."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def settle(found: tuple[str, ...]) -> None:
        if not answer.done():
            answer.set_result(found)

    def look() -> None:
        try:
            rows = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):  # UnicodeError: a name that IDNA cannot encode
            rows = []
        found = tuple(dict.fromkeys(str(row[4][0]) for row in rows))
        with contextlib.suppress(RuntimeError):  # the loop has closed, so nobody waits any more
            loop.call_soon_threadsafe(settle, found)

    # A thread of its own, because the loop's executor is waited for at the end of the program, and this one may take its time.
    threading.Thread(target=look, name=f"resolve {name}", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        return ()
