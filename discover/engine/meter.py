"""Where a scan stands, in numbers and words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from discover.model.network import Progress
from discover.model.signal import Signal
from discover.net.api import Clock
from discover.net.policy import DEFAULT
from discover.probe.roll import ARP_GIVES_UP

PACED_ABOVE: Final = DEFAULT.unresolved
"""Addresses that may wait for ARP at once; more are asked in turns, and that is said."""
LAST_TURN: Final = 1.5
"""Seconds of the last turn: 0.3 on a clean LAN, 2.5 on lossy air or with hardly a host (measured)."""
HOST_TIME: Final = 0.5
"""Seconds that the ports of the hosts found last usually take after a sweep (measured: 0.1 on a clean LAN, 1 on lossy air)."""


def sweep_time(addresses: int, *, raw: bool = False) -> float:
    """Return about how many seconds a sweep of so many addresses takes before anything is known of the air.

    By the kernel's ARP: turns of 900, each as long as it takes the kernel to give up, the last one a little.
    By ARP of our own (``raw``): a request an address at the rate of the liveness phase, and some again.
    """
    if raw:
        return addresses / DEFAULT.liveness_rate + LAST_TURN
    return (math.ceil(addresses / PACED_ABOVE) - 1) * ARP_GIVES_UP + LAST_TURN


class Coverage(NamedTuple):
    """Addresses tested, and those of them without a sign of life; strangers and proxied ones; seconds that sweeps and hosts still take."""

    tested: int = 0
    unanswered: int = 0
    strangers: int = 0
    proxied: int = 0
    sweep_left: float = 0.0
    hosts_left: float = 0.0


class Meter:
    """Counts of one run. ``sent`` returns the packets sent so far; ``until`` is how long it listens at least, None: for ever."""

    def __init__(self, clock: Clock, start: float, *, sent: Callable[[], int], until: float | None, planned: int = 0) -> None:
        self.clock = clock
        self.start = start
        self.sent = sent
        self.until = until
        self.planned = planned
        self.coverage: Callable[[], Coverage] = Coverage
        """What the sweeps have covered and how long they and the hosts still take, asked anew each time."""
        self.asking = 0
        """Hosts whose ports are being asked now."""
        self.sweeping = False
        self.paced = False
        """More addresses than the kernel's table holds are asked through it, in turns."""
        self.peers: set[str] = set()
        """Devices heard: by MAC where the neighbour table tells it, else by address (one device has several)."""
        self.macs: dict[str, str] = {}

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.clock.mono() - self.start

    @property
    def busy(self) -> bool:
        """Tell whether the sweep or a host's questions are under way."""
        return self.sweeping or self.asking > 0

    def heard(self, signal: Signal) -> None:
        """Count who spoke, once however many addresses it has."""
        mac = signal.text("mac") if signal.kind == "neighbour.seen" else ""
        if mac:
            self.peers.discard(signal.peer)
            self.macs[signal.peer] = mac
        self.peers.add(self.macs.get(signal.peer, signal.peer))

    def progress(self) -> Progress:
        """Return the state now."""
        elapsed = self.elapsed
        covered = self.coverage()
        return Progress(
            phase=self._phase(elapsed, covered),
            planned=self.planned,
            tested=covered.tested,
            unanswered=covered.unanswered,
            hosts=len(self.peers),
            packets_sent=self.sent(),
            elapsed=elapsed,
            remaining=self._remaining(elapsed, covered),
        )

    def _phase(self, elapsed: float, covered: Coverage) -> str:
        if self.sweeping and covered.tested < self.planned:
            return f"sweeping {self.planned} addresses{', paced' if self.paced else ''}"
        if self.asking:
            return f"asking {self.asking} host{'' if self.asking == 1 else 's'} about their ports"
        if self.until is None:
            return "watching"
        return "listening" if elapsed < self.until else "done"

    def _remaining(self, elapsed: float, covered: Coverage) -> float | None:
        left = covered.hosts_left
        if self.sweeping:
            left = max(left, covered.sweep_left + HOST_TIME)
        if self.until is None:
            return left if self.busy else None
        return max(left, self.until - elapsed, 0.0)
