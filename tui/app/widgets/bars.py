"""One-line bars: status, notices, the tabs of the detail, the keys at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.app.keys import Key, footer_keys
from tui.app.paint import PAINTS, Painted
from tui.present.cells import truncate
from tui.present.lines import Line, Span

_WHOSE_MIN: Final = 8
"""Cells below which a name says nothing."""


class LineBar(Painted, Widget):
    """One line: something on the left, cut where it must be, and something short on the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*PAINTS}

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self.left = Line()
        self.right = Line()

    def show(self, left: Line, right: Line | None = None) -> None:
        """Show these; painted again only when they differ."""
        right = right if right is not None else Line()
        if (left, right) != (self.left, self.right):
            self.left, self.right = left, right
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the bar's only line."""
        width = self.size.width
        if y:
            return Strip.blank(width, self.rich_style)
        right = fit(self.right, width)
        room = width - right.width - (2 if right.width else 0)
        left = fit(self.left, max(room, 0))
        return self.strip([*left.spans, Span(" " * max(width - left.width - right.width, 0)), *right.spans], width)


def fit(line: Line, width: int) -> Line:
    """Return the line cut to ``width`` cells, with an ellipsis where something was cut."""
    if line.width <= width:
        return line
    spans: list[Span] = []
    room = width
    for span in line.spans:
        size = cell_len(span.text)
        if size >= room:
            spans.append(Span(truncate(span.text + " ", room) if size == room else truncate(span.text, room), span.style))
            break
        spans.append(span)
        room -= size
    return Line(tuple(spans))


class TabStrip(Painted, Widget):
    """The tabs of the detail in one line; a click chooses one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*PAINTS, "tabs--active"}

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, key: str) -> None:
            """Keep its key."""
            super().__init__()
            self.key = key

    def __init__(self, tabs: Sequence[tuple[str, str]], *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._tabs = tuple(tabs)
        self._active = self._tabs[0][0]
        self._whose = ""

    @property
    def active(self) -> str:
        """The key of the tab that is shown."""
        return self._active

    def choose(self, key: str) -> None:
        """Mark another tab as the one that is shown."""
        if key != self._active:
            self._active = key
            self.refresh()

    def tell(self, whose: str) -> None:
        """Say on the right whose detail it is, where there is room."""
        if whose != self._whose:
            self._whose = whose
            self.refresh()

    def _labels(self) -> list[tuple[str, str]]:
        """Return each tab's key and label, shorter where the strip is narrow: the number goes last, because it is the key to press."""
        numbered = [(f"{number} ", key, title) for number, (key, title) in enumerate(self._tabs, 1)]
        texts = [(key, f" {number}{title} ") for number, key, title in numbered]
        if sum(cell_len(text) for _, text in texts) > self.size.width:
            texts = [(key, f" {number}{title.split()[0]} ") for number, key, title in numbered]
        if sum(cell_len(text) for _, text in texts) > self.size.width:
            texts = [(key, f" {title.split()[0]} ") for _, key, title in numbered]
        return texts

    def render_line(self, y: int) -> Strip:
        """Return the strip of tabs."""
        if y:
            return Strip.blank(self.size.width, self.rich_style)
        active = self.get_component_rich_style("tabs--active", partial=True)
        strips = []
        for key, text in self._labels():
            over = active if key == self._active else None
            strips.append(self.strip([Span(text, "" if over else "dim")], cell_len(text), over))
        room = self.size.width - sum(strip.cell_length for strip in strips) - 3
        if self._whose and room >= _WHOSE_MIN:
            said = truncate(self._whose, room)
            strips.append(self.strip([Span(" " * (room + 2 - cell_len(said))), Span(said, "dim")], room + 2))
        return Strip.join(strips).adjust_cell_length(self.size.width, self.rich_style)

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the mouse."""
        left = 0
        for key, text in self._labels():
            left += cell_len(text)
            if event.x < left:
                self.post_message(self.Chosen(key))
                break


class FooterBar(Painted, Widget):
    """The keys that matter here, made from the list of keys; a click does what the key does."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*PAINTS}

    def __init__(self, *owners: str) -> None:
        super().__init__()
        self._keys = footer_keys(*owners)

    def _items(self) -> list[tuple[Key, int, list[Span]]]:
        """Lay out the keys; a narrow bar has smaller gaps, and then drops keys from the middle, never the last two."""
        keys = list(self._keys)
        for gap in (2, 1):
            total = sum(cell_len(f"{key.shown} {key.label}") + gap for key in keys)
            if total <= self.size.width:
                break
        else:
            gap = 1
            while len(keys) > 2 and sum(cell_len(f"{key.shown} {key.label}") + gap for key in keys) > self.size.width:
                del keys[-3]
        items = []
        for key in keys:
            spans = [Span(key.shown, "key"), Span(f" {key.label}", "dim"), Span(" " * gap)]
            items.append((key, sum(cell_len(span.text) for span in spans), spans))
        return items

    def render_line(self, y: int) -> Strip:
        """Return the bar's only line."""
        spans = [span for _, _, one in self._items() for span in one] if y == 0 else []
        return self.strip(spans, self.size.width)

    async def on_click(self, event: events.Click) -> None:
        """Run the action of the key under the mouse."""
        left = 0
        for key, width, _ in self._items():
            left += width
            if event.x < left:
                await self.run_action(f"{'app' if key.where == 'app' else 'screen'}.{key.action}")
                break
