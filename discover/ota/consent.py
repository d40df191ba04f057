"""What a level would do to a device beyond what it does by itself: the words to say before the user's consent is asked for. Pure."""

from __future__ import annotations

from discover.model.device import Device
from discover.ota.levels import allowed_level
from discover.ota.target import announced


def warning(device: Device, level: int) -> str:
    """Return what the level does to this device, "" where it needs no consent (or where the device has nothing to ask)."""
    found = announced(device)
    refused = allowed_level(
        found.kind, transport=found.transport, password=found.password, version=found.version, asked=level, consent=False, secret=False
    ).refused
    return "" if found.kind not in ("arduino", "esphome") else refused
