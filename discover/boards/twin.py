"""The network twin of a board: the device of the inventory that has one of the MACs its chip makes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from discover.boards.board import Twin
from discover.model.device import Device
from discover.proto.mac import canonical_mac
from discover.proto.mac_faces import Face, face_of

_ORDER = {"certain": 0, "likely": 1, "possible": 2}


def twins_of(mac: str, chip: str, devices: Iterable[Device]) -> tuple[Twin, ...]:
    """Return the devices that are, or may be, the board with this base MAC, the surest first.

    ``chip`` is its family ("ESP32-S3"), "" where it is not known. The same MAC is certain. A derived one is likely:
    Espressif gives a chip four addresses in a row, so that nobody else's begins among them, but a firmware may be
    configured otherwise. A local variant is possible: other makers set that bit, too.
    """
    found = [twin for device in devices for twin in _twin(mac, chip, device)]
    return tuple(sorted(found, key=lambda twin: (_ORDER[twin.sure], -twin.last_seen, twin.id)))


def _twin(mac: str, chip: str, device: Device) -> Iterator[Twin]:
    macs = dict.fromkeys([device.mac, *(canonical_mac(one.value) for one in device.evidence if one.claim == "mac")])
    hits = [hit for hit in (face_of(one, mac, chip) for one in macs if one) if hit is not None]
    if not hits:
        return
    best = min(hits, key=lambda hit: (hit.mac != mac, int(hit.mac[:2], 16) & 2))
    sure = "certain" if best.mac == mac else "possible" if int(best.mac[:2], 16) & 2 else "likely"
    yield Twin(
        id=device.id,
        title=device.title,
        address=device.addresses[0] if device.addresses else "",
        mac=best.mac,
        face=best.face.value,
        rule=best.rule,
        sure=sure,
        last_seen=device.presence.last_seen,
    )


FACES = {
    Face.STATION: "Wi-Fi station",
    Face.SOFTAP: "Wi-Fi access point (softAP)",
    Face.BLUETOOTH: "Bluetooth",
    Face.ETHERNET: "Ethernet",
}
"""What people call the interfaces."""
