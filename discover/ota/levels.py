"""How far a check may go: one rule, and its reason as a sentence.

Level 0 sends nothing to the device. Level 1 knocks (one byte over UDP) or connects and hangs up. Level 2 begins the
handshake, or reads one page, and stops before anything happens on the device. Level 3 lets an ArduinoOTA device call
back, which runs the sketch's callbacks, and a password check runs onError: both are done only on request and with the
user's word. What each does to a device was measured on real firmware (esp8266/Arduino, arduino-esp32 and
arduino-pico libraries/ArduinoOTA; esphome components/esphome/ota).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from discover.model.device import Password

MAX_LEVEL: Final = 3

SAFE_ESPHOME: Final = (2025, 9, 0)
"""First ESPHome that does nothing but log when somebody connects (esphome pull requests 10152 and 10401)."""

CALLBACK_WARNING: Final = (
    "Level 3 makes the device believe that an upload begins: its sketch runs onStart, which may stop outputs, unmount the file system or "
    "pause what it does, and then onError, where some sketches restart it. It calls this machine by TCP and is hung up on at once. Nothing "
    "is written to its flash."
)
"""What level 3 does to an ArduinoOTA device; said before the user's word is asked for."""
TRY_WARNING: Final = (
    "A wrong password runs the sketch's onError(OTA_AUTH_ERROR) once, and the right one its onError(OTA_BEGIN_ERROR), because the update "
    "that it lets in has no size; some sketches restart there."
)
"""What a password check does to an ArduinoOTA device."""
ESPHOME_TRY_WARNING: Final = (
    "With the right password, and where there is none, the node begins to wait for an image that does not come. ESPHome 2026.10 only notes "
    "that in its log; 2026.6 and older ones flag an error for five seconds and run their on_error automations. A wrong password only "
    "leaves a line in the log."
)
"""What a password check does to an ESPHome node of 2025.9.0 or later."""

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
    secret: bool = False,
) -> Allowance:
    """Return the level a check may climb to (0..3) and why.

    ``kind`` is "arduino", "esphome", "unknown" or another OTA kind; ``password`` what the device announced,
    ``version`` the ESPHome version it announced, ``asked`` the level the user wants (None: as far as nothing
    happens on the device), ``consent`` whether the user accepted what the sentence in ``refused`` warns of, and ``secret``
    whether the device's password was given.
    """
    if kind == "arduino":
        free = _tcp_uploader() if transport == "tcp" else _arduino(password, consent=consent, asked=asked, secret=secret)
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
        remedy = free.remedy if refused or free.level < 2 else ""
        return Allowance(level=free.level, reason=free.reason, refused=free.refused if refused else "", remedy=remedy)
    return Allowance(level=max(asked, 0), reason=f"Level {max(asked, 0)} was asked for.")


def web_allowance(path: str, side_effects: str, asked: int | None) -> Allowance:
    """Return how far the check of a web server goes: 0 nothing, 1 connect, 2 read the one page."""
    if asked is not None and asked < 2:
        return Allowance(level=max(asked, 0), reason=f"Level {max(asked, 0)} was asked for.")
    refused = "A device that is updated by its web server calls nobody back." if asked is not None and asked > 2 else ""
    return Allowance(level=2, reason=f"One page is read, {path}, and nothing else. Side effects: {side_effects}", refused=refused)


def allowances(
    kind: str, *, transport: str, password: Password, version: str, asked: int | None, consent: bool, secret: bool
) -> tuple[Allowance, Allowance | None]:
    """Return how far a check goes, and whether the password that was given (``secret``) is tried: None where none was.

    All but ``secret`` as in :func:`allowed_level`. To try a password is to ask for level 2.
    """
    if not secret:
        return allowed_level(kind, transport=transport, password=password, version=version, asked=asked, consent=consent), None
    trial = password_allowance(kind, transport=transport, password=password, version=version, consent=consent)
    if asked is not None and asked < trial.level:
        trial = Allowance(level=0, reason="", refused=f"A password is tried at level 2, and level {asked} was asked for.")
    asked = max(asked or 0, trial.level) if trial.level else asked
    tried = trial.level > 0
    return allowed_level(kind, transport=transport, password=password, version=version, asked=asked, consent=consent, secret=tried), trial


def password_allowance(kind: str, *, transport: str, password: Password, version: str = "", consent: bool) -> Allowance:
    """Return level 2 where a password that was given may be tried on the device, else 0 with the warning in ``refused``."""
    if kind not in ("arduino", "esphome") or (kind == "arduino" and transport == "tcp"):
        return Allowance(level=0, reason="", refused="There is no harmless way to try a password on this kind of update.")
    if kind == "arduino" and password is Password.NO:
        return Allowance(level=0, reason="", refused="The device announces that it has no password, so none was tried.")
    warning = TRY_WARNING if kind == "arduino" else ESPHOME_TRY_WARNING
    if kind == "esphome" and not esphome_is_safe(version):
        warning = "An ESPHome before 2025.9.0 runs its on_begin and on_error automations on any connection, and may restart."
    if not consent:
        return Allowance(
            level=0, reason="", refused=f"The password was not tried. {warning}", remedy="Where that would do no harm: `--yes`."
        )
    return Allowance(level=2, reason=f"You asked for the password to be tried. {warning}")


def _arduino(password: Password, *, consent: bool, asked: int | None, secret: bool) -> Allowance:
    if asked is not None and asked >= 3 and consent and (password is not Password.YES or secret):
        return Allowance(level=3, reason=f"You asked for the call back and accepted what it does. {CALLBACK_WARNING}")
    without = "The device answers a call for an upload with a challenge, so level 3 needs its password. " if consent else ""
    refused = without + CALLBACK_WARNING
    remedy = "Add its password." if consent else "Where that would do no harm: `--level 3 --yes`."
    if password is Password.YES:
        return Allowance(
            level=2,
            reason="The device announces a password, so it meets an invitation of size 0 with a challenge and runs nothing of the sketch.",
            refused=refused,
            remedy=remedy,
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
        refused=refused
        if asked is not None and asked >= 3
        else (
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


_NO_CALL: Final = "An ESPHome node never calls back: the update goes over the connection from this machine, which level 2 has tried."


def _esphome(version: str, *, consent: bool, asked: int | None) -> Allowance:
    if esphome_is_safe(version):
        return Allowance(
            level=2,
            reason=f"ESPHome {version} only writes two lines to its log when the handshake is begun and dropped before the features byte.",
            refused=_NO_CALL,
        )
    if consent and asked is not None and asked >= 2:
        return Allowance(
            level=2,
            reason="You asked for the handshake and accepted that an old ESPHome takes it for the start of an update.",
            refused=_NO_CALL,
        )
    said = f"ESPHome {version} is older than 2025.9.0" if _VERSION.fullmatch(version.strip()) else "Its ESPHome version is not known"
    return Allowance(
        level=0,
        reason=f"{said}; before 2025.9.0 any connection counts as the start of an update, and a silent one can end in a watchdog reset.",
        refused="An ESPHome before 2025.9.0 runs its on_begin and on_error automations on any connection, and may restart.",
        remedy="Where a restart of the device would do no harm: `--level 2 --yes`.",
    )
