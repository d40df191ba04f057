"""How far a check may go: one rule, and its reason as a sentence.

Level 0 sends nothing to the device. Level 1 knocks (one byte over UDP) or, for ESPHome, connects and hangs up.
Level 2 begins the handshake and stops before anything happens on the device. Higher levels, which reach the
sketch's callbacks, are not part of this release. What each does to a device was measured on real firmware
(esp8266/Arduino, arduino-esp32 and arduino-pico libraries/ArduinoOTA; esphome components/esphome/ota).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from discover.model.device import Password

MAX_LEVEL: Final = 3

SAFE_ESPHOME: Final = (2025, 9, 0)
"""First ESPHome that does nothing but log when somebody connects (esphome pull requests 10152 and 10401)."""

_VERSION: Final = re.compile(r"(\d{4})\.(\d{1,2})(?:\.(\d{1,3}))?(.*)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The level that is allowed and why; ``refused`` says why what was asked for is not, ``remedy`` what would allow more."""

    level: int
    reason: str
    refused: str = ""
    remedy: str = ""


def esphome_is_safe(version: str) -> bool:
    """Tell whether an ESPHome of this version takes a connection without side effects. Unknown and pre-release 2025.9.0 are not."""
    found = _VERSION.fullmatch(version.strip())
    if found is None:
        return False
    number = (int(found[1]), int(found[2]), int(found[3] or 0))
    return number > SAFE_ESPHOME or (number == SAFE_ESPHOME and not found[4])


def allowed_level(
    kind: str,
    *,
    transport: str = "udp",
    password: Password = Password.UNKNOWN,
    version: str = "",
    asked: int | None = None,
    consent: bool = False,
) -> Allowance:
    """Return the level a check may climb to (0..2) and why.

    ``kind`` is "arduino", "esphome", "unknown" or another OTA kind; ``password`` what the device announced,
    ``version`` the ESPHome version it announced, ``asked`` the level the user wants (None: as far as nothing
    happens on the device) and ``consent`` whether the user accepted what the sentence in ``refused`` warns of.
    """
    if kind == "arduino":
        free = _tcp_uploader() if transport == "tcp" else _arduino(password, consent=consent, asked=asked)
    elif kind == "esphome":
        free = _esphome(version, consent=consent, asked=asked)
    elif kind == "unknown":
        free = Allowance(
            level=1,
            reason="Nothing is known of the device, so the check stops after the one-byte knock on ArduinoOTA's ports.",
            refused="A handshake needs to know which service it talks to.",
            remedy="Run a scan first, so that the device's announcement is known, or name the kind and the port.",
        )
    else:
        free = Allowance(
            level=0,
            reason="It has no OTA listener to be asked.",
            refused="There is no OTA listener that a handshake could be tried on.",
        )
    if asked is None or asked >= free.level:
        refused = asked is not None and asked > free.level
        return Allowance(level=free.level, reason=free.reason, refused=free.refused if refused else "", remedy=free.remedy)
    return Allowance(level=max(asked, 0), reason=f"Level {max(asked, 0)} was asked for.")


def _arduino(password: Password, *, consent: bool, asked: int | None) -> Allowance:
    if password is Password.YES:
        return Allowance(
            level=2,
            reason="The device announces a password, so it meets an invitation of size 0 with a challenge and runs nothing of the sketch.",
        )
    if consent and asked is not None and asked >= 2:
        return Allowance(
            level=2,
            reason="You asked for the handshake and accepted that a sketch without password gets its onError callback called.",
        )
    said = "announces that it has no password" if password is Password.NO else "does not say whether it has a password"
    return Allowance(
        level=1,
        reason=f"The device {said}; without one even an invitation of size 0 calls the sketch's onError, so the check stops at the knock.",
        refused=(
            "Without a password the handshake calls the sketch's onError callback; some sketches restart there, "
            "and on a Pico W it mounts the file system."
        ),
        remedy="Where a restart of the device would do no harm: `--level 2 --yes`.",
    )


def _tcp_uploader() -> Allowance:
    # JAndrassy/ArduinoOTA src/WiFiOTA.cpp pollServer calls onStart first thing on any connection.
    return Allowance(
        level=0,
        reason="This uploader listens on TCP and calls the sketch's onStart callback on any connection, so nothing is sent to it.",
        refused="Any connection to this uploader calls the sketch's onStart callback, which may stop what the device is doing.",
        remedy="Upload with the Arduino IDE to find out; there is no harmless question.",
    )


def _esphome(version: str, *, consent: bool, asked: int | None) -> Allowance:
    if esphome_is_safe(version):
        return Allowance(
            level=2,
            reason=f"ESPHome {version} only writes two lines to its log when the handshake is begun and dropped before the features byte.",
        )
    if consent and asked is not None and asked >= 2:
        return Allowance(
            level=2,
            reason="You asked for the handshake and accepted that an old ESPHome takes it for the start of an update.",
        )
    said = f"ESPHome {version} is older than 2025.9.0" if _VERSION.fullmatch(version.strip()) else "Its ESPHome version is not known"
    return Allowance(
        level=0,
        reason=f"{said}; before 2025.9.0 any connection counts as the start of an update, and a silent one can end in a watchdog reset.",
        refused="An ESPHome before 2025.9.0 runs its on_begin and on_error automations on any connection, and may restart.",
        remedy="Where a restart of the device would do no harm: `--level 2 --yes`.",
    )
