"""The rows of the device table: filtered, sorted, and made anew only where a device changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from discover.model.device import Device
from tui.present.device import BY_KEY, COLUMNS, Cell, Key, address_key, main_address, row
from tui.present.filter import Filter

_SEEN = next(index for index, column in enumerate(COLUMNS) if column.key == "seen")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the device and its cells in the order of COLUMNS."""

    device: Device
    cells: tuple[Cell, ...]


@dataclass(slots=True)
class _Kept:
    row: Row
    matches: bool
    key: Key
    tie: Key


class Roster:
    """Keeps what sorting and filtering need per device, so that an update costs what changed and no more."""

    def __init__(self) -> None:
        self.sort = "address"
        self.reverse = False
        self.filter = Filter()
        self._kept: dict[str, _Kept] = {}

    @property
    def total(self) -> int:
        """How many devices there are, shown or not."""
        return len(self._kept)

    def device(self, device_id: str) -> Device | None:
        """Return the newest state of a device."""
        kept = self._kept.get(device_id)
        return kept.row.device if kept else None

    def order_by(self, sort: str, *, reverse: bool) -> None:
        """Sort by another column. Raises KeyError for an unknown one."""
        column = BY_KEY[sort]
        self.sort, self.reverse = sort, reverse
        for kept in self._kept.values():
            kept.key = column.sort(kept.row.device)

    def narrow(self, wanted: Filter) -> None:
        """Filter by another filter."""
        self.filter = wanted
        for kept in self._kept.values():
            kept.matches = wanted.matches(kept.row.device)

    def take(self, devices: Iterable[Device], now: float) -> None:
        """Take a new state of all devices at ``now`` (Unix seconds)."""
        before, self._kept = self._kept, {}
        column = BY_KEY[self.sort]
        for device in devices:
            kept = before.get(device.id)
            if kept is None or (kept.row.device is not device and kept.row.device != device):
                fresh = Row(device, row(device, now))
                kept = _Kept(fresh, self.filter.matches(device), column.sort(device), (*address_key(main_address(device)), device.id))
            else:
                kept.row = _aged(kept.row, now)
            self._kept[device.id] = kept

    def age(self, now: float) -> None:
        """Bring the relative times up to ``now``."""
        for kept in self._kept.values():
            kept.row = _aged(kept.row, now)

    def rows(self) -> tuple[Row, ...]:
        """Return the rows that pass the filter, in order."""
        shown = sorted((kept for kept in self._kept.values() if kept.matches), key=lambda kept: kept.tie)
        known = [kept for kept in shown if kept.key]
        known.sort(key=lambda kept: kept.key, reverse=self.reverse)
        return (*(kept.row for kept in known), *(kept.row for kept in shown if not kept.key))


def _aged(one: Row, now: float) -> Row:
    cell = COLUMNS[_SEEN].cell(one.device, now)
    if cell.text == one.cells[_SEEN].text:
        return one
    return Row(one.device, (*one.cells[:_SEEN], cell, *one.cells[_SEEN + 1 :]))
