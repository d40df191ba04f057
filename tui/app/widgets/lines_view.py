"""A scrolling view of lines: details, help, the ledger, an explanation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.app.keys import bindings
from tui.app.paint import PAINTS, Painted
from tui.present.lines import Line, wrap


class LinesView(Painted, ScrollView, can_focus=True):
    """Shows lines wrapped to its width; repaints only when they change. Its text can be selected and copied."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*PAINTS}
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("lines")]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._wrapped: tuple[Line, ...] = ()
        self._wrapped_at = 0

    @property
    def allow_select(self) -> bool:
        """Its text can be selected with the mouse."""
        return True

    @property
    def plain(self) -> str:
        """The text as it was given."""
        return "\n".join(line.plain for line in self._lines)

    def show(self, lines: Sequence[Line], *, from_top: bool = False) -> None:
        """Show these lines; the place read at is kept unless ``from_top``."""
        if tuple(lines) != self._lines:
            self._lines = tuple(lines)
            self._rewrap()
        if from_top:
            self.scroll_to(0, 0, animate=False)

    def _rewrap(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        self._wrapped_at = width
        self._wrapped = wrap(self._lines, width)
        self.virtual_size = Size(width, len(self._wrapped))
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Wrap anew for another width."""
        del event
        if self.scrollable_content_region.width != self._wrapped_at:
            self._rewrap()

    def render_line(self, y: int) -> Strip:
        """Return one line of the visible part."""
        row = y + self.scroll_offset.y
        width = self.size.width
        if row >= len(self._wrapped):
            return Strip.blank(width, self.rich_style)
        strip = self.strip(self._wrapped[row].spans, width)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(row)) is not None:
            strip = _marked(strip, span, self)
        return strip.apply_offsets(self.scroll_offset.x, row)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text as it is shown."""
        return selection.extract("\n".join(line.plain for line in self._wrapped)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Repaint what is marked."""
        del selection
        self.refresh()


def _marked(strip: Strip, span: tuple[int, int], view: LinesView) -> Strip:
    start, end = span
    end = strip.cell_length if end < 0 else min(end, strip.cell_length)
    if start >= end:
        return strip
    mark = view.screen.get_component_rich_style("screen--selection")
    marked = (Segment(part.text, (part.style or view.rich_style) + mark) for part in strip.crop(start, end))
    return Strip([*strip.crop(0, start), *marked, *strip.crop(end)])
