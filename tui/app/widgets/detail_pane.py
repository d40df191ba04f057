"""The detail of one device: a strip of tabs over a view of lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical

from discover.model.device import Device
from tui.app.widgets.bars import TabStrip
from tui.app.widgets.lines_view import LinesView
from tui.present import words
from tui.present.detail import TABS, Sources, Tab
from tui.present.lines import Line, line

_TABS = {tab.key: tab for tab in TABS}
_REST: Final = 0.3
"""Seconds between two times that a slow tab of the same device is made while signals come in."""
_SHARE: Final = 20.0
"""Such a tab takes no more than one part in so many of the time: a ledger of 65,000 addresses is not added up thrice a second."""
_BUSY = {"ports": (line(("Reading the port atlas …", "dim")),), "sent": (line(("Reading the ledger …", "dim")),)}
_NOTHING = (line(("No device is chosen.", "dim")),)


class DetailPane(Vertical):
    """Shows the chosen tab of one device, and makes only the lines of that tab."""

    def __init__(self, sources: Sources, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._sources = sources
        self._device: Device | None = None
        self._now = 0.0
        self._filling = self._wanted = False

    def compose(self) -> ComposeResult:
        """Lay out tabs and lines."""
        yield TabStrip([(tab.key, tab.title) for tab in TABS], id="tabs")
        yield LinesView(id="detail-lines")

    @property
    def lines(self) -> LinesView:
        """The view of the tab's lines."""
        return self.query_one(LinesView)

    @property
    def tabs(self) -> TabStrip:
        """The strip of tabs."""
        return self.query_one(TabStrip)

    @property
    def tab(self) -> Tab:
        """The tab that is shown."""
        return _TABS[self.tabs.active]

    def show(self, device: Device | None, now: float) -> None:
        """Show a device as of ``now`` (Unix seconds), or that none is chosen."""
        other = (device.id if device else "") != (self._device.id if self._device else "")
        changed = device is not self._device
        self._device, self._now = device, now
        self.tabs.tell(device.title if device else "")
        self._fill(from_top=other, changed=changed)

    def choose(self, key: str) -> None:
        """Show another tab."""
        if key != self.tabs.active:
            self.tabs.choose(key)
            self._fill(from_top=True, changed=True)

    def step(self, by: int) -> None:
        """Show the tab ``by`` places further, round and round."""
        keys = list(_TABS)
        self.choose(keys[(keys.index(self.tabs.active) + by) % len(keys)])

    def next_change(self, now: float) -> float | None:
        """Return in how many seconds a relative time of this tab will read differently; None: it shows none."""
        if self._device is None or self.tab.key not in ("what", "raw"):
            return None
        return min((words.ago_holds(now - when) for when in self._times(self._device)), default=None)

    def _times(self, device: Device) -> Iterator[float]:
        yield from (heard.last for heard in device.presence.heard)
        if self.tab.key == "raw":
            yield from (signal.when for signal in device.signals)

    def _fill(self, *, from_top: bool, changed: bool) -> None:
        device = self._device
        if device is None:
            self.lines.show(_NOTHING, from_top=True)
        elif self.tab.slow:
            if from_top:
                self.lines.show(_BUSY[self.tab.key], from_top=True)
            if changed or self.tab.key == "sent":  # packets are sent without a change of the device
                self._fill_slowly()
        else:
            self.lines.show(self.tab.lines(device, self._now, self._sources), from_top=from_top)

    def _fill_slowly(self) -> None:
        """Make the lines of one device after another, never in a heap."""
        self._wanted = True
        if not self._filling:
            self._filling = True
            self._make_slow_lines()

    @work(group="slow tab")
    async def _make_slow_lines(self) -> None:
        try:
            while self._wanted and self._device is not None and self.tab.slow:
                self._wanted = False
                device, tab = self._device, self.tab
                start = time.monotonic()
                lines: tuple[Line, ...] = (
                    await asyncio.to_thread(tab.lines, device, self._now, self._sources)
                    if tab.threaded
                    else tab.lines(device, self._now, self._sources)
                )
                if not self.is_attached:
                    return
                cost = time.monotonic() - start
                if self._shows(device.id, tab):
                    self.lines.show(lines)
                if (self._device, self.tab) == (device, tab):
                    await asyncio.sleep(max(_REST, cost * _SHARE))
        finally:
            self._filling = False

    def _shows(self, device_id: str, tab: Tab) -> bool:
        return self._device is not None and self._device.id == device_id and self.tab is tab

    @on(TabStrip.Chosen)
    def _on_tab(self, event: TabStrip.Chosen) -> None:
        event.stop()
        self.choose(event.key)
