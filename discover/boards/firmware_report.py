"""Firmware files as JSON: the contract espied.firmware/1 and its schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from discover import contract
from discover.boards import esptool_api
from discover.model.firmware import Digest, FileKind, FirmwareFile, Image, Partition, PartitionTable, Trouble, revision_text

SCHEMA: Final = "espied.firmware/1"


class DigestDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A checksum or hash in hexadecimal: what is stored in the file, what its bytes give, and whether they agree."""

    stored: str
    computed: str
    valid: bool


class SegmentDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One segment: load address, where its data begins in the file, its length (bytes) and the kinds of memory it goes to."""

    address: int
    offset: int
    length: int
    memory: tuple[str, ...]


class AppDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ESP-IDF wrote into the app; "" where the build left it out. ``built`` is the compiler's text, without a time zone."""

    project: str
    version: str
    idf: str
    built: str
    elf_sha256: str
    secure_version: int


class BootloaderDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ESP-IDF wrote into the bootloader."""

    version: int
    idf: str
    built: str


class ImageDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One image: ``offset`` and ``length`` in the file (bytes); revisions as "v0.3", "" where none is set."""

    offset: int
    length: int
    kind: FileKind
    chip: str
    version: int
    entry: int
    flash_mode: str
    flash_size: str
    flash_frequency: str
    min_revision: str
    max_revision: str
    segments: tuple[SegmentDocument, ...]
    checksum: DigestDocument | None
    sha256: DigestDocument | None
    crc32: DigestDocument | None
    app: AppDocument | None
    bootloader: BootloaderDocument | None
    signed: bool


class PartitionDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One partition: offset in the flash and size (bytes); unknown types and subtypes as "0x40"."""

    name: str
    type: str
    subtype: str
    offset: int
    size: int
    encrypted: bool
    read_only: bool


class TableDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A partition table: where it begins in the file, its MD5 (null where it has none) and its entries."""

    offset: int
    md5: DigestDocument | None
    partitions: tuple[PartitionDocument, ...]


class PartDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lies in one region of a merged image: ``what`` is a kind, or "data", "blank", "absent"; ``room`` 0 where nothing bounds it."""

    name: str
    what: str
    address: int
    offset: int
    room: int
    used: int


class HintDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a string in the file says of the firmware, and which."""

    firmware: str
    version: str
    why: str


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is wrong; ``offset`` is where in the file (bytes), null where that says nothing."""

    trouble: Trouble
    text: str
    offset: int | None


class FileDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file. ``md5`` is what an uploader announces; it and ``sha256`` are "" where the file was not read to the end.

    ``inner`` is what a compressed file holds.
    """

    file: str
    size: int
    kind: FileKind
    detail: str
    chip: str
    sound: bool
    md5: str
    sha256: str
    images: tuple[ImageDocument, ...]
    table: TableDocument | None
    parts: tuple[PartDocument, ...]
    hints: tuple[HintDocument, ...]
    notes: tuple[str, ...]
    problems: tuple[ProblemDocument, ...]
    inner: FileDocument | None


class FirmwareDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All files, in the order in which they were named; ``esptool`` is the version that read the images."""

    schema: Literal["espied.firmware/1"]
    esptool: str
    files: tuple[FileDocument, ...]


def render_firmware(files: Sequence[FirmwareFile]) -> bytes:
    """Return the files as UTF-8 JSON with a line end, keys in the contract's order."""
    document = FirmwareDocument(schema="espied.firmware/1", esptool=esptool_api.esptool_version(), files=tuple(map(_file, files)))
    return contract.render(document)


def firmware_schema() -> bytes:
    """Return the JSON schema of :func:`render_firmware`'s output (draft 2020-12), as it is committed under docs/schema/."""
    return contract.schema(FirmwareDocument, SCHEMA)


def _file(file: FirmwareFile) -> FileDocument:
    return FileDocument(
        file=file.name,
        size=file.size,
        kind=file.kind,
        detail=file.detail,
        chip=file.chip,
        sound=file.sound,
        md5=file.md5,
        sha256=file.sha256,
        images=tuple(map(_image, file.images)),
        table=_table(file.table) if file.table else None,
        parts=tuple(msgspec.convert(one, PartDocument, from_attributes=True) for one in file.parts),
        hints=tuple(msgspec.convert(one, HintDocument, from_attributes=True) for one in file.hints),
        notes=file.notes,
        problems=tuple(ProblemDocument(trouble=one.trouble, text=one.text, offset=one.offset) for one in file.problems),
        inner=_file(file.inner) if file.inner else None,
    )


def _image(image: Image) -> ImageDocument:
    app, bootloader = image.app, image.bootloader
    return ImageDocument(
        offset=image.offset,
        length=image.length,
        kind=image.kind,
        chip=image.chip,
        version=image.version,
        entry=image.entry,
        flash_mode=image.flash_mode,
        flash_size=image.flash_size,
        flash_frequency=image.flash_frequency,
        min_revision=revision_text(image.min_revision) if image.min_revision else "",
        max_revision=revision_text(image.max_revision) if image.max_revision else "",
        segments=tuple(msgspec.convert(one, SegmentDocument, from_attributes=True) for one in image.segments),
        checksum=_digest(image.checksum),
        sha256=_digest(image.sha256),
        crc32=_digest(image.crc),
        app=msgspec.convert(app, AppDocument, from_attributes=True) if app else None,
        bootloader=msgspec.convert(bootloader, BootloaderDocument, from_attributes=True) if bootloader else None,
        signed=image.signed,
    )


def _table(table: PartitionTable) -> TableDocument:
    return TableDocument(offset=table.offset, md5=_digest(table.md5), partitions=tuple(map(_partition, table.partitions)))


def _partition(partition: Partition) -> PartitionDocument:
    return msgspec.convert(partition, PartitionDocument, from_attributes=True)


def _digest(digest: Digest | None) -> DigestDocument | None:
    return DigestDocument(stored=digest.stored, computed=digest.computed, valid=digest.valid) if digest else None
