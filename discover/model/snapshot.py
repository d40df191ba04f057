"""Snapshot: the immutable state of all devices; Change: what differs from the last one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from discover.model.device import Device
from discover.model.scan import ScanSummary


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
