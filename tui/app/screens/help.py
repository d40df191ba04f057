"""Help, made from the list of keys, the filter's fields and the table's columns."""

from __future__ import annotations

from tui.app.keys import CONTEXTS, KEYS
from tui.present.device import COLUMNS
from tui.present.filter import FIELDS
from tui.present.lines import BLANK, Line, line

_COLUMN = 14


def help_lines() -> tuple[Line, ...]:
    """Return the help page."""
    lines: list[Line] = []
    for where, heading in CONTEXTS:
        lines += [line((heading, "accent"))]
        lines += [
            line((key.shown.ljust(_COLUMN), "key"), key.help, indent=2, hang=_COLUMN + 2) for key in KEYS if key.where == where and key.help
        ]
        lines.append(BLANK)
    lines += [
        line(("Filter", "accent")),
        line("Every word must be found somewhere in the device; - before a word turns it round; quotes keep words together;", indent=2),
        line("field:value asks one field, field:a,b takes either. For example:", indent=2),
        line(("kitchen -state:gone family:esphome,wled port:3232/udp ota:open", "code"), indent=4),
        BLANK,
    ]
    lines += [line((f"{field}:".ljust(_COLUMN), "key"), told, indent=2, hang=_COLUMN + 2) for field, told in FIELDS.items()]
    lines += [BLANK, line(("Columns, the first to stay when room is short first", "accent"))]
    lines += [
        line((column.title.ljust(_COLUMN), "key"), column.help, indent=2, hang=_COLUMN + 2)
        for column in sorted(COLUMNS, key=lambda column: column.priority)
    ]
    return tuple(lines)
