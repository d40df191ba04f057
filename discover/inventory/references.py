"""References: how a person names a device of the inventory, or a stored snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from discover.errors import UsageError
from discover.inventory.facts import host_name
from discover.model.device import Device
from discover.proto.mac import canonical_mac
from discover.text import clean

_SHOWN: Final = 8
"""Candidates that an error lists."""


def matching(reference: str, devices: Sequence[Device], aliases: Mapping[str, str]) -> tuple[Device, ...]:
    """Return the devices that a reference can mean, by the first of these that fits any (all without case).

    The id or a former id; label; name; host name with or without ".local"; address; MAC in any notation; the beginning of any of them.
    """
    wanted = reference.strip().casefold()
    if not wanted:
        return ()
    mac = canonical_mac(reference)
    former = {aliases[key] for key in aliases if key.casefold() == wanted}
    tests: tuple[Callable[[Device], bool], ...] = (
        lambda device: device.id.casefold() == wanted or device.id in former,
        lambda device: device.label.casefold() == wanted,
        lambda device: device.name.casefold() == wanted,
        lambda device: bool(device.hostname) and host_name(device.hostname) == host_name(wanted),
        lambda device: wanted in device.addresses,
        lambda device: bool(mac) and device.mac == mac,
        lambda device: any(word.casefold().startswith(wanted) for word in _words(device)),
    )
    for test in tests:
        found = tuple(device for device in devices if test(device))
        if found:
            return found
    return ()


def the_one(reference: str, devices: Sequence[Device], aliases: Mapping[str, str]) -> Device:
    """Return the one device that a reference means. Raises UsageError that lists the candidates, or says where to look."""
    found = matching(reference, devices, aliases)
    if len(found) == 1:
        return found[0]
    shown = clean(reference, 80)
    if not found:
        raise UsageError(
            f"No device of the inventory is called {shown!r}.",
            "`espied inventory list` shows them; a label, name, host name, address, MAC or the beginning of one will do.",
        )
    raise UsageError(f"{shown!r} can mean {len(found)} devices: {_candidates(found)}.", "Give more of the name, or the id.")


def _words(device: Device) -> Iterable[str]:
    yield from (device.id, device.id.partition(":")[2], device.label, device.name, device.hostname, *device.addresses)


def _candidates(devices: Sequence[Device]) -> str:
    named = [f"{device.title} ({device.id})" for device in devices[:_SHOWN]]
    rest = len(devices) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")
