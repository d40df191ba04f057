"""How fast packets may leave: pure arithmetic on a time that the caller gives."""

from __future__ import annotations

from bisect import bisect_right
from math import inf
from typing import Final

from discover.net.policy import DEFAULT, Policy

_MARGIN: Final = 0.02
"""Seconds added to the window, because a packet leaves a little after its time was taken."""
_STEP: Final = 1e-4
"""Shortest wait in seconds: a shorter one can vanish in a float's rounding, and a virtual clock would stand still."""
_HELD_WAIT: Final = 0.01
"""Wait for packets that are only set aside: an open connect is decided within a round trip, and nobody knows it beforehand."""
_PRUNE_ABOVE: Final = 4096
"""Hosts kept before the idle ones are forgotten."""
_FRAGILE_MOST: Final = 16_384
"""Fragile hosts kept; the ones marked longest ago are forgotten first. Far more than a home holds, and at most some 2 MB."""


class Bucket:
    """A token bucket: ``rate`` tokens a second, never more than ``burst`` of them. Starts full."""

    __slots__ = ("_burst", "_filled", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled = -inf

    def _fill(self, now: float) -> None:
        # A clock that stands still or steps back fills nothing and loses nothing.
        if now > self._filled:
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
            self._filled = now

    def wait(self, now: float, tokens: float = 1.0) -> float:
        """Return the seconds until there are so many tokens: 0.0 where they are there at ``now``."""
        self._fill(now)
        tokens = min(tokens, max(1.0, self._burst))  # what never fits may leave when the bucket is full
        return 0.0 if self._tokens >= tokens else max(_STEP, (tokens - self._tokens) / self._rate)

    def spend(self, now: float, tokens: float = 1.0) -> None:
        """Take tokens; the caller has seen that :meth:`wait` is 0.0, or runs into debt."""
        self._fill(now)
        self._tokens -= tokens

    def refund(self, now: float, tokens: float) -> None:
        """Give back tokens that were taken for packets which never left."""
        self._fill(now)
        self._tokens = min(self._burst, self._tokens + tokens)


class Window:
    """At most ``limit`` events in any window of ``seconds``, exactly: it remembers their times.

    ``limit`` may change at any time. Events can be set aside ("held"): they count until they are given back.
    """

    __slots__ = ("_held", "_seconds", "_times", "limit")

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self._seconds = seconds
        self._held = 0
        self._times: list[float] = []

    def wait(self, now: float, room: int = 1) -> float:
        """Return the seconds until ``room`` more events fit: 0.0 where they fit at ``now``."""
        most = self.limit - self._held - min(room, self.limit)
        if most < 0:
            return _HELD_WAIT
        late = len(self._times) - most
        if late <= 0:
            return 0.0
        left = self._times[late - 1] + self._seconds + _MARGIN - now
        return 0.0 if left <= 0 else max(_STEP, left)

    def spend(self, now: float, packets: int = 1) -> None:
        """Note events at ``now``; the caller has seen that :meth:`wait` is 0.0, or cannot help it."""
        times = self._times
        if len(times) >= self.limit:
            del times[: bisect_right(times, now - self._seconds - _MARGIN)]
        if packets == 1:
            times.append(now)
        else:
            times.extend([now] * packets)

    def hold(self, packets: int) -> None:
        """Set events aside, or (negative) give them back."""
        self._held = max(0, self._held + packets)

    def idle(self, now: float) -> bool:
        """Tell whether the window has forgotten everything that matters."""
        return not self._held and (not self._times or self._times[-1] + self._seconds + _MARGIN <= now)


class Pace:
    """The budgets of every host and of the whole. Times are monotonic seconds and never go back.

    A broadcast or multicast address is a host like any other. ``room``: how many packets must fit where one
    leaves now and the kernel may send the others by itself; they stay set aside until :meth:`release`.
    """

    def __init__(self, policy: Policy = DEFAULT) -> None:
        self._policy = policy
        self._hosts: dict[str, Window] = {}
        self._prune_at = _PRUNE_ABOVE
        self._fragile: dict[str, None] = {}
        self._overall = Bucket(policy.overall_rate, policy.overall_burst)
        self._liveness = Bucket(policy.liveness_rate, policy.liveness_burst)

    def wait(self, host: str, now: float, *, liveness: bool = False, room: int = 1) -> float:
        """Return the seconds until a packet to ``host`` may leave: 0.0 where it may at ``now``."""
        window = self._hosts.get(host)
        first = 0.0 if window is None else window.wait(now, room)
        bucket = self._liveness if liveness else self._overall
        return max(first, bucket.wait(now, room))

    def host_wait(self, host: str, now: float, room: int = 1) -> float:
        """Return the seconds until ``host`` may get ``room`` more packets: 0.0 where it may at ``now``."""
        window = self._hosts.get(host)
        return 0.0 if window is None else window.wait(now, room)

    def overall_wait(self, now: float, *, liveness: bool = False, room: int = 1) -> float:
        """Return the seconds until the whole may send ``room`` more packets: 0.0 where it may at ``now``."""
        return (self._liveness if liveness else self._overall).wait(now, room)

    def spend(self, host: str, now: float, *, liveness: bool = False, room: int = 1) -> None:
        """Note one packet to ``host`` at ``now`` and set ``room - 1`` aside; the caller has seen that :meth:`wait` is 0.0."""
        window = self._hosts.get(host) or self._window(host, now)
        window.spend(now)
        if liveness:
            self._liveness.spend(now)
        else:
            self._overall.spend(now, room)
        if room > 1:
            window.hold(room - 1)

    def charge(self, host: str, packets: int, now: float) -> None:
        """Note packets that the kernel has sent to ``host`` by itself, whatever the budgets say."""
        self._window(host, now).spend(now, packets)
        self._overall.spend(now, packets)

    def release(self, host: str, packets: int, now: float) -> None:
        """Give back packets that were set aside."""
        window = self._hosts.get(host)
        if window is not None:
            window.hold(-packets)
        self._overall.refund(now, packets)

    def mark_fragile(self, host: str) -> None:
        """Let ``host`` get no more than the policy's ``fragile_packets`` in any window from now on; idempotent."""
        self._fragile.pop(host, None)
        self._fragile[host] = None
        self._limit(host)
        if len(self._fragile) > _FRAGILE_MOST:
            oldest = next(iter(self._fragile))
            del self._fragile[oldest]
            self._limit(oldest)

    def _limit(self, host: str) -> None:
        window = self._hosts.get(host)
        if window is not None:
            window.limit = self._most(host)

    def _most(self, host: str) -> int:
        policy = self._policy
        return min(policy.fragile_packets, policy.host_packets) if host in self._fragile else policy.host_packets

    def _window(self, host: str, now: float) -> Window:
        window = self._hosts.get(host)
        if window is None:
            if len(self._hosts) >= self._prune_at:
                self._hosts = {name: one for name, one in self._hosts.items() if not one.idle(now)}
                # Where most of them are busy, looking at all of them again for each new one would cost more than it frees.
                self._prune_at = max(_PRUNE_ABOVE, 2 * len(self._hosts))
            window = self._hosts[host] = Window(self._most(host), self._policy.host_window)
        return window
