"""Espressif's partition table: 32-byte entries, an MD5 over them, erased flash behind. Bytes to values, never an exception.

Source: ESP-IDF, "Partition Tables" (API guide); components/partition_table/gen_esp32part.py;
components/esp_partition/include/esp_partition.h.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from typing import Final

from discover.model.firmware import Digest, Partition, PartitionTable, Problem, Trouble
from discover.proto.malformed import Malformed
from discover.text import clean

ENTRY: Final = 32
MAX_TABLE: Final = 0xC00
"""Room for entries in the table's sector (95 and the MD5); the rest is for a signature."""
SECTOR: Final = 0x1000
DEFAULT_OFFSET: Final = 0x8000
APP_ALIGNMENT: Final = 0x10000

_MAGIC: Final = b"\xaa\x50"
_MD5_MAGIC: Final = b"\xeb\xeb"
_ERASED: Final = b"\xff" * ENTRY
_ENCRYPTED: Final = 1
_READ_ONLY: Final = 2

_TYPES: Final = {0: "app", 1: "data", 2: "bootloader", 3: "partition-table"}
_SUBTYPES: Final = {
    0: {0x00: "factory", 0x20: "test", **{0x10 + slot: f"ota_{slot}" for slot in range(16)}},
    1: {
        0x00: "ota",
        0x01: "phy",
        0x02: "nvs",
        0x03: "coredump",
        0x04: "nvs_keys",
        0x05: "efuse",
        0x06: "undefined",
        0x80: "esphttpd",
        0x81: "fat",
        0x82: "spiffs",
        0x83: "littlefs",
    },
    2: {0x00: "primary", 0x01: "ota", 0x02: "recovery"},
    3: {0x00: "primary", 0x01: "ota"},
}


def looks_like_table(data: bytes, offset: int = 0) -> bool:
    """Tell whether a partition table may begin at ``offset``: the magic of its first entry."""
    return data[offset : offset + 2] == _MAGIC and offset + ENTRY <= len(data)


def decode(data: bytes, offset: int = 0) -> tuple[PartitionTable, tuple[Problem, ...]] | Malformed:
    """Read the table at ``offset`` and what is wrong with it; Malformed where there is none."""
    if not looks_like_table(data, offset):
        return Malformed("no partition table: its first entry begins with aa 50")
    partitions: list[Partition] = []
    problems: list[Problem] = []
    md5: Digest | None = None
    position = offset
    limit = min(offset + MAX_TABLE, len(data))
    while True:
        entry = data[position : position + ENTRY]
        if position + ENTRY > limit:
            if len(data) < offset + MAX_TABLE:
                problems.append(
                    Problem(Trouble.TRUNCATED, f"the partition table ends after {len(partitions)} entries without an end", position)
                )
            break
        if entry == _ERASED:
            break
        if entry[:2] == _MD5_MAGIC:
            md5 = Digest(stored=entry[16:].hex(), computed=hashlib.md5(data[offset:position], usedforsecurity=False).hexdigest())
        elif entry[:2] == _MAGIC:
            partitions.append(_partition(entry))
        else:
            text = f"entry {len(partitions) + 1} of the partition table begins with {entry[:2].hex(' ')} instead of aa 50"
            problems.append(Problem(Trouble.BAD_TABLE, text, position))
            break
        position += ENTRY
        if md5:
            break
    if md5 and not md5.valid:
        text = f"the partition table's MD5 is {md5.stored}, but its entries give {md5.computed}"
        problems.insert(0, Problem(Trouble.BAD_MD5, text, position - ENTRY + 16))
    problems += _misplaced(partitions, offset)
    return PartitionTable(offset=offset, partitions=tuple(partitions), md5=md5), tuple(problems)


def _partition(entry: bytes) -> Partition:
    kind, subtype, offset, size, name, flags = struct.unpack_from("<BBII16sI", entry, 2)
    return Partition(
        name=clean(name.split(b"\0", 1)[0], 16),
        type=_TYPES.get(kind, f"0x{kind:02x}"),
        subtype=_SUBTYPES.get(kind, {}).get(subtype, f"0x{subtype:02x}"),
        offset=offset,
        size=size,
        encrypted=bool(flags & _ENCRYPTED),
        read_only=bool(flags & _READ_ONLY),
    )


def _misplaced(partitions: list[Partition], offset: int) -> list[Problem]:
    """Return what the boot loader would refuse: partitions that overlap, apps off their alignment."""
    problems = []
    for one in partitions:
        if one.type == "app" and one.offset % APP_ALIGNMENT:
            text = f"app partition {one.name} begins at 0x{one.offset:x}, which is no multiple of 0x{APP_ALIGNMENT:x}"
            problems.append(Problem(Trouble.BAD_TABLE, text, offset))
    ordered = sorted(partitions, key=lambda one: one.offset)
    for before, after in itertools.pairwise(ordered):
        if before.offset + before.size > after.offset:
            text = f"partition {after.name} at 0x{after.offset:x} overlaps {before.name}, which ends at 0x{before.offset + before.size:x}"
            problems.append(Problem(Trouble.BAD_TABLE, text, offset))
    return problems[:8]  # a table of noise has hundreds
