"""The ledger: what was sent, by device or by purpose, counted on while it is open."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual.binding import BindingType

from discover.model.snapshot import Snapshot
from discover.net.ledger import Tally
from tui.app.keys import bindings
from tui.app.screens.dialog import Dialog
from tui.present.ledger import ledger_lines, purpose_lines

_EVERY: Final = 1.0
"""Seconds between two looks at the ledger."""
_REST: Final = 20.0
"""A long ledger (a /16 fills tens of thousands of lines) is counted again after so many times what counting took."""


class LedgerScreen(Dialog):
    """Shows what was sent. ``tallies`` and ``snapshot`` give the newest state."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("ledger")]
    owners: ClassVar[tuple[str, ...]] = ("ledger", "dialog")

    def __init__(self, tallies: Callable[[], Sequence[Tally]], snapshot: Callable[[], Snapshot]) -> None:
        super().__init__("What espied sent")
        self._tallies = tallies
        self._snapshot = snapshot
        self._by_purpose = False
        self._shown: tuple[Sequence[Tally], Snapshot, bool] | None = None
        self._not_before = 0.0

    def begin(self) -> None:
        """Show the ledger, and keep it up to date."""
        self._show()
        self.set_interval(_EVERY, self._look)

    def action_turn(self) -> None:
        """Show it by purpose, or by device again."""
        self._by_purpose = not self._by_purpose
        self._show(from_top=True)

    def _look(self) -> None:
        if time.monotonic() >= self._not_before:
            self._show()

    def _show(self, *, from_top: bool = False) -> None:
        start = time.monotonic()
        state = (self._tallies(), self._snapshot(), self._by_purpose)
        if self._shown is not None and all(new is old for new, old in zip(state, self._shown, strict=True)):
            return
        self._shown = state
        tallies, snapshot, by_purpose = state
        self.lines.show(purpose_lines(tallies) if by_purpose else ledger_lines(tallies, snapshot), from_top=from_top)
        end = time.monotonic()
        self._not_before = end + (end - start) * _REST
