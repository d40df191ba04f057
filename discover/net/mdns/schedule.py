"""When the types are asked for: RFC 6762 section 5.2's rhythm of questions. Pure; times are monotonic seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

FIRST_DELAY: Final = (0.02, 0.05)
"""Seconds before the first question, at random. RFC 6762 section 5.2 says 20 to 120 ms, lest many ask at once after a common
event, such as the power's return; a person who starts a scan is none."""
SECOND: Final = 1.1
"""Seconds between the first two questions. A second at least (section 5.2), and a responder that has sent its answer
to the group 120 ms after the first may not send it again for a second (section 6): asked too early it keeps silent."""
GROWTH: Final = 2.0
"""Each interval is at least twice the one before (section 5.2): 0, 1.1, 3.3, 7.7 s. python-zeroconf asks at 0, 1, 5, 14 s."""
LONGEST: Final = 3600.0
"""Seconds: section 5.2 lets the intervals grow to an hour."""
_MANY: Final = 16
"""Questions after which the interval is the longest: no float overflows."""
TOGETHER: Final = 0.05
"""Types that are due within this time are asked for at once."""


@dataclass(slots=True)
class _Type:
    due: float
    asked: int = 0
    asked_at: float = 0.0


class Schedule:
    """Which types are to be asked for, and when. ``uniform(low, high)`` returns a random number."""

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform
        self._types: dict[str, _Type] = {}

    def add(self, types: Iterable[str], now: float) -> None:
        """Ask for these types soon, in one packet with those that turned up just before; nothing new for those asked for already."""
        soonest = min((one.due for one in self._types.values() if not one.asked), default=None)
        due = soonest if soonest is not None and soonest > now else now + self._uniform(*FIRST_DELAY)
        for name in types:
            self._types.setdefault(name, _Type(due))

    def refresh(self, types: Iterable[str], now: float) -> None:
        """Ask for these types once more: answers of theirs run out. No type is asked for twice within a second."""
        for name in types:
            one = self._types.get(name)
            if one is not None:
                one.due = min(one.due, max(now + self._uniform(*FIRST_DELAY), one.asked_at + SECOND if one.asked else 0.0))

    def next_due(self) -> float | None:
        """Return when :meth:`take` is worth a call, None where no type was added."""
        return min((one.due for one in self._types.values()), default=None)

    def take(self, now: float) -> tuple[list[str], list[str]]:
        """Return the types to ask for now: those asked for the first time, and those asked for again."""
        if not any(one.due <= now for one in self._types.values()):
            return [], []
        first: list[str] = []
        again: list[str] = []
        for name, one in self._types.items():
            if one.due > now + (TOGETHER if one.asked > 1 else 0.0):
                continue
            (again if one.asked else first).append(name)
            one.due = now + min(LONGEST, SECOND * GROWTH**one.asked)
            one.asked = min(one.asked + 1, _MANY)
            one.asked_at = now
        return first, again
