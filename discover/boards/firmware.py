"""A firmware file as a value: its kind, its images, its partition table, and what is wrong with it."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Final

from discover.boards import esptool_api
from discover.boards.flash import Flash, read_flash
from discover.boards.hints import hints
from discover.boards.image import ESP8266, read_image
from discover.boards.read import MAX_SIZE, Content, read_file, read_stdin
from discover.model.firmware import Digest, FileKind, FirmwareFile, Image, Problem, Trouble
from discover.proto import espimage, esppartition, filekind
from discover.proto.filekind import Sniffed
from discover.proto.malformed import Malformed
from discover.text import clean

STDIN: Final = "-"
ARDUINO_8266: Final = "Arduino build for the ESP8266: eboot and the app"

_IMAGE_MAGICS: Final = (espimage.MAGIC, espimage.MAGIC_V2)
_WHAT_TO_DO: Final = {
    FileKind.ELF: "An ELF file goes into a debugger; what is flashed is the .bin that the same build made (esptool elf2image makes it).",
    FileKind.UF2: "A UF2 file is copied to the drive of a board in its UF2 bootloader; updates over the air take the .bin.",
    FileKind.INTEL_HEX: "Updates over the air take the .bin of the same build.",
    FileKind.FILESYSTEM: "A file system image goes into its partition (upload it as file system, not as sketch).",
    FileKind.FOREIGN: "espied reads the inside of Espressif's images alone; whether this one is whole is not known.",
    FileKind.OTA_DATA: "OTA data selects the app slot to boot; it is written by cable to the otadata partition.",
}


def read_firmware(name: str) -> FirmwareFile:
    """Read the file ``name`` ("-" is standard input). Whatever is wrong with it comes back as its problems; never raises."""
    content = read_stdin() if name == STDIN else read_file(Path(name))
    return describe("standard input" if name == STDIN else name, content)


def describe(name: str, content: Content) -> FirmwareFile:
    """Say what a file's bytes are, or why they are not known."""
    problem = content.problem
    if problem is None:
        return inspect(name, content.data)
    if content.whole:
        return FirmwareFile(name=clean(name), size=0, kind=FileKind.UNREADABLE, problems=(problem,))
    sniffed = filekind.sniff(content.data)
    kind, detail = (sniffed.kind, sniffed.detail) if sniffed else (FileKind.NOT_FIRMWARE, "")
    return FirmwareFile(name=clean(name), size=content.size, kind=kind, detail=detail, problems=(problem,))


def inspect(name: str, data: bytes) -> FirmwareFile:
    """Say what a whole file's bytes are; pure."""
    file = FirmwareFile(
        name=clean(name),
        size=len(data),
        kind=FileKind.NOT_FIRMWARE,
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    if not data:
        return replace(file, problems=(Problem(Trouble.EMPTY, "it is empty"),))
    if data[0] not in _IMAGE_MAGICS:
        sniffed = filekind.sniff(data)
        if sniffed:
            return _other(file, data, sniffed)
        if esppartition.looks_like_table(data):
            return _table(file, data)
    flash = read_flash(data)
    if flash:
        return _merged(file, data, flash)
    return _image(file, data) if data[0] in _IMAGE_MAGICS else _unknown(file, data)


def _other(file: FirmwareFile, data: bytes, sniffed: Sniffed) -> FirmwareFile:
    """Return a file of another format; what is compressed is looked into."""
    note = _WHAT_TO_DO.get(sniffed.kind)
    file = replace(file, kind=sniffed.kind, detail=sniffed.detail, chip=sniffed.chip, notes=(note,) if note else ())
    if sniffed.kind is FileKind.ZIP:
        return replace(file, problems=(Problem(Trouble.NOT_FIRMWARE, "it is a zip archive: unpack it, and name the .bin inside"),))
    if sniffed.kind is FileKind.UF2 and sniffed.family:
        # The ESP32-E22 has no family of its own in esptool yet and repeats the ESP32's, so the first one counts.
        return replace(file, chip=next((one.name for one in esptool_api.chips() if one.uf2_family == sniffed.family), sniffed.chip))
    return _compressed(file, data) if sniffed.kind is FileKind.GZIP else file


def _compressed(file: FirmwareFile, data: bytes) -> FirmwareFile:
    """Inflate at most MAX_SIZE bytes, and say what they are."""
    inflating = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        inside = inflating.decompress(data, MAX_SIZE + 1)
    except zlib.error as error:
        return replace(file, problems=(Problem(Trouble.BAD_ARCHIVE, f"the compressed data is damaged: {clean(str(error), 80)}"),))
    if len(inside) > MAX_SIZE:
        return replace(
            file, problems=(Problem(Trouble.TOO_LARGE, f"it inflates to more than {MAX_SIZE // 2**20} MB; no flash holds that"),)
        )
    inner = inspect(f"{file.name} (inflated)", inside)
    problems = (
        () if inflating.eof else (Problem(Trouble.TRUNCATED, f"the compressed data breaks off after {len(inside)} bytes", len(data)),)
    )
    return replace(file, chip=inner.chip, problems=problems, inner=inner)


def _table(file: FirmwareFile, data: bytes) -> FirmwareFile:
    decoded = esppartition.decode(data)
    if isinstance(decoded, Malformed):
        return _unknown(file, data)
    table, problems = decoded
    return replace(file, kind=FileKind.PARTITION_TABLE, table=table, problems=problems)


def _merged(file: FirmwareFile, data: bytes, flash: Flash) -> FirmwareFile:
    chips = {one.chip for one in flash.images}
    app = next((one for one in flash.images if one.kind is FileKind.APP), None)
    file = replace(
        file,
        kind=FileKind.MERGED,
        chip=chips.pop() if len(chips) == 1 else "",
        images=flash.images,
        table=flash.table,
        parts=flash.parts,
        problems=flash.problems,
        hints=hints(data, app) if app else (),
    )
    place = f"It is flashed by cable, at 0x{flash.shift:x}; over the air, the app alone is sent."
    boots = f"Its OTA data starts {flash.boots}." if flash.boots else ""
    file = replace(file, notes=tuple(filter(None, (place, boots))))
    if flash.table is None and file.chip == ESP8266 and app and app.version == 1 and flash.images[0].entry >= espimage.EBOOT_ENTRY:
        return _arduino_8266(replace(file, notes=()), data)
    return file


def _arduino_8266(file: FirmwareFile, data: bytes) -> FirmwareFile:
    """Return an Arduino build for the ESP8266: eboot comes along in the file, which is an app all the same.

    elf2bin.py writes its CRC into the app after the app's checksum was computed, so with a CRC that checksum never holds.
    """
    file = replace(file, kind=FileKind.APP, detail=ARDUINO_8266)
    found = espimage.arduino_crc(data)
    if found is None:
        return file
    _, stored, computed = found
    crc = Digest(stored=f"{stored:08x}", computed=f"{computed:08x}")
    images = tuple(replace(one, crc=crc, checksum=None) if one.kind is FileKind.APP else one for one in file.images)
    problems = tuple(one for one in file.problems if one.trouble is not Trouble.BAD_CHECKSUM or (one.offset or 0) < espimage.EBOOT_ROOM)
    if not crc.valid:
        text = f"bad CRC: {crc.stored} is stored, but the file gives {crc.computed}"
        problems += (Problem(Trouble.BAD_CRC, text, espimage.ARDUINO_CRC_OFFSET),)
    return replace(file, images=images, problems=problems)


def _image(file: FirmwareFile, data: bytes) -> FirmwareFile:
    image, problems = read_image(data)
    if image is None:
        return replace(file, kind=FileKind.IMAGE, problems=problems)
    return replace(
        file,
        kind=image.kind,
        chip=image.chip,
        images=(image,),
        problems=problems,
        hints=hints(data, image),
        notes=_behind(data, image) if not problems else (),
    )


def _behind(data: bytes, image: Image) -> tuple[str, ...]:
    """Say what follows the image in its file: a signature, padding, or bytes of unknown meaning."""
    rest = data[image.length :]
    if not rest:
        return ()
    if image.signed:
        return ("A Secure Boot v2 signature follows the image.",)
    if not rest.strip(b"\xff") or not rest.strip(b"\0"):
        return (f"{len(rest)} bytes of padding follow the image.",)
    return (f"{len(rest)} bytes follow the image, which no header tells of.",)


def _unknown(file: FirmwareFile, data: bytes) -> FirmwareFile:
    if not data.strip(b"\xff"):
        text = "it holds nothing but 0xff: erased flash"
    elif not data.strip(b"\0"):
        text = "it holds nothing but zeros"
    elif data[:256].lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        text = "it is a web page; a download that failed leaves such a file"
    else:
        text = f"the first byte is 0x{data[0]:02x}; an image begins with 0x{espimage.MAGIC:02x}"
    return replace(file, problems=(Problem(Trouble.WRONG_MAGIC, f"not firmware: {text}", 0),))
