"""A fixed-width text table of devices, as ``espied scan --format table`` prints it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from discover.model.coverage import coverage, remarks
from discover.model.device import Device
from discover.model.snapshot import Snapshot
from tui.present import words
from tui.present.cells import cell_width
from tui.present.device import COLUMNS, ROOMY, Cell, gap_for, place, row, sort_devices, wanted
from tui.present.lines import BLANK, Line, Span, line

PIPE_WIDTH: Final = 0
"""The width that means "not a terminal": every column, nothing cut."""


def table_lines(devices: Sequence[Device], *, now: float, width: int = PIPE_WIDTH) -> tuple[Line, ...]:
    """Return header and one line a device, in the given order, at most ``width`` cells wide (0: as wide as it takes)."""
    rows = [row(device, now) for device in devices]
    if width > 0:
        placed = [(one.index, one.width) for one in place(width, wanted(rows, cell_width))]
    else:
        texts = [[column.title, *(cells[index].text for cells in rows)] for index, column in enumerate(COLUMNS)]
        placed = [(index, max(map(cell_width, column))) for index, column in enumerate(texts)]
    head = tuple(Cell(column.title.upper(), "title", short=" ") for column in COLUMNS)
    gap = Span(" " * gap_for(width or ROOMY))
    return tuple(_joined([Span(cells[index].fit(size), cells[index].style) for index, size in placed], gap) for cells in (head, *rows))


def _joined(spans: list[Span], gap: Span) -> Line:
    last = spans[-1]
    spans[-1] = Span(last.text.rstrip(), last.style)
    return Line(tuple(piece for span in spans for piece in (span, gap))[:-1])


def summary_lines(snapshot: Snapshot) -> tuple[Line, ...]:
    """Return one line that says what the scan found and did, and one for each thing that its reader should know."""
    scan = snapshot.scan
    parts = [
        words.count(len(snapshot.devices), "device"),
        coverage(scan),
        f"{words.count(scan.packets_sent, 'packet')} sent in {words.duration(scan.seconds)}",
    ]
    return (line(("; ".join(part for part in parts if part), "dim")), *(line(("! ", "warn"), said, hang=2) for said in remarks(scan)))


def snapshot_lines(snapshot: Snapshot, *, width: int = PIPE_WIDTH, sort: str = "address", reverse: bool = False) -> tuple[Line, ...]:
    """Return the whole table of a snapshot with its summary; relative times count from the snapshot's own moment."""
    devices = sort_devices(snapshot.devices, sort, reverse=reverse)
    if not devices:
        return (line("No device was found."), *summary_lines(snapshot))
    return (*table_lines(devices, now=snapshot.generated, width=width), BLANK, *summary_lines(snapshot))
