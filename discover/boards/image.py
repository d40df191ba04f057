"""One Espressif image as a value: where it lies and where it breaks off (ours), what it holds (esptool's reader)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from discover.boards import esptool_api
from discover.boards.esptool_api import Chip, LoadedImage
from discover.model.firmware import Digest, FileKind, Image, Problem, Segment, Trouble
from discover.proto import espimage
from discover.proto.espimage import Outline
from discover.proto.malformed import Malformed

_MODES: Final = {0: "qio", 1: "qout", 2: "dio", 3: "dout"}
_FLASH_MAPPED: Final = frozenset({"IROM", "DROM"})
ESP8266: Final = "ESP8266"
_CRC: Final = 4
_NO_REVISION: Final = 0xFFFF
"""What ESP-IDF writes as the highest revision where a build sets none."""


def read_image(data: bytes, offset: int = 0) -> tuple[Image | None, tuple[Problem, ...]]:
    """Read the image that begins at ``offset``: what is known of it, and what is wrong. None where its header tells nothing."""
    skeleton = espimage.outline(data, offset)
    chip = _chip(skeleton, data, offset)
    if chip is None:
        if skeleton.problem:
            return None, (skeleton.problem,)
        known = ", ".join(one.name for one in esptool_api.chips() if one.image_id is not None)
        text = f"the header names chip {skeleton.chip_id}, which the installed esptool does not know (it knows {known})"
        return None, (Problem(Trouble.UNKNOWN_CHIP, text, offset + 12),)
    if skeleton.problem:
        return _damaged(data, offset, skeleton, chip), (skeleton.problem,)
    loaded = esptool_api.load_image(data[offset : offset + skeleton.end], chip.key)
    if isinstance(loaded, Malformed):
        problem = Problem(Trouble.BAD_HEADER, f"esptool cannot read it: {loaded.reason}", offset)
        return _damaged(data, offset, skeleton, chip), (problem,)
    return _whole(data, offset, skeleton, chip, loaded)


def _chip(skeleton: Outline, data: bytes, offset: int) -> Chip | None:
    if len(data) < offset + espimage.HEADER or skeleton.magic not in (espimage.MAGIC, espimage.MAGIC_V2):
        return None
    if espimage.is_esp8266(data, offset):
        return esptool_api.chip("esp8266")
    return next((one for one in esptool_api.chips() if one.image_id is not None and one.image_id == skeleton.chip_id), None)


def _damaged(data: bytes, offset: int, skeleton: Outline, chip: Chip) -> Image:
    """Return what the header and the first segments of a damaged image still tell."""
    first = skeleton.segments[0].offset if skeleton.segments else espimage.HEADER + espimage.EXTENDED + espimage.SEGMENT_HEADER
    app = espimage.app_description(data[offset + first : offset + first + 256]) if chip.image_id is not None else None
    return Image(
        offset=offset,
        length=skeleton.end,
        chip=chip.name,
        kind=FileKind.APP if app else FileKind.IMAGE,
        entry=skeleton.entry,
        flash_mode=_mode(data[offset + 2]),
        flash_size=chip.flash_sizes.get(data[offset + 3] & 0xF0, ""),
        flash_frequency=chip.flash_frequencies.get(data[offset + 3] & 0x0F, ""),
        segments=tuple(Segment(address=one.address, offset=offset + one.offset, length=one.length) for one in skeleton.segments),
        app=app,
    )


def _whole(data: bytes, offset: int, skeleton: Outline, chip: Chip, loaded: LoadedImage) -> tuple[Image, tuple[Problem, ...]]:
    """Return a complete image, and which of its checksums do not hold."""
    checksum, sha256 = _checksum(loaded), _sha256(loaded)
    crc = _crc(data, offset, skeleton)
    app = next((found for one in loaded.segments if "DROM" in one.memory and (found := espimage.app_description(one.data))), None)
    bootloader = None
    if app is None:
        described = (espimage.bootloader_description(one.data) for one in loaded.segments if "DRAM" in one.memory)
        bootloader = next((one for one in described if one), None)
    image = Image(
        offset=offset,
        length=skeleton.end + (_CRC if crc else 0),
        chip=chip.name,
        kind=FileKind.APP if app else _kind(loaded, chip),
        version=loaded.version,
        entry=loaded.entry,
        flash_mode=_mode(loaded.flash_mode),
        flash_size=chip.flash_sizes.get(loaded.flash_size_frequency & 0xF0, ""),
        flash_frequency=chip.flash_frequencies.get(loaded.flash_size_frequency & 0x0F, ""),
        min_revision=loaded.min_revision,
        max_revision=0 if loaded.max_revision == _NO_REVISION else loaded.max_revision,
        segments=tuple(
            Segment(address=one.address, offset=offset + place.offset, length=place.length, memory=one.memory)
            for one, place in zip(loaded.segments, skeleton.segments, strict=True)
        ),
        checksum=checksum,
        sha256=sha256,
        crc=crc,
        app=app,
        bootloader=bootloader,
        signed=chip.image_id is not None and espimage.is_signed(data, offset + skeleton.end),
    )
    return image, tuple(_broken_checks(image, skeleton))


def _checksum(loaded: LoadedImage) -> Digest:
    computed = espimage.checksum(tuple(one.data for one in loaded.segments if one.in_checksum))
    return Digest(stored=f"{loaded.checksum:02x}", computed=f"{computed:02x}")


def _sha256(loaded: LoadedImage) -> Digest | None:
    return Digest(stored=loaded.digest.hex(), computed=loaded.calculated_digest.hex()) if loaded.digest else None


def _crc(data: bytes, offset: int, skeleton: Outline) -> Digest | None:
    """Return the CRC-32 behind a version 2 image; None for other images and for old tools, which append none."""
    found = data[offset + skeleton.end : offset + skeleton.end + _CRC]
    if skeleton.magic != espimage.MAGIC_V2 or len(found) < _CRC or found == b"\xff" * _CRC:
        return None
    computed = espimage.esp8266_v2_crc32(data[offset : offset + skeleton.end])
    return Digest(stored=f"{int.from_bytes(found, 'little'):08x}", computed=f"{computed:08x}")


def _broken_checks(image: Image, skeleton: Outline) -> Iterator[Problem]:
    """Yield a problem for whatever does not agree with itself, with its place in the file."""
    checksum, sha256, crc = image.checksum, image.sha256, image.crc
    # Padding has no address; and the ESP8266's header names no chip that could be the wrong one.
    placed = [one for one in image.segments if one.address and image.chip != ESP8266]
    if placed and not any(one.memory for one in placed):
        text = f"the header says {image.chip}, but none of the segments goes to memory that this chip has (0x{placed[0].address:08x} ...)"
        yield Problem(Trouble.WRONG_CHIP, text, placed[0].offset - espimage.SEGMENT_HEADER)
    if checksum and not checksum.valid:
        text = f"bad checksum: 0x{checksum.stored} is stored, but the segments give 0x{checksum.computed}"
        yield Problem(Trouble.BAD_CHECKSUM, text, image.offset + (skeleton.checksum_at or 0))
    if sha256 and not sha256.valid:
        text = f"bad hash: SHA-256 {sha256.stored} is appended, but the image gives {sha256.computed}"
        yield Problem(Trouble.BAD_HASH, text, image.offset + (skeleton.sha256_at or 0))
    if crc and not crc.valid:
        text = f"bad CRC: {crc.stored} stands behind the image, but its bytes give {crc.computed}"
        yield Problem(Trouble.BAD_CRC, text, image.offset + skeleton.end)


def _kind(loaded: LoadedImage, chip: Chip) -> FileKind:
    """Tell an app without description from a bootloader: what runs from flash is an app."""
    if chip.image_id is not None:
        mapped = any(_FLASH_MAPPED & set(one.memory) for one in loaded.segments)
        return FileKind.APP if mapped else FileKind.BOOTLOADER
    mapped = loaded.version > 1 or any(one.address in espimage.ESP8266_IROM for one in loaded.segments)
    # Without flash-mapped code it is a loader, which stays out of an app's way, or the first of an SDK app's two files.
    return FileKind.BOOTLOADER if not mapped and loaded.entry >= espimage.EBOOT_ENTRY else FileKind.APP


def _mode(code: int) -> str:
    return _MODES.get(code, f"0x{code:02x}")
