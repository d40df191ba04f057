"""What is known of one device: evidence, listeners, family, OTA, presence."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from discover.model.signal import Signal, Source


class Confidence(StrEnum):
    """How sure an identification is; the order is certain > likely > possible > unknown."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """Which way a port is used; part of every explanation."""

    LISTENS = "listens"
    DIALS_OUT = "dials-out"
    ANNOUNCES = "announces"


class PortState(StrEnum):
    """How sure a listener is (invariant 6: silence is never "open")."""

    ANSWERED = "answered"
    ANNOUNCED = "announced"
    LIKELY = "likely"
    NO_ANSWER = "no-answer"
    CLOSED = "closed"
    NOT_PROBED = "not-probed"


class PresenceState(StrEnum):
    """The word that follows from all sources together."""

    PRESENT = "present"
    ASLEEP = "asleep"
    STALE = "stale"
    GONE = "gone"


class Password(StrEnum):
    """Whether an update asks for a password."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One claim and why we believe it.

    ``claim`` is the field it speaks of ("family", "name", "mac", "vendor", "hostname", "model", "chip",
    "kind", "firmware", "firmware_version", "ota_password", "identity", "listener", "warning"), ``weight`` 1..100,
    ``rule`` the rule's id ("families/esphome#0", "identify.mac-in-hostname"), ``why`` one human sentence.
    """

    claim: str
    value: str
    weight: int
    rule: str
    source: Source
    when: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyVerdict:
    """A family and how sure: ``score`` is the combined weight, 0..100."""

    id: str
    title: str
    confidence: Confidence
    score: int


UNKNOWN_FAMILY = FamilyVerdict(id="unknown", title="Unknown device", confidence=Confidence.UNKNOWN, score=0)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Listener:
    """One port of a device: number, transport and direction, and how we know."""

    port: int
    transport: str
    direction: Direction
    state: PortState
    service: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class OtaStatus:
    """How the device can be updated, as far as is known. ``kind``: "arduino", "esphome", "http", "pull", ...

    ``verdict`` is a verdict word of ``espied check``; ``checked`` the Unix time of the last check, None
    where only the announcement speaks. ``note`` is one sentence for people.
    """

    kind: str
    port: int
    transport: str
    password: Password
    verdict: str
    checked: float | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Heard:
    """When one source last spoke of the device, and until when that word holds (Unix seconds)."""

    source: Source
    last: float
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Is it there: the word and the sources it follows from."""

    state: PresenceState
    first_seen: float
    last_seen: float
    heard: tuple[Heard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """Name and version of what runs on the device."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device as the inventory knows it. ``signals`` are the newest of each slot, for the raw view."""

    id: str
    name: str
    label: str = ""
    notes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    hostname: str = ""
    addresses: tuple[str, ...] = ()
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
    presence: Presence = field(default_factory=lambda: Presence(state=PresenceState.PRESENT, first_seen=0.0, last_seen=0.0, heard=()))
    evidence: tuple[Evidence, ...] = ()
    signals: tuple[Signal, ...] = ()

    @property
    def title(self) -> str:
        """What a person calls it: the label they gave, else the name it told, else its address."""
        return self.label or self.name or (self.addresses[0] if self.addresses else self.id)
