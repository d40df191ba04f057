"""What the air of a network is like, learnt while asking: round trips and losses, and the times to wait that follow.

Fixed timers are the price of a sweep: on a clean LAN all answers are in after 40 ms and the rest is
waiting, on lossy Wi-Fi with power save the same timers give up too soon (facts: network). So every
wait here follows from what was measured in the same sweep.
"""

from __future__ import annotations

import math
from typing import Final

UNKNOWN_TIMEOUT: Final = 0.4
"""Seconds to wait while nothing is known: power save holds a packet up to about 300 ms (measured)."""
LEAST_TIMEOUT: Final = 0.015
"""Seconds below which no wait goes: what has come in waits up to 10 ms for us in the first burst (measured)."""
MOST_TIMEOUT: Final = 0.9
"""A kernel repeats a SYN after 1 s (RFC 6298 section 2.1): each attempt of ours ends before that, so that the ledger knows every one."""
SLEPT: Final = 0.25
"""Seconds that a wait may overrun before it counts as the machine's pause: its answers wait in the sockets, unread."""
SAMPLES_NEEDED: Final = 8
SAMPLES_ENOUGH: Final = 60
"""Round trips from which the distribution is believed; with fewer the wait is between the unknown one and the measured one."""
_QUANTILE: Final = 0.97
_SPREAD: Final = 1.15
_MATURE: Final = 1.6
"""The quickest answers come first: not before the asking has gone on for 1.6 times the quantile is it known how slow the slow ones are."""
_YOUNG_SPREAD: Final = 2.0
_SLACK: Final = 0.012
"""Seconds for a busy machine, ours or theirs."""

SLOW: Final = 0.015
"""Slow round trips (seconds) from which what comes in may wait to be read: on a clean LAN answers take 0.1 to 4 ms (measured)."""
SLOW_GRAIN: Final = 1 / 128
"""Least grain on such air, 8 ms: every wait is longer than the slow round trips by more than that, see _SLACK."""

_BUCKETS: Final = 96
_FIRST: Final = 1e-4
_RATIO: Final = 1.12
"""Buckets of round trips: 0.1 ms, and each 12 % wider than the one before, up to about 5 s."""

FALSE_LIKELY: Final = 0.002
"""Closed ports that a whole sweep may be expected to call likely."""
MOST_CONFIRMATIONS: Final = 8
"""With 15 % loss each way one closed port in 30,000 is silent so often (with 5 it was one in 600)."""
LOSS_PRIOR: Final = 0.05
_PRIOR_WEIGHT: Final = 10.0


class Distribution:
    """Times (seconds) in buckets that grow by 12 %: constant memory, and quantiles that are exact to that."""

    __slots__ = ("_counts", "count", "longest")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.count = 0
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one time."""
        self._counts[_bucket(seconds)] += 1
        self.count += 1
        self.longest = max(self.longest, seconds)

    def quantile(self, share: float) -> float:
        """Return a time that ``share`` (0..1) of all did not exceed (the bucket's upper edge); 0.0 where there are none."""
        wanted = share * self.count
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if seen and seen >= wanted:
                return min(_FIRST * _RATIO ** (index + 1), self.longest)
        return 0.0

    def survival(self, seconds: float) -> float:
        """Return the estimated share of times longer than ``seconds``.

        Beyond the longest one measured it is half a sample's share and falls with the square of the time:
        nothing seen is not nothing there.
        """
        if not self.count:
            return 1.0
        if seconds <= self.longest:
            return (sum(self._counts[_bucket(seconds) + 1 :]) + 0.5) / (self.count + 1)
        return 0.5 / (self.count + 1) * (self.longest / seconds) ** 2


def _bucket(seconds: float) -> int:
    if seconds <= _FIRST:
        return 0
    return min(_BUCKETS - 1, int(math.log(seconds / _FIRST, _RATIO)))


def _grain(timeout: float) -> float:
    """Return the largest power of two (seconds) that is at most an eighth of a timeout."""
    return math.ldexp(1.0, math.frexp(timeout / 8)[1] - 1)


class Air:
    """Round trips and losses of one interface's network. Shared by everything that asks there; times in seconds."""

    __slots__ = (
        "_answered",
        "_began",
        "_doubts",
        "_fresh_at",
        "_lost",
        "_mature_at",
        "_mistaken",
        "_now",
        "_suspects",
        "_timeout",
        "arp",
        "closed",
        "grain",
        "rest",
        "trips",
    )

    def __init__(self) -> None:
        self.trips = Distribution()
        """From a question to its answer."""
        self.arp = Distribution()
        """From the first question for an address to its first sign of life, tries taken off."""
        self.closed = 0
        """UDP ports that were refused: as many chances to mistake a closed port for a silent one."""
        self._answered = 0
        self._lost = 0
        self._suspects = 0
        self._mistaken = 0
        self._doubts = 0
        self._timeout = UNKNOWN_TIMEOUT
        self.grain = _grain(UNKNOWN_TIMEOUT)
        """Seconds by which the end of a wait may be rounded up, so that the ends of many waits are one moment: a power of two."""
        self.rest = 0.0
        """Seconds that what comes in may wait to be read together with more, no longer than the grain; none while little is known."""
        self._began: float | None = None
        self._now = 0.0
        self._mature_at = math.inf
        """When the slow answers, too, have had their time; infinity where that was taken account of."""
        self._fresh_at = SAMPLES_NEEDED
        """The number of round trips at which the timeout is worked out anew: at every eighth more."""

    def tick(self, now: float) -> None:
        """Note the time of asking: the first one is when the asking began."""
        if self._began is None:
            self._began = now
        self._now = now

    def answered(self, seconds: float | None, *, measured: bool) -> None:
        """Note an answer to a first try, after ``seconds`` (None: not exactly known).

        ``measured``: it also says something about loss (an ICMP error does not: they are rationed).
        """
        if seconds is not None:
            self.trips.add(seconds)
        self._answered += measured

    def late(self, seconds: float) -> None:
        """Note an answer that came after we had asked again, too soon to be the second question's: the wait was too short."""
        self.trips.add(seconds)
        self._answered += 1

    def lost(self) -> None:
        """Note a question that was only answered when it was asked again."""
        self._lost += 1

    def suspect(self, change: int) -> None:
        """Note a question that a talkative host has not answered in time (+1), or that it turned out answered or silent (-1)."""
        self._suspects += change

    def doubt(self, change: int) -> None:
        """Note a port that has been silent once beside one that was refused (+1), or what became of it (-1)."""
        self._doubts += change

    def mistaken(self) -> None:
        """Note that a port which had been silent beside one that was refused is closed all the same."""
        self._mistaken += 1

    @property
    def loss(self) -> float:
        """The probability that a question and its answer do not both arrive, 0..1; a guess while little was measured."""
        lost = self._lost + max(0, self._suspects)
        return min(0.6, (lost + LOSS_PRIOR * _PRIOR_WEIGHT) / (lost + self._answered + _PRIOR_WEIGHT))

    @property
    def timeout(self) -> float:
        """Seconds after which an answer is not to be expected any more."""
        count = self.trips.count
        if count < self._fresh_at and self._now < self._mature_at:
            return self._timeout
        self._fresh_at = max(SAMPLES_NEEDED, count + max(1, count // 8))
        if count < SAMPLES_NEEDED:
            return self._timeout
        slow = self.trips.quantile(_QUANTILE)
        mature_at = self._now if self._began is None else self._began + slow * _MATURE
        mature = self._now >= mature_at
        self._mature_at = math.inf if mature else mature_at
        measured = slow * (_SPREAD if mature else _YOUNG_SPREAD) + _SLACK
        doubt = max(0.0, 1.0 - count / SAMPLES_ENOUGH)
        self._timeout = min(MOST_TIMEOUT, max(LEAST_TIMEOUT, measured, doubt * UNKNOWN_TIMEOUT))
        self.grain = _grain(self._timeout)
        if slow >= SLOW:
            self.grain = max(self.grain, SLOW_GRAIN)
            self.rest = max(_grain(min(measured, MOST_TIMEOUT)), SLOW_GRAIN)
        else:
            self.rest = 0.0
        return self._timeout

    def tries(self, miss: float, *, least: int, most: int) -> int:
        """Return how often to ask so that all tries are lost with a probability of at most ``miss``."""
        return max(least, min(most, math.ceil(math.log(miss) / math.log(self.loss))))

    def confirmations(self, renewed: float = 0.0) -> int:
        """Return how many silences beside a refused control make "likely" true: with them no more than FALSE_LIKELY ports are mistaken.

        ``renewed``: the probability (0..1) that a new ration of the host's ICMP errors came in between the two.
        """
        # What was measured at closed ports themselves; those in doubt count, too, because losses show later than answers.
        silent = self._mistaken + self._doubts
        share = (silent + LOSS_PRIOR * _PRIOR_WEIGHT) / (silent + self.closed + _PRIOR_WEIGHT)
        chance = min(0.9, max(self.loss, share) + renewed)
        return max(2, min(MOST_CONFIRMATIONS, math.ceil(math.log(FALSE_LIKELY / max(50, self.closed)) / math.log(chance))))
