"""USB boards as lines: what USB tells, who may use the port, what the chip told, and its twin on the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from discover.boards.board import AccessState, Board, Twin
from discover.boards.twin import FACES
from discover.boards.usb import Portless
from discover.proto.mac_faces import Face
from discover.text import clean
from tui.present import words
from tui.present.lines import BLANK, Line, line

_INDENT: Final = 4
_MAC_SOURCES: Final = {"usb-serial-number": "its USB serial number", "chip": "told by the chip"}
UNTOUCHED: Final = "Nothing was opened and no board restarted: this is what USB tells. To ask the chips, which restarts their boards:"
_NOTHING: Final = (
    ("cable", "Many USB cables only charge. Try another one, and another socket without a hub."),
    (
        "driver",
        "Windows and macOS need a driver for CP210x and CH34x bridges; Linux has them. `sudo dmesg` tells what happened at plugging in.",
    ),
    (
        "bootloader",
        "A board with USB of its own may show no port while its firmware runs: hold BOOT, press and release RESET, release BOOT.",
    ),
    ("somewhere else", "In a container, a virtual machine or WSL, USB must be passed through first (usbipd attach --wsl for WSL)."),
)


def boards_lines(boards: Sequence[Board], without: Sequence[Portless], *, now: float, asked: bool, others: int = 0) -> Iterator[Line]:
    """Yield all boards; ``others`` is how many serial ports are not on USB, ``asked`` whether chips were asked."""
    for board in boards:
        yield from board_lines(board, now)
        yield BLANK
    for one in without:
        yield from portless_lines(one)
        yield BLANK
    if not boards and not without:
        yield from empty_lines()
    if others:
        count = words.count(others, "serial port is not on USB and is left out", "serial ports are not on USB and are left out")
        yield line((f"{count}; --identify asks one that you name.", "dim"))
    if boards and not asked:
        yield line((UNTOUCHED, "dim"))
        yield line(("espied boards --identify", "code"), indent=_INDENT)


def board_lines(board: Board, now: float) -> Iterator[Line]:
    """Yield one board: its port and what it is, its MAC, what the chip told, what stands in the way, its twin."""
    usb, kind = board.port.usb, board.kind
    head = board.chip.name if board.chip else kind.title if kind else "USB device of an unknown kind" if usb else "serial port"
    yield line((clean(board.port.device), "title"), "  ", (head, "accent"), (f"  {usb.id}" if usb else "", "dim"), hang=_INDENT)
    if usb and (told := " ".join(filter(None, (usb.manufacturer, usb.product)))):
        yield line(("says: ", "dim"), clean(told), indent=_INDENT)
    if board.chip is None and kind:
        yield line(kind.means, indent=_INDENT)
    elif board.chip is None and usb:
        yield line("These ids are not in espied's table; it may be anything with a serial port.", indent=_INDENT)
    if board.chip:
        yield from _chip_lines(board)
    if board.mac:
        yield line(("MAC: ", "dim"), (board.mac, "code"), f" ({_MAC_SOURCES.get(board.mac_source, '')})", indent=_INDENT)
    for twin in board.twins:
        yield twin_line(twin, now)
    if board.error:
        yield line((clean(board.error.message), "bad"), indent=_INDENT)
        yield from _todo(board.error.hint)
    elif board.access.state not in (AccessState.OK, AccessState.UNKNOWN):
        yield line((clean(board.access.detail), "warn"), indent=_INDENT)
        yield from _todo(board.access.fix)


def _chip_lines(board: Board) -> Iterator[Line]:
    chip = board.chip
    if chip is None:
        return
    if chip.description:
        yield line(("chip: ", "dim"), clean(chip.description), indent=_INDENT)
    facts = [*chip.features, *([f"{chip.crystal_mhz} MHz crystal"] if chip.crystal_mhz else [])]
    if facts:
        yield line(("has: ", "dim"), clean(", ".join(facts)), indent=_INDENT, hang=_INDENT + 5)
    for one in chip.missing:
        yield line(("not told: ", "dim"), clean(one), indent=_INDENT)
    if chip.restarted:
        yield line(("It was restarted, into its firmware again.", "dim"), indent=_INDENT)
    else:
        yield line(("This port has no line to restart it by: press RESET, or it stays in its bootloader.", "warn"), indent=_INDENT)


def twin_line(twin: Twin, now: float) -> Line:
    """Return the twin on the network and why it is the same board."""
    face = FACES[Face(twin.face)]
    why = f"the same MAC address, its {face}" if twin.sure == "certain" else f"{twin.mac} is its {face}: {twin.rule}"
    return line(
        ("on the network: ", "dim"),
        (clean(twin.title), "good"),
        f" at {clean(twin.address)}" if twin.address and twin.address != twin.title else "",
        f", {'seen' if now - twin.last_seen >= 3 else 'here'} {words.ago(now - twin.last_seen)}",
        f" ({twin.sure}: {why})",
        indent=_INDENT,
        hang=_INDENT + 2,
    )


def portless_lines(one: Portless) -> Iterator[Line]:
    """Yield a USB device that has no serial port: what it is, why, and what to do."""
    yield line(("no port", "bad"), "  ", (one.kind.title, "accent"), (f"  {one.usb.id}", "dim"), hang=_INDENT)
    yield line(f"It is plugged in (USB {clean(one.usb.location)}) and has no serial port: {clean(one.why)}", indent=_INDENT)
    yield from _todo(one.fix)


def empty_lines() -> Iterator[Line]:
    """Yield what to look at where no board is found."""
    yield line(("No board is plugged into this machine, as far as USB tells.", "title"))
    for what, advice in _NOTHING:
        yield line((f"{what}: ", "key"), advice, indent=2, hang=_INDENT)


def _todo(fix: str) -> Iterable[Line]:
    return (line(("do: ", "key"), clean(fix), indent=_INDENT, hang=_INDENT + 4),) if fix else ()
