"""What all dialogs share: a box over the main screen with a title, a view of lines and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from tui.app.keys import bindings
from tui.app.widgets.bars import FooterBar, LineBar
from tui.app.widgets.lines_view import LinesView
from tui.present.lines import Line, line


class Dialog(ModalScreen[None]):
    """A box with a title and lines; ``owners`` name the keys of its footer."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("dialog")]
    AUTO_FOCUS = "LinesView"
    owners: ClassVar[tuple[str, ...]] = ("dialog",)

    def __init__(self, title: str, lines: Sequence[Line] = ()) -> None:
        super().__init__()
        self._title = title
        self._first = tuple(lines)

    def compose(self) -> ComposeResult:
        """Lay out title, the dialog's own widgets, lines and keys."""
        with Vertical(classes="dialog"):
            yield LineBar(classes="dialog-title")
            yield from self.compose_above()
            yield LinesView(classes="dialog-lines")
            yield FooterBar(*self.owners)

    def compose_above(self) -> Sequence[Widget]:
        """Return what stands between title and lines."""
        return ()

    def on_mount(self) -> None:
        """Fill in title and lines."""
        self.query_one(".dialog-title", LineBar).show(line((f" {self._title}", "title")))
        self.lines.show(self._first)
        self.begin()

    def begin(self) -> None:
        """Do what the dialog is for, once it stands; nothing more unless it says so."""

    @property
    def lines(self) -> LinesView:
        """The dialog's view of lines."""
        return self.query_one(".dialog-lines", LinesView)

    def action_close(self) -> None:
        """Go back to the main screen."""
        self.dismiss(None)
