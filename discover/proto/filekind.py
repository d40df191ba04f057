"""What else a firmware file can be: other formats by their first bytes. Bytes to values, never an exception.

Sources: ELF specification (e_machine: Xtensa 94, RISC-V 243); Microsoft's UF2 specification; littlefs SPEC.md (superblock);
ESP-IDF components/bootloader_support/include/esp_flash_partitions.h (esp_ota_select_entry_t); RFC 1952 (gzip); RP2040 datasheet
section 2.8.1.3.1 (boot2 and its CRC) and RP2350 datasheet section 5.9.5.1 (IMAGE_DEF).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from discover.model.firmware import FileKind
from discover.proto.espimage import crc32_mpeg2

SECTOR: Final = 4096
GZIP_MAGIC: Final = b"\x1f\x8b"
_UF2_BLOCK: Final = 512
_UF2_FAMILY_PRESENT: Final = 0x2000
_MACHINES: Final = {94: "Xtensa", 243: "RISC-V", 40: "ARM", 62: "x86-64", 183: "AArch64", 3: "x86"}
_FAMILIES: Final = {0xE48BFF56: "RP2040", 0xE48BFF59: "RP2350", 0xE48BFF5A: "RP2350", 0xE48BFF5B: "RP2350"}
"""UF2 families of chips that are not Espressif's (microsoft/uf2 utils/uf2families.json)."""
_BOOT2: Final = 252
_BLOCK_START: Final = (0xFFFFDED3).to_bytes(4, "little")
_BLOCK_END: Final = (0xAB123579).to_bytes(4, "little")
_OTA_STATES: Final = {0: "new", 1: "to be verified", 2: "valid", 3: "invalid", 4: "aborted", 0xFFFF_FFFF: "undefined"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sniffed:
    """A format that is not an Espressif image: ``detail`` says more of it, ``family`` is a UF2 file's family id (0: none).

    ``chip`` is another maker's chip that the image is for.
    """

    kind: FileKind
    detail: str = ""
    family: int = 0
    chip: str = ""


def sniff(data: bytes) -> Sniffed | None:  # noqa: PLR0911 - one return a format reads best
    """Recognise ELF, UF2, Intel HEX, gzip, zip, OTA data and file systems; None for what is none of them."""
    if data[:4] == b"\x7fELF":
        return Sniffed(kind=FileKind.ELF, detail=_elf(data))
    if data[:8] == b"UF2\nWQ]\x9e":
        family = _uf2_family(data)
        return Sniffed(kind=FileKind.UF2, detail=f"{len(data) // _UF2_BLOCK} blocks", family=family, chip=_FAMILIES.get(family, ""))
    if data[:2] == GZIP_MAGIC:
        return Sniffed(kind=FileKind.GZIP)
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return Sniffed(kind=FileKind.ZIP)
    if _is_intel_hex(data):
        return Sniffed(kind=FileKind.INTEL_HEX)
    foreign = _raspberry(data)
    if foreign:
        return Sniffed(kind=FileKind.FOREIGN, chip=foreign)
    selected = _ota_data(data)
    if selected:
        return Sniffed(kind=FileKind.OTA_DATA, detail=selected)
    filesystem = _filesystem(data)
    return Sniffed(kind=FileKind.FILESYSTEM, detail=filesystem) if filesystem else None


def _elf(data: bytes) -> str:
    if len(data) < 20:
        return "cut short"
    machine = int.from_bytes(data[18:20], "big" if data[5] == 2 else "little")
    return _MACHINES.get(machine, f"machine {machine}")


def _uf2_family(data: bytes) -> int:
    flags = int.from_bytes(data[8:12], "little")
    return int.from_bytes(data[28:32], "little") if flags & _UF2_FAMILY_PRESENT else 0


def _is_intel_hex(data: bytes) -> bool:
    """Tell whether the first line is a record with its checksum: a colon, and bytes in hexadecimal whose sum is 0."""
    first = data[:600].split(b"\n", 1)[0].rstrip(b"\r")
    if first[:1] != b":" or len(first) < 11:
        return False
    try:
        record = bytes.fromhex(first[1:].decode("ascii"))
    except ValueError:
        return False
    return len(record) == record[0] + 5 and sum(record) % 256 == 0


def _raspberry(data: bytes) -> str:
    """Return which of Raspberry Pi's chips the image is for: the RP2040's boot ROM checks a CRC, the RP2350's seeks a block."""
    if len(data) >= _BOOT2 + 4 and any(data[:_BOOT2]) and int.from_bytes(data[_BOOT2 : _BOOT2 + 4], "little") == crc32_mpeg2(data[:_BOOT2]):
        return "RP2040"
    start = data.find(_BLOCK_START, 0, SECTOR)
    return "RP2350" if start >= 0 and data.find(_BLOCK_END, start, SECTOR) > start else ""


def _ota_data(data: bytes) -> str:
    chosen = ota_selection(data)
    return f"sequence {chosen[0]}, {chosen[1]}" if chosen else ""


def ota_selection(data: bytes) -> tuple[int, str] | None:
    """Return the sequence number and state that two sectors of OTA data hold; None where the bytes are no OTA data.

    With n slots, the boot loader starts slot (number - 1) mod n.
    """
    if len(data) != 2 * SECTOR:
        return None
    found = []
    for start in (0, SECTOR):
        sequence, state, crc = struct.unpack_from("<I20xII", data, start)
        if crc == zlib.crc32(data[start : start + 4], 0xFFFF_FFFF) and sequence not in (0, 0xFFFF_FFFF):
            found.append((sequence, _OTA_STATES.get(state, f"state {state}")))
    return max(found, default=None)


def _filesystem(data: bytes) -> str:
    """Return the file system whose marks the first blocks carry, "" for none."""
    # littlefs: two superblocks, one of which is the newest; its name stands behind the revision and a tag.
    if any(data[start + 8 : start + 16] == b"littlefs" for start in (0, SECTOR)):
        return "LittleFS"
    if data[510:512] == b"\x55\xaa" and (data[54:57] == b"FAT" or data[82:85] == b"FAT"):
        return "FAT"
    return "SPIFFS" if any(_spiffs(data, block) for block in (SECTOR, 2 * SECTOR)) else ""


def _spiffs(data: bytes, block: int) -> bool:
    """Tell SPIFFS by the magic at the end of each block's lookup page (pages of 256 bytes, as the Espressif cores have them).

    pellepl/spiffs src/spiffs_nucleus.h (SPIFFS_MAGIC, SPIFFS_MAGIC_PADDR): with or without the number of blocks that follow.
    """
    blocks = len(data) // block
    if blocks < 3 or len(data) % block:
        return False
    found = [int.from_bytes(data[index * block + 252 : index * block + 254], "little") for index in range(3)]
    base = (0x20140529 ^ 256) & 0xFFFF
    return found == [base ^ (blocks - index) & 0xFFFF for index in range(3)] or found == [base] * 3
