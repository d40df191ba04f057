"""Succession: which device of a later snapshot an earlier one has become.

Ids get better while we learn: an address becomes an mDNS name, a name becomes a MAC. Labels and notes must
follow, and a change of id is no disappearance. Never by the address alone, unless the facts run on without a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from discover.inventory.facts import host_name
from discover.model.device import Device

_STRENGTH: Final = {"mac": 3, "id": 2, "mdns": 1, "addr": 0}


def strength(device_id: str) -> int:
    """Return how good an id is, by the order of DESIGN section 1: a MAC is the best, an address the least."""
    return _STRENGTH.get(device_id.partition(":")[0], 0)


class Heirs:
    """The devices of one snapshot, found by what may tie an earlier device to them."""

    def __init__(self, devices: Iterable[Device]) -> None:
        """Index the devices."""
        self._found: dict[tuple[str, str], list[Device]] = {}
        for device in devices:
            for tie in ties(device):
                self._found.setdefault(tie, []).append(device)

    def sharing(self, device: Device) -> Device | None:
        """Return the device that shares most with ``device``, whatever may speak against it; None where none shares anything."""
        mine = ties(device)
        shared = {one.id: one for tie in mine for one in self._found.get(tie, ()) if one.id != device.id}
        return min(shared.values(), key=lambda one: (-len(mine & ties(one)), one.id), default=None)

    def of(self, earlier: Device) -> Device | None:
        """Return what ``earlier`` has become; None where nothing is known, or where it still is there under its own id."""
        candidates: dict[str, Device] = {}
        for tie in ties(earlier):
            for device in self._found.get(tie, ()):
                if device.id == earlier.id:
                    return None
                if _same(earlier, device):
                    candidates[device.id] = device
        # The better id first, then the one with more in common, then by name, so that the answer is always the same.
        return min(
            candidates.values(),
            key=lambda device: (-strength(device.id), -len(ties(earlier) & ties(device)), device.id),
            default=None,
        )


def successors(before: Iterable[Device], after: Iterable[Device]) -> Mapping[str, str]:
    """Return the ids of ``before`` that are gone from ``after``, each with the id it has become."""
    heirs = Heirs(after)
    found = ((device.id, heirs.of(device)) for device in before)
    return {old: heir.id for old, heir in found if heir is not None}


def ties(device: Device) -> set[tuple[str, str]]:
    """Return what a device may share with another that it was or will be."""
    found = {("address", address) for address in device.addresses}
    if device.mac:
        found.add(("mac", device.mac))
    if device.hostname:
        found.add(("host", host_name(device.hostname)))
    if device.name:
        found.add(("name", device.name.casefold()))
    return found


def _same(earlier: Device, later: Device) -> bool:
    """Tell whether two devices under different ids are one: by MAC, else by name or unbroken address on a shared interface."""
    if earlier.mac and later.mac:
        return earlier.mac == later.mac
    if earlier.interfaces and later.interfaces and not set(earlier.interfaces) & set(later.interfaces):
        return False  # names and addresses are unique on one network only
    shared = bool(set(earlier.addresses) & set(later.addresses))
    if shared and _unbroken(earlier, later):
        return True
    hosts = (host_name(earlier.hostname), host_name(later.hostname))
    if all(hosts):
        return hosts[0] == hosts[1]
    return shared and bool(earlier.name) and earlier.name.casefold() == later.name.casefold()


def _unbroken(earlier: Device, later: Device) -> bool:
    """Tell whether the later device's facts begin before the earlier one's end: they are the same facts."""
    return later.presence.first_seen <= earlier.presence.last_seen
