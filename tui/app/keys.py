"""Every key of the app, as data: bindings, footer and help are made from this one list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.binding import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key. ``where``: the screen or widget that owns it; ``label``: its word in the footer, "" to leave it out there."""

    where: str
    keys: str
    action: str
    shown: str
    help: str
    label: str = ""
    priority: bool = False


KEYS: Final = (
    Key(where="app", keys="q,ctrl+c", action="quit", shown="q", label="Quit", help="quit; ctrl+c does too, from anywhere"),
    Key(where="main", keys="slash", action="filter", shown="/", label="Filter", help="filter the table; words and fields, see below"),
    Key(where="main", keys="s", action="sort", shown="s", label="Sort", help="sort by the next column; a click on a heading sorts by it"),
    Key(where="main", keys="S", action="reverse", shown="S", help="turn the order round"),
    Key(
        where="main", keys="c", action="check", shown="c", label="Check", help="check whether the device can be updated over the air (OTA)"
    ),
    Key(where="main", keys="y", action="copy", shown="y", help="copy the command that uploads to the device; again for the next tool's"),
    Key(
        where="main",
        keys="o",
        action="open_updates",
        shown="o",
        help="only devices that say they take firmware without a password, and back",
    ),
    Key(where="main", keys="e", action="export", shown="e", label="Export", help="write the inventory to a file"),
    Key(
        where="main",
        keys="p",
        action="port",
        shown="p",
        label="Port",
        help="look up any port, or what an upload tool said and what it means",
    ),
    Key(where="main", keys="l", action="ledger", shown="l", label="Ledger", help="every packet that espied sent, by device and purpose"),
    Key(where="main", keys="n", action="notices", shown="n", help="all notices of the scan: what was not or could not be done"),
    Key(where="main", keys="r", action="rescan", shown="r", help="scan again"),
    Key(where="main", keys="1", action="tab('what')", shown="1", help="the device: what it is"),
    Key(where="main", keys="2", action="tab('ports')", shown="2", help="the device: its ports in four layers"),
    Key(where="main", keys="3", action="tab('evidence')", shown="3", help="the device: why we say so"),
    Key(where="main", keys="4", action="tab('raw')", shown="4", help="the device: the raw signals"),
    Key(where="main", keys="5", action="tab('sent')", shown="5", help="the device: what espied sent to it, and what for"),
    Key(where="main", keys="left_square_bracket,left", action="next_tab(-1)", shown="←", help="the tab before"),
    Key(where="main", keys="right_square_bracket,right", action="next_tab(1)", shown="→", help="the next tab"),
    Key(where="main", keys="d", action="toggle_dark", shown="d", help="dark or light colours"),
    Key(where="main", keys="question_mark,f1", action="help", shown="?", label="Help", help="this page"),
    Key(where="main", keys="escape", action="back", shown="esc", help="back: close the detail, drop the filter"),
    Key(
        where="table",
        keys="enter",
        action="open",
        shown="⏎",
        label="Detail",
        help="read the device's detail; on a small screen it takes all of it",
    ),
    Key(where="table", keys="up,k", action="move(-1)", shown="↑ ↓", help="choose a device; k and j too"),
    Key(where="table", keys="down,j", action="move(1)", shown="", help=""),
    Key(where="table", keys="pageup", action="page(-1)", shown="pgup pgdn", help="a screenful up or down"),
    Key(where="table", keys="pagedown", action="page(1)", shown="", help=""),
    Key(where="table", keys="home,g", action="move_to(0)", shown="home end", help="the first or the last device; g and G too"),
    Key(where="table", keys="end,G", action="move_to(-1)", shown="", help=""),
    Key(where="lines", keys="j", action="scroll_down", shown="", help=""),
    Key(where="lines", keys="k", action="scroll_up", shown="", help=""),
    Key(where="dialog", keys="escape,q", action="close", shown="esc", label="Close", help="close the dialog"),
    Key(where="check", keys="r", action="again", shown="r", label="Again", help="check once more"),
    Key(
        where="check",
        keys="2",
        action="further(2)",
        shown="2",
        label="Handshake",
        help="check with the handshake where it is not done by itself: says what that may do to the device, and asks",
    ),
    Key(
        where="check",
        keys="3",
        action="further(3)",
        shown="3",
        label="Call back",
        help="let the device call back as in an upload: says what that does to it, and asks",
    ),
    Key(where="check", keys="y", action="copy", shown="y", label="Copy", help="copy an upload command; again for the next tool's"),
    Key(
        where="port",
        keys="enter",
        action="full",
        shown="⏎",
        label="All or less",
        help="everything with its sources, or what one wants to know first",
    ),
    Key(where="port", keys="up", action="scroll(-1)", shown="↑ ↓", help="read on; pgup and pgdn too"),
    Key(where="port", keys="down", action="scroll(1)", shown="", help=""),
    Key(where="port", keys="pageup", action="scroll(-12)", shown="", help=""),
    Key(where="port", keys="pagedown", action="scroll(12)", shown="", help=""),
    Key(where="ledger", keys="p", action="turn", shown="p", label="By device or purpose", help="by purpose instead of by device, and back"),
    Key(where="export", keys="enter", action="write", shown="⏎", label="Write", help="write the file"),
)
"""Order is the order of help and footer."""

CONTEXTS: Final = (
    ("main", "Main screen"),
    ("table", "Device table"),
    ("check", "OTA check"),
    ("port", "Ports and messages"),
    ("ledger", "Ledger"),
    ("export", "Export"),
    ("dialog", "Dialogs"),
    ("app", "Everywhere"),
)
"""Owners in the order of the help page, with their headings."""


def bindings(where: str) -> list[Binding]:
    """Return Textual's bindings for one owner; its own footer is not used, so none is shown."""
    return [Binding(key.keys, key.action, key.label or key.help, show=False, priority=key.priority) for key in KEYS if key.where == where]


def footer_keys(*owners: str) -> tuple[Key, ...]:
    """Return the keys with a footer label of these owners, in their order."""
    return tuple(key for owner in owners for key in KEYS if key.where == owner and key.label)
