"""What goes wrong on the scripted network, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from discover.net.virtual import VirtualClock

Operation = Literal["interfaces", "neighbours", "udp", "send", "tcp", "browse", "neighbour_events", "arp", "ping", "listen", "outlook"]


@dataclass(frozen=True, slots=True)
class _Fault:
    operation: Operation
    number: int
    start: float
    end: float
    interface: str


class Faults:
    """The script's faults; their times count from the clock's start."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._start = clock.mono()
        self._faults: list[_Fault] = []

    def add(self, operation: Operation, number: int, *, at: float, until: float, interface: str) -> None:
        """Let an operation fail with an errno from ``at`` to ``until``, on one interface or ("") on all."""
        self._faults.append(_Fault(operation, number, self._start + at, self._start + until, interface))

    def number(self, operation: str, interface: str) -> int:
        """Return the errno an operation fails with now, 0 where it succeeds."""
        now = self._clock.mono()
        for fault in self._faults:
            if fault.operation == operation and fault.start <= now < fault.end and fault.interface in ("", interface):
                return fault.number
        return 0
