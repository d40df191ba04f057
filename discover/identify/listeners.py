"""From signals to ports: number, transport, direction, and how sure (DESIGN section 3, invariant 6: silence is never open)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from discover.atlas.family import Family
from discover.identify.facts import service_type
from discover.model.check import Verdict
from discover.model.device import Direction, Listener, PortState
from discover.model.signal import Signal, Source

# Broadcasts that are sent from a port unasked; an answer to a question tells of a listener instead.
_BROADCASTS: Final = frozenset({"wled-sync"})

# "_tcp" there is boilerplate of DNS-SD: Matter speaks UDP (Matter Core specification section 4.3.2.3).
_UDP_TYPES: Final = frozenset({"_matter._tcp"})

_STRENGTH: Final = (
    PortState.ANSWERED,
    PortState.ANNOUNCED,
    PortState.LIKELY,
    PortState.NO_ANSWER,
    PortState.CLOSED,
    PortState.NOT_PROBED,
)
_CHECKED: Final = {
    Verdict.READY: PortState.ANSWERED,
    Verdict.READY_NEEDS_PASSWORD: PortState.ANSWERED,
    Verdict.WRONG_SERVICE: PortState.ANSWERED,
    Verdict.LIKELY: PortState.LIKELY,
    Verdict.NO_ANSWER: PortState.NO_ANSWER,
    Verdict.CLOSED: PortState.CLOSED,
}
_KINDS: Final = {
    "udp.reply": ("udp", PortState.ANSWERED),
    "udp.refused": ("udp", PortState.CLOSED),
    "tcp.open": ("tcp", PortState.ANSWERED),
    "tcp.refused": ("tcp", PortState.CLOSED),
    "tcp.silent": ("tcp", PortState.NO_ANSWER),
    "tcp.reply": ("tcp", PortState.ANSWERED),
    "http.reply": ("tcp", PortState.ANSWERED),
}
# Web servers stand behind many announcements; the more telling one names the port.
_VAGUE: Final = ("_http._tcp", "_https._tcp", "http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one signal says of one port. ``service``: the mDNS type or protocol, "" where only the port spoke."""

    port: int
    transport: str
    direction: Direction
    state: PortState
    service: str
    source: Source
    when: float


def listeners(signals: Iterable[Signal], family: Family | None, others: Sequence[Family] = ()) -> tuple[Listener, ...]:
    """Return the ports of one device, sorted; several signals on one port make one entry, the surest word wins.

    A refusal outweighs an answer or announcement only where it is newer. ``family`` (the winner) adds the
    ports it dials out to, as ``not-probed``, and names what the others are for; ``others`` are further
    families that the evidence speaks for, for the transport of what they announce.
    """
    families = (*((family,) if family else ()), *others)
    seen: dict[tuple[int, str, Direction], list[Sighting]] = {}
    for signal in signals:
        for sighting in _sightings(signal, families):
            seen.setdefault((sighting.port, sighting.transport, sighting.direction), []).append(sighting)
    merged = [_merge(sightings, family) for sightings in seen.values()]
    merged += _dialled(family, {(one.port, one.transport, one.direction) for one in merged})
    return tuple(sorted(merged))


def announced_transport(service: str, families: Iterable[Family]) -> str:
    """Return "tcp" or "udp" for an announced type. A family that is updated through it knows better than the type's ending.

    ArduinoOTA announces ``_arduino._tcp`` and listens on UDP (espressif/arduino-esp32 libraries/ArduinoOTA).
    """
    for family in families:
        if family.ota is not None and family.ota.service and family.ota.service.lower() == service:
            return family.ota.transport
    return "udp" if service.endswith("._udp") or service in _UDP_TYPES else "tcp"


def _sightings(signal: Signal, families: Sequence[Family]) -> Iterator[Sighting]:
    port = signal.number("port")
    if port is None or not 0 < port < 65536:
        return
    transport, state, service, direction = "", PortState.NOT_PROBED, "", Direction.LISTENS
    if signal.kind == "mdns.service":
        service = service_type(signal.text("type"))
        transport, state = announced_transport(service, families), PortState.ANNOUNCED
    elif signal.kind == "udp.silent":
        transport = "udp"
        state = PortState.LIKELY if signal.text("control") == "refused" else PortState.NO_ANSWER
    elif signal.kind == "ota.checked":
        transport = signal.text("transport")
        state = _CHECKED.get(_verdict(signal.text("verdict")), PortState.NOT_PROBED)
    elif signal.kind in _KINDS:
        transport, state = _KINDS[signal.kind]
        service = "http" if signal.kind == "http.reply" else _told_protocol(signal)
        if signal.kind == "udp.reply" and service in _BROADCASTS:
            direction = Direction.ANNOUNCES
    if state != PortState.NOT_PROBED and transport in ("tcp", "udp"):
        yield Sighting(
            port=port, transport=transport, direction=direction, state=state, service=service, source=signal.source, when=signal.when
        )


def _told_protocol(signal: Signal) -> str:
    protocol = signal.text("protocol")
    return "" if protocol == "unknown" else protocol


def _verdict(word: str) -> Verdict:
    return Verdict(word) if word in tuple(Verdict) else Verdict.NOT_APPLICABLE


def _merge(sightings: Sequence[Sighting], family: Family | None) -> Listener:
    heard = [one for one in sightings if one.state in (PortState.ANSWERED, PortState.ANNOUNCED)]
    closed = [one for one in sightings if one.state == PortState.CLOSED]
    if heard and closed:
        newest = max(one.when for one in closed)
        sightings = closed if newest > max(one.when for one in heard) else heard
    first = min(sightings, key=lambda one: (_STRENGTH.index(one.state), -one.when, one.source.value, one.service))
    services = sorted({one.service for one in heard if one.service}, key=lambda service: (service in _VAGUE, service))
    return Listener(
        port=first.port,
        transport=first.transport,
        direction=first.direction,
        state=first.state,
        service=services[0] if services else _role(family, first),
        source=first.source,
    )


def _role(family: Family | None, sighting: Sighting) -> str:
    """Return what the family uses the port for, unless the port is closed: then nothing does."""
    if family is None or sighting.state == PortState.CLOSED:
        return ""
    return next(
        (
            port.role
            for port in family.port
            if (port.port, port.transport, port.direction) == (sighting.port, sighting.transport, sighting.direction)
        ),
        "",
    )


def _dialled(family: Family | None, known: set[tuple[int, str, Direction]]) -> Iterator[Listener]:
    for port in family.port if family else ():
        key = (port.port, port.transport, port.direction)
        if port.direction == Direction.DIALS_OUT and key not in known:
            known.add(key)
            yield Listener(
                port=port.port,
                transport=port.transport,
                direction=port.direction,
                state=PortState.NOT_PROBED,
                service=port.role,
                # Nothing spoke of the port: the catalogue did, on the strength of the whole scan.
                source=Source.SCAN,
            )
