"""An endpoint: one address on one interface while one MAC stood behind it, and all it has said.

When the neighbour table names another MAC for the address, a new endpoint begins and the old one keeps
its signals: DHCP moves addresses, devices stay who they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from discover.inventory.facts import ABSENCES, ANSWERS, REFUSALS, SILENCES, Facts, is_sign_of_life, is_silence
from discover.inventory.presence import NEVER, Word, lifetime
from discover.model.device import Evidence
from discover.model.signal import Signal, Source

MAX_SLOTS: Final = 512
"""Places one endpoint has for signals. Our choice, beyond any real host: a flood of invented service names ends here."""

Slot = tuple[str, ...]
ServiceKey = tuple[str, str, str]


class Held(NamedTuple):
    """A signal, the number of the scan it came in, who it says it is, and all its evidence."""

    signal: Signal
    scan: int
    facts: Facts
    evidence: tuple[Evidence, ...]


class Service:
    """One mDNS instance on one interface: its newest record, and whether that has ended."""

    __slots__ = ("ended", "first", "goodbye", "held", "home", "key")

    def __init__(self, key: ServiceKey, held: Held, home: Endpoint) -> None:
        """Start with the first record heard, at the endpoint that announced it."""
        self.key = key
        self.held = held
        self.home = home
        self.first = held.signal.when
        self.ended = NEVER
        self.goodbye = False

    @property
    def over(self) -> bool:
        """True where a goodbye or the end of the record is the newest word."""
        return self.ended >= self.held.signal.when

    def word(self) -> Word:
        """Return what mDNS says of the presence through this instance."""
        signal = self.held.signal
        return Word(
            Source.MDNS,
            signal.when,
            signal.when + lifetime(signal),
            ended=self.ended,
            goodbye=self.goodbye,
            absent=self.home.absent,
            silent=self.home.silent,
        )


class Endpoint:
    """What one address said while one MAC stood behind it. ``mac`` is the neighbour table's, "" while it has none."""

    __slots__ = (
        "_answers",
        "_silences",
        "absent",
        "address",
        "alive_scan",
        "first",
        "heard",
        "interface",
        "last",
        "mac",
        "moved",
        "order",
        "services",
        "silent",
    )

    def __init__(self, interface: str, address: str, order: int, mac: str = "") -> None:
        """Begin empty; ``order`` counts endpoints in the order in which they turned up."""
        self.interface = interface
        self.address = address
        self.order = order
        self.mac = mac
        self._answers: dict[Slot, Held] = {}
        self._silences: dict[Slot, Held] = {}
        self.services: dict[ServiceKey, Service] = {}
        self.moved: dict[ServiceKey, Service] = {}
        """Instances that were announced here once and are now announced from another address."""
        self.heard: dict[Source, tuple[float, float]] = {}
        self.first = NEVER
        self.last = NEVER
        self.absent = NEVER
        self.silent = NEVER
        self.alive_scan = -1

    def hold(self, held: Held) -> None:
        """Take a signal that is not of mDNS, by the rules of precedence."""
        signal = held.signal
        if is_sign_of_life(signal):
            self._mark(signal, held.scan)
        elif signal.kind in ABSENCES:
            self.absent = max(self.absent, signal.when)
        elif is_silence(signal):
            self.silent = max(self.silent, signal.when)
        slot = signal.slot
        if signal.kind in SILENCES or signal.kind == "udp.unreachable":
            self._put(self._silences, slot, held)
        elif signal.kind in REFUSALS:
            self._refuse(slot, held)
        elif signal.kind != "neighbour.failed":
            if signal.kind in ANSWERS:
                self._drop_refusal(signal)
            self._put(self._answers, slot, held)

    def announce(self, service: Service) -> None:
        """Take a record of an mDNS instance whose home this endpoint is."""
        if service.key in self.services or len(self.services) < MAX_SLOTS:
            self.services[service.key] = service
            signal = service.held.signal
            self.first = signal.when if self.first == NEVER else min(self.first, signal.when)
            self.last = max(self.last, signal.when)

    @property
    def answers(self) -> Iterator[Held]:
        """The newest answer of every slot, mDNS apart; refusals and rows of the neighbour table are answers."""
        return iter(self._answers.values())

    @property
    def alive(self) -> bool:
        """True where there was any sign of life at all."""
        return self.first != NEVER

    def silences(self) -> Iterator[tuple[Held, Held | None]]:
        """Yield each silence that counts, with the older answer that it takes the place of.

        A silence counts where the port never answered, or where it came in a later scan in which the
        device was awake: a live device that no longer answers has lost the port, a sleeping one keeps it.
        """
        for slot, silence in self._silences.items():
            answer = self._answer_at(slot)
            if answer is None:
                yield silence, None
            elif silence.scan > answer.scan and silence.scan <= self.alive_scan:
                yield silence, answer

    def words(self) -> Iterator[Word]:
        """Yield what every source says of the presence here."""
        for source, (last, expires) in self.heard.items():
            yield Word(source, last, expires, absent=self.absent, silent=self.silent)
        for service in self.services.values():
            yield service.word()

    @property
    def span(self) -> tuple[float, float]:
        """When it was heard first and until when anything it said holds."""
        return self.first, max((word.until for word in self.words()), default=self.last)

    def _mark(self, signal: Signal, scan: int) -> None:
        last, expires = self.heard.get(signal.source, (NEVER, NEVER))
        holds = lifetime(signal)
        if holds > 0 or last == NEVER:
            self.heard[signal.source] = (max(last, signal.when), max(expires, signal.when + holds))
            self.last = max(self.last, signal.when)
            if holds > 0:
                self.alive_scan = max(self.alive_scan, scan)
        self.first = signal.when if self.first == NEVER else min(self.first, signal.when)

    def _put(self, slots: dict[Slot, Held], slot: Slot, held: Held) -> None:
        old = slots.get(slot)
        if old is None:
            if len(self._answers) + len(self._silences) >= MAX_SLOTS:
                return
        elif old.signal.when > held.signal.when:
            return
        slots[slot] = held

    def _refuse(self, slot: Slot, held: Held) -> None:
        """Let a refusal take the place of older answers at its port, except of the same scan's."""
        same_port = [key for key in self._answers if key[:2] == slot[:2] or (slot[0] == "tcp" and key[:2] == ("http", slot[1]))]
        for key in same_port:
            old = self._answers[key]
            if old.signal.kind in REFUSALS:
                continue
            if old.scan >= held.scan or old.signal.when > held.signal.when:
                return
        for key in same_port:
            if self._answers[key].signal.kind not in REFUSALS:
                del self._answers[key]
        self._put(self._answers, slot, held)

    def _drop_refusal(self, signal: Signal) -> None:
        slot = (signal.source.value, str(signal.number("port") or 0), "")
        old = self._answers.get(slot)
        if old is not None and old.signal.kind in REFUSALS:
            del self._answers[slot]

    def _answer_at(self, slot: Slot) -> Held | None:
        """Return the newest answer of any protocol at the slot's port."""
        found = [held for key, held in self._answers.items() if key[:2] == slot[:2]]
        return max(found, key=lambda held: held.signal.when, default=None)
