"""All that the signals of one device say, together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from discover.atlas.catalogue import Catalogue
from discover.atlas.family import Family
from discover.atlas.vendors import vendor_of
from discover.identify.evidence import evidence_for, family_of, order
from discover.identify.listeners import listeners
from discover.identify.ranking import rank
from discover.identify.updates import expected_listener, ota_status
from discover.model.device import UNKNOWN_FAMILY, Confidence, Evidence, FamilyVerdict, Firmware, Listener, OtaStatus, PortState
from discover.model.signal import Signal
from discover.proto.mac import canonical_mac

EvidenceOf = Callable[[Signal], tuple[Evidence, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """What a device is, as far as its signals tell; texts are "" where nothing does.

    ``mac`` is the one it told, else the neighbour table's; ``vendor`` belongs to it. ``evidence`` is sorted
    by claim and weight, the losing and contradicting included.
    """

    name: str = ""
    hostname: str = ""
    mac: str = ""
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


def identify(signals: Sequence[Signal], catalogue: Catalogue, evidence_of: EvidenceOf | None = None) -> Identification:
    """Say what one device is from its newest signals. Their order does not matter; nothing but them and the catalogue is used.

    ``evidence_of`` may be a memoised :func:`evidence_for`, for callers that identify the same signals again and again.
    """
    evidence = _collected(signals, evidence_of or (lambda signal: evidence_for(signal, catalogue)))
    ranking = rank(evidence, catalogue)
    verdicts = (ranking.family, *ranking.alternatives)
    families = tuple(family for verdict in verdicts if (family := catalogue.family(verdict.id)) is not None)
    winner = families[0] if families else None
    ports = listeners(signals, winner, families[1:])
    ota = ota_status(signals, families, ports, guess=ranking.family.confidence == Confidence.POSSIBLE)
    expected = expected_listener(ota, ports, signals)
    if expected is not None:
        ports = tuple(sorted((*ports, expected)))
    chooser = _Chooser(evidence, winner, catalogue)
    mac = chooser.best("mac") or _neighbour_mac(signals)
    # A family that the evidence does not even make possible is no contradiction, only noise; a generic one is still a reason.
    shown = {verdict.id for verdict in verdicts} | {family.id for family in catalogue.families if family.generic}
    kept = [one for one in evidence if one.claim != "family" or one.value in shown]
    kept += _contradictions(signals, ports)
    return Identification(
        name=chooser.best("name"),
        hostname=chooser.best("hostname"),
        mac=mac,
        vendor=vendor_of(mac) if mac else "",
        family=ranking.family,
        alternatives=ranking.alternatives,
        kind=chooser.best("kind") or (winner.kind if winner else ""),
        model=chooser.best("model"),
        chip=chooser.best("chip"),
        firmware=chooser.firmware(),
        listeners=ports,
        ota=ota,
        evidence=tuple(sorted(kept, key=order)),
    )


class _Chooser:
    """Picks one value per claim: from the winner first, never from a family that lost to it."""

    def __init__(self, evidence: Sequence[Evidence], winner: Family | None, catalogue: Catalogue) -> None:
        # A contradicting family's word on model or firmware (a Hue bridge's, told by an imitation) is evidence, not the answer.
        trusted = {family.id for family in catalogue.families if family.generic}
        if winner is not None:
            trusted |= {winner.id, *winner.also, *(family.id for family in catalogue.families if winner.id in family.also)}
        self._winner = winner.id if winner else ""
        self._evidence = [one for one in evidence if family_of(one) in ("", *trusted)]

    def best(self, claim: str) -> str:
        found = self._first(claim)
        return found.value if found else ""

    def firmware(self) -> Firmware | None:
        name, version = self._first("firmware"), self._first("firmware_version")
        if name is not None:
            # A version belongs to the firmware of the same family, not to what else runs there.
            version = self._first("firmware_version", family_of(name))
        if name is None and version is None:
            return None
        return Firmware(name=name.value if name else "", version=version.value if version else "")

    def _first(self, claim: str, family: str | None = None) -> Evidence | None:
        found = [one for one in self._evidence if one.claim == claim and (family is None or family_of(one) == family)]
        # What the winner says of chip, model and firmware counts first; names and addresses go by weight alone.
        own = claim in ("chip", "model", "firmware", "firmware_version", "kind")
        return min(found, key=lambda one: (own and family_of(one) != self._winner, *order(one)), default=None)


def _collected(signals: Sequence[Signal], evidence_of: EvidenceOf) -> list[Evidence]:
    """Return all evidence, each claim of a rule once: what several interfaces or a repetition say again is not said twice."""
    best: dict[tuple[str, str, str], Evidence] = {}
    for signal in signals:
        for one in evidence_of(signal):
            key = (one.claim, one.value, one.rule)
            held = best.get(key)
            if held is None or (-held.weight, -held.when, held.source.value, held.why) > (
                -one.weight,
                -one.when,
                one.source.value,
                one.why,
            ):
                best[key] = one
    return sorted(best.values(), key=order)


def _neighbour_mac(signals: Sequence[Signal]) -> str:
    seen = [(signal.when, mac) for signal in signals if signal.kind == "neighbour.seen" and (mac := canonical_mac(signal.text("mac")))]
    return max(seen)[1] if seen else ""


def _contradictions(signals: Sequence[Signal], ports: Sequence[Listener]) -> list[Evidence]:
    """Say where a port is announced and yet refuses."""
    found = []
    for port in ports:
        if port.state != PortState.CLOSED:
            continue
        announced = [
            signal
            for signal in signals
            if signal.kind == "mdns.service" and signal.number("port") == port.port and _could_mean(signal, port)
        ]
        if announced:
            signal = min(announced, key=lambda one: (one.text("type").lower(), one.text("instance"), one.when))
            why = (
                f"{signal.text('type')} names port {port.port}, which has refused since: a left-over announcement, or a service that is off"
            )
            value = f"{port.port}/{port.transport} is announced and refuses"
            found.append(
                Evidence(
                    claim="warning",
                    value=value,
                    weight=60,
                    rule="identify.announced-but-closed",
                    source=signal.source,
                    when=signal.when,
                    why=why,
                )
            )
    return found


def _could_mean(signal: Signal, port: Listener) -> bool:
    # _arduino._tcp is UDP on most boards; for other types the ending says the transport.
    service = signal.text("type").lower()
    return service.endswith(f"_{port.transport}") or service.startswith("_arduino.")
