"""The roll call, sans-io: which addresses are asked whether anybody is there, when again, and when that is enough.

Without privileges one small datagram an address makes the kernel ask by ARP, three times, a second
apart (facts: network); we cannot ask sooner. With raw ARP, and for networks behind a router, we ask
again ourselves. Either way the roll ends when hardly a host is still to be expected: that follows from
how long the others took, how much is lost, and how many there are.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from enum import Enum
from typing import Final

from discover.probe.timing import SAMPLES_NEEDED, UNKNOWN_TIMEOUT, Air


class Means(Enum):
    """How a network is asked. ``tries`` are the most of each address, ``limit`` the longest wait in seconds after the first."""

    KERNEL = "kernel"
    """A datagram, and the kernel's ARP."""
    RAW = "raw"
    """ARP requests of our own."""
    ROUTED = "routed"
    """Datagrams to a network behind a router, where no ARP speaks for a host."""
    LOOPBACK = "loopback"


ARP_RETRY: Final = 1.0
"""Seconds between the kernel's ARP requests at the least (retrans_time_ms 1000)."""
ARP_SLACK: Final = 0.03
"""Seconds by which each of them is usually late: the kernel's timer wheel (measured 0.02 to 0.06)."""
ARP_GIVES_UP: Final = 3.2
"""Linux reports EHOSTUNREACH after 3.07 s (measured); a little more for a busy machine."""
ROUTED_RETRY: Final = 1.0
TRIES: Final = {Means.KERNEL: 3, Means.RAW: 4, Means.ROUTED: 2, Means.LOOPBACK: 1}
LIMIT: Final = {Means.KERNEL: ARP_GIVES_UP, Means.RAW: 3.0, Means.ROUTED: 2.5, Means.LOOPBACK: 0.15}
"""Seconds after which an address has had its chance, whatever the air."""
FEW_MISSED: Final = 0.3
"""Hosts still to be expected below which the roll ends. With no loss seen in some 3 answers a host, the doubt alone is worth 0.2 hosts."""
FEW_TO_ASK: Final = 0.1
"""Hosts still to be expected below which raw ARP does not ask again: asking is cheap."""
LEAST_WAIT: Final = 0.25
"""Seconds that are always waited: a device in power save wakes every 100 to 300 ms, on the fastest LAN."""
LITTLE_WAIT: Final = 0.75
"""Seconds added where no host was found, less with each, none with MANY: a few wired hosts say little about the air of the others."""
MANY: Final = 30
FEWEST: Final = 3
"""Hosts without which nothing is known of the air: the roll goes on to its limit."""
RAW_RETRY: Final = 0.12
"""Least seconds between two ARP requests for one address."""
TOGETHER: Final = 0.05
"""Addresses asked within so many seconds are one cohort."""


class Window:
    """How many addresses may wait for ARP at once, over all interfaces: the kernel's neighbour table is one."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._lingering: list[tuple[float, int]] = []

    def free(self, now: float) -> int:
        """Return how many places are free."""
        while self._lingering and self._lingering[0][0] <= now:
            self._free += heapq.heappop(self._lingering)[1]
        return self._free

    def take(self) -> None:
        """Take one place."""
        self._free -= 1

    def give(self) -> None:
        """Give a place back."""
        self._free += 1

    def linger(self, until: float, places: int) -> None:
        """Give places back at a time: we wait for those addresses no longer, but the kernel does."""
        heapq.heappush(self._lingering, (until, places))

    def next_time(self) -> float | None:
        """Return when lingering places come back, None where there are none."""
        return self._lingering[0][0] if self._lingering else None


class _Cohort:
    """Addresses that were asked together: those that wait, how many have answered, and when they were asked."""

    __slots__ = ("abandoned", "again", "found", "tries", "waiting")

    def __init__(self, now: float) -> None:
        self.tries = [now]
        self.waiting: dict[str, None] = {}
        self.found = 0
        self.again: list[str] = []
        """Those that are to be asked once more now."""
        self.abandoned = False
        """Nobody waits for them any more, and their places in the window come back by themselves."""


class Roll:
    """The roll call of one target. ``addresses`` are asked in order; ``planned`` says how many they are.

    ``window`` bounds what waits for the kernel's ARP; it is left alone by the other means.
    """

    def __init__(self, addresses: Iterable[str], planned: int, *, means: Means, air: Air, window: Window) -> None:
        self._rest = iter(addresses)
        self._next = next(self._rest, None)
        self._means = means
        self._air = air
        self._window = window
        self._cohorts: list[_Cohort] = []
        self._where: dict[str, _Cohort] = {}
        self._asked: dict[str, float] = {}
        self._answered: set[str] = set()
        self._trips: dict[str, float] = {}
        self._absent: set[str] = set()
        self.planned = planned
        self.tested = 0
        """Addresses that have had their chance."""
        self._found = 0
        self._live = 0
        """Asked addresses that have answered, in time or later."""

    # What is to be asked.

    def wants(self, now: float) -> str | None:
        """Return an address that is to be asked now, None where none is at the moment. :meth:`asked` or :meth:`skip` must follow."""
        for cohort in self._cohorts:
            while cohort.again:
                address = cohort.again[-1]
                if address in cohort.waiting:
                    return address
                cohort.again.pop()
        if self._means is Means.KERNEL and self._window.free(now) <= 0:
            return None
        return self._next

    def asked(self, address: str, now: float) -> None:
        """Note that the address has been asked."""
        cohort = self._where.get(address)
        if cohort is not None:
            if cohort.again and cohort.again[-1] == address:
                cohort.again.pop()
            return
        if address != self._next:
            return  # it answered while the system refused to ask it once more
        self._advance()
        self._asked[address] = now
        if address in self._answered:  # it has spoken unasked: nobody need wait for it
            self.tested += 1
            self._live += 1
            return
        if self._means is Means.KERNEL:
            self._window.take()
        last = self._cohorts[-1] if self._cohorts else None
        if last is None or now - last.tries[0] > TOGETHER or len(last.tries) > 1:
            last = _Cohort(now)
            self._cohorts.append(last)
        last.waiting[address] = None
        self._where[address] = last

    def skip(self, address: str) -> None:
        """Note that the system refused to ask the address: it stays untested."""
        cohort = self._where.get(address)
        if address == self._next:
            self._advance()
        elif cohort is not None and cohort.again and cohort.again[-1] == address:
            cohort.again.pop()

    def abandon(self) -> None:
        """Ask nobody any more and wait for nobody: who has not had its chance stays untested. The kernel still asks for a while."""
        self._next = None
        for cohort in self._cohorts:
            cohort.abandoned = True
            if self._means is Means.KERNEL and cohort.waiting:
                self._window.linger(cohort.tries[0] + ARP_GIVES_UP, len(cohort.waiting))
        self._cohorts.clear()

    def _advance(self) -> None:
        self._next = next(self._rest, None)

    # What is heard.

    def when_asked(self, address: str) -> float | None:
        """Return when the address was asked first, None where it was not."""
        return self._asked.get(address)

    def trip(self, address: str) -> float:
        """Return how many seconds the address took to answer the last time it was asked, 0.0 where that is not known."""
        return self._trips.get(address, 0.0)

    def alive(self, address: str, now: float) -> None:
        """Note a sign of life: an answer, an ICMP error, a fresh row of the neighbour table."""
        if address in self._answered:
            return
        self._answered.add(address)
        self._absent.discard(address)
        asked = self._asked.get(address)
        self._live += asked is not None
        cohort = self._where.get(address)
        if cohort is None or address not in cohort.waiting:
            return
        cohort.found += 1
        self._found += 1
        if asked is not None:
            self._measure(address, cohort, now, asked)
        self._leave(cohort, address)

    def _measure(self, address: str, cohort: _Cohort, now: float, asked: float) -> None:
        tries = self._tries(cohort)
        passed = [now - each for each in tries if each <= now] or [now - asked]
        self._trips[address] = max(0.0, passed[-1])
        self._air.arp.add(self._trips[address])
        if len(passed) > 1:
            self._air.lost()

    def failed(self, address: str, now: float) -> None:
        """Note that the kernel gave the address up: nobody is there, if that is about our question."""
        asked = self._asked.get(address)
        # The table keeps failures of an earlier scan until it is asked again, and may have been read before that.
        if asked is None or address in self._answered or now - asked < ARP_RETRY:
            return
        self._absent.add(address)
        cohort = self._where.get(address)
        if cohort is not None and address in cohort.waiting:
            self._leave(cohort, address)

    def _leave(self, cohort: _Cohort, address: str) -> None:
        del cohort.waiting[address]
        del self._where[address]
        self.tested += 1
        if self._means is Means.KERNEL and not cohort.abandoned:
            self._window.give()

    # When it ends.

    def shift(self, seconds: float) -> None:
        """Move all waits: the machine slept, and what came in meanwhile was not read."""
        for cohort in self._cohorts:
            cohort.tries = [when + seconds for when in cohort.tries]

    def step(self, now: float) -> None:
        """Ask again what is due again, and end the cohorts from which nobody is expected any more."""
        for cohort in tuple(self._cohorts):
            if not cohort.waiting:
                self._cohorts.remove(cohort)
            elif self._over(cohort, now):
                self._end(cohort)
            elif self._means in (Means.RAW, Means.ROUTED) and self._again_at(cohort) <= now:
                cohort.tries.append(now)
                cohort.again = list(reversed(cohort.waiting))

    def _end(self, cohort: _Cohort) -> None:
        self._cohorts.remove(cohort)
        for address in cohort.waiting:
            del self._where[address]
        self.tested += len(cohort.waiting)
        if self._means is Means.KERNEL and cohort.waiting:
            self._window.linger(cohort.tries[0] + ARP_GIVES_UP, len(cohort.waiting))
        cohort.waiting.clear()

    def _tries(self, cohort: _Cohort) -> list[float]:
        """Return when the addresses of a cohort were or will be asked for on the wire."""
        if self._means is not Means.KERNEL:
            return cohort.tries
        return [cohort.tries[0] + number * ARP_RETRY for number in range(TRIES[Means.KERNEL])]

    def _expected(self, cohort: _Cohort) -> float:
        """Return how many hosts a cohort holds, by what it and all others have shown."""
        size = cohort.found + len(cohort.waiting)
        return max(cohort.found, size * self._found / max(1, len(self._asked)))

    def _to_come(self, cohort: _Cohort, now: float) -> float:
        """Return how many hosts of a cohort are still to be expected from the tries that were or will be made."""
        loss = self._air.loss
        late = ARP_SLACK if self._means is Means.KERNEL else 0.0
        share = sum(
            loss**number * (1 - loss) * (self._air.arp.survival(now - when - late * number) if now > when + late * number else 1.0)
            for number, when in enumerate(self._tries(cohort))
        )
        return self._expected(cohort) * share

    def _least_wait(self) -> float:
        return LEAST_WAIT + LITTLE_WAIT * max(0.0, 1.0 - self._found / MANY)

    def _over(self, cohort: _Cohort, now: float) -> bool:
        passed = now - cohort.tries[0] + _INSTANT
        if passed >= LIMIT[self._means]:
            return True
        if self._means is Means.LOOPBACK or self._found < FEWEST or passed < self._least_wait():
            return False
        return self._again_at(cohort) == math.inf and self._to_come(cohort, now) < FEW_MISSED

    def _again_at(self, cohort: _Cohort) -> float:
        """Return when the addresses that still wait are to be asked again by ourselves; infinity where never."""
        made = len(cohort.tries)
        if self._means not in (Means.RAW, Means.ROUTED) or made >= TRIES[self._means]:
            return math.inf
        if self._means is Means.ROUTED:
            return cohort.tries[-1] + ROUTED_RETRY
        if self._found >= FEWEST and self._expected(cohort) * self._air.loss**made < FEW_TO_ASK:
            return math.inf
        return cohort.tries[-1] + self.patience

    @property
    def patience(self) -> float:
        """Seconds after which an ARP request of our own is to be repeated."""
        known = self._air.arp.count >= SAMPLES_NEEDED
        return max(RAW_RETRY, self._air.arp.quantile(0.97) * 1.3 + 0.02) if known else UNKNOWN_TIMEOUT

    @property
    def finished(self) -> bool:
        """Tell whether every address has had its chance, or was skipped."""
        return self._next is None and not self._cohorts

    @property
    def unanswered(self) -> int:
        """Addresses that have had their chance and gave no sign of life."""
        return self.tested - self._live

    def next_time(self, now: float) -> float | None:
        """Return when :meth:`step` or :meth:`wants` should be looked at next; None where all is done."""
        if self.finished:
            return None
        times = [min(self._look_at(cohort, now), self._again_at(cohort)) for cohort in self._cohorts]
        if self._next is not None and self._means is Means.KERNEL:
            times.append(self._window.next_time() or now + _LOOK)
        return min(times, default=now)

    def _look_at(self, cohort: _Cohort, now: float) -> float:
        """Return when it is worth looking whether a cohort is over."""
        limit = cohort.tries[0] + LIMIT[self._means]
        if self._means is Means.LOOPBACK or self._found < FEWEST:
            return limit
        return min(limit, max(cohort.tries[0] + self._least_wait(), now + _LOOK))

    def estimate(self, now: float) -> float:
        """Return about how many seconds the roll still takes."""
        wait = LIMIT[self._means]
        if self._found >= FEWEST and self._means is not Means.LOOPBACK:
            # What one more cohort takes on this air: until hardly a host is to be expected from it.
            wait = min(wait, self._least_wait() if self._air.loss < _CLEAN else 2 * ARP_RETRY + self._air.timeout)
        last = self._cohorts[-1].tries[0] if self._cohorts else now
        left = 0 if self._next is None else self.planned - len(self._asked)
        if self._means is not Means.KERNEL or left <= max(0, self._window.free(now)):
            return max(0.0, last + wait - now)
        # The others wait for places in the window, which come back a window at a time.
        first = max(0.0, (self._window.next_time() or now + ARP_GIVES_UP) - now)
        return first + (math.ceil(left / WINDOW_SIZE) - 1) * ARP_GIVES_UP + wait


_INSTANT: Final = 1e-6
_LOOK: Final = 0.08
"""Seconds between two looks at a cohort that might be over."""
_CLEAN: Final = 0.005
WINDOW_SIZE: Final = 900
"""Addresses of one round for the estimate (Policy.unresolved)."""
