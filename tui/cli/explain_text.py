"""``espied explain TEXT``: the messages of upload tools, and what to do about them."""

from __future__ import annotations

import sys
from typing import Final

from discover.atlas.explain_symptom import render_found
from discover.atlas.load_symptoms import load_symptoms
from discover.atlas.match_symptom import find_symptoms
from discover.errors import EXIT_NEGATIVE, EspiedError, UsageError
from tui.cli.output import to_text, width, write_stdout
from tui.cli.settings import Settings
from tui.present.symptom import found_lines

MAX_LOG: Final = 1 << 20
"""Characters of a log on stdin that are read, the last ones: the error is at the end."""


def explain_text(settings: Settings, asked: str, *, format_name: str, full: bool) -> int:
    """Print what is known of the message; "-" reads a log from stdin. Exit code 1 where nothing comes close."""
    if asked.strip() == "-":
        asked = _log()
    found = find_symptoms(asked, load_symptoms())
    if format_name == "json":
        write_stdout(render_found(found))
        return 0 if found.hits else EXIT_NEGATIVE
    if not found.hits:
        raise EspiedError(
            f"espied knows no message like {found.asked!r}." if "\n" not in asked.strip() else "espied knows no message in these lines.",
            "Give the line with the error as the tool printed it, in quotes; docs/symptoms.md lists all that are known. "
            "For a port write a number: espied explain 3232/udp. To check a device: espied check HOST.",
            EXIT_NEGATIVE,
        )
    write_stdout(to_text(found_lines(found, full=full), color=settings.stdout_color, width=width()))
    return 0


def _log() -> str:
    """Return the end of what stdin holds. Raises UsageError where it is empty."""
    stream = sys.stdin.buffer
    kept = b""
    while chunk := stream.read(MAX_LOG):
        kept = (kept + chunk)[-MAX_LOG:]
    if not kept.strip():
        raise UsageError("Nothing came on stdin.", "For example: pio run -t upload 2>&1 | espied explain -")
    return kept.decode("utf-8", "replace")
