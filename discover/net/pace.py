"""How fast packets may leave: pure arithmetic on a time that the caller gives."""

from __future__ import annotations

from collections import deque
from typing import Final

HOST_PACKETS: Final = 40
"""Most packets to one address in any one-second window (DESIGN section 3, invariant 5)."""
HOST_WINDOW: Final = 1.0
OVERALL_RATE: Final = 1000.0
"""Packets a second over all addresses (DESIGN section 3, invariant 5)."""
OVERALL_BURST: Final = 1000.0

_MARGIN: Final = 0.02
"""Seconds added to the window, because a packet leaves a little after its time was taken."""
_STEP: Final = 1e-4
"""Shortest wait in seconds: a shorter one can vanish in a float's rounding, and a virtual clock would stand still."""
_PRUNE_ABOVE: Final = 4096
"""Hosts kept before the idle ones are forgotten."""


class Bucket:
    """A token bucket: ``rate`` tokens a second, never more than ``burst`` of them. Starts full."""

    __slots__ = ("_burst", "_filled", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled: float | None = None

    def _fill(self, now: float) -> None:
        if self._filled is not None and now > self._filled:
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        # A clock that stands still or steps back fills nothing and loses nothing.
        self._filled = now if self._filled is None else max(now, self._filled)

    def wait(self, now: float) -> float:
        """Return the seconds until there is a token: 0.0 where there is one at ``now``."""
        self._fill(now)
        return 0.0 if self._tokens >= 1.0 else max(_STEP, (1.0 - self._tokens) / self._rate)

    def spend(self, now: float) -> None:
        """Take one token; the caller has seen that :meth:`wait` is 0.0."""
        self._fill(now)
        self._tokens -= 1.0


class Window:
    """At most ``limit`` events in any window of ``seconds``, exactly: it remembers the last ``limit`` times."""

    __slots__ = ("_seconds", "_times")

    def __init__(self, limit: int, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=limit)

    def wait(self, now: float) -> float:
        """Return the seconds until one more event fits: 0.0 where it fits at ``now``."""
        if len(self._times) < (self._times.maxlen or 0):
            return 0.0
        left = self._times[0] + self._seconds + _MARGIN - now
        return 0.0 if left <= 0 else max(_STEP, left)

    def spend(self, now: float) -> None:
        """Note one event; the caller has seen that :meth:`wait` is 0.0."""
        self._times.append(now)

    def idle(self, now: float) -> bool:
        """Tell whether the window has forgotten everything that matters."""
        return not self._times or self._times[-1] + self._seconds + _MARGIN <= now


class Pace:
    """The budgets of every host and of the whole. Times are monotonic seconds and never go back.

    A broadcast or multicast address is a host like any other.
    """

    def __init__(
        self,
        *,
        host_packets: int = HOST_PACKETS,
        host_window: float = HOST_WINDOW,
        rate: float = OVERALL_RATE,
        burst: float = OVERALL_BURST,
    ) -> None:
        self._host_packets = host_packets
        self._host_window = host_window
        self._hosts: dict[str, Window] = {}
        self._overall = Bucket(rate, burst)

    def host_wait(self, host: str, now: float) -> float:
        """Return the seconds until ``host`` may get one more packet: 0.0 where it may at ``now``."""
        window = self._hosts.get(host)
        return 0.0 if window is None else window.wait(now)

    def overall_wait(self, now: float) -> float:
        """Return the seconds until the whole may send one more packet: 0.0 where it may at ``now``."""
        return self._overall.wait(now)

    def spend(self, host: str, now: float) -> None:
        """Note one packet to ``host`` at ``now``; the caller has seen that both waits are 0.0."""
        window = self._hosts.get(host)
        if window is None:
            if len(self._hosts) >= _PRUNE_ABOVE:
                self._hosts = {name: one for name, one in self._hosts.items() if not one.idle(now)}
            window = self._hosts[host] = Window(self._host_packets, self._host_window)
        window.spend(now)
        self._overall.spend(now)
