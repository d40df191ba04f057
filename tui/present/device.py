"""A device as one row of a table: columns, cells and sort keys."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from discover.inventory.openness import Openness, openness
from discover.model.check import Verdict
from discover.model.device import Confidence, Device, Direction, Listener, OtaStatus, Password, PortState, PresenceState
from tui.present import words
from tui.present.cells import cell_width, pad

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text and the name of its style (``tui.present.lines.STYLES``).

    Where the text has no room, ``short`` is taken instead, or as many of ``parts`` as fit ("80 3232 +2"):
    half a port number would be another port.
    """

    text: str
    style: str = ""
    short: str = ""
    parts: tuple[str, ...] = ()

    def fit(self, width: int) -> str:
        """Return the cell at exactly ``width`` terminal cells."""
        if cell_width(self.text) > width:
            if self.parts:
                return pad(_some(self.parts, width), width)
            if self.short:
                return pad(self.short, width)
        return pad(self.text, width)


def _some(parts: tuple[str, ...], width: int) -> str:
    for shown in range(len(parts) - 1, 0, -1):
        text = f"{' '.join(parts[:shown])} +{len(parts) - shown}"
        if len(text) <= width:
            return text
    return f"+{len(parts)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. Widths are cells: never below ``min``, never above ``max``; a higher ``priority`` is dropped first."""

    key: str
    title: str
    min: int
    max: int
    priority: int
    cell: Callable[[Device, float], Cell]
    sort: Callable[[Device], Key]
    """What rows are ordered by; an empty tuple means "nothing known" and comes last whichever way the sort goes."""
    help: str
    whole: bool = False
    """True where it is as wide as it wants or ``min``, nothing between; it grows when all others are content."""


PRESENCE: Final = {
    PresenceState.PRESENT: Cell("● present", "good", short="●"),
    PresenceState.ASLEEP: Cell("◐ asleep", "accent", short="◐"),
    PresenceState.STALE: Cell("○ stale", "warn", short="○"),
    PresenceState.GONE: Cell("✕ gone", "bad", short="✕"),
}
"""Mark and word, so that colour is never alone."""

SURE_MARK: Final = {Confidence.CERTAIN: "", Confidence.LIKELY: " ?", Confidence.POSSIBLE: " ??", Confidence.UNKNOWN: ""}

HEARD_STATES: Final = frozenset({PortState.ANSWERED, PortState.ANNOUNCED, PortState.LIKELY})
"""The states that speak for a listener; silence and refusal are told in the detail only."""


def natural(text: str) -> Key:
    """Return a sort key that counts: "node-9" before "node-10", without case."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text.casefold()) if part)


@lru_cache(maxsize=16384)
def address_key(address: str) -> Key:
    """Return a sort key in the order of the numbers, IPv4 first; text that is no address comes last, by itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return (9, 0, address)
    return (parsed.version, int(parsed), address)


def main_address(device: Device) -> str:
    """Return the address people would type: the first IPv4 one, else the first, else ""."""
    return next((one for one in device.addresses if ":" not in one), device.addresses[0] if device.addresses else "")


def port_text(listener: Listener) -> str:
    """Return a listener as short text: "80", "3232/udp", "→8883" where the device dials out."""
    number = f"{listener.port}" if listener.transport == "tcp" else f"{listener.port}/{listener.transport}"
    return f"→{number}" if listener.direction is Direction.DIALS_OUT else number


def heard_listeners(device: Device) -> tuple[Listener, ...]:
    """Return the listeners that something speaks for, by port."""
    return tuple(sorted((one for one in device.listeners if one.state in HEARD_STATES), key=lambda one: (one.port, one.transport)))


def port_texts(device: Device) -> tuple[str, ...]:
    """Return the device's ports as short texts, each once."""
    return tuple(dict.fromkeys(port_text(one) for one in heard_listeners(device)))


_OTA_WORDS: Final = {
    Verdict.READY: ("✓ ready", "good"),
    Verdict.READY_NEEDS_PASSWORD: ("✓ password", "good"),
    Verdict.ANNOUNCED: ("announced", "accent"),
    Verdict.LIKELY: ("likely", "accent"),
    Verdict.NO_ANSWER: ("no answer", "warn"),
    Verdict.CLOSED: ("✗ closed", "bad"),
    Verdict.HOST_DOWN: ("✗ host down", "bad"),
    Verdict.WRONG_SERVICE: ("✗ other service", "bad"),
    Verdict.BLOCKED: ("✗ blocked", "bad"),
    Verdict.NOT_APPLICABLE: ("none", "dim"),
}
_OTA_SHORT: Final = {Verdict.READY: "✓", Verdict.ANNOUNCED: "ann.", Verdict.LIKELY: "lik."}
_OTA_ORDER: Final = tuple(_OTA_WORDS)
_BY_ITSELF: Final = {"http": "web page", "pull": "pulls"}


def ota_cell(ota: OtaStatus | None) -> Cell:
    """Return what the table says of updates over the air; "open" means: asks for no password."""
    if ota is None:
        return Cell("", "dim")
    try:
        verdict = Verdict(ota.verdict)
    except ValueError:
        return Cell(ota.verdict or ota.kind, "dim")
    if verdict is Verdict.NOT_APPLICABLE:
        return Cell(_BY_ITSELF.get(ota.kind, "none"), "dim")
    text, style = _OTA_WORDS[verdict]
    if verdict in (Verdict.READY, Verdict.ANNOUNCED, Verdict.LIKELY):
        if ota.password is Password.NO:
            return Cell(f"{text}, open", "warn", short=f"{_OTA_SHORT[verdict]} open")
        if ota.password is Password.YES:
            return Cell(f"{text}, pw", style, short=f"{_OTA_SHORT[verdict]} pw")
    return Cell(text, style)


_PASSWORDS: Final = {Openness.OPEN: Cell("none", "warn"), Openness.LOCKED: Cell("set", "good"), Openness.UNSAID: Cell("unsaid", "dim")}
_NO_UPDATE: Final = Cell("", "dim")


def password_cell(device: Device) -> Cell:
    """Return what the device says of a password for updates; empty where no way to update it is known."""
    says = openness(device)
    return _NO_UPDATE if says is None else _PASSWORDS[says]


def family_cell(device: Device) -> Cell:
    """Return the family's title with a mark for how sure: none certain, "?" likely, "??" possible."""
    family = device.family
    if family.confidence is Confidence.UNKNOWN:
        return Cell(device.kind or "unknown", "dim")
    return Cell(family.title + SURE_MARK[family.confidence], "dim" if family.confidence is Confidence.POSSIBLE else "")


def seen_cell(device: Device, now: float) -> Cell:
    """Return when the device was last heard, relative to ``now`` (Unix seconds)."""
    return Cell(words.ago(now - device.presence.last_seen), "dim")


def _known(text: str) -> Key:
    return natural(text) if text else ()


def _ota_key(device: Device) -> Key:
    if device.ota is None:
        return ()
    order = {verdict.value: rank for rank, verdict in enumerate(_OTA_ORDER)}
    return (order.get(device.ota.verdict, len(order)), device.ota.password.value)


def _openness_key(device: Device) -> Key:
    says = openness(device)
    return () if says is None else (tuple(Openness).index(says),)


def _ports_key(device: Device) -> Key:
    return tuple((one.port, one.transport) for one in heard_listeners(device))


COLUMNS: Final = (
    Column(
        key="presence",
        title="Presence",
        min=1,
        max=9,
        priority=1,
        whole=True,
        help="● present, ◐ asleep, ○ stale, ✕ gone: from all sources together",
        cell=lambda device, _: PRESENCE[device.presence.state],
        sort=lambda device: (tuple(PRESENCE).index(device.presence.state),),
    ),
    Column(
        key="name",
        title="Name",
        min=12,
        max=32,
        priority=0,
        help="the label you gave, else the name it told, else its address",
        cell=lambda device, _: Cell(device.title, "" if device.label or device.name else "dim"),
        sort=lambda device: natural(device.title),
    ),
    Column(
        key="family",
        title="What it is",
        min=12,
        max=30,
        priority=2,
        help="the device family: ? likely, ?? possible",
        cell=lambda device, _: family_cell(device),
        sort=lambda device: (
            () if device.family.confidence is Confidence.UNKNOWN else (*natural(device.family.title), (2, -device.family.score, ""))
        ),
    ),
    Column(
        key="address",
        title="Address",
        min=13,
        max=39,
        priority=3,
        help="its first address",
        cell=lambda device, _: Cell(main_address(device)),
        sort=lambda device: address_key(main_address(device)) if device.addresses else (),
    ),
    Column(
        key="ota",
        title="OTA",
        min=10,
        max=18,
        priority=4,
        help="update over the air: open asks for no password, pw for one",
        cell=lambda device, _: ota_cell(device.ota),
        sort=_ota_key,
    ),
    Column(
        key="ports",
        title="Ports",
        min=8,
        max=28,
        priority=5,
        help="ports that answered, were announced or are likely; TCP unless marked",
        cell=lambda device, _: Cell(" ".join(port_texts(device)), parts=port_texts(device)),
        sort=_ports_key,
    ),
    Column(
        key="seen",
        title="Seen",
        min=9,
        max=10,
        priority=6,
        help="when it was last heard",
        cell=seen_cell,
        sort=lambda device: (-device.presence.last_seen,),
    ),
    Column(
        key="mac",
        title="MAC",
        min=17,
        max=17,
        priority=7,
        help="the hardware address it told or the neighbour table knows",
        cell=lambda device, _: Cell(device.mac),
        sort=lambda device: (device.mac,) if device.mac else (),
    ),
    Column(
        key="vendor",
        title="Vendor",
        min=10,
        max=26,
        priority=8,
        help="who the MAC's prefix is registered to",
        cell=lambda device, _: Cell(device.vendor, "dim"),
        sort=lambda device: _known(device.vendor),
    ),
    Column(
        key="password",
        title="Password",
        min=10,
        max=10,
        priority=9,
        help="what it says of a password for updates: none, set, or unsaid",
        cell=lambda device, _: password_cell(device),
        sort=_openness_key,
    ),
)
"""The columns of the device table, left to right."""

BY_KEY: Final = {column.key: column for column in COLUMNS}


def row(device: Device, now: float) -> tuple[Cell, ...]:
    """Return the device's cells in the order of COLUMNS; ``now`` is Unix seconds, for the relative times."""
    return tuple(column.cell(device, now) for column in COLUMNS)


def sort_devices(devices: Iterable[Device], key: str = "address", *, reverse: bool = False) -> tuple[Device, ...]:
    """Sort by a column's key; equal rows by address, devices of which nothing is known there last. Raises KeyError."""
    column = BY_KEY[key]
    known: list[tuple[Key, Device]] = []
    empty: list[Device] = []
    for device in sorted(devices, key=_tie):
        value = column.sort(device)
        if value:
            known.append((value, device))
        else:
            empty.append(device)
    known.sort(key=lambda pair: pair[0], reverse=reverse)
    return (*(device for _, device in known), *empty)


def _tie(device: Device) -> Key:
    return (*address_key(main_address(device)), device.id)


@dataclass(frozen=True, slots=True)
class Placed:
    """A column with the width it got; ``index`` is its place in COLUMNS."""

    index: int
    column: Column
    width: int


GAP: Final = 2
"""Cells between two columns ..."""
NARROW_GAP: Final = 1
"""... and where there are fewer than ROOMY cells in all."""
ROOMY: Final = 138
"""Here every column has room with the wide gaps, so none is lost by them."""
_COMFORT: Final = 10
"""Cells that names and families get beyond their least width before a column of the second rank comes in."""
_SECOND_RANK: Final = 6


def gap_for(width: int) -> int:
    """Return the cells between two columns in a table ``width`` cells wide."""
    return GAP if width >= ROOMY else NARROW_GAP


def wanted(rows: Iterable[Sequence[Cell]], width_of: Callable[[str], int], columns: Sequence[Column] = COLUMNS) -> tuple[int, ...]:
    """Return how wide each column would like to be for these rows and its title, within its bounds."""
    widths = [column.max if column.whole else max(column.min, width_of(column.title) + 2) for column in columns]
    for cells in rows:
        for index, cell in enumerate(cells):
            widths[index] = max(widths[index], width_of(cell.text))
    return tuple(min(width, column.max) for width, column in zip(widths, columns, strict=True))


def place(width: int, wants: Sequence[int], columns: Sequence[Column] = COLUMNS) -> tuple[Placed, ...]:
    """Choose the columns that fit ``width`` cells (with ``gap_for(width)`` between them) and share what is left fairly.

    The first column (the name) always stays, cut to ``width`` if need be.
    """
    gap = gap_for(width)
    order = sorted(range(len(columns)), key=lambda index: columns[index].priority)
    chosen: list[int] = []
    room = width + gap
    for index in order:
        need = columns[index].min + gap
        if chosen and need + (_COMFORT if columns[index].priority >= _SECOND_RANK else 0) > room:
            break  # a less important column in the place of a more important one would puzzle
        chosen.append(index)
        room -= need
    widths = {index: columns[index].min for index in chosen}
    hungry = [index for index in chosen if wants[index] > widths[index] and not columns[index].whole]
    while room > 0 and hungry:
        for index in hungry[:room]:
            widths[index] += 1
            room -= 1
        hungry = [index for index in hungry if wants[index] > widths[index]]
    for index in chosen:
        if columns[index].whole and wants[index] - widths[index] <= room:
            room -= wants[index] - widths[index]
            widths[index] = wants[index]
    if len(chosen) == 1:
        widths[chosen[0]] = max(min(widths[chosen[0]], width), 1)
    return tuple(Placed(index, columns[index], widths[index]) for index in sorted(chosen))
