"""The one importer of esptool (and pyserial), lazy: what espied asks of it, as plain values.

esptool knows the chips (names and ids, memory maps, codes of flash sizes) and reads the image format; it also
prints. Here it is told to be quiet before the first call, and what it warns about comes back as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from discover.proto.malformed import Malformed
from discover.text import clean

_MAX_WARNINGS: Final = 32
"""Warnings kept of one call: an image can have 255 segments, each worth one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A chip as esptool knows it.

    ``name`` is Espressif's ("ESP32-S3"), ``key`` esptool's ("esp32s3"). ``image_id`` is what the image header calls
    it (None for the ESP8266, whose header names no chip), ``bootloader_offset`` where its bootloader lies in the
    flash, in bytes. ``flash_sizes`` and ``flash_frequencies`` map the header's codes to words ("4MB", "80m").
    """

    name: str
    key: str
    image_id: int | None
    bootloader_offset: int
    uf2_family: int
    flash_sizes: Mapping[int, str]
    flash_frequencies: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSegment:
    """One segment: where it is loaded to, where its header lies in the file, its bytes and the kinds of memory."""

    address: int
    file_offset: int
    data: bytes
    memory: tuple[str, ...]
    in_checksum: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedImage:
    """An image as esptool read it. ``digest`` is the hash that is stored in it, ``calculated_digest`` the one it has.

    Both are b"" where none is appended. The revisions are major * 100 + minor; the ESP8266's header has none.
    ``warnings`` are esptool's own sentences.
    """

    version: int
    entry: int
    flash_mode: int
    flash_size_frequency: int
    segments: tuple[LoadedSegment, ...]
    checksum: int
    digest: bytes
    calculated_digest: bytes
    min_revision: int
    max_revision: int
    warnings: tuple[str, ...]


@cache
def chips() -> tuple[Chip, ...]:
    """Return every chip that the installed esptool knows, in its order (the ESP8266 first)."""
    from esptool.targets import CHIP_DEFS  # type: ignore[import-untyped]  # noqa: PLC0415 - esptool loads here, once asked

    return tuple(
        Chip(
            name=rom.CHIP_NAME,
            key=key,
            image_id=getattr(rom, "IMAGE_CHIP_ID", None),
            bootloader_offset=rom.BOOTLOADER_FLASH_OFFSET,
            uf2_family=rom.UF2_FAMILY_ID,
            flash_sizes=_words(rom.FLASH_SIZES),
            flash_frequencies=_words(rom.FLASH_FREQUENCY),
        )
        for key, rom in CHIP_DEFS.items()
    )


def chip(key: str) -> Chip | None:
    """Return the chip that esptool calls ``key`` ("esp32s3"); None for one that it does not know."""
    return next((one for one in chips() if one.key == key), None)


@cache
def esptool_version() -> str:
    """Return the version of the installed esptool."""
    import esptool  # type: ignore[import-untyped]  # noqa: PLC0415 - esptool loads here, once asked

    return str(esptool.__version__)


def load_image(data: bytes, chip: str) -> LoadedImage | Malformed:
    """Read one image for ``chip`` (esptool's key) from the beginning of ``data``; Malformed with esptool's reason. Never raises."""
    from esptool.bin_image import LoadFirmwareImage  # type: ignore[import-untyped]  # noqa: PLC0415 - esptool loads here, once asked

    warnings = quiet()
    warnings.clear()
    try:
        image = LoadFirmwareImage(chip, data)
    except Exception as error:  # noqa: BLE001 - on hostile bytes it also raises struct.error, TypeError, KeyError ...
        return Malformed(clean(" ".join(map(str, error.args)) or type(error).__name__, 200))
    segments = tuple(
        LoadedSegment(
            address=one.addr,
            file_offset=one.file_offs or 0,
            data=bytes(one.data),
            memory=tuple(one.get_memory_type(image)),
            in_checksum=bool(one.include_in_checksum),
        )
        for one in image.segments
    )
    hashed = bool(getattr(image, "append_digest", False))
    return LoadedImage(
        version=image.version,
        entry=image.entrypoint,
        flash_mode=image.flash_mode,
        flash_size_frequency=image.flash_size_freq,
        segments=segments,
        checksum=image.checksum,
        digest=bytes(image.stored_digest) if hashed else b"",
        calculated_digest=bytes(image.calc_digest) if hashed else b"",
        # Images from before ESP-IDF 5 have the major number alone, in the older field.
        min_revision=getattr(image, "min_rev_full", 0) or getattr(image, "min_rev", 0) * 100,
        max_revision=getattr(image, "max_rev_full", 0),
        warnings=tuple(warnings),
    )


@cache
def quiet() -> list[str]:
    """Make esptool say nothing on stdout and stderr from now on; return the list that its warnings and errors go to."""
    from esptool.logger import TemplateLogger, log  # type: ignore[import-untyped]  # noqa: PLC0415 - esptool loads here, once asked

    said: list[str] = []

    class Collector(TemplateLogger):  # type: ignore[misc]
        """Says nothing, and keeps what esptool would have warned about."""

        def print(self, *args: object, **kwargs: object) -> None:
            """Say nothing."""

        def note(self, message: str) -> None:
            """Say nothing."""

        def warning(self, message: str) -> None:
            """Keep it."""
            if len(said) < _MAX_WARNINGS:
                said.append(clean(message, 200))

        error = warning

        def stage(self, finish: bool = False) -> None:  # noqa: FBT001, FBT002 - esptool's signature
            """Say nothing."""

        def progress_bar(self, cur_iter: int, total_iters: int, prefix: str = "", suffix: str = "", bar_length: int = 30) -> None:
            """Say nothing."""

        def set_verbosity(self, verbosity: str) -> None:
            """Stay quiet."""

    log.set_logger(Collector())
    return said


def _words(codes: Mapping[str, int]) -> dict[int, str]:
    """Return code -> word; of two words with one code the first, as esptool prints it (the ESP32-C6's 80m and 40m)."""
    words: dict[int, str] = {}
    for word, code in codes.items():
        words.setdefault(code, word)
    return words
