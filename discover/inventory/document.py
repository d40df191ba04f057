"""Device and snapshot as documents: the JSON contract of DESIGN section 4, for exports and for the store.

The structs *are* the contract: field order is key order, and docs/schema is generated from them.
Text is cleaned on the way out and on the way in, because labels, notes and imported files never were a Signal.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec

from discover import __version__
from discover.inventory.ledger_document import LedgerDocument
from discover.model.device import (
    Confidence,
    Device,
    Direction,
    Evidence,
    FamilyVerdict,
    Firmware,
    Heard,
    Listener,
    OtaStatus,
    Password,
    PortState,
    Presence,
    PresenceState,
)
from discover.model.scan import ScanInterface, ScanSummary
from discover.model.signal import Source
from discover.model.snapshot import Snapshot
from discover.text import clean

SCHEMA: Final = "espied.inventory/1"
MAX_TEXT: Final = 4096
"""Longest text of a document, in code points: notes may be longer than what peers say."""

# 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
_LAST_SECOND: Final = 253402300799.0

Time = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, UTC")]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class ToolDocument(msgspec.Struct, frozen=True):
    """Who wrote the document."""

    name: str
    version: str


class ScanInterfaceDocument(msgspec.Struct, frozen=True):
    """One interface that the scan ran on."""

    name: str
    address: str
    network: str


class AddressesDocument(msgspec.Struct, frozen=True):
    """Addresses that the scan meant to test, that it tested, that were tested and gave no sign of life, that it did not test."""

    planned: Count
    tested: Count
    unanswered: Count = 0
    untested: Count = 0


class ScanDocument(msgspec.Struct, frozen=True):
    """What the newest scan covered; "strangers" answered without being asked, "proxied" only through a proxy-ARP router."""

    interfaces: tuple[ScanInterfaceDocument, ...]
    seconds: Seconds
    addresses: AddressesDocument
    packets_sent: Count
    complete: bool
    strangers: Count = 0
    proxied: Count = 0


class FamilyDocument(msgspec.Struct, frozen=True):
    """A device family and how sure that is."""

    id: str
    title: str
    confidence: Confidence


class FirmwareDocument(msgspec.Struct, frozen=True):
    """What runs on the device."""

    name: str
    version: str


class ListenerDocument(msgspec.Struct, frozen=True):
    """One port, with transport and direction."""

    port: Port
    transport: Literal["tcp", "udp"]
    direction: Direction
    state: PortState
    service: str
    source: Source


class OtaDocument(msgspec.Struct, frozen=True):
    """How the device is updated; ``checked`` is null where nobody has checked."""

    kind: str
    port: Port
    transport: str
    password: Password
    verdict: str
    checked: Time | None


class HeardDocument(msgspec.Struct, frozen=True):
    """One source: when it was heard last and until when that holds."""

    source: Source
    last: Time
    expires: Time


class PresenceDocument(msgspec.Struct, frozen=True):
    """Is it there, and by what."""

    state: PresenceState
    first_seen: Time
    last_seen: Time
    heard: tuple[HeardDocument, ...]


class EvidenceDocument(msgspec.Struct, frozen=True):
    """One claim and why it is believed."""

    claim: str
    value: str
    source: Source
    weight: Annotated[int, msgspec.Meta(ge=0, le=100)]
    why: str


class DeviceDocument(msgspec.Struct, frozen=True):
    """One device."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    name: str
    label: str
    notes: tuple[str, ...]
    tags: tuple[str, ...]
    hostname: str
    addresses: tuple[str, ...]
    mac: str
    vendor: str
    family: FamilyDocument
    alternatives: tuple[FamilyDocument, ...]
    kind: str
    model: str
    chip: str
    firmware: FirmwareDocument | None
    listeners: tuple[ListenerDocument, ...]
    ota: OtaDocument | None
    presence: PresenceDocument
    evidence: tuple[EvidenceDocument, ...]


class InventoryDocument(msgspec.Struct, frozen=True):
    """The inventory as ``espied`` exports it; "ledger" is there only where it was asked for."""

    schema: Literal["espied.inventory/1"]
    generated: Time
    tool: ToolDocument
    scan: ScanDocument
    devices: tuple[DeviceDocument, ...]
    ledger: LedgerDocument | msgspec.UnsetType = msgspec.UNSET


class More(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the store keeps of a device beyond the contract; parallel to the document's lists."""

    interfaces: tuple[str, ...] = ()
    scores: tuple[int, ...] = ()
    rules: tuple[tuple[str, float], ...] = ()
    ota_note: str = ""


# The lowest score of each word (discover/identify/ranking.py), for documents that carry the word alone.
_LOWEST: Final = {Confidence.CERTAIN: 90, Confidence.LIKELY: 60, Confidence.POSSIBLE: 25, Confidence.UNKNOWN: 0}


def moment(seconds: float) -> datetime:
    """Return Unix seconds as a time in UTC, kept between 1970 and 9999."""
    # `not <` also catches NaN
    if not seconds > 0:
        seconds = 0.0
    return datetime.fromtimestamp(min(seconds, _LAST_SECOND), UTC)


def text(value: str) -> str:
    """Return text safe to show, at most MAX_TEXT code points."""
    return clean(value, MAX_TEXT)


def inventory_document(snapshot: Snapshot) -> InventoryDocument:
    """Return the snapshot as the document that ``espied`` exports."""
    scan = snapshot.scan
    return InventoryDocument(
        schema=SCHEMA,
        generated=moment(snapshot.generated),
        tool=ToolDocument("espied", __version__),
        scan=ScanDocument(
            interfaces=tuple(ScanInterfaceDocument(text(one.name), text(one.address), text(one.network)) for one in scan.interfaces),
            seconds=max(0.0, round(scan.seconds, 3)),
            addresses=AddressesDocument(max(0, scan.planned), max(0, scan.tested), max(0, scan.unanswered), scan.untested),
            packets_sent=max(0, scan.packets_sent),
            complete=scan.complete,
            strangers=max(0, scan.strangers),
            proxied=max(0, scan.proxied),
        ),
        devices=tuple(device_document(device) for device in snapshot.devices),
    )


def device_document(device: Device) -> DeviceDocument:
    """Return one device as its document."""
    firmware, ota, presence = device.firmware, device.ota, device.presence
    return DeviceDocument(
        id=text(device.id),
        name=text(device.name),
        label=text(device.label),
        notes=_texts(device.notes),
        tags=_texts(device.tags),
        hostname=text(device.hostname),
        addresses=_texts(device.addresses),
        mac=text(device.mac),
        vendor=text(device.vendor),
        family=_family(device.family),
        alternatives=tuple(_family(one) for one in device.alternatives),
        kind=text(device.kind),
        model=text(device.model),
        chip=text(device.chip),
        firmware=FirmwareDocument(text(firmware.name), text(firmware.version)) if firmware else None,
        listeners=tuple(
            ListenerDocument(one.port, "udp" if one.transport == "udp" else "tcp", one.direction, one.state, text(one.service), one.source)
            for one in device.listeners
        ),
        ota=OtaDocument(
            text(ota.kind),
            ota.port,
            text(ota.transport),
            ota.password,
            text(ota.verdict),
            None if ota.checked is None else moment(ota.checked),
        )
        if ota
        else None,
        presence=PresenceDocument(
            presence.state,
            moment(presence.first_seen),
            moment(presence.last_seen),
            tuple(HeardDocument(one.source, moment(one.last), moment(one.expires)) for one in presence.heard),
        ),
        evidence=tuple(
            EvidenceDocument(text(one.claim), text(one.value), one.source, one.weight, text(one.why)) for one in device.evidence
        ),
    )


def more_of(device: Device) -> More:
    """Return what the document of the device leaves out, its signals apart."""
    return More(
        interfaces=_texts(device.interfaces),
        scores=(device.family.score, *(one.score for one in device.alternatives)),
        rules=tuple((text(one.rule), one.when) for one in device.evidence),
        ota_note=text(device.ota.note) if device.ota else "",
    )


def snapshot_of(document: InventoryDocument) -> Snapshot:
    """Return the snapshot that a document describes; devices sorted by id."""
    scan = document.scan
    devices = sorted((device_of(one) for one in document.devices), key=lambda device: device.id)
    return Snapshot(
        generated=document.generated.timestamp(),
        scan=ScanSummary(
            interfaces=tuple(
                ScanInterface(name=text(one.name), address=text(one.address), network=text(one.network)) for one in scan.interfaces
            ),
            seconds=scan.seconds,
            planned=scan.addresses.planned,
            tested=scan.addresses.tested,
            packets_sent=scan.packets_sent,
            complete=scan.complete,
            unanswered=scan.addresses.unanswered,
            strangers=scan.strangers,
            proxied=scan.proxied,
        ),
        devices=tuple(devices),
    )


def device_of(document: DeviceDocument, more: More | None = None) -> Device:
    """Return the device that a document describes; without ``more`` scores are the lowest of their word and rules are "import"."""
    more = more or More()
    scores = (*more.scores, *([None] * (1 + len(document.alternatives) - len(more.scores))))
    rules = (*more.rules, *([None] * (len(document.evidence) - len(more.rules))))
    firmware, ota, presence = document.firmware, document.ota, document.presence
    seen = presence.last_seen.timestamp()
    return Device(
        id=text(document.id),
        name=text(document.name),
        label=text(document.label),
        notes=_texts(document.notes),
        tags=_texts(document.tags),
        interfaces=_texts(more.interfaces),
        hostname=text(document.hostname),
        addresses=_texts(document.addresses),
        mac=text(document.mac),
        vendor=text(document.vendor),
        family=_verdict(document.family, scores[0]),
        alternatives=tuple(_verdict(one, score) for one, score in zip(document.alternatives, scores[1:], strict=False)),
        kind=text(document.kind),
        model=text(document.model),
        chip=text(document.chip),
        firmware=Firmware(name=text(firmware.name), version=text(firmware.version)) if firmware else None,
        listeners=tuple(
            Listener(
                port=one.port,
                transport=one.transport,
                direction=one.direction,
                state=one.state,
                service=text(one.service),
                source=one.source,
            )
            for one in document.listeners
        ),
        ota=OtaStatus(
            kind=text(ota.kind),
            port=ota.port,
            transport=text(ota.transport),
            password=ota.password,
            verdict=text(ota.verdict),
            checked=None if ota.checked is None else ota.checked.timestamp(),
            note=text(more.ota_note),
        )
        if ota
        else None,
        presence=Presence(
            state=presence.state,
            first_seen=presence.first_seen.timestamp(),
            last_seen=seen,
            heard=tuple(Heard(source=one.source, last=one.last.timestamp(), expires=one.expires.timestamp()) for one in presence.heard),
        ),
        evidence=tuple(_evidence(one, rule, seen) for one, rule in zip(document.evidence, rules, strict=False)),
    )


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(text(value) for value in values)


def _family(verdict: FamilyVerdict) -> FamilyDocument:
    return FamilyDocument(text(verdict.id), text(verdict.title), verdict.confidence)


def _verdict(document: FamilyDocument, score: int | None) -> FamilyVerdict:
    lowest = _LOWEST[document.confidence]
    return FamilyVerdict(
        id=text(document.id), title=text(document.title), confidence=document.confidence, score=lowest if score is None else score
    )


def _evidence(document: EvidenceDocument, rule: tuple[str, float] | None, seen: float) -> Evidence:
    name, when = rule or ("import", seen)
    return Evidence(
        claim=text(document.claim),
        value=text(document.value),
        weight=document.weight,
        rule=text(name),
        source=document.source,
        when=when,
        why=text(document.why),
    )
