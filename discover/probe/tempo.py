"""How long one host is waited for: as long as all others on its air, but for what it has shown of itself."""

from __future__ import annotations

from typing import Final

from discover.probe.timing import LEAST_TIMEOUT, MOST_TIMEOUT, UNKNOWN_TIMEOUT, Air

KNOWN: Final = 5
"""Round trips after which a host's own speed counts: the slowest of five is hardly ever below a third of what power save makes possible."""
SLOW_ARP: Final = 0.05
"""Seconds from which an ARP answer says that its host is slow; less may be our own delay in the first burst."""
GAP_SHARE: Final = 5
"""Later tries follow each other after a fifth of the timeout: most answers are in by then, and losses in a row get less likely."""
SHORT_GAP: Final = 0.005
"""Seconds of that at the least: on a clean LAN answers took 0.1 to 4 ms (measured)."""
LEAST_GAP: Final = 0.02
"""Seconds between a fragile device's knock and the control behind it."""

_OWN_SPREAD: Final = 1.5
"""A device in power save answers at random within its beacon interval: its next answer may take half as long again."""
_NONE: Final = -1.0


class Tempo:
    """The waits of one host, seconds. ``trip`` is how long it took to answer ARP (0.0: not known)."""

    __slots__ = ("_air", "_slow", "_trips", "_usual", "_waits")

    def __init__(self, air: Air, trip: float = 0.0) -> None:
        self._air = air
        self._slow = trip if SLOW_ARP <= trip < UNKNOWN_TIMEOUT else 0.0
        self._trips = 0
        self._usual = _NONE
        """The air's timeout from which ``_waits`` follows."""
        self._waits = (0.0, 0.0)

    @property
    def slow(self) -> float:
        """The longest round trip of this host."""
        return self._slow

    @property
    def waits(self) -> tuple[float, float]:
        """How long an answer to a datagram is waited for (``timeout``), and a connect (``patience``)."""
        usual = self._air.timeout
        if usual != self._usual:
            self._usual = usual
            own = self._slow * _OWN_SPREAD
            patience = min(MOST_TIMEOUT, max(usual, own))
            if self._trips >= KNOWN:
                usual = min(usual, max(LEAST_TIMEOUT, self._slow * 2 + LEAST_GAP))
            self._waits = (min(MOST_TIMEOUT, max(usual, own)), patience)
        return self._waits

    @property
    def timeout(self) -> float:
        """How long an answer to a datagram is waited for."""
        return self.waits[0]

    @property
    def patience(self) -> float:
        """How long a connect is waited for: a new one ends the one before, whose answer may be on its way."""
        return self.waits[1]

    @property
    def gap(self) -> float:
        """How long after a repeated question it is repeated once more."""
        return max(SHORT_GAP, self.timeout / GAP_SHARE)

    @property
    def quick(self) -> float:
        """The time below which an answer to the last try is more likely one to the try before."""
        return min(self._air.trips.quantile(0.05) * 0.8, self.timeout / 4)

    def measure(self, seconds: float, *, measured: bool, trip: bool = True) -> bool:
        """Note an answer to a first try; ``trip``: its time is exact. ``measured``: see :meth:`Air.answered`.

        Returns whether from now on the host's own speed counts, so that its waits may have become shorter.
        """
        if trip:
            self._trips += 1
            self._usual = _NONE
            self.at_least(seconds)
        self._air.answered(max(0.0, seconds) if trip else None, measured=measured)
        return trip and self._trips == KNOWN

    def late(self, seconds: float) -> None:
        """Note an answer that came after the question was repeated."""
        self._air.late(seconds)
        self.at_least(seconds)

    def at_least(self, seconds: float) -> None:
        """Note that an answer took so long or longer."""
        seconds = min(seconds, UNKNOWN_TIMEOUT)
        if seconds > self._slow:
            self._slow = seconds
            self._usual = _NONE
