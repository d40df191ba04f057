"""What stays known of a device when it is seen again: a short look must not erase what a long one found."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from discover.model.device import Confidence, Device, Evidence, Heard, Listener, OtaStatus, PortState, Presence, PresenceState


def remembered(known: Device, seen: Device) -> Device:
    """Return ``seen`` with what only ``known`` tells: first seen, old answers, and the family where now less or nothing speaks for it.

    The id is that of ``seen``; label, notes and tags are left to the annotations.
    """
    unsure = seen.family.confidence is Confidence.UNKNOWN and known.family.confidence is not Confidence.UNKNOWN
    unsure = unsure or _heard_less(known, seen)
    same_family = unsure or seen.family.id == known.family.id
    return replace(
        seen,
        name=seen.name or known.name,
        interfaces=seen.interfaces or known.interfaces,
        hostname=seen.hostname or known.hostname,
        addresses=_addresses(known.addresses, seen.addresses),
        mac=seen.mac or known.mac,
        vendor=seen.vendor or (known.vendor if seen.mac in ("", known.mac) else ""),
        family=known.family if unsure else seen.family,
        alternatives=known.alternatives if unsure else seen.alternatives,
        kind=seen.kind or (known.kind if same_family else ""),
        model=seen.model or (known.model if same_family else ""),
        chip=seen.chip or known.chip,
        firmware=seen.firmware or (known.firmware if same_family else None),
        listeners=_listeners(known.listeners, seen.listeners) if same_family else seen.listeners,
        ota=_ota(known.ota, seen.ota) if same_family else seen.ota,
        presence=_presence(known.presence, seen.presence),
        evidence=_evidence(known.evidence, seen.evidence) if unsure else seen.evidence,
    )


def _addresses(known: tuple[str, ...], seen: tuple[str, ...]) -> tuple[str, ...]:
    """Keep the addresses of an IP version that was not heard this time: a look that met a device by IPv6 alone says nothing of its IPv4."""
    versions = {":" in one for one in seen}
    return (*seen, *(one for one in known if (":" in one) not in versions))


_FOUND: Final = (PortState.ANSWERED, PortState.ANNOUNCED, PortState.LIKELY)


def _heard_less(known: Device, seen: Device) -> bool:
    """Tell whether ``seen`` is the same conclusion from fewer words, as after a passive scan, and nothing contradicts the older one.

    Less sure of the same family, or of one that stood behind it ("Espressif" behind "ESPHome"). A port
    that was found and is now refused contradicts: the firmware may have changed.
    """
    behind = {known.family.id, *(one.id for one in known.alternatives), *(one.value for one in known.evidence if one.claim == "family")}
    if seen.family.id not in behind or seen.family.score >= known.family.score:
        return False
    closed = {(one.port, one.transport) for one in seen.listeners if one.state is PortState.CLOSED}
    return not any((one.port, one.transport) in closed and one.state in _FOUND for one in known.listeners)


def _listeners(known: tuple[Listener, ...], seen: tuple[Listener, ...]) -> tuple[Listener, ...]:
    """Keep ports that were not asked this time; whatever was found out now is newer."""
    ports = {(one.port, one.transport, one.direction): one for one in known}
    for one in seen:
        place = (one.port, one.transport, one.direction)
        if one.state is not PortState.NOT_PROBED or place not in ports:
            ports[place] = one
    return tuple(sorted(ports.values()))


def _ota(known: OtaStatus | None, seen: OtaStatus | None) -> OtaStatus | None:
    """Keep the last check while it was about the same way of updating: it knows more than an announcement."""
    if known is None or seen is None:
        return seen or known
    same = (known.kind, known.port, known.transport) == (seen.kind, seen.port, seen.transport)
    return known if same and seen.checked is None and known.checked is not None else seen


def _presence(known: Presence, seen: Presence) -> Presence:
    heard = {one.source: one for one in known.heard}
    for one in seen.heard:
        old = heard.get(one.source)
        heard[one.source] = one if old is None or one.last >= old.last else old
    newest = seen if seen.last_seen >= known.last_seen else known
    kept: tuple[Heard, ...] = tuple(heard[source] for source in sorted(heard))
    # A short look that found nothing to hold has not asked the sources of a longer one: what they said holds as long as they said.
    spoke = {one.source for one in newest.heard}
    holds = any(one.expires > newest.last_seen for one in kept if one.source not in spoke)
    return Presence(
        state=PresenceState.PRESENT if newest.state is PresenceState.STALE and holds else newest.state,
        first_seen=min(known.first_seen, seen.first_seen),
        last_seen=newest.last_seen,
        heard=kept,
    )


def _evidence(known: tuple[Evidence, ...], seen: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Keep the old evidence of a family that is only remembered, before the new."""
    now = {(one.claim, one.value, one.rule) for one in seen}
    return (*(one for one in known if (one.claim, one.value, one.rule) not in now), *seen)
