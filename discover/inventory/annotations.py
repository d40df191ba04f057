"""Annotations: what the user says of a device. They live in the store and are laid over snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from discover.model.device import Device
from discover.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Label, notes (oldest first) and tags (sorted) of one device."""

    label: str = ""
    notes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """True where anything is said."""
        return bool(self.label or self.notes or self.tags)

    def joined(self, other: Annotation) -> Annotation:
        """Return both together, when two devices turn out to be one: the own label wins, the other becomes a note."""
        notes = [*self.notes, *(note for note in other.notes if note not in self.notes)]
        if other.label and self.label and other.label != self.label and other.label not in notes:
            notes.append(other.label)
        return Annotation(label=self.label or other.label, notes=tuple(notes), tags=tuple(sorted({*self.tags, *other.tags})))


def annotate(snapshot: Snapshot, annotations: Mapping[str, Annotation]) -> Snapshot:
    """Return the snapshot with label, notes and tags of each device as in ``annotations`` (by device id)."""
    if not annotations:
        return snapshot
    devices = tuple(annotated(device, annotation) if (annotation := annotations.get(device.id)) else device for device in snapshot.devices)
    return replace(snapshot, devices=devices)


def annotated(device: Device, annotation: Annotation) -> Device:
    """Return the device with label, notes and tags of ``annotation``."""
    return replace(device, label=annotation.label, notes=annotation.notes, tags=annotation.tags)
