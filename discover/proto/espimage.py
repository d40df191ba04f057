"""Espressif's firmware image format: where its parts lie, and where it breaks off. Bytes to values, never an exception.

An image is a header (8 bytes; 24 from the ESP32 on), segments with their address and length, a checksum in the last
byte of a 16-byte line, and, from the ESP32 on, a SHA-256 where the header says so. esptool reads valid images; this
module finds them, also in the middle of a file, and says what is wrong with those that esptool refuses.

Source: ESP-IDF, "App image format" and "Bootloader image format" (API guides); esp8266/Arduino tools/elf2bin.py.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from discover.model.firmware import AppDescription, BootloaderDescription, Problem, Trouble
from discover.text import clean

MAGIC: Final = 0xE9
MAGIC_V2: Final = 0xEA
"""The ESP8266's format with a flash-mapped segment in front (SDK 1.x with its own bootloader)."""
HEADER: Final = 8
EXTENDED: Final = 16
SEGMENT_HEADER: Final = 8
MAX_SEGMENTS: Final = 16
"""What the boot loaders accept (ESP_IMAGE_MAX_SEGMENTS)."""
SHA256: Final = 32
SECTOR: Final = 4096

CHECKSUM_SEED: Final = 0xEF
APP_MAGIC: Final = 0xABCD5432
BOOTLOADER_MAGIC: Final = 0x50

ESP8266_IROM: Final = range(0x4020_0000, 0x4030_0000)
"""Where the ESP8266 sees its flash."""
_ESP8266_RAM: Final = range(0x3FFE_8000, 0x4020_0000)
EBOOT_ENTRY: Final = 0x4010_C000
"""Entries from here on are loaders that stay out of an app's way: the top 16 kB of the instruction RAM (eboot is at 0x4010f000)."""
EBOOT_ROOM: Final = 0x1000
"""elf2bin.py puts the app of an Arduino build behind eboot, at 4096."""
ARDUINO_CRC_OFFSET: Final = EBOOT_ROOM + HEADER + SEGMENT_HEADER
_CRC_FIELDS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPlace:
    """One segment; ``offset`` is where its data begins, counted from the beginning of the image, in bytes."""

    address: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The skeleton of an image; every position counts from its beginning, in bytes.

    ``chip_id`` is None where the header has none (the ESP8266). ``checksum_at`` and ``sha256_at`` are None where the image
    ends before them or has none; ``end`` is the first byte after it. ``problem`` says where it breaks off.
    """

    magic: int
    entry: int
    chip_id: int | None
    segments: tuple[SegmentPlace, ...]
    checksum_at: int | None
    sha256_at: int | None
    end: int
    problem: Problem | None = None


def is_image(data: bytes, offset: int = 0) -> bool:
    """Tell whether an image may begin at ``offset``: its magic byte, and a number of segments that a boot loader accepts."""
    return len(data) > offset + 1 and data[offset] in (MAGIC, MAGIC_V2) and 0 < data[offset + 1] <= MAX_SEGMENTS


def is_esp8266(data: bytes, offset: int = 0) -> bool:
    """Tell the ESP8266's header from the longer one: its first segment's address stands where later chips keep pin settings."""
    if data[offset : offset + 1] == bytes((MAGIC_V2,)):
        return True
    address = int.from_bytes(data[offset + HEADER : offset + HEADER + 4], "little")
    return address in _ESP8266_RAM or address in ESP8266_IROM


def outline(data: bytes, offset: int = 0) -> Outline:
    """Find the parts of the image that begins at ``offset``; where it breaks off, ``problem`` says how."""
    size = len(data) - offset
    if size < HEADER:
        return _broken(data, offset, _problem(Trouble.TRUNCATED, f"the file ends in the image header, after {max(size, 0)} bytes", offset))
    magic, count, _, _, entry = struct.unpack_from("<BBBBI", data, offset)
    if magic not in (MAGIC, MAGIC_V2):
        text = f"the first byte is 0x{magic:02x}; an image begins with 0x{MAGIC:02x}"
        return _broken(data, offset, _problem(Trouble.WRONG_MAGIC, text, offset))
    extended = not is_esp8266(data, offset)
    chip_id: int | None = None
    hashed = False
    position = HEADER
    if extended:
        if size < HEADER + EXTENDED:
            return _broken(data, offset, _problem(Trouble.TRUNCATED, f"the file ends in the image header, after {size} bytes", offset))
        chip_id = int.from_bytes(data[offset + 12 : offset + 14], "little")
        hash_flag = data[offset + 23]
        if hash_flag > 1:
            text = f"the header's hash flag is 0x{hash_flag:02x}; it is 0 or 1"
            return _broken(data, offset, _problem(Trouble.BAD_HEADER, text, offset + 23), chip_id)
        hashed = hash_flag == 1
        position += EXTENDED
    if magic == MAGIC_V2:
        count = 1
    segments: list[SegmentPlace] = []
    problem, position = _segments(data, offset, position, count, segments)
    if problem is None and magic == MAGIC_V2:
        problem, position = _second_header(data, offset, position, segments)
    checksum_at = sha256_at = None
    end = position
    if problem is None:
        checksum_at = position + 15 - position % 16
        end = checksum_at + 1
        if offset + checksum_at >= len(data):
            problem = _problem(Trouble.TRUNCATED, "the file ends before the image's checksum", len(data))
            checksum_at, end = None, size
        elif hashed:
            sha256_at, end = end, end + SHA256
            if offset + end > len(data):
                problem = _problem(Trouble.TRUNCATED, "the file ends in the image's SHA-256 hash", len(data))
                sha256_at, end = None, size
    return Outline(
        magic=magic,
        entry=entry,
        chip_id=chip_id,
        segments=tuple(segments),
        checksum_at=checksum_at,
        sha256_at=sha256_at,
        end=end,
        problem=problem,
    )


def _segments(data: bytes, offset: int, position: int, count: int, found: list[SegmentPlace]) -> tuple[Problem | None, int]:
    """Walk ``count`` segments from ``position``; the problem that stopped it, and the position it came to."""
    if not 0 < count <= MAX_SEGMENTS:
        text = f"the header counts {count} segments; an image has 1 to {MAX_SEGMENTS}"
        return _problem(Trouble.BAD_HEADER, text, offset + 1), position
    size = len(data) - offset
    for number in range(1, count + 1):
        if position + SEGMENT_HEADER > size:
            return _problem(Trouble.TRUNCATED, f"the file ends in the header of segment {number} of {count}", len(data)), size
        address, length = struct.unpack_from("<II", data, offset + position)
        position += SEGMENT_HEADER
        if position + length > size:
            text = (
                f"segment {number} of {count} (to 0x{address:08x}) should have {length} bytes, "
                f"but the file ends after {max(size - position, 0)} of them"
            )
            return _problem(Trouble.TRUNCATED, text, len(data)), size
        found.append(SegmentPlace(address=address, offset=position, length=length))
        position += length
    return None, position


def _second_header(data: bytes, offset: int, position: int, found: list[SegmentPlace]) -> tuple[Problem | None, int]:
    """Walk what follows the flash-mapped segment of a version 2 image: a header as in version 1, and its segments."""
    if offset + position + HEADER > len(data):
        return _problem(Trouble.TRUNCATED, "the file ends before the image's second header", len(data)), len(data) - offset
    if data[offset + position] != MAGIC:
        text = f"the second header begins with 0x{data[offset + position]:02x} instead of 0x{MAGIC:02x}"
        return _problem(Trouble.WRONG_MAGIC, text, offset + position), position
    return _segments(data, offset, position + HEADER, data[offset + position + 1], found)


def _broken(data: bytes, offset: int, problem: Problem, chip_id: int | None = None) -> Outline:
    entry = int.from_bytes(data[offset + 4 : offset + 8], "little")
    magic = data[offset] if offset < len(data) else 0
    return Outline(
        magic=magic,
        entry=entry,
        chip_id=chip_id,
        segments=(),
        checksum_at=None,
        sha256_at=None,
        end=max(len(data) - offset, 0),
        problem=problem,
    )


def _problem(trouble: Trouble, text: str, offset: int) -> Problem:
    return Problem(trouble, text, offset)


def is_signed(data: bytes, end: int) -> bool:
    """Tell whether a Secure Boot v2 signature block stands in the sector behind an image that ends at ``end``.

    Its magic is 0xe7, its version 2 (RSA) or 3 (ECDSA): ESP-IDF, "Secure Boot v2", signature block format.
    """
    sector = -(-end // SECTOR) * SECTOR
    return data[sector : sector + 1] == b"\xe7" and data[sector + 1 : sector + 2] in (b"\x02", b"\x03")


def checksum(parts: tuple[bytes, ...]) -> int:
    """Return the XOR over all bytes of the segments with the seed 0xEF, as the ROM computes it."""
    whole = 0
    for part in parts:
        whole ^= _folded(part)
    return CHECKSUM_SEED ^ whole


def _folded(data: bytes) -> int:
    """Return the XOR over all bytes; folding big integers in halves is a hundred times as fast as a loop over megabytes."""
    size = 1 << max(len(data) - 1, 0).bit_length()
    number = int.from_bytes(data, "little")
    while size > 1:
        size //= 2
        number = (number >> (8 * size)) ^ (number & ((1 << (8 * size)) - 1))
    return number


def app_description(data: bytes) -> AppDescription | None:
    """Read esp_app_desc_t from the beginning of an app's first data segment; None where it is not there."""
    if len(data) < 256 or int.from_bytes(data[:4], "little") != APP_MAGIC:
        return None
    secure_version, version, project, time, date, idf, elf = struct.unpack_from("<I8x32s32s16s16s32s32s", data, 4)
    low, high = struct.unpack_from("<HH", data, 176)
    return AppDescription(
        project=_text(project),
        version=_text(version),
        idf=_text(idf),
        built=f"{_text(date)} {_text(time)}".strip(),
        elf_sha256="" if not any(elf) else elf.hex(),
        secure_version=secure_version,
        # The fields are younger than the structure: erased and unset both mean that nothing is asked for.
        min_efuse_revision=0 if low == 0xFFFF else low,
        max_efuse_revision=0 if high == 0xFFFF else high,
    )


def bootloader_description(data: bytes) -> BootloaderDescription | None:
    """Read esp_bootloader_desc_t from the beginning of a bootloader's data segment; None where it is not there."""
    if len(data) < 80 or data[0] != BOOTLOADER_MAGIC:
        return None
    version, idf, built = struct.unpack_from("<I32s24s", data, 4)
    described = BootloaderDescription(version=version, idf=_text(idf), built=_text(built))
    # One byte is little to go by: the version of ESP-IDF has to look like text as well.
    return described if described.idf.isascii() and described.idf.isprintable() and described.idf else None


def _text(raw: bytes) -> str:
    return clean(raw.split(b"\0", 1)[0], 64).strip()


def arduino_crc(data: bytes) -> tuple[int, int, int] | None:
    """Return length, stored and computed CRC-32 of an Arduino build for the ESP8266 (elf2bin.py); None where it has none.

    The CRC goes over the whole file with the two fields taken as zero. Older cores leave them 0.
    """
    if len(data) < ARDUINO_CRC_OFFSET + _CRC_FIELDS:
        return None
    length, stored = struct.unpack_from("<II", data, ARDUINO_CRC_OFFSET)
    # A signature of less than a sector may follow what the CRC covers; any other number there is no length, but code.
    if not 0 <= len(data) - length < SECTOR:
        return None
    computed = crc32_mpeg2(data[:ARDUINO_CRC_OFFSET] + bytes(_CRC_FIELDS) + data[ARDUINO_CRC_OFFSET + _CRC_FIELDS : length])
    return length, stored, computed


_REVERSED: Final = bytes(int(f"{number:08b}"[::-1], 2) for number in range(256))


def crc32_mpeg2(data: bytes) -> int:
    """Return the CRC-32 with the highest bit first and no final XOR (CRC-32/MPEG-2), out of zlib's, which is its mirror image."""
    mirrored = ~zlib.crc32(data.translate(_REVERSED)) & 0xFFFF_FFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def esp8266_v2_crc32(data: bytes) -> int:
    """Return the CRC-32 that follows a version 2 image, over all bytes before it (esptool's esp8266_crc32)."""
    crc = zlib.crc32(data)
    return crc ^ 0xFFFF_FFFF if crc & 0x8000_0000 else crc + 1
