"""Progress on stderr: one line that rewrites itself on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import Self

from discover.model.network import Progress
from tui.cli.output import note
from tui.present.cells import truncate
from tui.present.outlook import Outlook
from tui.present.status import progress_line

FIRST_AFTER = 1.0
"""Seconds before the first progress line: what ends sooner needs none (the issue's "anything over a second")."""
EVERY_ON_TERMINAL = 0.1
EVERY_IN_LOG = 5.0


class Narrator:
    """Shows progress while a scan runs and clears its line at the end; a context manager."""

    def __init__(self, *, quiet: bool) -> None:
        """Narrate on stderr unless ``quiet``."""
        self._on = not quiet
        self._terminal = sys.stderr.isatty()
        self._start = time.monotonic()
        self._next = self._start + FIRST_AFTER
        self._shown = False
        self._outlook = Outlook()

    def __enter__(self) -> Self:
        """Start narrating."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Take the progress line away, whatever happened."""
        self.clear()

    def progress(self, progress: Progress) -> None:
        """Show where the scan stands, if it is time to."""
        self._outlook.take(progress)
        now = time.monotonic()
        if not self._on or now < self._next:
            return
        self._next = now + (EVERY_ON_TERMINAL if self._terminal else EVERY_IN_LOG)
        text = progress_line(progress, self._outlook.left, self._outlook.share).plain
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{truncate(text, shutil.get_terminal_size().columns - 1)}")
            self._shown = True
        else:
            sys.stderr.write(f"espied: {text}\n")
        sys.stderr.flush()

    def notice(self, text: str) -> None:
        """Say a sentence that stays."""
        if self._on:
            self.clear()
            note(text)

    def clear(self) -> None:
        """Remove the progress line from the terminal."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False
