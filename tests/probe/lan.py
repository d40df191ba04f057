"""A LAN as discrete events on plain numbers: what loss, power save and rationed errors do to a roll call and a schedule."""

from __future__ import annotations

import heapq
import itertools
import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final

from discover.net.connects import GUARD
from discover.net.pace import Pace
from discover.net.policy import Policy
from discover.probe.ask import Decision
from discover.probe.ports import DEFAULT, KNOCK_PORTS, TCP_PORTS, Transport
from discover.probe.roll import ARP_GIVES_UP, Means, Roll, Window
from discover.probe.schedule import Schedule
from discover.probe.timing import Air

KERNEL_RETRY: Final = 1.03
KERNEL_TRIES: Final = 3
BURST: Final = 32
"""Packets sent before answers are read, as the real driver does."""
START: Final = 50.0
LONGEST: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A LAN: how many addresses and hosts; loss is the chance of each packet each way; times in seconds.

    A host in power save (a share ``sleepers`` of all) wakes every ``nap`` seconds for what has come for it, in order.
    ``ration``: ICMP errors at once, and then a second; None for no limit. ``listeners``: the share of hosts with one
    silent update listener, ``talkers``: with one UDP service that answers, ``servers``: with an open TCP port.
    """

    addresses: int = 60
    hosts: int = 30
    loss: float = 0.0
    delay: tuple[float, float] = (0.001, 0.008)
    sleepers: float = 0.5
    nap: float = 0.3
    ration: tuple[int, float] | None = (6, 1.0)
    icmp: bool = True
    listeners: float = 0.3
    talkers: float = 0.3
    servers: float = 0.3
    deaf: float = 0.0
    """The share of hosts that answer nothing but ARP."""


@dataclass(slots=True)
class _Host:
    silent: frozenset[int]
    talks: frozenset[int]
    serves: frozenset[int]
    phase: float | None
    """When it wakes within ``nap``; None for a host that is always awake."""
    deaf: bool
    tokens: float = 0.0
    filled: float = START
    inward: float = START
    """When the last packet arrived there."""
    outward: float = START


@dataclass(slots=True)
class Result:
    """What came of it: what there was to find, what was found, and what was made up."""

    hosts: set[str] = field(default_factory=set)
    alive: set[str] = field(default_factory=set)
    open: set[tuple[str, str, int]] = field(default_factory=set)
    """Every (address, transport, port) that talks or is open."""
    found: set[tuple[str, str, int]] = field(default_factory=set)
    listeners: set[tuple[str, int]] = field(default_factory=set)
    likely: set[tuple[str, int]] = field(default_factory=set)
    seconds: float = 0.0
    packets: int = 0
    most_at_once: int = 0
    """Packets to one host in any second."""

    @property
    def false_likely(self) -> set[tuple[str, int]]:
        """Closed ports that were called likely."""
        return self.likely - self.listeners


class Lan:
    """One sweep of one place, drawn from a seed."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place = place
        self._random = Random(f"{seed} {place.loss} {place.hosts}")  # noqa: S311 - a script, no secret
        self._hosts = self._settle()
        self._now = START
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._air = Air()
        self._policy = Policy()
        self._pace = Pace(self._policy)
        self._syns: set[tuple[str, int]] = set()
        names = [f"a{number}" for number in range(place.addresses)]
        self._roll = Roll(names, len(names), means=Means.KERNEL, air=self._air, window=Window(self._policy.unresolved))
        self._schedule = Schedule(DEFAULT, air=self._air, policy=self._policy)
        self._sent: dict[str, list[float]] = {}
        self.result = Result(
            hosts=set(self._hosts),
            open={(name, "udp", port) for name, one in self._hosts.items() for port in one.talks}
            | {(name, "tcp", port) for name, one in self._hosts.items() for port in one.serves},
            listeners={(name, port) for name, one in self._hosts.items() for port in one.silent},
        )

    def _settle(self) -> dict[str, _Host]:
        place, random = self.place, self._random
        hosts = {}
        for number in sorted(random.sample(range(place.addresses), place.hosts)):
            deaf = random.random() < place.deaf
            hosts[f"a{number}"] = _Host(
                silent=self._one(place.listeners, KNOCK_PORTS[:3], deaf),
                talks=self._one(place.talkers, (30303, 10022, 3197), deaf),
                serves=self._one(place.servers, TCP_PORTS, deaf),
                phase=random.uniform(0.0, place.nap) if random.random() < place.sleepers else None,
                deaf=deaf,
                tokens=place.ration[0] if place.ration else 0.0,
            )
        return hosts

    def _one(self, share: float, ports: tuple[int, ...], deaf: bool) -> frozenset[int]:  # noqa: FBT001
        return frozenset({self._random.choice(ports)} if not deaf and self._random.random() < share else ())

    # Time.

    def run(self) -> Result:
        """Sweep until nothing is left to do."""
        while True:
            more = self._work()
            times = [one for one in (self._roll.next_time(self._now), self._schedule.next_time()) if one is not None]
            if not times:
                break
            until = self._now if more else max(self._now, min(times))
            if self._events and self._events[0][0] <= until:
                self._now, _, happen = heapq.heappop(self._events)
                happen()
            else:
                self._now = until
            assert self._now - START < LONGEST, "it does not end"
        self.result.seconds = self._now - START
        for times in self._sent.values():
            most = max(bisect_left(times, start + 1.0) - index for index, start in enumerate(times))
            self.result.most_at_once = max(self.result.most_at_once, most)
        return self.result

    def _later(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._count), happen))

    def _work(self) -> bool:
        """Ask and decide what is due; tell whether there is more."""
        self._roll.step(self._now)
        while (address := self._roll.wants(self._now)) is not None:
            self._roll.asked(address, self._now)
            self._ask_kernel(address)
        self._air.tick(self._now)
        room = BURST
        for step in self._schedule.due(self._now):
            if isinstance(step, Decision):
                if step.control == "refused":
                    self.result.likely.add((step.address, step.question.port))
                self._release(step.address, step.question.port)
                continue
            address, question = step.host.address, step.question
            size = self._policy.connect_packets if question.transport == "tcp" else 1
            wait = self._pace.wait(address, self._now, room=size)
            if wait > 0:
                self._schedule.postpone(step, self._now + wait)
                continue
            if question.transport == "tcp":
                self._release(address, question.port)
                self._syns.add((address, question.port))
                self._later(GUARD, partial(self._release, address, question.port))
            self._pace.spend(address, self._now, room=size)
            self._schedule.sent(step, self._now)
            self._leave(address, question.transport, question.port)
            room -= 1
            if not room:
                return True
        return False

    # The kernel and the air.

    def _ask_kernel(self, address: str) -> None:
        host = self._hosts.get(address)
        for number in range(KERNEL_TRIES):
            if host is not None and not self._lost() and not self._lost():
                there = self._awake(host, self._now + number * KERNEL_RETRY + self._way())
                self._later(there - self._now + self._way(), partial(self._resolved, address))
                return
        self._later(ARP_GIVES_UP - 0.1, lambda: self._roll.failed(address, self._now))

    def _resolved(self, address: str) -> None:
        """The kernel knows the host now, tells so, and lets the knock leave that had to wait."""
        self._alive(address)
        self._pace.spend(address, self._now, liveness=True)
        self._leave(address, "udp", 3232)

    def _alive(self, address: str) -> None:
        self._roll.alive(address, self._now)
        if address not in self.result.alive:
            self.result.alive.add(address)
            when = self._roll.when_asked(address)
            self._schedule.add(address, self._now, asked={} if when is None else {3232: when}, trip=self._roll.trip(address))

    def _release(self, address: str, port: int) -> None:
        """Give the budget back what a connect had set aside."""
        if (address, port) in self._syns:
            self._syns.discard((address, port))
            self._pace.release(address, self._policy.connect_packets - 1, self._now)

    def _leave(self, address: str, transport: Transport, port: int) -> None:
        self.result.packets += 1
        self._sent.setdefault(address, []).append(self._now)
        host = self._hosts.get(address)
        if host is None or self._lost():
            return
        there = host.inward = max(host.inward, self._awake(host, self._now + self._way()))
        self._later(there - self._now, partial(self._arrive, address, host, transport, port))

    def _arrive(self, address: str, host: _Host, transport: Transport, port: int) -> None:
        if transport == "tcp":
            answer = not host.deaf
        elif port in host.talks:
            answer = True
        elif port in host.silent or host.deaf or not self.place.icmp:
            answer = False
        else:
            answer = self._token(host)
        if answer and not self._lost():
            host.outward = max(host.outward, self._now + self._way())
            self._later(host.outward - self._now, partial(self._hear, address, host, transport, port))

    def _hear(self, address: str, host: _Host, transport: Transport, port: int) -> None:
        self._alive(address)
        if transport == "tcp":
            self._release(address, port)
        refused = transport == "udp" and port not in host.talks
        if port in (host.talks if transport == "udp" else host.serves):
            self.result.found.add((address, transport, port))
        self._schedule.heard(address, transport, port, self._now, refused=refused)

    def _lost(self) -> bool:
        return self._random.random() < self.place.loss

    def _awake(self, host: _Host, when: float) -> float:
        """Return when the host takes what comes to its access point at ``when``."""
        if host.phase is None:
            return when
        nap = self.place.nap
        return START + host.phase + math.ceil((when - START - host.phase) / nap) * nap

    def _way(self) -> float:
        """Return the seconds of one way."""
        return self._random.uniform(*self.place.delay) / 2

    def _token(self, host: _Host) -> bool:
        if self.place.ration is None:
            return True
        burst, rate = self.place.ration
        host.tokens = min(burst, host.tokens + (self._now - host.filled) * rate)
        host.filled = self._now
        if host.tokens < 1.0:
            return False
        host.tokens -= 1.0
        return True
