"""One scheduler for UDP and TCP over all hosts of an interface, sans-io: who is served next, and when.

Hosts that have something to do stand in a heap by time. Each is served one packet at a time, so that a
burst goes once around all hosts before it comes to the second question of any.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from discover.net.policy import Policy
from discover.probe.ask import Ask, Decision
from discover.probe.host import HostAsking
from discover.probe.ports import PortQuestion, Transport
from discover.probe.timing import Air

BACK_OFF: Final = (0.2, 0.5)
"""Seconds before each retry of a refused send: ENOBUFS passes in milliseconds, an interface that renews its lease in less than a second."""
_SHRUNK: Final = 5 / 6
"""Of the timeout that the times follow from: a smaller change is not worth looking at every host again."""
_ANEW: Final = float("inf")
"""A timeout than which any other is shorter."""


class Send(NamedTuple):
    """One packet that is to leave now. ``ask`` is None for a control."""

    host: HostAsking
    ask: Ask | None
    question: PortQuestion
    payload: bytes


class Schedule:
    """The port phase of all hosts. ``air`` is what is known of the network, ``policy`` bounds what is under way."""

    def __init__(self, questions: Iterable[PortQuestion], *, air: Air, policy: Policy) -> None:
        self._questions = tuple(questions)
        self._air = air
        self._policy = policy
        self._hosts: dict[str, HostAsking] = {}
        self._queue: deque[tuple[str, Mapping[int, float], float]] = deque()
        self._waiting: dict[str, bool] = {}
        """Hosts of the queue that have not been dropped, and whether each is fragile."""
        self._heap: list[tuple[float, int, HostAsking]] = []
        self._entries: dict[HostAsking, int] = {}
        self._serial = 0
        self._kept = False
        """The packet that :meth:`due` told of last keeps its place."""
        self._timeout = air.timeout

    def __contains__(self, address: str) -> bool:
        """Tell whether the host is being asked or waits for it."""
        return not self.is_done(address)

    @property
    def active(self) -> int:
        """Hosts that are being asked or wait for it."""
        return len(self._hosts) + len(self._waiting)

    def add(self, address: str, now: float, *, fragile: bool = False, asked: Mapping[int, float] | None = None, trip: float = 0.0) -> None:
        """Ask a host; nothing where it is being asked already. ``asked`` and ``trip``: see HostAsking."""
        if address in self:
            return
        self._queue.append((address, asked or {}, trip))
        self._waiting[address] = fragile
        self._admit(now)

    def drop(self, address: str, now: float) -> None:
        """Ask a host nothing more."""
        self._waiting.pop(address, None)
        host = self._hosts.pop(address, None)
        if host is not None:
            self._entries.pop(host, None)
            self._admit(now)

    def make_fragile(self, address: str) -> None:
        """Treat a host as a fragile device from now on."""
        host = self._hosts.get(address)
        if host is not None:
            host.fragile = True
        elif address in self._waiting:
            self._waiting[address] = True

    def next_time(self) -> float | None:
        """Return when there is something to send or to decide; None where nothing is under way."""
        self._refresh()
        return None if self._next() is None else self._heap[0][0]

    def due(self, now: float) -> Iterator[Send | Decision]:
        """Yield what is to be sent and what is decided at ``now``.

        After each Send the caller says what came of it (:meth:`sent`, :meth:`postpone`, :meth:`keep` or :meth:`refused`) before
        it takes the next one.
        """
        self._refresh()
        while (host := self._next()) is not None and self._heap[0][0] <= now:
            place = heapq.heappop(self._heap)
            del self._entries[host]
            wanted = None
            self._kept = False
            try:
                yield from host.expire(now)
                wanted = host.wants(now)
                if wanted is not None:
                    ask, question = wanted
                    yield Send(host, ask, question, question.payload(ask.tries if ask else 0) if question.payloads else b"")
            finally:  # also where the caller takes no more for now
                if wanted is None or host.done or self._hosts.get(host.address) is not host:
                    self._settle(host, now)
                elif self._kept:
                    self._entries[host] = place[1]
                    heapq.heappush(self._heap, place)
                else:
                    self._push(host, host.next_send(now))  # it may have more

    def sent(self, send: Send, now: float) -> None:
        """Note that the packet has left."""
        send.host.sent(send.ask, now)

    def postpone(self, send: Send, until: float) -> None:
        """Note that the packet may not leave before ``until``."""
        send.host.postpone(until)

    def keep(self) -> None:
        """Note that nothing may leave for a while, whoever it goes to: the packet keeps its place before all that came later."""
        self._kept = True

    def next_control(self) -> float | None:
        """Return when the next control is due; None where no knock waits for one."""
        return min((when for host in self._hosts.values() if (when := host.control_due()) is not None), default=None)

    def controls(self, now: float) -> Iterator[Send]:
        """Yield the controls that are due at ``now``, and nothing else: one that comes late says nothing about its knock.

        After each the caller says what came of it, as in :meth:`due`.
        """
        for host in tuple(self._hosts.values()):
            when = host.control_due()
            if when is not None and when <= now and (wanted := host.wants(now)) is not None and wanted[0] is None:
                question = wanted[1]
                yield Send(host, None, question, question.payload(0))
                self._settle(host, now)

    def refused(self, send: Send, now: float) -> bool:
        """Note that the system refused to send it; False where the question is given up."""
        return send.host.refuse(send.ask, now, BACK_OFF)

    def heard(self, address: str, transport: Transport, port: int, now: float, *, refused: bool = False) -> bool:
        """Take an answer; return whether it was the first one to a question."""
        host = self._hosts.get(address)
        if host is None:
            return False
        first = host.heard(transport, port, now, refused=refused)
        if first and (host.done or host.sooner):  # else it keeps its place: at the worst it is looked at once too often
            self._settle(host, now)
        return first

    def is_done(self, address: str) -> bool:
        """Tell whether nothing is left to ask the host."""
        host = self._hosts.get(address)
        return address not in self._waiting and (host is None or host.done)

    def shift(self, seconds: float) -> None:
        """Move all waits: the machine slept, and what came in meanwhile was not read."""
        for host in self._hosts.values():
            host.shift(seconds)
        self._timeout = _ANEW  # work out the times anew

    def estimate(self, now: float) -> float:
        """Return about how many seconds the hosts known by now still take."""
        longest = max((host.estimate(now) for host in self._hosts.values()), default=0.0)
        packets = len(self._waiting) * len(self._questions) * 2
        return longest + packets / self._policy.overall_rate

    def _admit(self, now: float) -> None:
        while self._queue and len(self._hosts) < self._policy.active_hosts:
            address, asked, trip = self._queue.popleft()
            fragile = self._waiting.pop(address, None)
            if fragile is None:
                continue
            host = HostAsking(
                address, self._questions, air=self._air, policy=self._policy, joined=now, fragile=fragile, asked=asked, trip=trip
            )
            self._hosts[address] = host
            self._settle(host, now)

    def _settle(self, host: HostAsking, now: float) -> None:
        """Put the host where it belongs in time, or take it out where it is done."""
        if self._hosts.get(host.address) is not host:
            return
        when = host.next_time()
        if when is None:
            del self._hosts[host.address]
            self._entries.pop(host, None)
            self._admit(now)
        else:
            self._push(host, when)

    def _next(self) -> HostAsking | None:
        """Return the host that stands first, None where none does."""
        heap, entries = self._heap, self._entries
        while heap:
            _, serial, host = heap[0]
            if entries.get(host) == serial:
                return host
            heapq.heappop(heap)
        return None

    def _push(self, host: HostAsking, when: float) -> None:
        self._serial += 1
        self._entries[host] = self._serial
        heapq.heappush(self._heap, (when, self._serial, host))

    def _refresh(self) -> None:
        """Work out all times anew when the timeout has become shorter by a sixth: it shrinks while answers come in.

        Where it grows, hosts are looked at too soon, and find that out themselves.
        """
        timeout = self._air.timeout
        if timeout > self._timeout * _SHRUNK:
            self._timeout = max(timeout, self._timeout)
            return
        self._timeout = timeout
        # In the order that they had: who was served before the others is not served before them again.
        self._heap = [(when, serial, host) for host, serial in self._entries.items() if (when := host.next_time()) is not None]
        heapq.heapify(self._heap)
