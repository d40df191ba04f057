"""Port lookup: type a number, read its four layers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from discover.errors import EspiedError
from discover.model.device import Device
from tui.app.keys import bindings
from tui.app.screens.check import error_lines
from tui.app.screens.dialog import Dialog
from tui.present.detail import Explain
from tui.present.explanation import explanation_lines, parse_port
from tui.present.lines import Line, line

_HINT = (
    line("Type a port number, with /tcp or /udp if you know it: ", ("3232/udp", "code")),
    line(("Registry, practice, what the chosen device told, and what follows from them.", "dim")),
)


class PortScreen(Dialog):
    """Explains the port that is typed; where the chosen device has it, with what that device told."""

    AUTO_FOCUS = "Input"
    owners: ClassVar[tuple[str, ...]] = ("port", "dialog")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("port")]

    def __init__(self, explain: Explain, device: Device | None) -> None:
        super().__init__("Port lookup", _HINT)
        self._explain = explain
        self._device = device
        self._full = False

    def compose_above(self) -> Sequence[Widget]:
        """Return the line to type in."""
        typed = Input(placeholder="3232/udp", id="port-input", max_length=12, compact=True)
        typed.cursor_blink = False  # a blinking cursor is a timer that never rests
        return (typed,)

    @on(Input.Changed)
    def _on_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._look_up(event.value.strip())

    @on(Input.Submitted)
    def _on_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_full()

    def action_full(self) -> None:
        """Change between what one wants to know first and everything, with its sources."""
        self._full = not self._full
        self._look_up(self.query_one(Input).value.strip())

    @work(exclusive=True, group="explain")
    async def _look_up(self, text: str) -> None:
        if not text:
            self.lines.show(_HINT, from_top=True)
            return
        try:
            lines = await asyncio.to_thread(self._answer, text)
        except EspiedError as error:
            lines = error_lines(error)
        if self.is_attached:
            self.lines.show(lines, from_top=True)

    def action_scroll(self, lines: int) -> None:
        """Read on while the line to type in keeps the keys."""
        self.lines.scroll_relative(y=lines, animate=False)

    def _answer(self, text: str) -> Sequence[Line]:
        port, transport = parse_port(text)
        has = self._device is not None and any(one.port == port and transport in ("", one.transport) for one in self._device.listeners)
        explanation = self._explain(port, transport, device=self._device if has else None)
        return explanation_lines(explanation, full=self._full, more="Enter shows")
