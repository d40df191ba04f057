"""The one importer of esptool (and pyserial), lazy: what espied asks of it, as plain values.

esptool knows the chips (names and ids, memory maps, codes of flash sizes) and reads the image format; it also
prints. Here it is told to be quiet before the first call, and what it warns about comes back as text.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from discover.boards.board import BoardError, NoChipError, Port, ToldChip, Usb
from discover.proto.mac import mac_from_bytes
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


def serial_ports() -> tuple[Port, ...]:
    """Return the serial ports of this machine with what USB tells of each; nothing is opened."""
    from serial.tools.list_ports import comports  # type: ignore[import-untyped]  # noqa: PLC0415 - pyserial loads here

    return tuple(
        Port(
            device=one.device,
            usb=None
            if one.vid is None
            else Usb(
                vid=one.vid,
                pid=one.pid or 0,
                serial=clean(one.serial_number or "", 126),
                manufacturer=clean(one.manufacturer or "", 126),
                product=clean(one.product or "", 126),
                location=clean(one.location or "", 60),
            ),
        )
        for one in comports()
    )


def ask_chip(url: str, *, seconds: float) -> ToldChip:
    """Restart the board on ``url`` (a device, socket:// or rfc2217://) into its bootloader, ask the chip, restart it into its firmware.

    Takes about ``seconds`` at the most; whatever happens, the board is restarted again where the port has the lines
    for it. Nothing is written to flash or memory. Raises BoardError with the
    system's errno and NoChipError, both in the words of those who failed.
    """
    from esptool import detect_chip, reset_chip  # noqa: PLC0415 - esptool loads here, once asked

    quiet()
    end = time.monotonic() + seconds
    port = _open(url)
    lines = _has_lines(url, port)
    restarted = False
    try:
        _bound(port, end)
        try:
            # Four ways to restart a board are tried in turn on a bridge; more attempts only repeat them.
            chip = detect_chip(port, connect_mode="default-reset" if lines else "no-reset", connect_attempts=4 if lines else 1)
            told = _told(chip, restarted=lines)
            if lines:
                reset_chip(chip, "hard-reset")
                restarted = True
        except NoChipError:
            raise
        except OSError as error:  # pyserial's SerialException is one
            raise _trouble(error) from error
        except Exception as error:  # on hostile bytes esptool also raises struct.error, IndexError, UnicodeDecodeError ...
            raise NoChipError(_first_line(error)) from error
        return told
    finally:
        _let_go(port, restart=lines and not restarted)


def _open(url: str) -> Any:  # noqa: ANN401 - pyserial has no types
    from serial import serial_for_url  # type: ignore[import-untyped]  # noqa: PLC0415 - see ask_chip

    try:
        # exclusive: two programs on one port take each other's bytes (flock, as esptool itself asks for it)
        return serial_for_url(url, baudrate=115200, timeout=3, exclusive=True)
    except (OSError, ValueError) as error:
        raise _trouble(error) from error


def _trouble(error: Exception) -> BoardError:
    """Return what pyserial or the system said, with its errno; pyserial mostly keeps it in the text alone."""
    trouble = BoardError(_first_line(error))
    number = getattr(error, "errno", None)
    told = error.__context__.args[:1] if error.__context__ else ()  # OSError and termios.error both begin with it
    trouble.number = number or (told[0] if told and isinstance(told[0], int) else 0)
    return trouble


def _first_line(error: Exception) -> str:
    return clean(str(error).strip().partition("\n")[0] or type(error).__name__, 200)


def _has_lines(url: str, port: Any) -> bool:  # noqa: ANN401 - see _open
    """Tell whether the port has RTS and DTR, by which a board is restarted: a raw TCP socket and a pty have not."""
    if url.startswith("socket:"):
        return False
    try:
        return port.cts is not None  # reads the modem lines (TIOCMGET), changes none
    except OSError:
        return False  # ENOTTY or EINVAL: a pty


def _bound(port: Any, end: float) -> None:  # noqa: ANN401 - see _open
    """Let every read and write of ``port`` fail with NoChipError once the time is over: esptool's own limits add up to minutes."""

    def bounded(call: Callable[..., Any]) -> Callable[..., Any]:
        def limited(*arguments: object) -> Any:  # noqa: ANN401 - as the call it stands for
            left = end - time.monotonic()
            if left <= 0:
                late = NoChipError("the time for asking is over")
                late.late = True
                raise late
            if port.timeout is None or port.timeout > left:
                port.timeout = left
            return call(*arguments)

        return limited

    port.read = bounded(port.read)
    port.write = bounded(port.write)


def _told(chip: Any, *, restarted: bool) -> ToldChip:  # noqa: ANN401 - esptool has no types
    """Return what the chip tells; what it does not is named in ``missing``."""
    if getattr(chip, "secure_download_mode", False):
        why = "everything but the family: the chip is in secure download mode"
        return ToldChip(name=chip.CHIP_NAME, missing=(why,), restarted=restarted)
    missing: list[str] = []

    def ask(what: str, question: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the question gives
        try:
            return question()
        except (NoChipError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - see ask_chip
            missing.append(f"{what}: {_first_line(error)}")
            return None

    description = ask("description", chip.get_chip_description)
    revision = None if chip.CHIP_NAME == "ESP8266" else ask("revision", chip.get_chip_revision)
    features = ask("features", chip.get_chip_features)
    crystal = ask("crystal", chip.get_crystal_freq)
    mac = ask("MAC address", lambda: mac_from_bytes(bytes(chip.read_mac("BASE_MAC"))))
    return ToldChip(
        name=chip.CHIP_NAME,
        description=clean(description or "", 100),
        revision="" if revision is None else f"v{revision // 100}.{revision % 100}",
        features=tuple(clean(str(one), 60) for one in features or ()),
        crystal_mhz=int(crystal or 0),
        mac=mac or "",
        missing=tuple(missing),
        restarted=restarted,
    )


def _let_go(port: Any, *, restart: bool) -> None:  # noqa: ANN401 - see _open
    """Restart a board that may stand in its bootloader, and close the port; one that has vanished is left alone."""
    from esptool.loader import ESPLoader  # type: ignore[import-untyped]  # noqa: PLC0415 - see ask_chip

    with contextlib.suppress(OSError):
        if restart:
            ESPLoader(port).hard_reset()  # opens the port again where esptool closed it
    ends = getattr(port, "_socket", None)
    with contextlib.suppress(OSError):
        port.close()
    if ends is not None:
        ends.close()  # pyserial leaves it open where the other side hung up first
