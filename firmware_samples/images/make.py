"""Make the firmware images in this folder: small, valid and damaged, the same bytes every time. Only the standard library is used.

    python firmware_samples/images/make.py            write what is stale
    python firmware_samples/images/make.py --check    write nothing; exit code 1 and the names of what is stale

No image here does anything: its code is zeros. The formats are those of ESP-IDF ("App image format", "Partition Tables") and of
esp8266/Arduino tools/elf2bin.py, written down a second time on purpose: nothing is shared with what reads them.
"""

from __future__ import annotations

import argparse
import hashlib
import struct
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent
SECTOR: Final = 0x1000


class Chip(NamedTuple):
    """What an image needs to know of a chip: its id in the header, an address in each kind of its memory, its code for 80 MHz."""

    number: int
    constants: int
    data: int
    code: int
    flash: int
    fast: int = 0x0F


# Ids and addresses: esptool/targets/*.py (IMAGE_CHIP_ID, MEMORY_MAP, FLASH_FREQUENCY).
CHIPS: Final[Mapping[str, Chip]] = {
    "esp32": Chip(0, 0x3F400020, 0x3FFB0000, 0x40080000, 0x400D0020),
    "esp32s2": Chip(2, 0x3F000020, 0x3FFB0000, 0x40024000, 0x40080020),
    "esp32c3": Chip(5, 0x3C000020, 0x3FC90000, 0x40380000, 0x42010020),
    "esp32s3": Chip(9, 0x3C000020, 0x3FC90000, 0x40374000, 0x42010020),
    "esp32c2": Chip(12, 0x3C000020, 0x3FCA0000, 0x40380000, 0x42010020),
    "esp32c6": Chip(13, 0x42800020, 0x40810000, 0x40800000, 0x42000020, fast=0),
    "esp32h2": Chip(16, 0x42800020, 0x40810000, 0x40800000, 0x42000020),
    "esp32p4": Chip(18, 0x40000020, 0x4FF40000, 0x4FF00000, 0x40010020),
    "esp32c61": Chip(20, 0x42010020, 0x40810000, 0x40800000, 0x42000020),
    "esp32c5": Chip(23, 0x42010020, 0x40810000, 0x40800000, 0x42000020),
}

Segment = tuple[int, bytes]


def text(value: str, size: int) -> bytes:
    """Return a string in a field of ``size`` bytes, ended by NUL."""
    return value.encode().ljust(size, b"\0")[:size]


def checksum(segments: Sequence[Segment]) -> int:
    """Return the XOR over the segments' bytes, beginning with 0xEF."""
    result = 0xEF
    for _, data in segments:
        for byte in data:
            result ^= byte
    return result


def finish(head: bytes, segments: Sequence[Segment]) -> bytes:
    """Append segments, padding and the checksum, which ends a line of 16 bytes."""
    image = head + b"".join(struct.pack("<II", address, len(data)) + data for address, data in segments)
    return image + bytes(15 - len(image) % 16) + bytes((checksum(segments),))


def esp32_image(chip: Chip, segments: Sequence[Segment], *, hashed: bool = True, min_revision: int = 0) -> bytes:
    """Return an image for the ESP32 and later: DIO, 4 MB, and the fastest flash."""
    head = struct.pack("<BBBBI", 0xE9, len(segments), 2, 0x20 | chip.fast, chip.code)
    head += struct.pack("<BBBBHBHH4sB", 0xEE, 0, 0, 0, chip.number, min_revision // 100, min_revision, 0xFFFF, bytes(4), hashed)
    image = finish(head, segments)
    return image + hashlib.sha256(image).digest() if hashed else image


def app_description(project: str, version: str, idf: str = "v5.5.1") -> bytes:
    """Return an esp_app_desc_t of 256 bytes, built at a fixed time."""
    head = struct.pack("<II8x", 0xABCD5432, 0) + text(version, 32) + text(project, 32) + text("10:20:30", 16) + text("Nov 21 2026", 16)
    elf = hashlib.sha256(f"{project} {version}".encode()).digest()
    return (head + text(idf, 32) + elf + struct.pack("<HHB", 0, 99, 16)).ljust(256, b"\0")


def app(
    chip: str,
    project: str = "espied-sample",
    version: str = "1.2.3",
    strings: bytes = b"",
    *,
    hashed: bool = True,
    min_revision: int = 0,
) -> bytes:
    """Return an app with a description, and ``strings`` among its constants."""
    places = CHIPS[chip]
    constants = app_description(project, version) + strings + bytes(-len(strings) % 4)
    segments = [(places.constants, constants), (places.data, bytes(16)), (places.code, bytes(32)), (places.flash, bytes(64))]
    return esp32_image(places, segments, hashed=hashed, min_revision=min_revision)


def bootloader(chip: str) -> bytes:
    """Return a bootloader with its description (esp_bootloader_desc_t), as ESP-IDF 5.2 and later make it."""
    places = CHIPS[chip]
    described = struct.pack("<B3xI", 0x50, 1) + text("v5.5.1", 32) + text("Nov 21 2026 10:20:30", 24) + bytes(16)
    return esp32_image(places, [(places.data, described), (places.code, bytes(64))])


def partition(name: str, kind: int, subtype: int, offset: int, size: int) -> bytes:
    """Return one entry of a partition table."""
    return struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, offset, size, text(name, 16), 0)


def partition_table(entries: Sequence[bytes]) -> bytes:
    """Return a partition table with its MD5, padded as ESP-IDF pads it."""
    body = b"".join(entries)
    return (body + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(body, usedforsecurity=False).digest()).ljust(0xC00, b"\xff")


# arduino-esp32 tools/partitions/default.csv: two slots of 1.25 MB on 4 MB of flash.
DEFAULT_TABLE: Final = partition_table(
    [
        partition("nvs", 1, 0x02, 0x9000, 0x5000),
        partition("otadata", 1, 0x00, 0xE000, 0x2000),
        partition("app0", 0, 0x10, 0x10000, 0x140000),
        partition("app1", 0, 0x11, 0x150000, 0x140000),
        partition("spiffs", 1, 0x82, 0x290000, 0x160000),
        partition("coredump", 1, 0x03, 0x3F0000, 0x10000),
    ]
)


def ota_data(sequence: int = 1) -> bytes:
    """Return two sectors of OTA data that select a slot (arduino-esp32's boot_app0.bin selects the first)."""
    number = struct.pack("<I", sequence)
    entry = number + b"\xff" * 24 + struct.pack("<I", zlib.crc32(number, 0xFFFFFFFF))
    return entry.ljust(SECTOR, b"\xff") + b"\xff" * SECTOR


def merged(chip: str, first: int, *, start: int = 0) -> bytes:
    """Return a flash image from ``start`` on: the bootloader at ``first``, the table at 0x8000, OTA data, and an app at 0x10000."""
    flash = bytearray(b"\xff" * 0x10000)
    for offset, part in ((first, bootloader(chip)), (0x8000, DEFAULT_TABLE), (0xE000, ota_data())):
        flash[offset : offset + len(part)] = part
    return bytes(flash[start:]) + app(chip)


def esp8266_image(segments: Sequence[Segment], *, entry: int) -> bytes:
    """Return a version 1 image for the ESP8266: DIO, 4 MB and 40 MHz."""
    return finish(struct.pack("<BBBBI", 0xE9, len(segments), 2, 0x40, entry), segments)


def eboot() -> bytes:
    """Return what stands for the Arduino core's boot loader, which lies out of an app's way in the instruction RAM."""
    return esp8266_image([(0x4010F000, bytes(128))], entry=0x4010F29C)


def crc32_msb(data: bytes) -> int:
    """Return the CRC-32 that elf2bin.py computes: highest bit first, no final XOR; slow and plain."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if crc & 0x80000000 else crc << 1
    return crc


def arduino_8266(strings: bytes = b"") -> bytes:
    """Return an Arduino build for the ESP8266: eboot, filled up to 4096, the app, and the CRC over all of it in the app's first bytes."""
    irom = bytes(64) + strings + bytes(-len(strings) % 16)
    segments = [(0x40201010, irom), (0x40100000, bytes(64)), (0x3FFE8000, bytes(32))]
    file = bytearray(eboot().ljust(SECTOR, b"\xaa") + esp8266_image(segments, entry=0x40100010))
    file[SECTOR + 16 : SECTOR + 24] = struct.pack("<II", len(file), crc32_msb(bytes(file)))
    return bytes(file)


def esp8266_v2() -> bytes:
    """Return a version 2 image: its flash-mapped part first, a version 1 image behind, and a CRC-32."""
    irom = bytes(48)
    first = struct.pack("<BBBBI", 0xEA, 4, 2, 0x40, 0x40100010) + struct.pack("<II", 0, len(irom)) + irom
    segments = [(0x40100000, bytes(32)), (0x3FFE8000, bytes(16))]
    second = struct.pack("<BBBBI", 0xE9, len(segments), 2, 0x40, 0x40100010)
    second += b"".join(struct.pack("<II", address, len(data)) + data for address, data in segments)
    image = first + second
    image += bytes(15 - len(image) % 16) + bytes((checksum(segments),))
    crc = zlib.crc32(image)
    return image + struct.pack("<I", crc ^ 0xFFFFFFFF if crc & 0x80000000 else crc + 1)


def gzipped(data: bytes) -> bytes:
    """Return a gzip file with one stored block: compressors differ from one machine to the next, and this has no choice to make."""
    block = struct.pack("<BHH", 1, len(data), len(data) ^ 0xFFFF) + data
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block + struct.pack("<II", zlib.crc32(data), len(data))


def uf2(data: bytes, family: int) -> bytes:
    """Return a UF2 file of one block."""
    head = struct.pack("<IIIIIIII", 0x0A324655, 0x9E5D5157, 0x2000, 0x1000, len(data), 0, 1, family)
    return head + data.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)


def rp2040() -> bytes:
    """Return what the RP2040's boot ROM takes for an image: 252 bytes of boot2 and their CRC, and something behind."""
    boot2 = noise(256)[:252]
    return boot2 + struct.pack("<I", crc32_msb(boot2)) + bytes(64)


def noise(size: int) -> bytes:
    """Return bytes without any pattern, the same every time."""
    return b"".join(hashlib.sha256(bytes((number,))).digest() for number in range(size // 32))


def wled_description(version: str, release: str) -> bytes:
    """Return what WLED writes of its build into the constants (wled00/wled_metadata.cpp)."""
    number = 5381
    for byte in release.encode():
        number = (number * 33 + byte) & 0xFFFFFFFF
    return struct.pack("<II48s48sI4x", 0x57535453, 1, version.encode(), release.encode(), number)


def changed(data: bytes, offset: int, new: bytes) -> bytes:
    """Return ``data`` with ``new`` at ``offset``."""
    return data[:offset] + new + data[offset + len(new) :]


def images() -> dict[str, bytes]:
    """Return every file of this folder that this script makes: path -> bytes."""
    plain = app("esp32")
    sketch = arduino_8266()
    good = {f"{chip}-app.bin": app(chip) for chip in CHIPS}
    good |= {
        "esp32-bootloader.bin": bootloader("esp32"),
        "esp32-unhashed.bin": app("esp32", hashed=False),
        "esp32c3-needs-v0.3.bin": app("esp32c3", min_revision=3),
        "esp32-arduino.bin": app("esp32", "arduino-lib-builder", "esp-idf: v5.5.1 1234567890"),
        "esp32-esphome.bin": app("esp32", "kitchen", "2026.11.0", b"[I][app:164]: ESPHome version 2026.11.0 compiled on %s\0"),
        "esp32s3-wled.bin": app("esp32s3", "arduino-lib-builder", strings=wled_description("0.16.0", "ESP32-S3_4M_qspi")),
        "esp32-micropython.bin": app("esp32", "micropython", "v1.26.0", b"MicroPython v1.26.0 on 2026-08-09; Generic ESP32 module\0"),
        "esp32-merged.bin": merged("esp32", 0x1000, start=0x1000),
        "esp32s3-merged.bin": merged("esp32s3", 0),
        "partitions.bin": DEFAULT_TABLE,
        "boot_app0.bin": ota_data(),
        "esp8266-arduino.bin": sketch,
        "esp8266-arduino.bin.gz": gzipped(sketch),
        "esp8266-esphome.bin": arduino_8266(b"ESPHome version 2026.11.0 compiled on %s\0"),
        "esp8266-tasmota.bin": arduino_8266(b"<a href='https://bit.ly/tasmota' target='_blank'>Tasmota %s by Theo Arends</a>\0"),
        "esp8266-eboot.bin": eboot(),
        "esp8266-v1.bin": esp8266_image([(0x40201010, bytes(64)), (0x40100000, bytes(32))], entry=0x40100010),
        "esp8266-v2.bin": esp8266_v2(),
        "esp32s2.uf2": uf2(app("esp32s2")[:256], 0xBFDD4EEE),
        "esp32.elf": b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 94, 1) + bytes(28),
        "esp32.hex": b":08000000E904022000000840A1\n:00000001FF\n",
        "rp2040.bin": rp2040(),
        "littlefs.bin": struct.pack("<II", 1, 0xF0000FF7) + b"littlefs" + bytes(48),
    }
    # A header for one chip, and code for another's memory.
    mixed_up = [(CHIPS["esp32c3"].constants, app_description("mixed-up", "1")), (CHIPS["esp32c3"].flash, bytes(32))]
    table = bytearray(DEFAULT_TABLE)
    table[8] ^= 1  # a partition's size is off by one byte
    damaged = {
        "empty.bin": b"",
        "random.bin": noise(1024),
        "erased.bin": b"\xff" * 1024,
        "text.bin": b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n",
        "wrong-magic.bin": changed(plain, 0, b"\xe8"),
        "truncated-header.bin": plain[:16],
        "truncated-segment-header.bin": plain[:28],
        "truncated-segment.bin": plain[:300],
        "truncated-checksum.bin": plain[:426],
        "truncated-hash.bin": plain[:-8],
        "bad-checksum.bin": changed(app("esp32", hashed=False), 400, b"\x55"),
        "bad-hash.bin": changed(plain, len(plain) - 1, bytes((plain[-1] ^ 1,))),
        "unknown-chip.bin": changed(plain, 12, b"\x77\x07"),
        "wrong-chip.bin": esp32_image(CHIPS["esp32"], mixed_up),
        "too-many-segments.bin": changed(plain, 1, b"\xc8"),
        "bad-hash-flag.bin": changed(plain, 23, b"\x07"),
        "bad-arduino-crc.bin": changed(sketch, SECTOR + 40, b"\x55"),
        "bad-v2-crc.bin": changed(esp8266_v2(), 20, b"\x55"),
        "bad-partitions.bin": bytes(table),
        "truncated.bin.gz": gzipped(sketch)[:2000],
        "archive.zip": b"PK\x03\x04" + bytes(26),
    }
    return good | {f"damaged/{name}": data for name, data in damaged.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or say which are stale."""
    parser = argparse.ArgumentParser(description="Make the firmware images of this folder.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where a file is stale")
    options = parser.parse_args(arguments)
    stale = [name for name, data in images().items() if not (HERE / name).is_file() or (HERE / name).read_bytes() != data]
    for name in stale:
        if options.check:
            print(f"{name} is stale: run python firmware_samples/images/make.py", file=sys.stderr)
        else:
            (HERE / name).parent.mkdir(exist_ok=True)
            (HERE / name).write_bytes(images()[name])
            print(f"wrote {name}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
