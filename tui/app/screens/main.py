"""The main screen: status, device table, detail, filter, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.timer import Timer

from discover.errors import EspiedError
from discover.model.coverage import remarks
from discover.model.device import Device
from discover.model.network import Progress
from discover.model.scan import ScanSummary
from discover.model.snapshot import Snapshot
from tui.app.keys import bindings
from tui.app.messages import FeedTrouble, FeedUpdate
from tui.app.roster import Roster
from tui.app.widgets.bars import FooterBar, LineBar
from tui.app.widgets.detail_pane import DetailPane
from tui.app.widgets.device_table import DeviceTable
from tui.app.widgets.filter_bar import FilterBar
from tui.app.widgets.lines_view import LinesView
from tui.present import words
from tui.present.commands import commands_for
from tui.present.detail import Sources
from tui.present.device import COLUMNS
from tui.present.filter import OPEN_ONLY, parse
from tui.present.lines import BLANK, Line, line
from tui.present.outlook import Outlook
from tui.present.status import empty_lines, progress_line, summary_line

if TYPE_CHECKING:
    from tui.app.app import EspiedApp

_PATIENCE: Final = 5.0
"""Seconds before a watch without any device is called empty: RFC 6762 lets answers take a second, sleepers longer."""
_TICK_MIN: Final = 5.0
"""Relative times are brought up to date at most this often (seconds) ..."""
_TICK_MAX: Final = 600.0
"""... and presence, which only time may change, at least this often."""


class MainScreen(Screen[None]):
    """Shows the newest state; asks nothing of the network itself."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("main")]
    AUTO_FOCUS = "DeviceTable"

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._roster = Roster()
        self._snapshot: Snapshot | None = None
        self._progress: Progress | None = None
        self._summary: ScanSummary | None = None
        self._notices: tuple[str, ...] = ()
        self._trouble: EspiedError | None = None
        self._outlook = Outlook()
        self._tick: Timer | None = None

    @property
    def espied(self) -> EspiedApp:
        """The app."""
        return cast("EspiedApp", self.app)

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield LineBar(id="status")
        yield LineBar(id="notices")
        with Container(id="body"):
            with Vertical(id="table-side"):
                yield DeviceTable(id="table")
            yield DetailPane(Sources(self.espied.explain, self.espied.sent_to), id="detail")
            yield LinesView(id="empty")
        yield FilterBar(id="filter")
        yield FooterBar("table", "main", "app")

    def on_mount(self) -> None:
        """Show the state before anything was heard."""
        self._show_all()

    @property
    def table(self) -> DeviceTable:
        """The device table."""
        return self.query_one(DeviceTable)

    @property
    def detail(self) -> DetailPane:
        """The detail pane."""
        return self.query_one(DetailPane)

    @property
    def device(self) -> Device | None:
        """The chosen device in its newest state."""
        return self._roster.device(self.table.selected)

    # -- what comes in

    def on_feed_update(self, message: FeedUpdate) -> None:
        """Take the newest state."""
        self._snapshot, self._progress = message.snapshot, message.progress
        self._notices, self._summary = message.notices, message.summary
        if message.progress is not None:
            self._outlook.take(message.progress)
        self._roster.take(message.snapshot.devices, self.espied.now())
        self._show_all()

    @property
    def trouble(self) -> EspiedError | None:
        """What stopped the feed, None where nothing did."""
        return self._trouble

    def on_feed_trouble(self, message: FeedTrouble) -> None:
        """Say what went wrong and what to do; what was found stays."""
        self._trouble = message.error
        self._show_all()

    @on(DeviceTable.Selected)
    def _on_selected(self) -> None:
        self.detail.show(self.device, self.espied.now())

    def _show_all(self) -> None:
        self._show_table()
        self._show_status()
        self._show_notices()
        self.detail.show(self.device, self.espied.now())
        self._plan_tick()

    def _show_table(self) -> None:
        rows = self._roster.rows()
        self.table.show(rows, self._roster.sort, reverse=self._roster.reverse)
        nothing = not self._roster.total
        self.set_class(nothing, "-empty")
        if nothing:
            self.query_one("#empty", LinesView).show(self._empty_lines())
        elif self.focused is None:
            self.table.focus()
        self.query_one(FilterBar).tell(len(rows), self._roster.total)

    def _empty_lines(self) -> tuple[Line, ...]:
        if self._trouble is not None:
            lines = [line(("Discovery could not run.", "title")), BLANK, line(("✗ ", "bad"), self._trouble.message, hang=2)]
            if self._trouble.hint:
                lines.append(line(("do: ", "key"), self._trouble.hint, indent=2, hang=6))
            return (*lines, BLANK, line("Then press ", ("r", "key"), " to try again."))
        return empty_lines(self._over, self._notices)

    @property
    def _over(self) -> ScanSummary | None:
        """What the scan did, once it has had the time to find something."""
        if self._summary is not None or self._snapshot is None or self._progress is None:
            return self._summary
        scan = self._snapshot.scan
        return scan if self._progress.elapsed >= _PATIENCE and (scan.complete or scan.planned) else None

    def _show_status(self) -> None:
        if self._trouble is not None:
            state = line(("stopped", "bad"), "  ", self._trouble.message)
        elif self._summary is not None:
            state = summary_line(self._summary)
        elif self._progress is not None:
            narrow = self.has_class("-narrow")
            state = progress_line(self._progress, self._outlook.left, self._outlook.share, narrow=narrow)
        else:
            state = line(("starting", "accent"))
        total, shown = self._roster.total, len(self.table.rows)
        count = words.count(total, "device") if shown == total else f"{shown} of {words.count(total, 'device')}"
        self.query_one("#status", LineBar).show(line((self._title, "title"), "  ", *state.spans), line((count, "title")))

    def _show_notices(self) -> None:
        """Show the newest problem: an error, what the filter does not understand, else what the feed says."""
        bar = self.query_one("#notices", LineBar)
        said: Line | None = None
        more: Line | None = None
        if self._trouble is not None and self._roster.total:
            said = line(("✗ ", "bad"), f"{self._trouble.message} {self._trouble.hint}".rstrip())
        elif self._roster.filter.problems:
            said = line(("! filter: ", "warn"), self._roster.filter.problems[0])
        elif (notices := self._all_notices()) and self._roster.total:
            said = line(("! ", "warn"), notices[-1])
            more = line(("n ", "key"), (f"{len(notices)} notices" if len(notices) > 1 else "Read", "dim"))
        bar.set_class(said is not None, "-some")
        if said is not None:
            bar.show(said, more)

    def _all_notices(self) -> tuple[str, ...]:
        """Return what the feed says of the scan, and what its summary has to add."""
        scan = self._summary
        if scan is None and self._snapshot is not None and self._snapshot.scan.planned:
            scan = self._snapshot.scan  # a watch between two sweeps
        return (*self._notices, *(remarks(scan) if scan is not None else ()))

    # -- relative times: one timer, set only while something on the screen will read differently

    def _plan_tick(self) -> None:
        if self._tick is None and self._roster.total:
            self._tick = self.set_timer(self._next_change(), self._on_tick)

    def _next_change(self) -> float:
        now = self.espied.now()
        times = [_TICK_MAX]
        if self.table.shows("seen"):
            times += [words.ago_holds(now - row.device.presence.last_seen) for row in self.table.visible_rows()]
        change = self.detail.next_change(now)
        if change is not None:
            times.append(change)
        return max(min(times), _TICK_MIN)

    def _on_tick(self) -> None:
        self._tick = None
        if not self.espied.refresh_presence():
            self._roster.age(self.espied.now())
            self._show_table()
            self.detail.show(self.device, self.espied.now())
            self._plan_tick()

    # -- actions, as keys.py names them

    def action_filter(self) -> None:
        """Open the filter line."""
        self.query_one(FilterBar).open()

    @on(FilterBar.Changed)
    def _on_filter(self, event: FilterBar.Changed) -> None:
        self._roster.narrow(parse(event.text))
        self._show_table()
        self._show_status()
        self._show_notices()

    @on(FilterBar.Left)
    def _on_filter_left(self) -> None:
        self.table.focus()

    def action_sort(self) -> None:
        """Sort by the next column that is shown."""
        keys = [column.key for column in COLUMNS if self.table.shows(column.key)]
        at = keys.index(self._roster.sort) if self._roster.sort in keys else -1
        self._sort_by(keys[(at + 1) % len(keys)], reverse=False)

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._sort_by(self._roster.sort, reverse=not self._roster.reverse)

    @on(DeviceTable.SortBy)
    def _on_sort_by(self, event: DeviceTable.SortBy) -> None:
        self._sort_by(event.column, reverse=self._roster.sort == event.column and not self._roster.reverse)

    def _sort_by(self, key: str, *, reverse: bool) -> None:
        self._roster.order_by(key, reverse=reverse)
        self._show_table()

    @on(DeviceTable.Opened)
    def action_open(self) -> None:
        """Read the detail; on a small screen it takes all of it."""
        if self.device is not None:
            self.add_class("-reading")
            self.detail.lines.focus()

    def action_back(self) -> None:
        """Leave the detail; from the table, drop the filter."""
        if self.has_class("-reading") or self.detail.lines.has_focus:
            self.remove_class("-reading")
            self.table.focus()
        else:
            self.query_one(FilterBar).drop()

    def action_tab(self, key: str) -> None:
        """Show a tab of the detail; where the detail has no room beside the table, open it."""
        self.detail.choose(key)
        if self.has_class("-flat") and not self.has_class("-wide"):
            self.action_open()

    def action_next_tab(self, step: int) -> None:
        """Show the next tab, or the one before."""
        self.detail.step(step)

    def action_check(self) -> None:
        """Check the chosen device's OTA port."""
        self.espied.open_check(self.device)

    def action_copy(self) -> None:
        """Copy a command that uploads to the chosen device."""
        if self.device is None:
            self.espied.tell("No device is chosen.")
        else:
            self.espied.copy_command(commands_for(self.device))

    def action_open_updates(self) -> None:
        """Show only devices that say they take firmware without a password, or all again."""
        bar = self.query_one(FilterBar)
        bar.put("" if bar.text == OPEN_ONLY else OPEN_ONLY)

    def action_export(self) -> None:
        """Open the export dialog."""
        self.espied.open_export(self._snapshot, len(self.table.rows))

    def action_port(self) -> None:
        """Open the port lookup."""
        self.espied.open_port(self.device)

    def action_ledger(self) -> None:
        """Open the ledger."""
        self.espied.open_ledger()

    def action_notices(self) -> None:
        """Show all notices."""
        self.espied.open_notices(self._all_notices())

    def action_help(self) -> None:
        """Open the help."""
        self.espied.open_help()

    def action_rescan(self) -> None:
        """Run the feed again, where it has nothing to do."""
        if self.espied.rescan():
            self._summary = self._progress = self._trouble = None
            self._show_status()
        else:
            self.espied.tell("The scan is still running.")

    def action_toggle_dark(self) -> None:
        """Change between dark and light colours."""
        self.espied.toggle_dark()
