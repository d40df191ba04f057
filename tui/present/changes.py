"""A change between two snapshots, as a line."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from discover.model.snapshot import Change, ChangeKind
from tui.present.lines import Line, Span, line

_MARKS: Final = {
    ChangeKind.APPEARED: ("+ appeared", "good"),
    ChangeKind.CHANGED: ("~ changed ", "accent"),
    ChangeKind.PRESENCE: ("~ presence", "accent"),
    ChangeKind.MERGED: ("> merged  ", "dim"),
    ChangeKind.SPLIT: ("< split   ", "warn"),
    ChangeKind.REMOVED: ("- removed ", "bad"),
}


def change_line(change: Change, *, clock: bool = True) -> Line:
    """Return one change as one line: local time (unless ``clock`` is False), what happened, to whom, and what differs."""
    mark, style = _MARKS[change.kind]
    parts: list[Span | str | tuple[str, str]] = []
    if clock:
        parts += [(datetime.fromtimestamp(change.when).astimezone().strftime("%H:%M:%S"), "dim"), "  "]
    parts += [(mark, style), "  ", (change.title, "title")]
    if change.title != change.device_id:
        parts.append((f"  {change.device_id}", "dim"))
    if change.into:
        parts.append(f"  is one device with {change.into}")
    for field in change.fields:
        before = f"{field.before} → " if field.before else ""
        parts += ["  ", (f"{field.field}: ", "dim"), f"{before}{field.after or 'nothing'}"]
    return line(*parts, hang=12)
