"""Snapshot: the immutable state of all devices; Change: what differs from the last one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from discover.model.device import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanInterface:
    """One interface a scan ran on: its name, our address there and the network, as text."""

    name: str
    address: str
    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSummary:
    """What a scan did: coverage is honest, ``complete`` is False where it was cut short."""

    interfaces: tuple[ScanInterface, ...] = ()
    seconds: float = 0.0
    planned: int = 0
    tested: int = 0
    packets_sent: int = 0
    complete: bool = False
    passive: bool = False
    unanswered: int = 0
    """Tested addresses that gave no sign of life; 0 also where nobody counted (recordings and exports of 0.1)."""
    strangers: int = 0
    """Addresses that spoke to our probing sockets although nobody had asked them; nothing they said was taken."""
    proxied: int = 0
    """Addresses that answer ARP only through one MAC that does so for nearly every address (a proxy-ARP router)."""

    @property
    def untested(self) -> int:
        """Planned addresses that were not tested: nothing is known of them, least of all that nobody is there."""
        return max(0, self.planned - self.tested)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All devices at one moment (``generated``, Unix seconds), sorted by id."""

    generated: float
    scan: ScanSummary
    devices: tuple[Device, ...]

    def device(self, device_id: str) -> Device | None:
        """Return the device with that id, None where there is none."""
        return next((device for device in self.devices if device.id == device_id), None)


class ChangeKind(StrEnum):
    """What happened to a device between two snapshots."""

    APPEARED = "appeared"
    CHANGED = "changed"
    PRESENCE = "presence"
    MERGED = "merged"
    SPLIT = "split"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field's text before and after."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. ``into`` names the device that a merged one went into."""

    kind: ChangeKind
    device_id: str
    title: str
    when: float
    fields: tuple[FieldChange, ...] = ()
    into: str = ""
