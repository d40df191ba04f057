"""A merged image: what lies at which place of the flash, and whether each app fits its slot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from discover.boards import esptool_api
from discover.boards.image import ESP8266, read_image
from discover.model.firmware import FileKind, Image, Part, Partition, PartitionTable, Problem, Trouble
from discover.proto import espimage, esppartition, filekind
from discover.proto.malformed import Malformed

_LAST_TABLE: Final = 0x20000
"""How far a partition table is looked for: its offset is 0x8000 unless a build moves it to make room for a large bootloader."""
_BLANK: Final = b"\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flash:
    """What a merged image holds: ``shift`` is the flash address of the file's first byte (merged for another place than 0)."""

    table: PartitionTable | None
    images: tuple[Image, ...]
    parts: tuple[Part, ...]
    problems: tuple[Problem, ...]
    shift: int = 0
    boots: str = ""
    """The slot that its OTA data selects, "" where it has none or selects none."""


def read_flash(data: bytes) -> Flash | None:
    """Read a merged image; None where the bytes are none: it has a partition table, several images, or blank flash in front."""
    found = _find_table(data)
    lead = _leading_image(data)
    if found is None:
        return _without_table(data, lead) if lead is not None else None
    table, problems = found
    images: list[Image] = []
    parts: list[Part] = []
    all_problems = list(problems)
    shift = 0
    if lead is not None:
        image, damage = read_image(data, lead)
        all_problems += damage
        if image:
            images.append(image)
            shift = _shift(image, lead)
            room = table.offset - lead
            parts.append(_part("bootloader", image.kind.value, (lead, shift), room, image.length))
    parts.append(_part("partition table", FileKind.PARTITION_TABLE.value, (table.offset, shift), esppartition.SECTOR, _table_size(table)))
    for partition in table.partitions:
        part, image, damage = _partition(data, partition, shift)
        parts.append(part)
        all_problems += damage
        if image:
            images.append(image)
    return Flash(
        table=table, images=tuple(images), parts=tuple(parts), problems=tuple(all_problems), shift=shift, boots=_boots(data, table, shift)
    )


def _boots(data: bytes, table: PartitionTable, shift: int) -> str:
    """Return the name of the slot that the OTA data selects."""
    place = next((one.offset - shift for one in table.partitions if (one.type, one.subtype) == ("data", "ota")), -1)
    chosen = filekind.ota_selection(data[place : place + 2 * esppartition.SECTOR]) if place >= 0 else None
    slots = [one.name for one in table.partitions if one.takes_updates]
    return slots[(chosen[0] - 1) % len(slots)] if chosen and slots else ""


def _find_table(data: bytes) -> tuple[PartitionTable, tuple[Problem, ...]] | None:
    """Find the first believable table at a sector's beginning: one with an MD5, or with entries and an end."""
    for offset in range(esppartition.SECTOR, min(len(data), _LAST_TABLE), esppartition.SECTOR):
        if not esppartition.looks_like_table(data, offset):
            continue
        decoded = esppartition.decode(data, offset)
        if isinstance(decoded, Malformed):
            continue
        table, problems = decoded
        if table.partitions and (table.md5 or not any(one.trouble is Trouble.BAD_TABLE for one in problems)):
            return table, problems
    return None


def _leading_image(data: bytes) -> int | None:
    """Return where the first image begins: at 0, or at the first sector behind blank flash; None where other bytes come first."""
    for offset in range(0, min(len(data), 4 * esppartition.SECTOR), esppartition.SECTOR):
        if espimage.is_image(data, offset):
            return offset
        if not _blank(data[offset : offset + esppartition.SECTOR]):
            return None
    return None


def _without_table(data: bytes, lead: int) -> Flash | None:
    """Return images that no table tells of, behind blank flash or behind each other, as Arduino builds for the ESP8266 have."""
    first, problems = read_image(data, lead)
    if first is None or (lead == 0 and _second(data, first) is None):
        return None
    second = _second(data, first)
    if second == espimage.EBOOT_ROOM and first.chip == ESP8266:
        # Nothing but a boot loader lies in the first sector with an app behind it, wherever it runs.
        first = replace(first, kind=FileKind.BOOTLOADER)
    images = [first]
    parts = [_part("image", first.kind.value, (lead, 0), 0, first.length)]
    if second is not None:
        image, damage = read_image(data, second)
        problems += damage
        if image:
            images.append(image)
            parts.append(_part("image", image.kind.value, (second, 0), 0, image.length))
    return Flash(table=None, images=tuple(images), parts=tuple(parts), problems=problems)


def _second(data: bytes, first: Image) -> int | None:
    """Return where an image follows the first in the next sector; None where none does."""
    offset = -(-(first.offset + first.length) // espimage.SECTOR) * espimage.SECTOR
    follows = espimage.is_image(data, offset) and espimage.is_esp8266(data, offset) == (first.chip == ESP8266)
    return offset if follows else None


def _shift(image: Image, lead: int) -> int:
    """Return the flash address of the file's first byte: an image merged from the bootloader's place on begins with the bootloader."""
    chip = next((one for one in esptool_api.chips() if one.name == image.chip), None)
    return chip.bootloader_offset if chip and lead == 0 and image.kind is not FileKind.APP else 0


def _partition(data: bytes, partition: Partition, shift: int) -> tuple[Part, Image | None, tuple[Problem, ...]]:
    """Return what lies in one partition, and what is wrong with it."""
    offset = partition.offset - shift
    content = data[offset : offset + partition.size] if 0 <= offset < len(data) else b""
    if not content:
        return _part(partition.name, "absent", (offset, shift), partition.size, 0), None, ()
    if _blank(content):
        return _part(partition.name, "blank", (offset, shift), partition.size, 0), None, ()
    if partition.type != "app":
        sniffed = filekind.sniff(content)
        what = sniffed.kind.value if sniffed else "data"
        return _part(partition.name, what, (offset, shift), partition.size, len(content.rstrip(_BLANK))), None, ()
    if not espimage.is_image(data, offset):
        text = f"app partition {partition.name} begins with 0x{data[offset]:02x} instead of 0x{espimage.MAGIC:02x}"
        problem = Problem(Trouble.WRONG_MAGIC, text, offset)
        return _part(partition.name, "data", (offset, shift), partition.size, len(content)), None, (problem,)
    image, problems = read_image(data, offset)
    if image and image.length > partition.size:
        text = f"the app at 0x{offset:x} has {image.length} bytes, but its slot {partition.name} only {partition.size}"
        problems += (Problem(Trouble.TOO_LARGE_FOR_SLOT, text, offset),)
    what = image.kind.value if image else "data"
    return _part(partition.name, what, (offset, shift), partition.size, image.length if image else 0), image, problems


def _part(name: str, what: str, place: tuple[int, int], room: int, used: int) -> Part:
    """Return a part at ``place``: its offset in the file, and the flash address of the file's first byte."""
    offset, shift = place
    return Part(name=name, what=what, address=offset + shift, offset=offset, room=room, used=used)


def _table_size(table: PartitionTable) -> int:
    return (len(table.partitions) + bool(table.md5)) * esppartition.ENTRY


def _blank(data: bytes) -> bool:
    return not data.strip(_BLANK)
