"""USB boards as JSON: the contract espied.boards/1, its schema, and nothing that a board could smuggle into it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from discover import contract
from discover.boards.board import AccessState, Board, ToldChip, Twin, Usb
from discover.boards.usb import Portless
from discover.text import clean

SCHEMA: Final = "espied.boards/1"


class UsbDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the USB descriptors tell; ids are four hexadecimal digits, ``location`` is bus and port."""

    vid: str
    pid: str
    serial: str
    manufacturer: str
    product: str
    location: str


class KindDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the ids mean, how far that goes (``espressif``: is an Espressif chip behind it) and where it stands."""

    title: str
    means: str
    espressif: Literal["yes", "maybe", "no"]
    chips: tuple[str, ...]
    source: str


class HolderDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program that has the port open."""

    pid: int
    name: str


class AccessDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the port can be used, why not, and what to do ("" where nothing)."""

    state: AccessState
    group: str
    holders: tuple[HolderDocument, ...]
    detail: str
    fix: str


class ChipDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the chip told; ``crystal_mhz`` is 0 and texts are "" where it did not. ``restarted``: it runs its firmware again."""

    name: str
    description: str
    revision: str
    features: tuple[str, ...]
    crystal_mhz: int
    missing: tuple[str, ...]
    restarted: bool


class ErrorDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the chip did not tell, and what to do next."""

    message: str
    hint: str


class TwinDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The device of the inventory that is this board; ``mac`` is its ``face`` by ``rule``, ``last_seen`` is RFC 3339."""

    id: str
    name: str
    address: str
    mac: str
    face: Literal["station", "softap", "bluetooth", "ethernet"]
    rule: str
    sure: Literal["certain", "likely", "possible"]
    last_seen: str


class BoardDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One board. ``mac`` is the chip's base MAC ("" where it is not known)."""

    port: str
    usb: UsbDocument | None
    kind: KindDocument | None
    access: AccessDocument
    mac: str
    mac_source: Literal["", "usb-serial-number", "chip"]
    chip: ChipDocument | None
    error: ErrorDocument | None
    twins: tuple[TwinDocument, ...]


class PortlessDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A known USB device that has no serial port, why, and what to do."""

    usb: UsbDocument
    title: str
    driver: str
    why: str
    fix: str


class BoardsDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All boards, sorted by port, and what is plugged in without a port. ``asked``: chips were asked, which restarts boards."""

    schema: Literal["espied.boards/1"]
    generated: str
    asked: bool
    boards: tuple[BoardDocument, ...]
    without_port: tuple[PortlessDocument, ...]


def document(boards: Iterable[Board], without: Iterable[Portless], *, asked: bool, when: float) -> BoardsDocument:
    """Return the boards as the contract's value; ``when`` is Unix time."""
    return BoardsDocument(
        schema="espied.boards/1",
        generated=_time(when),
        asked=asked,
        boards=tuple(_board(board) for board in boards),
        without_port=tuple(
            PortlessDocument(usb=_usb(one.usb), title=one.kind.title, driver=clean(one.driver), why=one.why, fix=one.fix) for one in without
        ),
    )


def _board(board: Board) -> BoardDocument:
    kind, access, error = board.kind, board.access, board.error
    return BoardDocument(
        port=clean(board.port.device),
        usb=_usb(board.port.usb) if board.port.usb else None,
        kind=KindDocument(title=kind.title, means=kind.means, espressif=_espressif(kind.espressif), chips=kind.chips, source=kind.source)
        if kind
        else None,
        access=AccessDocument(
            state=access.state,
            group=clean(access.group),
            holders=tuple(HolderDocument(pid=one.pid, name=clean(one.name)) for one in access.holders),
            detail=clean(access.detail),
            fix=clean(access.fix),
        ),
        mac=board.mac,
        mac_source=_source(board.mac_source),
        chip=_chip(board.chip) if board.chip else None,
        error=ErrorDocument(message=clean(error.message), hint=clean(error.hint)) if error else None,
        twins=tuple(_twin(twin) for twin in board.twins),
    )


def _usb(usb: Usb) -> UsbDocument:
    return UsbDocument(
        vid=f"{usb.vid:04x}",
        pid=f"{usb.pid:04x}",
        serial=clean(usb.serial),
        manufacturer=clean(usb.manufacturer),
        product=clean(usb.product),
        location=clean(usb.location),
    )


def _chip(chip: ToldChip) -> ChipDocument:
    return ChipDocument(
        name=clean(chip.name),
        description=clean(chip.description),
        revision=chip.revision,
        features=tuple(clean(one) for one in chip.features),
        crystal_mhz=chip.crystal_mhz,
        missing=tuple(clean(one) for one in chip.missing),
        restarted=chip.restarted,
    )


def _twin(twin: Twin) -> TwinDocument:
    return TwinDocument(
        id=clean(twin.id),
        name=clean(twin.title),
        address=clean(twin.address),
        mac=twin.mac,
        face=msgspec.convert(twin.face, Literal["station", "softap", "bluetooth", "ethernet"]),
        rule=twin.rule,
        sure=msgspec.convert(twin.sure, Literal["certain", "likely", "possible"]),
        last_seen=_time(twin.last_seen),
    )


def _espressif(word: str) -> Literal["yes", "maybe", "no"]:
    return "yes" if word == "yes" else "maybe" if word == "maybe" else "no"


def _source(word: str) -> Literal["", "usb-serial-number", "chip"]:
    return "usb-serial-number" if word == "usb-serial-number" else "chip" if word == "chip" else ""


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def render_boards(boards: Iterable[Board], without: Iterable[Portless], *, asked: bool, when: float) -> bytes:
    """Return the boards as UTF-8 JSON with a line end, keys in the contract's order."""
    return contract.render(document(boards, without, asked=asked, when=when))


def boards_schema() -> bytes:
    """Return the JSON schema of :func:`render_boards`' output (draft 2020-12), as it is committed under docs/schema/."""
    return contract.schema(BoardsDocument, SCHEMA)
