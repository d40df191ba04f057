"""The OTA check of one device: steps as they come, then the verdict first; further levels only on the user's word."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from textual import work
from textual.binding import BindingType

from discover.errors import EspiedError
from discover.model.check import Command, OtaCheck, Step
from discover.model.device import Device
from tui.app.contracts import AppFeed
from tui.app.keys import bindings
from tui.app.screens.dialog import Dialog
from tui.present.check import check_lines, step_lines
from tui.present.device import main_address
from tui.present.lines import BLANK, Line, line

if TYPE_CHECKING:
    from tui.app.app import EspiedApp


class CheckScreen(Dialog):
    """Runs one check; closing the dialog ends it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("check")]
    owners: ClassVar[tuple[str, ...]] = ("check", "dialog")

    def __init__(self, feed: AppFeed, device: Device, on_result: Callable[[OtaCheck], None]) -> None:
        super().__init__(f"OTA check: {device.title}")
        self._feed = feed
        self._device = device
        self._on_result = on_result
        self._steps: list[Step] = []
        self._checking = False
        self._commands: tuple[Command, ...] = ()
        self._offered = 0
        """The level whose warning is shown: its key once more is the user's word."""

    def begin(self) -> None:
        """Start at once: that is what the key was pressed for."""
        self.action_again()

    def action_again(self) -> None:
        """Check (once more), unless a check is under way."""
        self._start()

    def action_further(self, level: int) -> None:
        """Go to a level that may disturb the device: say first what it does, and do it when the key is pressed again."""
        if self._checking:
            return
        from discover.ota.consent import warning  # noqa: PLC0415 - only who goes further needs it

        said = warning(self._device, level)
        if said and self._offered != level:
            self._offered = level
            self.lines.show(warning_lines(level, said), from_top=True)
        else:
            self._start(level, consent=bool(said))

    def _start(self, level: int | None = None, *, consent: bool = False) -> None:
        if not self._checking:
            self._checking = True
            self._offered = 0
            self._steps.clear()
            self._show_steps()
            self._check(level, consent=consent)

    def action_copy(self) -> None:
        """Copy an upload command."""
        cast("EspiedApp", self.app).copy_command(self._commands)

    @work(exclusive=True, group="check")
    async def _check(self, level: int | None, *, consent: bool) -> None:
        host = main_address(self._device) or self._device.hostname
        try:
            result = await self._feed.check(host, device=self._device, on_step=self._on_step, level=level, consent=consent)
        except EspiedError as error:
            self.lines.show([*self._step_lines(), BLANK, *error_lines(error)])
        else:
            self._commands = result.commands
            self.lines.show(check_lines(result), from_top=True)
            self._on_result(result)
        finally:
            self._checking = False

    def _on_step(self, step: Step) -> None:
        self._steps.append(step)
        self._show_steps()

    def _show_steps(self) -> None:
        self.lines.show([*self._step_lines(), line(("… ", "accent"), ("asking", "dim"))])
        self.lines.scroll_end(animate=False, immediate=True)  # a later scroll would hide the verdict

    def _step_lines(self) -> list[Line]:
        return [one for step in self._steps for one in step_lines(step)]


def warning_lines(level: int, said: str) -> list[Line]:
    """Return what a level does to the device, and how to go on."""
    return [
        line((f"! Level {level} may disturb the device", "warn")),
        BLANK,
        line(said),
        BLANK,
        line(("do: ", "key"), f"{level} once more where that does no harm; r checks without it, esc leaves.", hang=4),
    ]


def error_lines(error: EspiedError) -> list[Line]:
    """Return an error as a sentence and what to do next."""
    lines = [line(("✗ ", "bad"), error.message, hang=2)]
    if error.hint:
        lines.append(line(("do: ", "key"), error.hint, indent=2, hang=6))
    return lines
