"""Export: a format, a file name, and the sentence that says what was written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Protocol

from textual import on, work
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from discover.model.snapshot import Snapshot
from tui.app.keys import bindings
from tui.app.screens.dialog import Dialog
from tui.present import words
from tui.present.lines import Line, line


class ExportFormat(Protocol):
    """One of ``discover.export.FORMATS``."""

    @property
    def name(self) -> str:
        """The format's name on the command line."""
        ...

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def suffix(self) -> str:
        """The file name's suffix, with its dot."""
        ...

    @property
    def render(self) -> Callable[[Snapshot], bytes]:
        """What turns a snapshot into the file's bytes."""
        ...


class ExportScreen(Dialog):
    """Writes the inventory as it stands; a file that is there is replaced only when asked twice."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("export")]
    AUTO_FOCUS = "OptionList"
    owners: ClassVar[tuple[str, ...]] = ("export", "dialog")

    def __init__(self, snapshot: Snapshot, formats: Mapping[str, ExportFormat], folder: Path, *, shown: int) -> None:
        super().__init__("Export the inventory", _intro(snapshot, shown))
        self._snapshot = snapshot
        self._formats = dict(formats)
        self._folder = folder
        self._confirmed = ""
        self._chosen = next(iter(self._formats))
        self._stem = f"espied-{datetime.fromtimestamp(snapshot.generated).astimezone():%Y%m%d-%H%M%S}"

    def compose_above(self) -> Sequence[Widget]:
        """Return the list of formats and the file name."""
        choices = OptionList(
            *(Option(f"{one.name:<10} {one.title}", id=name) for name, one in self._formats.items()), markup=False, compact=True
        )
        name = Input(self._default_name(), id="export-name", compact=True)
        name.cursor_blink = False
        return (choices, name)

    def _default_name(self) -> str:
        suffix = self._formats[self._chosen].suffix
        return f"{self._stem}{suffix if suffix.startswith('.') else '.' + suffix}"

    @on(OptionList.OptionHighlighted)
    def _on_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        typed = self.query_one(Input)
        follows = typed.value == self._default_name()
        self._chosen = event.option_id or self._chosen
        if follows:  # a name that the user wrote stays as it is
            typed.value = self._default_name()

    @on(OptionList.OptionSelected)
    def _on_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_write()

    @on(Input.Submitted)
    def _on_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_write()

    def action_write(self) -> None:
        """Write the file."""
        self._write(self.query_one(Input).value.strip())

    @work(exclusive=True, group="export")
    async def _write(self, name: str) -> None:
        if not name:
            self.lines.show([line(("✗ ", "bad"), "The file needs a name.")])
            return
        self.lines.show([await asyncio.to_thread(self._save, name)])

    def _save(self, name: str) -> Line:
        """Write the file, in a thread: disks and network folders may be slow."""
        chosen = self._formats[self._chosen]
        try:
            path = (self._folder / Path(name).expanduser()).absolute()
            if path.exists() and self._confirmed != str(path):
                self._confirmed = str(path)
                return line(("! ", "warn"), f"{path} is there already. Enter once more replaces it.", hang=2)
            data = chosen.render(self._snapshot)
            path.write_bytes(data)
        except (OSError, RuntimeError) as error:  # RuntimeError: "~name" of nobody
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            return line(("✗ ", "bad"), f"{name} cannot be written: {reason}. ", ("Choose another folder or name.", "dim"), hang=2)
        self._confirmed = ""
        devices = words.count(len(self._snapshot.devices), "device")
        return line(("✓ ", "good"), f"{devices} written to {path} as {chosen.title}, {words.count(len(data), 'byte')}.", hang=2)


def _intro(snapshot: Snapshot, shown: int) -> tuple[Line, ...]:
    total = len(snapshot.devices)
    text = f"All {words.count(total, 'device')} are written" if total != 1 else "The one device is written"
    more = f", also the {total - shown} that the filter hides" if shown < total else ""
    return (line((f"{text}{more}. Choose a format, change the name if you like, press enter.", "dim")),)
