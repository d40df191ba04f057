"""From a group of voices to a Device: what it is (identify), where it is, and whether it is there."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from discover.atlas.catalogue import Catalogue
from discover.inventory.endpoint import Held, Service
from discover.inventory.identity import Group
from discover.inventory.presence import Word, judge, says_it_sleeps
from discover.inventory.voices import Voice
from discover.model.device import Device, Direction, Evidence, Listener, PortState
from discover.model.signal import Signal, Source

if TYPE_CHECKING:
    from discover.identify import Identification

EvidenceOf = Callable[[Signal], tuple[Evidence, ...]]
Identify = Callable[[Sequence[Signal], Catalogue, EvidenceOf], "Identification"]
"""The contract of :func:`discover.identify.identify`; the evidence of each signal is known already."""

_LISTENS = frozenset({PortState.ANSWERED, PortState.LIKELY})


class Assembled:
    """A device whose facts are settled; only the words that depend on the time are still open."""

    __slots__ = ("_addresses", "_device", "_first", "_from", "_sleeps", "_until", "_words", "id", "identification", "signals")

    def __init__(
        self,
        base: Device,
        signals: tuple[Signal, ...],
        identification: Identification,
        words: Sequence[Word],
        addresses: Sequence[tuple[str, float]],
        *,
        sleeps: bool,
    ) -> None:
        """Keep ``base``, whose presence and addresses :meth:`at` fills in; ``addresses`` come with the time until which they hold."""
        self.id = base.id
        self.signals = signals
        self.identification = identification
        self._words = tuple(words)
        self._addresses = tuple(addresses)
        self._first = base.presence.first_seen
        self._sleeps = sleeps
        self._device = base
        self._from = math.inf
        self._until = -math.inf

    def at(self, now: float) -> Device:
        """Return the device as it is at ``now``; the same object while nothing about it has changed."""
        if self._from <= now < self._until:
            return self._device
        presence, until = judge(self._words, self._first, now, sleeps=self._sleeps)
        addresses = _addresses_at(self._addresses, now)
        if presence != self._device.presence or addresses != self._device.addresses:
            self._device = replace(self._device, presence=presence, addresses=addresses)
        self._from = now
        self._until = min([until, *(end for _, end in self._addresses if end > now)])
        return self._device


def assemble(
    group: Group,
    known: Assembled | None,
    identify: Identify,
    catalogue: Catalogue,
) -> Assembled:
    """Return the group as a device; what identify said of the same signals before is not asked again."""
    named, aside, lost = _signals(group)
    if known is not None and known.signals == named:
        identification = known.identification
    else:
        evidence = {id(held.signal): held.evidence for voice in group.voices for held in _everything(voice)}
        identification = identify(named, catalogue, lambda signal: evidence[id(signal)])
    mac = group.id.removeprefix("mac:") if group.id.startswith("mac:") else identification.mac
    words = [word for voice in group.voices for word in voice.words()]
    first = min(voice.first for voice in group.voices)
    base = Device(
        id=group.id,
        name=identification.name,
        interfaces=tuple(sorted({voice.endpoint.interface for voice in group.voices if voice.endpoint.interface})),
        hostname=identification.hostname,
        mac=mac,
        vendor=identification.vendor,
        family=identification.family,
        alternatives=identification.alternatives,
        kind=identification.kind,
        model=identification.model,
        chip=identification.chip,
        firmware=identification.firmware,
        listeners=tuple(_listeners(identification.listeners, lost)),
        ota=identification.ota,
        evidence=(*identification.evidence, *_distinct(group.evidence)),
        signals=(*named, *aside),
    )
    base = replace(base, presence=replace(base.presence, first_seen=first))
    sleeps = says_it_sleeps(named, identification.kind)
    return Assembled(base, named, identification, words, _all_addresses(group), sleeps=sleeps)


def _signals(group: Group) -> tuple[tuple[Signal, ...], tuple[Signal, ...], set[tuple[str, int]]]:
    """Return the signals that name the device, those that do not (withdrawn services, a bridge's MAC), and (transport, port) that it lost.

    A service that ended keeps naming the device until the device announces anything later: a renamed or
    reflashed device must not keep its old name, a device that went to sleep must not lose it.
    """
    named: list[Signal] = []
    aside: list[Signal] = []
    lost: set[tuple[str, int]] = set()
    services: list[Service] = []
    for voice in group.voices:
        services += voice.services
        replaced: set[int] = set()
        for silence, answer in _silences(voice):
            if answer is not None and answer.kind.endswith(".reply"):
                lost.add((answer.source.value, answer.number("port") or 0))  # the reply still names it
                continue
            if answer is not None:
                replaced.add(id(answer))
            named.append(silence)
        for held in voice.answers:
            if voice.neighbour in group.bridged and held.signal.source is Source.NEIGHBOUR:
                aside.append(held.signal)  # the bridge's MAC: neither its vendor nor its family is the device's
            elif id(held.signal) not in replaced:
                named.append(held.signal)
    newest = max((one.held.signal.when for one in services if not one.over), default=-math.inf)
    for service in services:
        (aside if service.over and newest > service.ended else named).append(service.held.signal)
    named.sort(key=_in_time)
    aside.sort(key=_in_time)
    return tuple(named), tuple(aside), lost


def _everything(voice: Voice) -> Iterable[Held]:
    yield from voice.held()
    if voice.whole:
        yield from (silence for silence, _ in voice.endpoint.silences())


def _silences(voice: Voice) -> Iterable[tuple[Signal, Signal | None]]:
    if voice.whole:
        for silence, answer in voice.endpoint.silences():
            yield silence.signal, answer.signal if answer is not None else None


def _in_time(signal: Signal) -> tuple[float, str, str, str, tuple[str, ...]]:
    return signal.when, signal.kind, signal.interface, signal.peer, signal.slot


def _listeners(listeners: Iterable[Listener], lost: set[tuple[str, int]]) -> Iterable[Listener]:
    """Say "no-answer" of a port that answered once and is silent now although the device is awake."""
    for one in listeners:
        if one.direction is Direction.LISTENS and one.state in _LISTENS and (one.transport, one.port) in lost:
            yield replace(one, state=PortState.NO_ANSWER)
        else:
            yield one


def _distinct(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(evidence))


def _all_addresses(group: Group) -> list[tuple[str, float]]:
    """Return every address with the time until which anything said there holds."""
    until: dict[str, float] = {}
    for voice in group.voices:
        endpoint = voice.endpoint
        if endpoint.address:
            until[endpoint.address] = max(until.get(endpoint.address, -math.inf), voice.span[1])
        for service in voice.services:
            end = service.word().until
            for address in service.held.signal.items("addresses"):
                until[address] = max(until.get(address, -math.inf), end)
    return sorted(until.items(), key=lambda item: _address_order(item[0]))


def _addresses_at(addresses: Sequence[tuple[str, float]], now: float) -> tuple[str, ...]:
    """Return the addresses that hold at ``now``; where none does, the ones that held longest."""
    holding = tuple(address for address, until in addresses if until > now)
    if holding or not addresses:
        return holding
    last = max(until for _, until in addresses)
    return tuple(address for address, until in addresses if until == last)


def _address_order(address: str) -> tuple[int, int, str]:
    """Sort IPv4 first, then IPv6 by scope: global and unique-local before link-local."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return (9, 0, address)
    return (parsed.version * 2 + parsed.is_link_local, int(parsed), address)
