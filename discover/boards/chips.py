"""Which chip a device has, as far as it told: the exact one, or only its family. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from discover.model.device import Device

ESP8266: Final = "ESP8266"
ESP32: Final = "ESP32"

_VARIANTS: Final = "s2|s3|s31|c2|c3|c5|c61|c6|h21|h2|h4|p4|e22"
_NAMED: Final = re.compile(rf"esp32[-_ ]?({_VARIANTS})(?![0-9a-z])", re.IGNORECASE)
_IN_BOARD: Final = re.compile(rf"esp32[-_]?({_VARIANTS})(?![0-9])|(?:^|32|[-_a-z])({_VARIANTS})u?(?=$|[-_])", re.IGNORECASE)
# What Espressif calls the packages of the ESP32 itself (esptool/targets/esp32.py get_chip_description).
_PACKAGE: Final = re.compile(r"esp32-(?:d0wd|d2wd|s0wd|u4wdh|pico|d0wdq)", re.IGNORECASE)
_REVISION: Final = re.compile(r"\bv(\d{1,2})\.(\d{1,2})\b|\brev(?:ision)?[. ]*(\d)\b", re.IGNORECASE)

_ESP32_BOARDS: Final = frozenset(
    """
    esp32 esp32dev esp32cam esp32-evb esp32-gateway esp32-poe esp32-poe-iso esp32-solo1 esp32doit-devkit-v1 esp32thing esp-wrover-kit
    az-delivery-devkit-v4 d1_mini32 wemos_d1_mini32 wemos_d1_uno32 doitesp32devkitv1 featheresp32 feather_esp32 firebeetle32
    heltec_wifi_kit_32 heltec_wifi_lora_32 lilygo-t-display lolin32 lolin32_lite lolin_d32 lolin_d32_pro m5stack-atom m5stack-core-esp32
    m5stack-core2 m5stick-c node32s nodemcu-32s pico32 tinypico ttgo-t-beam ttgo-lora32-v1 ttgo-lora32-v21 ttgo-t7-v13-mini32 upesy_wroom
    upesy_wrover wesp32 wt32-eth01 sparkfun_esp32s2_thing_plus_c
    """.split()  # noqa: SIM905 - forty quoted names would hide what changes among them
)
"""Boards with the ESP32 itself whose names do not say so, or say something else (esphome/components/esp32/boards.py;
arduino-esp32 variants/)."""

_SMALL_8266: Final = frozenset(
    {"d1_mini_lite", "esp01_1m", "esp07", "esp8285", "espmxdevkit", "sonoff_basic", "sonoff_s20", "sonoff_sv", "sonoff_th"}
)
"""ESP8266 boards with 1 MB of flash (esphome/components/esp8266/boards.py)."""
_LARGE_8266: Final = frozenset({"d1", "d1_mini", "d1_mini_pro", "esp07s", "esp12e", "huzzah", "nodemcu", "nodemcuv2", "wio_node"})
"""ESP8266 boards with 4 MB or more (the same table)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChip:
    """A chip as a device told it: ``name`` is Espressif's ("ESP32-S3"), or another maker's, "" where nothing is known.

    ``exact`` is False where only the family is told: ESPHome and ArduinoOTA say ESP32 of every one. ``revision`` is
    major * 100 + minor, None where it was not told; ``why`` says where this is known from.
    """

    name: str
    exact: bool
    why: str
    revision: int | None = None

    @property
    def espressif(self) -> bool:
        """True for a chip of Espressif's."""
        return self.name.startswith("ESP")


def chip_of(device: Device | None) -> DeviceChip:
    """Return what a device's announcements and answers say of its chip, the most exact of them."""
    if device is None or not (device.chip or device.model):
        return DeviceChip(name="", exact=False, why="the device does not tell its chip")
    told, board = device.chip, device.model
    said = f"the device says {told}" if told else f"its board is {board}"
    named = _NAMED.search(told)
    if named:
        return DeviceChip(name=f"ESP32-{named[1].upper()}", exact=True, why=said, revision=_revision(told))
    if told.upper().startswith((ESP8266, "ESP8285")):
        return DeviceChip(name=ESP8266, exact=True, why=said)
    if _PACKAGE.match(told):
        return DeviceChip(name=ESP32, exact=True, why=said, revision=_revision(told))
    if told and not told.upper().startswith(ESP32):
        return DeviceChip(name=told, exact=True, why=said)
    return _of_board(board, said, family=bool(told))


def _of_board(board: str, said: str, *, family: bool) -> DeviceChip:
    """Narrow "ESP32" down by the board's name."""
    variant = None if board.lower() in _ESP32_BOARDS else _IN_BOARD.search(board)
    if variant and (family or "esp32" in board.lower()):
        return DeviceChip(name=f"ESP32-{(variant[1] or variant[2]).upper()}", exact=True, why=f"its board is {board}")
    if board.lower() in _ESP32_BOARDS:
        return DeviceChip(name=ESP32, exact=True, why=f"its board is {board}")
    if family:
        return DeviceChip(name=ESP32, exact=False, why=f"{said}, which firmware says of every chip of that family")
    return DeviceChip(name="", exact=False, why="the device does not tell its chip")


def _revision(text: str) -> int | None:
    found = _REVISION.search(text)
    if not found:
        return None
    return int(found[3]) * 100 if found[3] else int(found[1]) * 100 + int(found[2])


def flash_of_8266(device: Device | None) -> int | None:
    """Return the flash size of an ESP8266 board in bytes, as far as its name tells: 1 MB, or at least 4 MB; None where not."""
    board = device.model.lower() if device else ""
    if board in _SMALL_8266:
        return 1 << 20
    return 4 << 20 if board in _LARGE_8266 else None
