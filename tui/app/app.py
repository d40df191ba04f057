"""The app: one main screen over one feed, and the dialogs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.app import App
from textual.binding import BindingType

from discover.atlas.port import Explanation
from discover.model.check import Command, OtaCheck
from discover.model.device import Device
from discover.model.scan import ScanSummary
from discover.model.snapshot import Snapshot
from tui.app.contracts import AppFeed, AppInventory
from tui.app.keeper import Keeper
from tui.app.keys import bindings
from tui.app.screens.main import MainScreen
from tui.app.session import Session
from tui.app.themes import DARK, LIGHT, is_light_terminal
from tui.present.detail import Explain
from tui.present.lines import line

if TYPE_CHECKING:
    from discover.atlas.catalogue import Catalogue
    from discover.net.ledger import Tally
    from tui.app.screens.export import ExportFormat


WIDE: Final = 120
"""Columns from which the detail stands beside the table."""
ROOMY: Final = 96
"""Columns from which a dialog leaves the main screen visible around it."""
TALL: Final = 20
"""Rows from which the detail stands under the table."""

_NOTHING: Final = Snapshot(generated=0.0, scan=ScanSummary(), devices=())

AFTER_PAINT: Final = 0.03
"""Seconds that the terminal gets for the first picture before imports compete with the thread that writes it."""


class EspiedApp(App[None]):
    """The terminal app.

    ``feed_factory`` makes the feed after the first paint, off the event loop's thread; it may raise
    EspiedError, which is shown. ``catalogue`` is what devices are identified with, or what loads it then.
    ``database`` is the stored inventory: its labels are shown, and what a live feed finds is put into it (None: neither).
    ``inventory`` makes the inventory (the real one over ``catalogue`` where it is None), ``explain`` explains
    ports, ``export_dir`` is where exports go (default: the folder the app was started in).
    """

    CSS_PATH = "styles/app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (ROOMY, "-roomy"), (WIDE, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (TALL, "-tall")]  # noqa: RUF012 - likewise
    ENABLE_COMMAND_PALETTE = False
    TITLE = "espied"

    def __init__(
        self,
        feed_factory: Callable[[], AppFeed],
        catalogue: Catalogue | Callable[[], Catalogue] | None = None,
        *,
        inventory: Callable[[], AppInventory] | None = None,
        explain: Explain | None = None,
        formats: Callable[[], Mapping[str, ExportFormat]] | None = None,
        database: Path | None = None,
        export_dir: Path | None = None,
        title: str = "",
    ) -> None:
        super().__init__()
        self._feed_factory = feed_factory
        self._catalogue = catalogue
        self._inventory = inventory or self._make_inventory
        self._formats = formats or _all_formats
        self._keeper = Keeper(database)
        self._export_dir = export_dir or Path.cwd()
        self._session: Session | None = None
        self._earlier: tuple[Tally, ...] = ()
        self._copied: tuple[tuple[Command, ...], int] = ((), 0)
        self._sent: tuple[object, object, tuple[Tally, ...]] = (None, None, ())
        self.explain: Explain = explain or self._explain
        self._main = MainScreen(f"espied {title}".rstrip())
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = LIGHT.name if is_light_terminal() else DARK.name

    def on_mount(self) -> None:
        """Show the main screen; the feed starts when it has been painted."""
        self.push_screen(self._main)
        self.call_after_refresh(self.set_timer, AFTER_PAINT, self.start)

    def _load_catalogue(self) -> Catalogue:
        """Return the catalogue; called in threads, after the first paint."""
        if self._catalogue is None:
            from discover.atlas.loader import load_catalogue  # noqa: PLC0415 - after the first paint

            self._catalogue = load_catalogue()
        elif callable(self._catalogue):
            self._catalogue = self._catalogue()
        return self._catalogue

    def _make_inventory(self) -> AppInventory:
        from discover.inventory.fold import Inventory  # noqa: PLC0415 - after the first paint

        return Inventory(self._load_catalogue())

    def _explain(self, port: int, transport: str = "", *, device: Device | None = None) -> Explanation:
        from discover.atlas.explain import explain  # noqa: PLC0415 - not before it is asked for

        return explain(port, transport, device=device, families=self._load_catalogue().families)

    # -- the feed

    def start(self) -> None:
        """Run the feed: for the first time, or again over the same inventory."""
        inventory = self._inventory
        if self._session is not None:
            self._session.close()
            self._earlier = self.sent()
            if (known := self._session.inventory) is not None:
                inventory = lambda: known  # noqa: E731 - a factory of what is there already
        self._session = Session(self._feed_factory, inventory, self._main.post_message, keeper=self._keeper)
        self.run_worker(self._session.run(), name="feed", group="feed", exclusive=True)

    def rescan(self) -> bool:
        """Run the feed again where it has nothing to do; tell whether it will."""
        if self._session is None or not self._session.idle:
            return False
        self.start()
        return True

    def now(self) -> float:
        """Return the moment that relative times count from (Unix seconds)."""
        return self._session.now() if self._session else 0.0

    def refresh_presence(self) -> bool:
        """Ask for an update where time alone has changed something; tell whether one will come."""
        return self._session.refresh_if_due() if self._session else False

    async def action_quit(self) -> None:
        """Stop the feed, keep what was found, and leave."""
        snapshot = self._session.snapshot if self._session is not None else None
        trouble = await asyncio.to_thread(self._keeper.finish, snapshot)
        failed = self._main.trouble
        self.exit(return_code=failed.exit_code if failed is not None else 0, message=Text(trouble) if trouble else None)

    # -- dialogs; each is imported when it is first opened

    def tell(self, message: str, *, bad: bool = False) -> None:
        """Show a short sentence for a moment."""
        self.notify(message, severity="warning" if bad else "information", timeout=4, markup=False)

    def copy_command(self, commands: Sequence[Command]) -> None:
        """Copy an upload command to the clipboard of the terminal: the first, and the next each time it is asked again."""
        if not commands:
            self.tell("No way to upload to this device is known, so there is no command to copy.")
            return
        shown, at = self._copied
        at = (at + 1) % len(commands) if shown == tuple(commands) else 0
        self._copied = (tuple(commands), at)
        self.copy_to_clipboard(commands[at].line)
        more = f", {at + 1} of {len(commands)}; y for the next" if len(commands) > 1 else ""
        self.tell(f"Copied the line for {commands[at].tool}{more}.")

    def open_check(self, device: Device | None) -> None:
        """Check one device."""
        from tui.app.screens.check import CheckScreen  # noqa: PLC0415 - not before it is asked for

        if device is None:
            self.tell("No device is chosen.")
        elif self._session is None or self._session.feed is None:
            self.tell("The network is not ready yet; try again in a moment.")
        else:
            self.push_screen(CheckScreen(self._session.feed, device, self._on_checked))

    def _on_checked(self, result: OtaCheck) -> None:
        if self._session is not None:
            self._session.checked(result)

    def open_export(self, snapshot: Snapshot | None, shown: int) -> None:
        """Export the inventory."""
        from tui.app.screens.export import ExportScreen  # noqa: PLC0415 - not before it is asked for

        if snapshot is None or not snapshot.devices:
            self.tell("There is nothing to export yet.")
        else:
            self.push_screen(ExportScreen(snapshot, self._formats(), self._export_dir, shown=shown))

    def open_port(self, device: Device | None) -> None:
        """Look up a port."""
        from tui.app.screens.ports import PortScreen  # noqa: PLC0415 - not before it is asked for

        self.push_screen(PortScreen(self.explain, device))

    def open_ledger(self) -> None:
        """Show what was sent."""
        from tui.app.screens.ledger import LedgerScreen  # noqa: PLC0415 - not before it is asked for

        self.push_screen(LedgerScreen(self.sent, self._newest))

    def _newest(self) -> Snapshot:
        return (self._session.snapshot if self._session is not None else None) or _NOTHING

    def sent(self) -> tuple[Tally, ...]:
        """Return what was sent since the app began, over all its scans: the same object until more is sent."""
        now = self._session.sent if self._session is not None else ()
        if not self._earlier:
            return now
        from discover.inventory.sent import merged  # noqa: PLC0415 - not before it is asked for

        if self._sent[0] is not self._earlier or self._sent[1] is not now:
            self._sent = (self._earlier, now, merged((*self._earlier, *now)))
        return self._sent[2]

    def sent_to(self, device: Device) -> tuple[Tally, ...]:
        """Return what one device was sent."""
        from discover.inventory.sent import sent_to  # noqa: PLC0415 - not before it is asked for

        return sent_to(self.sent(), device.addresses)

    def open_notices(self, notices: Sequence[str]) -> None:
        """Show all that the scan has to say."""
        from tui.app.screens.dialog import Dialog  # noqa: PLC0415 - not before it is asked for

        lines = [line(("! ", "warn"), notice, hang=2) for notice in notices]
        self.push_screen(Dialog("Notices", lines or [line("There is nothing to say: all went as it should.")]))

    def open_help(self) -> None:
        """Show the help."""
        from tui.app.screens.dialog import Dialog  # noqa: PLC0415 - not before it is asked for
        from tui.app.screens.help import help_lines  # noqa: PLC0415 - likewise

        self.push_screen(Dialog("Help", help_lines()))

    def toggle_dark(self) -> None:
        """Change between the dark and the light theme."""
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name


def _all_formats() -> Mapping[str, ExportFormat]:
    from discover.export import FORMATS  # noqa: PLC0415 - not before it is asked for

    return FORMATS
