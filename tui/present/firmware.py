"""A firmware file as lines: what it is, what is in it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from discover.model.firmware import Digest, FileKind, FirmwareFile, Image, Part, Partition, PartitionTable, Problem, revision_text
from tui.present import words
from tui.present.lines import BLANK, Line, line

KINDS: Final = {
    FileKind.APP: "app",
    FileKind.BOOTLOADER: "bootloader",
    FileKind.IMAGE: "image",
    FileKind.PARTITION_TABLE: "partition table",
    FileKind.OTA_DATA: "OTA data",
    FileKind.MERGED: "merged flash image",
    FileKind.FILESYSTEM: "file system image",
    FileKind.FOREIGN: "image",
    FileKind.GZIP: "gzip file",
    FileKind.ELF: "ELF file",
    FileKind.UF2: "UF2 file",
    FileKind.INTEL_HEX: "Intel HEX file",
    FileKind.ZIP: "zip archive",
    FileKind.NOT_FIRMWARE: "not firmware",
    FileKind.UNREADABLE: "unreadable",
}
_UPLOADED: Final = frozenset({FileKind.APP, FileKind.GZIP, FileKind.FILESYSTEM, FileKind.FOREIGN})
"""What uploaders send over the air."""
_NOISE: Final = frozenset({"BYTE_ACCESSIBLE", "MEM_INTERNAL", "MEM_INTERNAL2"})
"""esptool's further names for the same memory; the JSON has them all."""
_LABEL: Final = 12
_KIB: Final = 1024


def firmware_lines(files: tuple[FirmwareFile, ...]) -> tuple[Line, ...]:
    """Return all files, one under the other."""
    lines: list[Line] = []
    for file in files:
        if lines:
            lines.append(BLANK)
        lines += file_lines(file)
    return tuple(lines)


def file_lines(file: FirmwareFile) -> Iterator[Line]:
    """Yield one file: its head, what is in it, its hashes, and what is wrong."""
    yield line((file.name, "title"), "  ", what(file), hang=2)
    yield from _inside(file, indent=2)
    if file.sound and file.kind is not FileKind.FOREIGN:
        yield line(("✓ ", "good"), "nothing is wrong with it", indent=2)


def _inside(file: FirmwareFile, *, indent: int) -> Iterator[Line]:
    """Yield what is in a file; for a compressed one, this is what is in what it holds."""
    for hint in file.hints:
        yield _pair("firmware", f"{hint.firmware} {hint.version}".strip(), why=hint.why, indent=indent)
    lone = len(file.images) == 1
    for image in file.images:
        if not lone:
            at = f"{KINDS[image.kind]} at 0x{image.offset:x}"
            yield line((at, "key"), f"  {words.count(image.length, 'byte')}", indent=indent)
        yield from _image_lines(image, indent=indent if lone else indent + 2)
    if file.table:
        yield from _table_lines(file.table, file.parts, indent=indent)
    if file.md5:
        yield _pair("MD5", file.md5, why="what an uploader announces" if file.kind in _UPLOADED else "", indent=indent)
        yield _pair("SHA-256", file.sha256, indent=indent)
    for note in file.notes:
        yield line(("- ", "dim"), note, indent=indent, hang=indent + 2)
    if file.inner:
        yield line(("holds", "key"), f"  {what(file.inner)}", indent=indent, hang=indent + 2)
        yield from _inside(file.inner, indent=indent + 2)
    for problem in file.problems:
        yield problem_line(problem, indent=indent)


def what(file: FirmwareFile) -> str:
    """Return what a file is, in a phrase ("app for the ESP32-S3, 1,024 bytes")."""
    kind = KINDS[file.kind]
    if file.chip:
        kind += f" for the {file.chip}"
    if file.detail:
        kind += f" ({file.detail})"
    return kind if file.kind is FileKind.UNREADABLE else f"{kind}, {words.count(file.size, 'byte')}"


def problem_line(problem: Problem, *, indent: int = 0) -> Line:
    """Return one problem with its place in the file."""
    where = "" if problem.offset is None else f"  (at 0x{problem.offset:x})"
    return line(("✗ ", "bad"), problem.text, (where, "dim"), indent=indent, hang=indent + 2)


def _pair(label: str, value: str, *, why: str = "", indent: int = 0, style: str = "") -> Line:
    hang = indent + _LABEL
    return line((f"{label:<{_LABEL}}", "dim"), (value, style), (f"  {why}" if why else "", "dim"), indent=indent, hang=hang)


def _image_lines(image: Image, *, indent: int) -> Iterator[Line]:
    app, bootloader = image.app, image.bootloader
    if app:
        yield _pair("project", f"{app.project or '(no name)'} {app.version}".strip(), indent=indent)
    built = app or bootloader
    if built:
        yield _pair("built", f"{built.built or 'at a time it does not tell'}, ESP-IDF {built.idf or '(untold)'}", indent=indent)
    yield _pair("chip", f"{image.chip}{_revisions(image)}", indent=indent)
    flash = ", ".join(filter(None, (_megabytes(image.flash_size), image.flash_mode.upper(), _frequency(image.flash_frequency))))
    yield _pair("flash", flash, why=f"entry 0x{image.entry:08x}", indent=indent)
    for number, segment in enumerate(image.segments):
        place = f"0x{segment.address:08x}  {segment.length:>9,} bytes"
        kinds = ", ".join(one for one in segment.memory if one not in _NOISE)
        yield _pair("" if number else "segments", place, why=f"at 0x{segment.offset:x}  {kinds}".rstrip(), indent=indent)
    for label, digest in (("checksum", image.checksum), ("hash", image.sha256), ("CRC-32", image.crc)):
        if digest:
            yield _digest_line(label, digest, indent=indent)
    if app and app.elf_sha256:
        yield _pair("ELF SHA-256", app.elf_sha256, indent=indent)


def _revisions(image: Image) -> str:
    if image.min_revision and image.max_revision:
        return f", revision {revision_text(image.min_revision)} to {revision_text(image.max_revision)}"
    if image.min_revision:
        return f", revision {revision_text(image.min_revision)} or later"
    return f", revision up to {revision_text(image.max_revision)}" if image.max_revision else ""


def _megabytes(told: str) -> str:
    return told.replace("MB", " MB").replace("KB", " kB")


def _frequency(told: str) -> str:
    return f"{told.removesuffix('m')} MHz" if told.endswith("m") else told


def _digest_line(label: str, digest: Digest, *, indent: int) -> Line:
    verdict = ("valid", "good") if digest.valid else ("invalid", "bad")
    hang = indent + _LABEL
    return line((f"{label:<{_LABEL}}", "dim"), digest.stored, "  ", verdict, indent=indent, hang=hang)


def _table_lines(table: PartitionTable, parts: tuple[Part, ...], *, indent: int) -> Iterator[Line]:
    yield line(("partitions", "key"), f"  table at 0x{table.offset:x}", indent=indent)
    if table.md5:
        yield _digest_line("MD5", table.md5, indent=indent + 2)
    lying = {part.address: part for part in parts}
    for partition in table.partitions:
        yield _partition_line(partition, lying.get(partition.offset), indent=indent + 2)


def _partition_line(partition: Partition, part: Part | None, *, indent: int) -> Line:
    kind = f"{partition.type}/{partition.subtype}"
    place = f"{partition.name:<16}  {kind:<14}  0x{partition.offset:06x}  {_size(partition.size):>10}"
    marks = [word for word, holds in (("encrypted", partition.encrypted), ("read-only", partition.read_only)) if holds]
    if part:
        marks.append(f"{part.what}, {_size(part.used)} used ({_percent(part.used, part.room)})" if part.used else part.what)
    return line(place, (f"  {', '.join(marks)}" if marks else "", "dim"), indent=indent, hang=indent + 2)


def _percent(used: int, room: int) -> str:
    share = used * 100 / room if room else 0.0
    return "less than 1 %" if 0 < share < 1 else f"{share:.0f} %"


def _size(size: int) -> str:
    return f"{size // _KIB:,} kB" if size % _KIB == 0 else f"{size:,} bytes"
