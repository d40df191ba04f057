"""A host's ration of ICMP errors: how many it has sent, and whether it seems to have none left. Times are monotonic seconds.

Linux sends one peer a burst of 6, then one a second (facts: network). Other stacks ration none.
"""

from __future__ import annotations

from typing import Final

from discover.probe.limits import MISS_RATION, RATION_BURST, RENEWED
from discover.probe.timing import Air

_NEVER: Final = float("inf")


class Ration:
    """What the ICMP errors of one host say of their ration."""

    __slots__ = ("_first", "_strikes", "errors", "spent")

    def __init__(self) -> None:
        self.errors = 0
        """ICMP errors that came."""
        self.spent = False
        """It seems to have none left: controls stay silent at a host that has refused others."""
        self._strikes = 0
        """Controls in a row that stayed silent."""
        self._first = _NEVER

    def error(self, now: float) -> None:
        """Take note of an ICMP error."""
        self.errors += 1
        self._first = min(self._first, now)
        if self._unlimited(now):
            self.spent = False

    def control_refused(self) -> None:
        """Take note of a control that was refused."""
        self._strikes = 0

    def control_silent(self, now: float, air: Air) -> None:
        """Take note of a control that was waited for long enough. ``air``: one that was lost is no sign of a ration."""
        if self.errors and not self._unlimited(now):
            self._strikes += 1
            # A silent control may be lost; on clean air it hardly is.
            if self._strikes >= air.tries(MISS_RATION, least=1, most=4):
                self.spent = True

    def renewed(self, *, behind: float, slow: float) -> float:
        """Return how likely (0..1) a spent ration is renewed between a knock and its control, 0.0 where none is spent.

        The control leaves ``behind`` seconds after the knock; they arrive as far apart as the answers of a ``slow`` host.
        """
        return max(RENEWED + behind, slow) if self.spent else 0.0

    def _unlimited(self, now: float) -> bool:
        """Tell whether more errors came than a ration allows."""
        return self.errors > RATION_BURST + 1 + (now - self._first)
