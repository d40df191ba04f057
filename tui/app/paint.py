"""Style names of ``tui.present`` as Textual styles, and lines as strips. No markup anywhere: text stays text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.present.lines import STYLES, Span

if TYPE_CHECKING:
    from textual.widget import Widget

    _Base = Widget
else:
    _Base = object

CLASSES: Final = {name: f"paint--{name}" for name in STYLES if name}
"""Style name -> component class; ``styles/app.tcss`` gives them their colours."""
PAINTS: Final = frozenset(CLASSES.values())


class Painted(_Base):
    """A widget that paints spans: mixed in before the widget class, which names PAINTS among its COMPONENT_CLASSES."""

    _paints: dict[str, Style] | None = None

    def paint(self, name: str) -> Style:
        """Return the style of that name over the widget's own."""
        if self._paints is None:
            base = self.rich_style
            self._paints = {"": base} | {one: base + self.get_component_rich_style(css, partial=True) for one, css in CLASSES.items()}
        return self._paints.get(name) or self._paints[""]

    def notify_style_update(self) -> None:
        """Forget the styles: theme, focus or classes changed."""
        self._paints = None
        super().notify_style_update()

    def strip(self, spans: Iterable[Span], width: int, over: Style | None = None) -> Strip:
        """Return the spans as one strip of exactly ``width`` cells; ``over`` is laid over every style."""
        segments = [Segment(span.text, self.paint(span.style) + over if over else self.paint(span.style)) for span in _tidy(spans)]
        base = self.paint("") + over if over else self.paint("")
        return Strip(segments).adjust_cell_length(width, base)


def _tidy(spans: Iterable[Span]) -> Iterator[Span]:
    """Join spans of one style and give blanks to the span before them.

    Blanks that a line begins with stay apart. That is fewer bytes for the terminal, and some SVG viewers
    swallow the blanks that a piece of text begins with.
    """
    text, style = "", ""
    for span in spans:
        rest = span.text.lstrip(" ") if text else span.text
        text += " " * (len(span.text) - len(rest))
        if not rest:
            continue
        if span.style == style and not text.isspace():
            text += rest
            continue
        if text:
            yield Span(text, style)
        text, style = rest, span.style
    if text:
        yield Span(text, style)
