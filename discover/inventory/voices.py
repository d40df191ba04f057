"""Voices: who speaks at one endpoint. Nearly always one; two where one address tells unrelated MACs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from discover.inventory.endpoint import Endpoint, Held, Service, ServiceKey
from discover.inventory.facts import is_sign_of_life, related_macs
from discover.inventory.presence import NEVER, Word, lifetime
from discover.model.signal import Signal

# Services that nearly everything has: a poor choice to be called by while there is a better one.
_COMMON_TYPES: Final = frozenset({"_http._tcp", "_https._tcp", "_ssh._tcp", "_sftp-ssh._tcp", "_telnet._tcp", "_workstation._tcp"})
_NO_SERVICES: Final[Mapping[ServiceKey, Service]] = {}


class Voice:
    """What one device said at one endpoint: its answers and services, and who they say it is.

    ``whole`` is True where nobody else speaks there. ``listed`` are instances announced elsewhere whose
    record names this address, too.
    """

    __slots__ = ("answers", "endpoint", "hosts", "ids", "listed", "macs", "neighbour", "services", "whole")

    def __init__(
        self,
        endpoint: Endpoint,
        answers: list[Held],
        services: list[Service],
        *,
        listed: Mapping[ServiceKey, Service] = _NO_SERVICES,
        neighbour: str = "",
        whole: bool = True,
    ) -> None:
        """Gather the facts of the given answers and services."""
        self.endpoint = endpoint
        self.answers = answers
        self.services = services
        self.listed = listed
        self.neighbour = neighbour
        self.whole = whole
        facts = [held.facts for held in self.held()]
        self.macs = frozenset(mac for one in facts for mac in one.macs)
        self.ids = frozenset(value for one in facts for value in one.ids)
        self.hosts = frozenset(one.host for one in facts if one.host)

    def held(self) -> Iterator[Held]:
        """Yield the answers and the newest record of each service."""
        yield from self.answers
        for service in self.services:
            yield service.held

    @property
    def mac(self) -> str:
        """The MAC it tells; of several that belong to one chip the neighbour table's, else the lowest, which is the base."""
        if not self.macs:
            return ""
        return self.neighbour if self.neighbour in self.macs else min(self.macs)

    @property
    def alive(self) -> bool:
        """True where it gave any sign of life that is still its own: a service may have moved to another address since."""
        if self.whole:
            return self.endpoint.alive and bool(self.services or self.answers)
        return any(True for _ in self.words())

    @property
    def first(self) -> float:
        """When it was heard first."""
        if self.whole:
            return self.endpoint.first
        return min((word.last for word in self.words()), default=NEVER)

    def words(self) -> Iterator[Word]:
        """Yield what every source says of its presence."""
        if self.whole:
            yield from self.endpoint.words()
            return
        endpoint = self.endpoint
        for held in self.answers:
            signal = held.signal
            if is_sign_of_life(signal):
                last = signal.when
                yield Word(signal.source, last, last + lifetime(signal), absent=endpoint.absent, silent=endpoint.silent)
        for service in self.services:
            yield service.word()

    @property
    def span(self) -> tuple[float, float]:
        """When it was heard first and until when anything it said holds."""
        return self.first, max((word.until for word in self.words()), default=self.first)

    @property
    def best_service(self) -> Service | None:
        """The instance it is called by where nothing better is known: a telling type before a common one, then by name."""
        return min(self.services, key=lambda one: (one.key[1] in _COMMON_TYPES, one.key[1:]), default=None)

    def witness(self, mac: str = "", identifier: str = "") -> Signal | None:
        """Return the newest signal that tells the MAC or the vendor id."""
        found = [one.signal for one in self.held() if (mac and mac in one.facts.macs) or (identifier and identifier in one.facts.ids)]
        return max(found, key=lambda signal: signal.when, default=None)


def voices_at(endpoint: Endpoint, listed: Mapping[ServiceKey, Service]) -> list[Voice]:
    """Return who speaks at ``endpoint``: one voice, or one for each unrelated MAC that is told there.

    Signals that tell no MAC go with the host name they share with one that does; what is left belongs to
    whom the neighbour table names.
    """
    answers = list(endpoint.answers)
    services = list(endpoint.services.values())
    whole = Voice(endpoint, answers, services, listed=listed, neighbour=endpoint.mac)
    chips = _chips(whole.macs)
    if len(chips) <= 1:
        return [whole]
    chip_of = {mac: index for index, chip in enumerate(chips) for mac in chip}
    by_host: dict[str, int] = {}
    for held in whole.held():
        if held.facts.macs and held.facts.host:
            by_host.setdefault(held.facts.host, chip_of[held.facts.macs[0]])
    rest = next((index for index, chip in enumerate(chips) if endpoint.mac in chip), len(chips))

    def place(held: Held) -> int:
        if held.facts.macs:
            return chip_of[held.facts.macs[0]]
        return by_host.get(held.facts.host, rest)

    out = []
    for index in range(len(chips) + 1):
        mine = [held for held in answers if place(held) == index]
        own = [service for service in services if place(service.held) == index]
        if mine or own:
            neighbour = endpoint.mac if index == rest else ""
            out.append(Voice(endpoint, mine, own, neighbour=neighbour, whole=False))
    return out


def _chips(macs: frozenset[str]) -> list[set[str]]:
    """Group MACs that can belong to one chip."""
    chips: list[set[str]] = []
    for mac in sorted(macs):
        for chip in chips:
            if any(related_macs(mac, other) for other in chip):
                chip.add(mac)
                break
        else:
            chips.append({mac})
    return chips
