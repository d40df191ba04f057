"""Which devices take firmware without a password: what they say of it themselves, and honestly "it does not say" where they do not. Pure.

Everything here comes from what is stored: announcements, and checks that were run before. Nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from discover.model.device import Device, Direction, OtaStatus, Password, PortState


class Openness(StrEnum):
    """What a device says of a password for updates."""

    OPEN = "open"
    """It says that it has none: whoever is in the network can replace its firmware."""
    LOCKED = "locked"
    """It says that it has one."""
    UNSAID = "unsaid"
    """It can be updated and does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What one device says: ``why`` in a sentence, and whether a check found it (``checked``: Unix seconds) or its own announcement."""

    device: Device
    openness: Openness
    why: str
    checked: float | None = None


_SAYS: Final = {Password.NO: Openness.OPEN, Password.YES: Openness.LOCKED, Password.UNKNOWN: Openness.UNSAID}
_HEARD: Final = frozenset({PortState.ANSWERED, PortState.ANNOUNCED, PortState.LIKELY})

CHECKED_RULE: Final = "identify.ota-checked"
"""The rule of evidence that a check found (discover.identify.evidence)."""

_UNSAID: Final = {
    "esphome": "ESPHome announces nothing about the password of its update port; an encrypted API says nothing of it either.",
    "arduino": "Nothing that it announced speaks of a password.",
    "http": "It is updated on its web page, and whether that asks for a password is not announced.",
    "pull": "It fetches its firmware itself; whether its web page asks for a password before it is told to is not announced.",
}
_BY_FAMILY: Final = {
    "wled": "WLED takes a file on its page /update unless its owner set the OTA lock or a PIN, and announces neither.",
    "tasmota": "Tasmota takes a file on its web page unless its owner set WebPassword, and does not announce that.",
    "elegantota": "ElegantOTA's page asks for a name and a password only where its sketch sets them, and announces neither.",
    "openhasp": "openHASP takes a file on its web page unless its owner set a password there, and does not announce that.",
    "shelly-gen1": "A Shelly updates itself when its page or the app says so; whether a login is set is not announced.",
    "shelly-gen2": "A Shelly updates itself when its page or the app says so; whether a login is set is not announced.",
}
_WEBREPL: Final = (
    "WebREPL takes files, and asks for a password that is chosen when it is set up; it does not announce whether that is a good one."
)


def openness(device: Device) -> Openness | None:
    """Return what the device says of a password for updates; None where no way to update it over the network is known."""
    ota = device.ota
    if ota is None or ota.kind == "none":
        return Openness.UNSAID if _webrepl(device) else None
    return _SAYS[ota.password]


def word_of(device: Device) -> Word | None:
    """Return what the device says, and why we say so; None where no way to update it over the network is known."""
    says, ota = openness(device), device.ota
    if says is None:
        return None
    if ota is None or ota.kind == "none":
        return Word(device=device, openness=says, why=_WEBREPL)
    if says is Openness.UNSAID:
        return Word(device=device, openness=says, why=_unsaid(device, ota))
    return Word(device=device, openness=says, why=_SAID[says](device, ota), checked=ota.checked)


def words_of(devices: Iterable[Device]) -> tuple[Word, ...]:
    """Return a word for every device that can be updated, in the order given."""
    return tuple(word for device in devices if (word := word_of(device)) is not None)


def _unsaid(device: Device, ota: OtaStatus) -> str:
    return _BY_FAMILY.get(device.family.id) or _UNSAID.get(ota.kind, "It does not announce whether its update asks for a password.")


def _opened(device: Device, ota: OtaStatus) -> str:
    shut = " But its port refused when it was last asked." if ota.verdict == "closed" else ""
    return f"It takes firmware on {ota.port}/{ota.transport} without a password: {_how(device, ota)}.{shut}"


def _locked(device: Device, ota: OtaStatus) -> str:
    return f"It asks for a password on {ota.port}/{ota.transport}: {_how(device, ota)}."


_SAID: Final[dict[Openness, Callable[[Device, OtaStatus], str]]] = {Openness.OPEN: _opened, Openness.LOCKED: _locked}


def _how(device: Device, ota: OtaStatus) -> str:
    """Return how we know: its own announcement where there is one, else an answer to a check."""
    rules = {one.rule for one in device.evidence if one.claim == "ota_password" and one.value == ota.password.value}
    if ota.checked is not None and rules <= {CHECKED_RULE}:
        return "that was its answer to a check"
    return f"auth_upload={ota.password.value} in its announcement" if ota.kind == "arduino" else "that is what it announces"


def _webrepl(device: Device) -> bool:
    return device.family.id == "micropython-webrepl" and any(
        (one.port, one.transport, one.direction) == (8266, "tcp", Direction.LISTENS) and one.state in _HEARD for one in device.listeners
    )
