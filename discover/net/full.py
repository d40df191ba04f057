"""When a socket's buffer is full: how long to wait, and when to say that it will not pass."""

from __future__ import annotations

import errno
from typing import Final

from discover.net.api import Clock
from discover.net.trouble import network_error

FULL: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})
"""Errors of a send that pass by waiting. ENOBUFS is a full queue of the interface, told on Linux because of IP_RECVERR (ip(7))."""
FULL_WAIT: Final = 0.005
"""Seconds until a send is tried again; poll(2) would wake us only with half of the buffer free, and for each error besides."""
FULL_SECONDS: Final = 5.0
"""A socket that takes nothing for so long is broken: the kernel gives up an address, and its datagrams, after 3.07 s."""


class Fullness:
    """How long one socket has been full."""

    __slots__ = ("_clock", "_since", "_until", "waiting")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None
        self._until = 0.0
        self.waiting = False
        """The last send found it full."""

    def left(self) -> float:
        """Return the seconds until it is worth trying again, 0.0 where it is now."""
        return 0.0 if self._since is None else max(0.0, self._until - self._clock.mono())

    def clear(self) -> None:
        """Note that the socket took a datagram."""
        self._since = None
        self.waiting = False

    def again(self, error: OSError, doing: str) -> float:
        """Return the seconds until a send that failed is worth trying again. Raises NetworkError where waiting does not help."""
        if error.errno not in FULL:
            raise network_error(error, doing) from error
        now = self._clock.mono()
        if self._since is None or now > self._until + FULL_SECONDS:
            self._since = now  # nobody has tried for long: that says nothing about the time between
        self._until = now + FULL_WAIT
        self.waiting = True
        if now - self._since > FULL_SECONDS:
            raise network_error(error, doing) from error
        return FULL_WAIT
