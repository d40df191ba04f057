"""Liveness: is anybody there? The roll call's hands.

Without privileges one small datagram an address makes the kernel ask by ARP (facts: network); the
datagram is the knock on 3232/udp, so it asks the first question of the port phase, too. With the
privilege for raw sockets we ask by ARP ourselves, sooner again, and leave the kernel's neighbour table
to those who are there. Who is there shows in the neighbour table's events, by an ARP reply, an answer or
an ICMP error; who is not, by the kernel's giving up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from discover.errors import EspiedError, NetworkError, NotPrivateError
from discover.model.network import Interface
from discover.net.api import ArpAsker, Network
from discover.net.policy import Policy
from discover.net.waiting import Alarm
from discover.probe.book import Book, Line
from discover.probe.ports import LIVENESS_PORT
from discover.probe.roll import Means, Roll, Window
from discover.probe.timing import SLEPT, Air
from discover.proto.wellknown import KNOCK

FAILURES: Final = 3
"""Addresses in a row that the system refuses to send to before the rest of a target is given up."""
BACK_OFF: Final = (0.2, 0.5)
"""Seconds before each retry of a refused send: ENOBUFS passes in milliseconds, an interface that renews its lease in less than a second."""
FOLLOW_UPS: Final = 3
_REFUSED: Final = (NetworkError, NotPrivateError)
BURST: Final = 48
"""Addresses asked before what came in is read."""
OLD: Final = 5.0
"""Seconds after which a socket of the sweep is closed where more are needed: its addresses have had their chance."""
_KNOCK: Final = "is anybody there (knock)"
_ARP: Final = "is anybody there (ARP request)"


class _Opened:
    """A socket of the sweep with its pump, and when it was opened."""

    def __init__(self, line: Line, opened: float) -> None:
        self.line = line
        self.opened = opened
        self._pump = asyncio.create_task(line.run())

    def stop(self) -> asyncio.Task[None]:
        """Close the socket and return its pump, which ends at once."""
        self._pump.cancel()
        self.line.close()
        return self._pump


class Sweep:
    """The sweep of one target of ``planned`` addresses.

    ``error`` is what ended it early, None where nothing did. Whoever learns of a sign of life says so to
    :meth:`alive`, of a failure in the neighbour table to :meth:`failed`.
    """

    def __init__(
        self,
        network: Network,
        interface: Interface,
        book: Book,
        *,
        addresses: Iterable[str],
        planned: int,
        air: Air,
        window: Window,
        policy: Policy,
        routed: bool = False,
        asker: ArpAsker | None = None,
        resolved: Callable[[str], bool] = lambda _address: True,
    ) -> None:
        self._network = network
        self._interface = interface
        self._book = book
        self._policy = policy
        self._asker = None if routed else asker
        self._resolved = resolved
        self._follow: dict[str, tuple[int, float]] = {}
        """Hosts that answered our ARP and that the kernel may not have resolved yet: times asked again, and when next."""
        means = Means.LOOPBACK if interface.loopback else Means.ROUTED if routed else Means.RAW if asker is not None else Means.KERNEL
        self._roll = Roll(addresses, planned, means=means, air=air, window=window)
        self._alarm = Alarm(network.clock)
        self._wake = 0.0
        """When the roll is looked at next; a host that changes nothing about that wakes nobody."""
        self._lines: deque[_Opened] = deque()
        self._room = 0
        self._failures = 0
        self.error: EspiedError | None = None
        self.complete = True
        """False once an address has not got its chance."""

    @property
    def planned(self) -> int:
        """Addresses that are to be asked."""
        return self._roll.planned

    @property
    def tested(self) -> int:
        """Addresses that have had their chance."""
        return self._roll.tested

    @property
    def unanswered(self) -> int:
        """Addresses that have had their chance and gave no sign of life."""
        return self._roll.unanswered

    def estimate(self) -> float:
        """Return about how many seconds it still takes."""
        return 0.0 if self._roll.finished else self._roll.estimate(self._network.clock.mono())

    def knocked(self, address: str) -> dict[int, float]:
        """Return the UDP ports at which the sweep has knocked, with the monotonic time: what the port phase need not ask anew."""
        when = self._roll.when_asked(address)
        return {} if when is None or self._asker is not None else {LIVENESS_PORT: when}

    def trip(self, address: str) -> float:
        """Return how many seconds the address took to answer the last time it was asked, 0.0 where that is not known."""
        return self._roll.trip(address)

    def alive(self, address: str) -> None:
        """Note a sign of life of an address of the target."""
        now = self._network.clock.mono()
        if self._asker is not None and self._roll.when_asked(address) is not None:
            self._follow.setdefault(address, (0, now + self._roll.patience))
        self._roll.alive(address, now)
        when = self._roll.next_time(now)
        if self._asker is not None or when is None or when < self._wake:
            self._alarm.ring()

    def failed(self, address: str) -> None:
        """Note that the kernel gave an address of the target up."""
        self._roll.failed(address, self._network.clock.mono())
        self._alarm.ring()

    async def run(self) -> None:
        """Ask until every address has had its chance, then close what was opened."""
        clock, roll = self._network.clock, self._roll
        try:
            while True:
                now = clock.mono()
                roll.step(now)
                self._help(now)
                if roll.finished and not self._follow:
                    return
                wait = await self._ask(now)
                now = clock.mono()
                when = min((due for _, due in self._follow.values()), default=None)
                if (rolling := roll.next_time(now)) is not None:
                    when = rolling if when is None else min(when, rolling)
                if self.error is not None or when is None:
                    return
                now = clock.mono()
                pause = wait if wait is not None else max(0.0, when - now)
                self._wake = now + pause
                await self._alarm.wait(pause)
                late = clock.mono() - now - pause
                if late > SLEPT:
                    roll.shift(late)
        finally:
            roll.abandon()
            pumps = [one.stop() for one in self._lines]
            await asyncio.gather(*pumps, return_exceptions=True)

    def _help(self, now: float) -> None:
        """Ask again by ARP for hosts that are there but that the kernel has not resolved: its own request was lost, and it waits a second.

        It takes the answer to ours as well as to its own.
        """
        for address, (times, due) in tuple(self._follow.items()):
            if self._resolved(address) or times >= FOLLOW_UPS or self._asker is None:
                del self._follow[address]
            elif due <= now:
                with contextlib.suppress(*_REFUSED):  # it is a help only; what is really wrong shows elsewhere
                    self._asker.try_ask(address, purpose=_ARP)
                self._follow[address] = (times + 1, now + self._roll.patience)

    async def _ask(self, now: float) -> float | None:
        """Ask who is to be asked now; return the seconds until there is room for more, None where nobody else is to be asked yet."""
        roll = self._roll
        for _ in range(BURST):
            address = roll.wants(now)
            if address is None:
                return None
            try:
                wait = self._leave(address)
            except _REFUSED as error:  # the gate's refusal: the interface stands in another network now
                wait = await self._again(address, error)
                if self.error is not None:
                    return None
            if wait > 0:
                return wait
        return 0.0

    async def _again(self, address: str, error: EspiedError) -> float:
        """Ask an address again that the system refused to ask; where it goes on refusing, the address stays untested."""
        for back_off in BACK_OFF:
            await self._network.clock.sleep(back_off)
            try:
                return self._leave(address)
            except _REFUSED as caught:
                error = caught
        self.complete = False
        self._failures += 1
        if self._failures >= FAILURES:
            self.error = error
        self._roll.skip(address)
        return 0.0

    def _leave(self, address: str) -> float:
        if self._asker is not None:
            wait = self._asker.try_ask(address, purpose=_ARP)
        else:
            line = self._lines[-1].line if self._room > 0 else self._new_line()
            wait = line.try_send(KNOCK, address, LIVENESS_PORT, purpose=_KNOCK, liveness=True)
            self._room -= wait <= 0
        if wait <= 0:
            self._failures = 0
            self._roll.asked(address, self._network.clock.mono())
        return wait

    def _new_line(self) -> Line:
        """Open the socket of the next addresses: each holds about 256 datagrams that wait for ARP."""
        now = self._network.clock.mono()
        while self._lines and now - self._lines[0].opened > OLD:
            self._lines.popleft().stop()
        line = Line(self._network, self._interface, self._book)
        self._lines.append(_Opened(line, now))
        self._room = self._policy.socket_addresses
        return line
