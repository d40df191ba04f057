"""The device table: a widget of our own on the Line API, because it repaints rows, not tables.

Measured: a DataTable needs 50 % CPU at 100 updates a second and answers keys in 200 ms; painting only the
visible rows that changed needs a few per cent and its cost does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.app.keys import bindings
from tui.app.paint import PAINTS, Painted
from tui.app.roster import Row
from tui.present.cells import cell_width, pad, truncate
from tui.present.device import COLUMNS, Placed, gap_for, place, wanted
from tui.present.lines import Span

HEADER = 1
"""Lines that do not scroll."""
_EDGE = 1
"""Cells left and right of a row."""


class DeviceTable(Painted, ScrollView, can_focus=True):
    """Rows of devices under a fixed header. The selection follows the device, wherever its row goes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *PAINTS,
        "table--header",
        "table--sorted",
        "table--cursor",
        "table--cursor-blurred",
        "table--hover",
    }
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("table")]

    class Selected(Message):
        """Another device was chosen; "" for none."""

        def __init__(self, device_id: str) -> None:
            """Keep its id."""
            super().__init__()
            self.device_id = device_id

        def can_replace(self, message: Message) -> bool:
            """Let only the last of several count."""
            return isinstance(message, DeviceTable.Selected)

    class Opened(Message):
        """The user wants to read the chosen device's detail."""

    class SortBy(Message):
        """The user clicked a heading."""

        def __init__(self, column: str) -> None:
            """Keep the column's key."""
            super().__init__()
            self.column = column

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._rows: tuple[Row, ...] = ()
        self._index: dict[str, int] = {}
        self._selected = ""
        self._at = 0
        self._hover = -1
        self._sort = ("", False)
        self._wants: tuple[int, ...] = tuple(column.min for column in COLUMNS)
        self._placed: tuple[Placed, ...] = ()
        self._gap = 1
        self.painted = 0
        """Lines painted so far, for the tests and the benchmark."""

    # -- what it shows

    @property
    def selected(self) -> str:
        """The chosen device's id, "" for none."""
        return self._selected

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows as they stand, top to bottom."""
        return self._rows

    def visible_rows(self) -> Sequence[Row]:
        """Return the rows that can be seen now."""
        top = self.scroll_offset.y
        return self._rows[top : top + max(self.size.height - HEADER, 0)]

    def shows(self, key: str) -> bool:
        """Tell whether a column has room."""
        return any(one.column.key == key for one in self._placed)

    def show(self, rows: Sequence[Row], sort: str, *, reverse: bool) -> None:
        """Show these rows; only visible lines that differ are painted again."""
        before, self._rows = self._rows, tuple(rows)
        index = {row.device.id: number for number, row in enumerate(self._rows)}
        self._index = index
        everything = self._widen(before)
        if (sort, reverse) != self._sort:
            self._sort = (sort, reverse)
            self._refresh_line(0)
        old_at = self._at
        self._follow()
        if len(before) != len(self._rows):
            self.virtual_size = Size(self.size.width, len(self._rows) + HEADER)
        if old_at != self._at:
            self._reveal(moved=self._at - old_at)
        if everything:
            self.refresh()
            return
        top = self.scroll_offset.y
        for y in range(HEADER, self.size.height):
            number = top + y - HEADER
            old = before[number] if number < len(before) else None
            new = self._rows[number] if number < len(self._rows) else None
            if old is not new or (old_at != self._at and number in (old_at, self._at)):
                self._refresh_line(y)

    def _widen(self, before: tuple[Row, ...]) -> bool:
        """Let columns grow for what is new (they never shrink while rows come, or the table would dance)."""
        known = set(map(id, before))
        fresh = [row.cells for row in self._rows if id(row) not in known]
        wants = tuple(map(max, self._wants, wanted(fresh, cell_width))) if fresh else self._wants
        if wants == self._wants and self._placed:
            return False
        self._wants = wants
        return self._place()

    def _place(self) -> bool:
        width = self.scrollable_content_region.width - 2 * _EDGE
        placed = place(width, self._wants) if width > 0 else ()
        if placed == self._placed:
            return False
        self._placed, self._gap = placed, gap_for(width)
        return True

    def _follow(self) -> None:
        """Find the chosen device's new row; where it has gone, take the row that stands in its place."""
        if self._selected in self._index:
            self._at = self._index[self._selected]
            return
        self._at = min(self._at, max(len(self._rows) - 1, 0))
        self._choose(self._rows[self._at].device.id if self._rows else "")

    def _choose(self, device_id: str) -> None:
        if device_id != self._selected:
            self._selected = device_id
            self.post_message(self.Selected(device_id))

    def _reveal(self, *, moved: int = 0) -> None:
        """Scroll so that the chosen row is seen; where rows came in above it, keep it at its place on the screen."""
        height = max(self.size.height - HEADER, 1)
        top = self.scroll_offset.y
        wanted_top = top
        if moved and top:
            wanted_top = top + moved
        if self._at < wanted_top:
            wanted_top = self._at
        elif self._at >= wanted_top + height:
            wanted_top = self._at - height + 1
        wanted_top = max(min(wanted_top, len(self._rows) - height), 0)
        if wanted_top != top:
            self.scroll_to(0, wanted_top, animate=False, force=True)

    # -- painting

    def _refresh_line(self, y: int) -> None:
        self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Return the header or one row of the visible part."""
        self.painted += 1
        width = self.size.width
        if y < HEADER:
            return self._header(width)
        number = self.scroll_offset.y + y - HEADER
        if number >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        over = None
        if number == self._at:
            over = self.get_component_rich_style("table--cursor" if self.has_focus else "table--cursor-blurred", partial=True)
        elif number == self._hover:
            over = self.get_component_rich_style("table--hover", partial=True)
        cells = self._rows[number].cells
        spans = [Span(" " * _EDGE)]
        for one in self._placed:
            cell = cells[one.index]
            spans += [Span(cell.fit(one.width), cell.style), Span(" " * self._gap)]
        return self.strip(spans, width, over)

    def _header(self, width: int) -> Strip:
        head = self.get_component_rich_style("table--header", partial=True)
        chosen = self.get_component_rich_style("table--sorted", partial=True)
        sort, reverse = self._sort
        strips = [self.strip([Span(" " * _EDGE)], _EDGE, head)]
        for one in self._placed:
            is_sorted = one.column.key == sort
            arrow = ("▼" if reverse else "▲") if is_sorted else ""
            text = truncate(one.column.title, one.width - len(arrow)) if one.width > 2 else ""
            text += " " + arrow if cell_width(text) + 1 < one.width else arrow
            strips.append(self.strip([Span(pad(text, one.width))], one.width, head + chosen if is_sorted else head))
            strips.append(self.strip([Span(" " * self._gap)], self._gap, head))
        return Strip.join(strips).adjust_cell_length(width, self.rich_style + head)

    # -- keys and mouse

    def on_resize(self, event: events.Resize) -> None:
        """Share the room among the columns anew and keep the chosen row in sight."""
        del event
        self._place()
        self.virtual_size = Size(self.size.width, len(self._rows) + HEADER)
        self._reveal()
        self.refresh()

    def on_focus(self) -> None:
        """Paint the cursor as focused."""
        self.refresh()

    def on_blur(self) -> None:
        """Paint the cursor as not focused."""
        self.refresh()

    def select(self, device_id: str) -> None:
        """Choose a device that is among the rows; others are left alone."""
        if device_id in self._index:
            self._move_to(self._index[device_id])

    def action_move(self, step: int) -> None:
        """Choose the row ``step`` further down."""
        self._move_to(self._at + step)

    def action_page(self, pages: int) -> None:
        """Choose a row one screenful away."""
        self._move_to(self._at + pages * max(self.size.height - HEADER - 1, 1))

    def action_move_to(self, number: int) -> None:
        """Choose a row by its number; -1 is the last."""
        self._move_to(len(self._rows) - 1 if number < 0 else number)

    def action_open(self) -> None:
        """Ask for the detail."""
        if self._rows:
            self.post_message(self.Opened())

    def _move_to(self, number: int) -> None:
        if not self._rows:
            return
        number = max(0, min(number, len(self._rows) - 1))
        if number != self._at:
            old, self._at = self._at, number
            top = self.scroll_offset.y
            self._reveal()
            for line in (old, number):
                self._refresh_line(line - top + HEADER)
        self._choose(self._rows[self._at].device.id)

    def on_click(self, event: events.Click) -> None:
        """Choose the row, or sort by the heading."""
        if event.y < HEADER:
            left = _EDGE
            for one in self._placed:
                if left <= event.x < left + one.width + self._gap:
                    self.post_message(self.SortBy(one.column.key))
                    break
                left += one.width + self._gap
            return
        number = self.scroll_offset.y + event.y - HEADER
        if number < len(self._rows):
            again = number == self._at and event.chain > 1
            self._move_to(number)
            if again:
                self.action_open()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Mark the row under the mouse."""
        self._hover_at(self.scroll_offset.y + event.y - HEADER if event.y >= HEADER else -1)

    def on_leave(self) -> None:
        """Take the mark away."""
        self._hover_at(-1)

    def _hover_at(self, number: int) -> None:
        if number != self._hover:
            old, self._hover = self._hover, number
            for one in (old, number):
                if one >= 0:
                    self._refresh_line(one - self.scroll_offset.y + HEADER)
