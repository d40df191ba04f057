"""What differs between two snapshots. Pure; the same snapshot twice differs in nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from discover.inventory.succession import Heirs, successors
from discover.model.device import Device, Listener, PortState
from discover.model.snapshot import Change, ChangeKind, FieldChange, Snapshot

_BOUND: Final = frozenset({PortState.ANSWERED, PortState.ANNOUNCED, PortState.LIKELY, PortState.NOT_PROBED})


def _firmware(device: Device) -> str:
    return f"{device.firmware.name} {device.firmware.version}".strip() if device.firmware else ""


def _ota(device: Device) -> str:
    ota = device.ota
    return f"{ota.kind} {ota.port}/{ota.transport} {ota.verdict}, password {ota.password.value}" if ota else ""


def _ports(device: Device) -> str:
    """The ports where something is: refusals and silence come and go with every sweep and are no change of the device."""
    return ", ".join(_port(one) for one in device.listeners if one.state in _BOUND)


def _port(listener: Listener) -> str:
    return f"{listener.port}/{listener.transport} {listener.direction.value} {listener.state.value}"


FIELDS: Final[Mapping[str, Callable[[Device], str]]] = MappingProxyType(
    {
        "label": lambda device: device.label,
        "name": lambda device: device.name,
        "hostname": lambda device: device.hostname,
        "addresses": lambda device: ", ".join(device.addresses),
        "interfaces": lambda device: ", ".join(device.interfaces),
        "mac": lambda device: device.mac,
        "vendor": lambda device: device.vendor,
        "family": lambda device: f"{device.family.title} ({device.family.confidence.value})",
        "kind": lambda device: device.kind,
        "model": lambda device: device.model,
        "chip": lambda device: device.chip,
        "firmware": _firmware,
        "listeners": _ports,
        "ota": _ota,
        "notes": lambda device: "; ".join(device.notes),
        "tags": lambda device: ", ".join(device.tags),
    }
)
"""The fields that are compared, each as the text that a :class:`FieldChange` shows.

Evidence, raw signals and the times of the presence are left out: they change with every packet.
"""


def diff(before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    """Return what happened between two snapshots, by device id; a changed presence comes after the other changes.

    A device that now goes by another id is ``merged`` into that id, and the id itself does not ``appear``.
    A device whose facts were part of another one before is ``split``, with the other one's id as the field "from".
    So the ids of ``after`` are those of ``before`` without the merged and removed, with the appeared, the
    split and those that others were merged into.
    """
    old = {device.id: device for device in before.devices}
    new = {device.id: device for device in after.devices}
    if all(new.get(key) is device for key, device in old.items()) and len(old) == len(new):
        return ()
    gone = [device for key, device in old.items() if key not in new]
    came = [device for key, device in new.items() if key not in old]
    heirs = successors(gone, new.values()) if gone and new else {}
    named = set(heirs.values())
    origins = Heirs(old.values())
    changes: list[Change] = []
    for device in gone:
        into = heirs.get(device.id, "")
        kind = ChangeKind.MERGED if into else ChangeKind.REMOVED
        changes.append(Change(kind=kind, device_id=device.id, title=device.title, when=after.generated, into=into))
    for device in came:
        if device.id in named:
            continue
        # Heard before, but not under its id: what it said was part of another device.
        origin = origins.sharing(device) if device.presence.first_seen <= before.generated else None
        kind = ChangeKind.APPEARED if origin is None else ChangeKind.SPLIT
        fields = () if origin is None else (FieldChange(field="from", before="", after=heirs.get(origin.id, origin.id)),)
        changes.append(Change(kind=kind, device_id=device.id, title=device.title, when=after.generated, fields=fields))
    for key, device in new.items():
        earlier = old.get(key)
        if earlier is not None and earlier is not device:
            changes += _changes(earlier, device, after.generated)
    return tuple(sorted(changes, key=lambda change: (change.device_id, change.kind is ChangeKind.PRESENCE)))


def _changes(before: Device, after: Device, when: float) -> Iterator[Change]:
    fields = tuple(
        FieldChange(field=name, before=was, after=now) for name, words in FIELDS.items() if (was := words(before)) != (now := words(after))
    )
    if fields:
        yield Change(kind=ChangeKind.CHANGED, device_id=after.id, title=after.title, when=when, fields=fields)
    if before.presence.state is not after.presence.state:
        states = FieldChange(field="presence", before=before.presence.state.value, after=after.presence.state.value)
        yield Change(kind=ChangeKind.PRESENCE, device_id=after.id, title=after.title, when=when, fields=(states,))
