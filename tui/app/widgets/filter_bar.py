"""The filter line above the keys: made when it is first opened, gone when it is empty."""

from __future__ import annotations

from textual import events, on
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from tui.app.widgets.bars import LineBar
from tui.present.lines import line


class FilterBar(Horizontal):
    """Holds the filter's text; open while it is typed in or not empty."""

    class Changed(Message):
        """The filter's text is another one."""

        def __init__(self, text: str) -> None:
            """Keep the text."""
            super().__init__()
            self.text = text

    class Left(Message):
        """The user is done typing."""

    @property
    def _typed(self) -> Input | None:
        return next(iter(self.query(Input)), None)

    @property
    def text(self) -> str:
        """The filter as it is typed."""
        typed = self._typed
        return typed.value if typed else ""

    def open(self, text: str | None = None) -> None:
        """Show the line and type in it; ``text`` takes the place of what stands there."""
        self.add_class("-open")
        typed = self._typed
        if typed is not None and text is not None:
            typed.value = text
        if typed is None:
            typed = Input(text or "", placeholder="words, or family:esphome ota:open port:3232 -state:gone", compact=True)
            typed.cursor_blink = False  # a blinking cursor is a timer that never rests
            mark, count = LineBar(id="filter-mark"), LineBar(id="filter-count")
            self.mount(mark, typed, count)
            mark.show(line(("/", "key")))
        typed.focus()

    def put(self, text: str) -> None:
        """Show this filter without typing in it; an empty one closes the line."""
        if not text:
            self.drop()
            return
        self.open(text)
        self.post_message(self.Left())

    def drop(self) -> None:
        """Empty the filter and close the line."""
        typed = self._typed
        if typed is not None:
            typed.value = ""
        self._leave()

    def tell(self, shown: int, total: int) -> None:
        """Say how many devices pass."""
        for bar in self.query("#filter-count").results(LineBar):
            bar.show(line(""), line((f"{shown} of {total}  esc drops it", "dim")))

    def _leave(self) -> None:
        if not self.text:
            self.remove_class("-open")
        self.post_message(self.Left())

    @on(Input.Changed)
    def _on_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _on_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave()

    def on_key(self, event: events.Key) -> None:
        """Leave with escape (dropping the filter) or with the down key."""
        if event.key == "escape":
            event.stop()
            self.drop()
        elif event.key == "down":
            event.stop()
            self._leave()
