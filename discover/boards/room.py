"""Is there room for an image in a device's flash, as far as that can be told without asking the flash. Pure."""

from __future__ import annotations

from typing import Final

from discover.boards.chips import ESP8266, flash_of_8266
from discover.model.check import Step, StepState
from discover.model.device import Device
from discover.model.firmware import FirmwareFile, Image

_NAME: Final = "image size"
_SECTOR: Final = 4096
_MB: Final = 1 << 20

# The slots of the usual partition tables, in bytes, by flash size. They are what a build has that chose nothing else.
_ESPHOME: Final = {"2MB": 0x0C0000, "4MB": 0x1C0000, "8MB": 0x3C0000, "16MB": 0x7C0000, "32MB": 0xFC0000}
"""esphome/components/esp32/__init__.py (_get_app_partition_size; APP_PARTITION_SIZES before 2026)."""
_ARDUINO: Final = {"4MB": 0x140000, "8MB": 0x330000, "16MB": 0x640000}
"""espressif/arduino-esp32 tools/partitions/default.csv, default_8MB.csv, default_16MB.csv."""
_FIRST_APP: Final = 0x10000
"""No app slot begins earlier: bootloader and partition table lie before it, and slots are aligned to 64 kB."""

_8266_MAPPED: Final = 0xFEFF0
"""Bytes of flash that an ESP8266 sees as program memory (esp8266/Arduino tools/sdk/ld/eagle.flash.4m2m.ld, irom0_0_seg)."""
_8266_SMALL: Final = 0xFB000
"""Where on 1 MB of flash the space for sketch and update ends without a file system (eagle.flash.1m.ld: the last 20 kB are settings)."""
_8266_LARGE: Final = 0x200000
"""Where it ends on 4 MB with the usual file system of 2 MB (eagle.flash.4m2m.ld, _FS_start)."""


def room_step(file: FirmwareFile, image: Image, device: Device | None, kind: str) -> Step:
    """Compare what would be sent with the room that there usually is; the real partition table is not told over the network."""
    if image.chip == ESP8266:
        return _esp8266(file, device)
    return _esp32(file, image, esphome=_is_esphome(file, device, kind))


def _is_esphome(file: FirmwareFile, device: Device | None, kind: str) -> bool:
    runs = device.firmware.name.lower() if device and device.firmware else ""
    return kind == "esphome" or runs == "esphome" or (not runs and any(one.firmware == "ESPHome" for one in file.hints))


def _esp32(file: FirmwareFile, image: Image, *, esphome: bool) -> Step:
    who, table = ("ESPHome", _ESPHOME) if esphome else ("the Arduino core", _ARDUINO)
    slot = table.get(image.flash_size)
    size = f"{file.size:,} bytes"
    untold = "The partition table that is really in the device is not told over the network."
    if slot is None:
        flash = image.flash_size or "an unknown size"
        return Step(name=_NAME, state=StepState.SKIP, detail=f"{size}, built for {flash} of flash. {untold}")
    usual = f"the slot of {slot:,} bytes that {who} makes on {image.flash_size.replace('MB', ' MB')} of flash"
    if file.size <= slot:
        share = max(file.size * 100 // slot, 1)
        return Step(name=_NAME, state=StepState.PASS, detail=f"{size} fit into {usual} ({share} % of it). {untold}")
    fix = "Compare it with the partition scheme that the device was flashed with by cable; only a cable changes that."
    whole = int(image.flash_size.removesuffix("MB")) * _MB
    if file.size > (whole - _FIRST_APP) // 2:
        detail = f"{size} are more than half of the flash that the image was built for: there are no two slots of that size."
        return Step(name=_NAME, state=StepState.WARN, detail=detail, fix=fix)
    detail = f"{size} do not fit into {usual}; they need a scheme with larger slots. {untold}"
    return Step(name=_NAME, state=StepState.WARN, detail=detail, fix=fix)


def _esp8266(file: FirmwareFile, device: Device | None) -> Step:
    """The running sketch and the new one lie in the flash at the same time, each rounded up to 4 kB (Updater.cpp, begin)."""
    need = -(-file.size // _SECTOR) * _SECTOR
    flash = flash_of_8266(device)
    if file.size > _8266_MAPPED + _SECTOR * 32:
        detail = f"{file.size:,} bytes are more than the 1 MB of flash that an ESP8266 can run from."
        return Step(name=_NAME, state=StepState.FAIL, detail=detail, fix="Build a smaller firmware.")
    end = _8266_LARGE if flash and flash > _MB else _8266_SMALL
    where = "on 4 MB of flash" if end == _8266_LARGE else "on 1 MB of flash"
    even = "" if flash else "even "
    beside = end - need
    if need * 2 <= end:
        detail = f"{file.size:,} bytes: beside them, {beside // 1024:,} kB are left for the firmware that runs now, {even}{where}."
        return Step(name=_NAME, state=StepState.PASS, detail=detail)
    if beside < _SECTOR:
        known = StepState.FAIL if flash == _MB else StepState.WARN
        detail = f"{file.size:,} bytes do not fit beside the firmware that runs now {where}."
        return Step(name=_NAME, state=known, detail=detail, fix="Send a minimal firmware first, or flash it by cable.")
    unknown = "" if flash else " How much flash this board has is not told."
    detail = f"{file.size:,} bytes leave {beside // 1024:,} kB for the firmware that runs now {where}: both lie there at once.{unknown}"
    fix = 'If the device answers "Not Enough Space", send a minimal firmware first, then this one.'
    return Step(name=_NAME, state=StepState.WARN, detail=detail, fix=fix)
