"""Lookup: type a port's number and read its four layers, or what an upload tool said and read what it means."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, Final

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
from tui.present.device import main_address
from tui.present.explanation import explanation_lines, like_port, parse_port
from tui.present.lines import Line, line

_HINT = (
    line("Type a port number, with /tcp or /udp if you know it: ", ("3232/udp", "code"), hang=2),
    line(("Registry, practice, what the chosen device told, and what follows from them.", "dim"), indent=2),
    line("Or what an upload tool said: ", ("No response from device", "code"), hang=2),
    line(("What it means, which hop failed, the causes and what to do.", "dim"), indent=2),
)
_LONGEST: Final = 400
"""Characters of a message that is pasted; the longest that is known has 200."""


class PortScreen(Dialog):
    """Explains the port or the message that is typed; with what the chosen device told, or with its address in the commands."""

    AUTO_FOCUS = "Input"
    owners: ClassVar[tuple[str, ...]] = ("port", "dialog")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("port")]

    def __init__(self, explain: Explain, device: Device | None) -> None:
        super().__init__("Ports and messages", _HINT)
        self._explain = explain
        self._device = device
        self._full = False

    def compose_above(self) -> Sequence[Widget]:
        """Return the line to type in."""
        typed = Input(placeholder="3232/udp, or No response from device", id="port-input", max_length=_LONGEST, compact=True)
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
        if not like_port(text):
            return self._message(text)
        port, transport = parse_port(text)
        has = self._device is not None and any(one.port == port and transport in ("", one.transport) for one in self._device.listeners)
        explanation = self._explain(port, transport, device=self._device if has else None)
        return explanation_lines(explanation, full=self._full, more="Enter shows")

    def _message(self, text: str) -> Sequence[Line]:
        from discover.atlas.load_symptoms import load_symptoms  # noqa: PLC0415 - not before a message is typed
        from discover.atlas.match_symptom import find_symptoms  # noqa: PLC0415 - likewise
        from tui.present.symptom import found_lines  # noqa: PLC0415 - likewise

        found = find_symptoms(text, load_symptoms())
        if not found.hits:
            return (line(("No message is known that has these words.", "warn")),)
        host = main_address(self._device) if self._device is not None else ""
        return found_lines(found, full=self._full, host=host)
