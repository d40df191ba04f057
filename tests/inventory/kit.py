"""A small catalogue-free stand-in for identify, and short ways to make signals.

The inventory is tested against the contract of ``identify``, not against the catalogue of the day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from discover.atlas.catalogue import Catalogue
from discover.inventory.fold import Inventory, fold
from discover.model.device import (
    UNKNOWN_FAMILY,
    Confidence,
    Device,
    Direction,
    Evidence,
    FamilyVerdict,
    Firmware,
    Listener,
    OtaStatus,
    PortState,
)
from discover.model.signal import Field, Signal, Source
from discover.model.snapshot import Snapshot

CATALOGUE = Catalogue(families=())
NOW = 1_700_000_000.0
_STATES = {
    "udp.reply": PortState.ANSWERED,
    "tcp.open": PortState.ANSWERED,
    "udp.silent": PortState.NO_ANSWER,
    "udp.refused": PortState.CLOSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """What identify returns, as far as the inventory reads it."""

    name: str
    hostname: str
    mac: str
    vendor: str = ""
    family: FamilyVerdict = UNKNOWN_FAMILY
    alternatives: tuple[FamilyVerdict, ...] = ()
    kind: str = ""
    model: str = ""
    chip: str = ""
    firmware: Firmware | None = None
    listeners: tuple[Listener, ...] = ()
    ota: OtaStatus | None = None
    evidence: tuple[Evidence, ...] = ()


def evidence_for(signal: Signal, catalogue: Catalogue) -> tuple[Evidence, ...]:
    """Tell MACs (TXT "mac" and the field "mac"), vendor ids (TXT "uuid") and names."""
    del catalogue
    out = []

    def say(claim: str, value: str | None, weight: int) -> None:
        if value:
            out.append(
                Evidence(
                    claim=claim, value=value, weight=weight, rule="kit", source=signal.source, when=signal.when, why=f"it says {value}"
                )
            )

    if signal.kind != "neighbour.seen":
        say("mac", signal.txt("mac") or signal.text("mac"), 95)
        say("mac", signal.txt("ap_mac"), 80)
    say("identity", signal.txt("uuid"), 90)
    say("hostname", signal.text("host"), 80)
    say("name", signal.text("instance") or signal.text("name"), 70)
    if signal.text("type") == "_wled._tcp":
        say("family", "wled", 95)
    return tuple(out)


calls: list[tuple[Signal, ...]] = []


def identify(signals: Sequence[Signal], catalogue: Catalogue, evidence_of: Callable[[Signal], tuple[Evidence, ...]]) -> Identified:
    """Name a device by its heaviest, then newest evidence."""
    del catalogue
    calls.append(tuple(signals))
    evidence = [one for signal in signals for one in evidence_of(signal)]

    def best(claim: str) -> str:
        found = [one for one in evidence if one.claim == claim]
        return max(found, key=lambda one: (one.weight, one.when)).value if found else ""

    listeners = {
        (number, signal.kind.split(".")[0]): Listener(
            port=number,
            transport=signal.kind.split(".")[0],
            direction=Direction.LISTENS,
            state=_STATES[signal.kind],
            service="",
            source=signal.source,
        )
        for signal in signals
        if (number := signal.number("port")) is not None and signal.kind in _STATES
    }
    seen = next((signal.text("mac") for signal in signals if signal.kind == "neighbour.seen"), "")
    family = UNKNOWN_FAMILY
    if best("family"):
        family = FamilyVerdict(id=best("family"), title=best("family").upper(), confidence=Confidence.CERTAIN, score=95)
    return Identified(
        name=best("name"),
        hostname=best("hostname"),
        mac=best("mac") or seen,
        family=family,
        listeners=tuple(sorted(listeners.values())),
        evidence=tuple(evidence),
    )


def inventory() -> Inventory:
    """Return an empty inventory on the stand-in."""
    return Inventory(CATALOGUE, identify=identify, evidence_for=evidence_for)  # type: ignore[arg-type]  # the contract's fields, not its class


def folded(*signals: Signal, now: float | None = None) -> Snapshot:
    """Fold on the stand-in."""
    return fold(signals, CATALOGUE, now=now, identify=identify, evidence_for=evidence_for)  # type: ignore[arg-type]  # likewise


def ids(snapshot: Snapshot) -> list[str]:
    """The ids of all devices."""
    return [device.id for device in snapshot.devices]


def rules(device: Device) -> list[str]:
    """The rules of the inventory's own evidence."""
    return [one.rule for one in device.evidence if one.rule.startswith("inventory.")]


def signal(kind: str, at: float, peer: str, interface: str = "eth0", **fields: Field) -> Signal:
    """Make a signal ``at`` seconds after NOW."""
    return Signal(when=NOW + at, mono=at, source=Source(kind.partition(".")[0]), interface=interface, peer=peer, kind=kind, fields=fields)


def mdns(
    at: float,
    peer: str,
    instance: str,
    *txt: str,
    kind: str = "_http._tcp",
    host: str = "",
    interface: str = "eth0",
    ttl: int = 4500,
    also: Sequence[str] = (),
) -> Signal:
    """Make an announced service."""
    addresses = tuple(one for one in (peer, *also) if one)
    return signal(
        "mdns.service", at, peer, interface, type=kind, instance=instance, host=host, port=80, addresses=addresses, txt=txt, ttl=ttl
    )


def goodbye(at: float, instance: str, *, kind: str = "_http._tcp", interface: str = "eth0", peer: str = "") -> Signal:
    """Make a goodbye."""
    return signal("mdns.goodbye", at, peer, interface, type=kind, instance=instance)


def expired(at: float, instance: str, *, kind: str = "_http._tcp", interface: str = "eth0") -> Signal:
    """Make the end of a record."""
    return signal("mdns.expired", at, "", interface, type=kind, instance=instance)


def seen(at: float, peer: str, mac: str, *, state: str = "reachable", interface: str = "eth0") -> Signal:
    """Make a row of the neighbour table."""
    return signal("neighbour.seen", at, peer, interface, mac=mac, state=state)


def started(at: float) -> Signal:
    """Make the beginning of a scan."""
    return signal("scan.started", at, "", "", interfaces=("eth0 192.168.1.2 192.168.1.0/24",), passive=False)
