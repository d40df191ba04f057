"""What a firmware file is: its kind, the images in it, its partition table, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FileKind(StrEnum):
    """What a file is, as far as its bytes tell (never its name)."""

    APP = "app"
    BOOTLOADER = "bootloader"
    IMAGE = "image"
    """An Espressif image that is too damaged to say whether it is an app or a bootloader."""
    PARTITION_TABLE = "partition-table"
    OTA_DATA = "ota-data"
    MERGED = "merged"
    """A flash image: bootloader, partition table and apps at their offsets."""
    FILESYSTEM = "filesystem"
    FOREIGN = "foreign"
    """An image for another maker's chip, whose boot ROM marks its images."""
    GZIP = "gzip"
    ELF = "elf"
    UF2 = "uf2"
    INTEL_HEX = "intel-hex"
    ZIP = "zip"
    NOT_FIRMWARE = "not-firmware"
    UNREADABLE = "unreadable"


class Trouble(StrEnum):
    """What is wrong with a file, for programs; the sentence beside it is for people."""

    EMPTY = "empty"
    TOO_LARGE = "too-large"
    WRONG_MAGIC = "wrong-magic"
    UNKNOWN_CHIP = "unknown-chip"
    WRONG_CHIP = "wrong-chip"
    BAD_HEADER = "bad-header"
    TRUNCATED = "truncated"
    BAD_CHECKSUM = "bad-checksum"
    BAD_HASH = "bad-hash"
    BAD_CRC = "bad-crc"
    BAD_MD5 = "bad-md5"
    BAD_TABLE = "bad-table"
    TOO_LARGE_FOR_SLOT = "too-large-for-slot"
    BAD_ARCHIVE = "bad-archive"
    NOT_FIRMWARE = "not-firmware"
    NOT_A_FILE = "not-a-file"
    MISSING = "missing"
    NO_PERMISSION = "no-permission"
    READ_ERROR = "read-error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in one sentence; ``offset`` is where in the file, in bytes (None where that says nothing)."""

    trouble: Trouble
    text: str
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment: where it is loaded to, where its data lies in the file and how long it is (bytes), and what memory that is."""

    address: int
    offset: int
    length: int
    memory: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDescription:
    """What ESP-IDF writes into an app (esp_app_desc_t); "" where the build left it out.

    ``built`` is the compiler's own text ("Nov 21 2026 10:00:00"), ``elf_sha256`` the hash of the ELF file in hexadecimal,
    the efuse revisions are major * 100 + minor.
    """

    project: str
    version: str
    idf: str
    built: str
    elf_sha256: str
    secure_version: int = 0
    min_efuse_revision: int = 0
    max_efuse_revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BootloaderDescription:
    """What ESP-IDF 5.2 and later write into a bootloader (esp_bootloader_desc_t)."""

    version: int
    idf: str
    built: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A checksum or hash: what is stored in the file and what its bytes give, both in hexadecimal."""

    stored: str
    computed: str

    @property
    def valid(self) -> bool:
        """True where both agree."""
        return self.stored == self.computed


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One Espressif image: an app or a bootloader.

    ``offset`` is where it begins in the file, ``length`` how far it reaches with checksum and hash (bytes). ``chip`` is
    Espressif's name ("ESP32-S3"). The revisions are major * 100 + minor; ``max_revision`` 0 means that none is set.
    ``checksum`` is the XOR over the segments (one byte), ``sha256`` the appended hash (None where none is appended),
    ``crc`` the CRC-32 that the Arduino core for the ESP8266 writes over the whole file, or that stands behind a version 2 image.
    ``signed``: a Secure Boot v2 signature follows in the next sector (whose, is not checked).
    """

    offset: int
    length: int
    chip: str
    kind: FileKind
    version: int = 1
    entry: int = 0
    flash_mode: str = ""
    flash_size: str = ""
    flash_frequency: str = ""
    min_revision: int = 0
    max_revision: int = 0
    segments: tuple[Segment, ...] = ()
    checksum: Digest | None = None
    sha256: Digest | None = None
    crc: Digest | None = None
    app: AppDescription | None = None
    bootloader: BootloaderDescription | None = None
    signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One entry of a partition table: ``type`` and ``subtype`` as words ("app", "ota_0") or numbers ("0x40"), offset and size in bytes."""

    name: str
    type: str
    subtype: str
    offset: int
    size: int
    encrypted: bool = False
    read_only: bool = False

    @property
    def takes_updates(self) -> bool:
        """True for a slot that updates over the air are written to."""
        return self.type == "app" and self.subtype.startswith("ota_")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionTable:
    """A partition table; ``offset`` is where it begins in the file, ``md5`` None where it has no checksum entry."""

    offset: int
    partitions: tuple[Partition, ...]
    md5: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What lies in one region of a merged image.

    ``address`` is where it goes in the flash, ``offset`` where it lies in the file, ``room`` the bytes of its slot (0 where
    nothing bounds it) and ``used`` those that the image takes of it. ``what`` is a FileKind or "data", "blank", "absent".
    """

    name: str
    what: str
    address: int
    offset: int
    room: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What a string inside the file says of the firmware: "ESPHome", "2026.6.5", and which string that was."""

    firmware: str
    version: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareFile:
    """One file and all that is known of it.

    ``size`` in bytes, ``md5`` and ``sha256`` of the whole file in hexadecimal ("" where it was not read to the end): the MD5 is
    what an uploader announces. ``chip`` is the one chip of its images, "" where they name none. ``detail`` says more of
    the kind ("LittleFS"). ``inner`` is what a compressed file holds.
    """

    name: str
    size: int
    kind: FileKind
    chip: str = ""
    detail: str = ""
    md5: str = ""
    sha256: str = ""
    images: tuple[Image, ...] = ()
    table: PartitionTable | None = None
    parts: tuple[Part, ...] = ()
    hints: tuple[Hint, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    inner: FirmwareFile | None = None

    @property
    def sound(self) -> bool:
        """True where nothing is wrong with it or with what it holds."""
        return not self.problems and (self.inner is None or self.inner.sound)

    @property
    def app(self) -> Image | None:
        """The app that would run: the only one of an app file, the first of a merged image; None where there is none."""
        return next((one for one in self.images if one.kind is FileKind.APP), None)


UNREADABLE: Final = frozenset({Trouble.MISSING, Trouble.NOT_A_FILE, Trouble.NO_PERMISSION, Trouble.READ_ERROR})
"""Troubles that say that nothing is known of the file itself."""


def revision_text(revision: int) -> str:
    """Return a chip revision as Espressif writes it: 301 is "v3.1"."""
    return f"v{revision // 100}.{revision % 100}"
