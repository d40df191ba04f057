"""What strings inside a firmware say of it: only those that the firmware's own sources put there, and only a bounded look."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from discover.model.firmware import Hint, Image
from discover.text import clean

_MAX: Final = 4

_PATTERNS: Final[tuple[tuple[str, bytes, str], ...]] = (
    # esphome/core/application.cpp, dump_config: ESP_LOGI("ESPHome version " ESPHOME_VERSION " compiled on ...")
    ("ESPHome", rb"ESPHome version (\d{4}\.\d{1,2}\.[\w.\-]{1,16})", "the log message of its start"),
    # py/mpconfig.h: MICROPY_BANNER_NAME_AND_VERSION "MicroPython " MICROPY_GIT_TAG " on " MICROPY_BUILD_DATE
    ("MicroPython", rb"MicroPython (v\d[\w.\-]{1,40}) on \d{4}-", "the banner of its prompt"),
    # The same banner, as CircuitPython's version script writes it.
    ("CircuitPython", rb"Adafruit CircuitPython (\d[\w.\-]{1,40}) on \d{4}-", "the banner of its prompt"),
    # tasmota/tasmota_xdrv_driver/xdrv_01_9_webserver.ino, HTTP_END; its version is put together only when it runs.
    ("Tasmota", rb"https?://bit\.ly/tasmota()", "the footer of its web pages"),
)

# wled00/wled_metadata.h: magic "STSW" in memory, structure version, WLED's version, the release name and its DJB2 hash.
_WLED_MAGIC: Final = (0x57535453).to_bytes(4, "little")
_WLED: Final = struct.Struct("<4sI48s48sI")


def hints(data: bytes, image: Image) -> tuple[Hint, ...]:
    """Return what the strings of an app and its description tell of the firmware; nothing where they are silent."""
    return tuple(_found(data, image))[:_MAX]


def _found(data: bytes, image: Image) -> Iterator[Hint]:
    start, end = image.offset, min(image.offset + image.length, len(data))
    for firmware, pattern, where in _PATTERNS:
        match = re.compile(pattern).search(data, start, end)
        if match:
            yield Hint(firmware=firmware, version=clean(match[1], 48), why=f"{where} is in the file at 0x{match.start():x}")
    wled = _wled(data, start, end)
    app = image.app
    if wled:
        yield wled
    if app and "arduino-lib-builder" in app.project:
        # espressif/esp32-arduino-lib-builder: its prebuilt libraries carry its own project name into every sketch.
        yield Hint(firmware="Arduino", version="", why=f'the project is called "{app.project}": a sketch built on the Arduino core')


def _wled(data: bytes, start: int, end: int) -> Hint | None:
    """Find WLED's own description of the build; the hash over the release name tells it from four chance bytes."""
    place = data.find(_WLED_MAGIC, start, end)
    for _ in range(64):
        if place < 0 or place + _WLED.size > end:
            return None
        _, _, version, release, stored = _WLED.unpack_from(data, place)
        name = release.split(b"\0", 1)[0]
        if name and _djb2(name) == stored:
            why = f'WLED\'s own description (release "{clean(name, 48)}") is in the file at 0x{place:x}'
            return Hint(firmware="WLED", version=clean(version.split(b"\0", 1)[0], 48), why=why)
        place = data.find(_WLED_MAGIC, place + 1, end)
    return None


def _djb2(text: bytes) -> int:
    number = 5381
    for byte in text:
        number = (number * 33 + byte) & 0xFFFF_FFFF
    return number
